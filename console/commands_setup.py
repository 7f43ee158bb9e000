"""``ringback doctor`` and ``ringback init``: is it set up, and setting it up."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

import click
from pydantic import SecretStr

from config.settings import Settings, SettingsError, read_environment, unknown_names
from config.tool_check import tool_faults
from config.variables import Variables
from console.diagnosis import look
from console.findings import Finding, Verdict
from console.running import SECRETS_FILE, Trouble, Unfit, environment_of_tools, find_system, project_folder

MARKS = {Verdict.OK: "ok      ", Verdict.WARNING: "warning ", Verdict.WRONG: "WRONG   "}

GENERATED = ("ADMIN_API_KEY", "CUSTOMER_ID_KEY", "CONSOLE_PASSWORD", "SECRET_KEY")
SECRET_BYTES = 32
TO_FILL_IN = (
    "REDIS_URL",
    "PUBLIC_BASE_URL",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_PHONE_NUMBER",
    "OPENAI_API_KEY",
)
HEADING = """\
# Settings of this Ringback, read by every process; the real environment wins. Holds secrets: keep it to yourself.
# make run needs none of it, and ignores TWILIO_* and PUBLIC_BASE_URL without LIVE=1.
"""


@click.command(short_help="What is set, reachable, and refused to Twilio.")
def doctor() -> None:
    """Say what is configured, what can be reached, and what Twilio would be refused for.

    Looks at the system that make run started here, else at the one .env and the environment describe. Sends no
    message. Exit status 0: all is well; 1: something is wrong; 2: the settings are not fit to start with.

    \b
    Example:
      ringback doctor
    """
    _say_unknown_names()
    try:
        system = find_system()
    except SettingsError as error:
        _say_what_is_set()
        for fault in error.faults:
            click.echo(f"{MARKS[Verdict.WRONG]}{fault}")
        click.echo("make run needs no settings; ringback init begins a .env.")
        raise SystemExit(2) from None
    where = "make run, at " + system.base_url if system.run else ".env and the environment"
    click.echo(f"Settings of {where}")
    _say_settings(system.settings)
    system.manager()  # the agents' files are settings too, and so is what their tools need
    if faults := tool_faults(system.agents(), environment_of_tools()):
        raise Unfit("\n".join(map(str, faults)))
    if not system.settings.twilio_is_local:
        for sentence in system.settings.warnings:
            click.echo(f"{MARKS[Verdict.WARNING]}{sentence}")
    found = [_said(finding) for finding in look(system)]
    count = sum(finding.verdict is Verdict.WRONG for finding in found)
    if count:
        click.echo(f"{count} {'thing is' if count == 1 else 'things are'} wrong.")
        raise SystemExit(1)
    click.echo("All is well.")


def _said(finding: Finding) -> Finding:
    click.echo(f"{MARKS[finding.verdict]}{finding.about}: {finding.sentence}")
    return finding


def _say_unknown_names() -> None:
    for name, meant in unknown_names(project_folder() / ".env"):
        hint = f"; did you mean {meant}?" if meant else "."
        click.echo(f"{MARKS[Verdict.WARNING]}{name} in .env is no setting of Ringback{hint}")


def _say_settings(settings: Settings) -> None:
    """What was set by somebody; secrets only by name."""
    for name in sorted(settings.model_fields_set):
        value = getattr(settings, name)
        shown = "(set)" if isinstance(value, SecretStr) else value
        click.echo(f"        {name.upper()} = {shown}")


def _say_what_is_set() -> None:
    """The names alone: a value that cannot be read may be a secret in the wrong line."""
    try:
        names = read_environment(os.environ, project_folder() / ".env")
    except SettingsError:
        return
    if names:
        click.echo(f"Already set: {', '.join(sorted(names))}.")


@click.command(short_help="Write .env with generated secrets.")
def init() -> None:
    """Write .env with generated secrets, or fill in what is missing in the one that is there.

    A value that stands there already is never changed. The file is readable by you alone.

    \b
    Example:
      ringback init
    """
    path = (project_folder() / ".env").resolve()
    try:
        before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    except (OSError, UnicodeDecodeError):
        raise Unfit(f"{path.name} cannot be read as a UTF-8 text file.") from None
    after, filled = completed(before, _makers(path.parent))
    if after != before:
        write_privately(path, after)
    elif path.exists():
        path.chmod(0o600)
    if filled:
        click.echo(f"{'Completed' if before else 'Wrote'} {path.name} with generated {', '.join(filled)}.")
    else:
        click.echo(f"{path.name} has its secrets already; nothing was changed.")
    open_lines = [name for name in TO_FILL_IN if not _value(after, name)]
    if open_lines:
        click.echo(f"Fill in {', '.join(open_lines)} before you deploy; ringback doctor checks them.")
    click.echo("make run works without any of it.")


def completed(text: str, makers: dict[str, Callable[[], str]]) -> tuple[str, list[str]]:
    """``.env`` with every missing secret made and every missing line to fill in, and the names that were made."""
    filled = []
    fresh = not text.strip()
    text = HEADING if fresh else text if text.endswith("\n") else text + "\n"
    for name, make in makers.items():
        if not _value(text, name):
            text = _with_line(text, name, make())
            filled.append(name)
    for name in TO_FILL_IN:
        if _find(text, name) is None:
            text = _with_line(text, name, "")
    return text, filled


def _with_line(text: str, name: str, value: str) -> str:
    """``text`` with NAME=value in the place of its blank line, or at the end under what it means."""
    blank = _find(text, name)
    if blank:
        return f"{text[: blank.start()]}{name}={value}{text[blank.end() :]}"
    field = Variables.model_fields[name.lower()]
    example = "" if value else f"; for example {name}={(field.examples or [''])[0]}"
    return f"{text}\n# {field.description}{example}\n{name}={value}\n"


def _find(text: str, name: str) -> re.Match[str] | None:
    """The last line that sets ``name``, which is the one that counts."""
    found = list(re.finditer(rf"^[ \t]*(?:export[ \t]+)?{name}[ \t]*=(?P<value>[^\n]*)$", text, re.MULTILINE))
    return found[-1] if found else None


def _value(text: str, name: str) -> str:
    found = _find(text, name)
    value = re.sub(r"(^|\s)#.*$", "", found["value"]) if found else ""
    return value.strip().strip("\"'").strip()


def _makers(project: Path) -> dict[str, Callable[[], str]]:
    """How each secret is made. The key that names customers stays what make run uses: another loses them."""
    makers: dict[str, Callable[[], str]] = {
        name: lambda: secrets.token_urlsafe(SECRET_BYTES) for name in GENERATED
    }
    try:
        kept = json.loads((project / SECRETS_FILE).read_text(encoding="utf-8")).get("CUSTOMER_ID_KEY")
    except (OSError, ValueError, AttributeError):
        kept = None
    if isinstance(kept, str) and len(kept) >= SECRET_BYTES:
        makers["CUSTOMER_ID_KEY"] = lambda: kept
    return makers


def write_privately(path: Path, text: str) -> None:
    """Readable by us alone, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(
            os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        raise Trouble(f"{path.name} cannot be written: {error.strerror}.") from None
