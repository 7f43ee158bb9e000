"""Where settings come from and where they are explained: .env, the environment, docs, a real process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.settings import SettingsError, load_settings, read_environment, unknown_names
from config.variables import Variables

PROJECT = Path(__file__).parents[2]
NEEDED = {
    "REDIS_URL": "redis://localhost:6379/0",
    "PUBLIC_BASE_URL": "https://bot.example.com",
    "TWILIO_ACCOUNT_SID": "AC0123456789abcdefABCDEF0123456789",
    "TWILIO_AUTH_TOKEN": "12345",
    "TWILIO_PHONE_NUMBER": "+15550001111",
    "OPENAI_API_KEY": "sk-test",
    "ADMIN_API_KEY": "admin-key-0123456789",
    "CUSTOMER_ID_KEY": "customer-key-0123456789",
    "CONSOLE_PASSWORD": "console-password-0123456789",
    "SECRET_KEY": "secret-key-0123456789",
}


def test_env_file(tmp_path: Path) -> None:
    """.env is read with quotes and remarks, the environment wins, and an empty one unsets a line of .env."""
    file = tmp_path / ".env"
    file.write_text(
        "\ufeff# a remark\nexport PORT=\"8001\"  # here\nSECRET_KEY='not ${PORT} a # variable'\n"
        "WEB_THREADS=3\nSESSION_POLICY=sales\n",
        encoding="utf-8",
    )
    env = {name: value for name, value in NEEDED.items() if name != "SECRET_KEY"}

    made = load_settings({**env, "WEB_THREADS": "4", "SESSION_POLICY": ""}, env_file=file)

    assert (made.port, made.web_threads, made.session_policy) == (8001, 4, None)
    assert made.secret_key.get_secret_value() == "not ${PORT} a # variable"
    assert {"PORT": "8001", "WEB_THREADS": "4"}.items() <= read_environment(
        {"WEB_THREADS": "4"}, file
    ).items()


def test_a_broken_env_file_is_a_fault_among_the_others(tmp_path: Path) -> None:
    """A line that cannot be read is told with its number, together with everything else that is wrong."""
    file = tmp_path / ".env"
    file.write_text("PORT=8001\nthis is 'no line\nWEB_THREADS=0\n", encoding="utf-8")

    with pytest.raises(SettingsError) as error:
        load_settings(NEEDED, env_file=file)

    assert {f"{file} line 2", "WEB_THREADS"} == {fault.variable for fault in error.value.faults}


@pytest.mark.parametrize("content", [b"PORT=\xff\xfe\n", None])
def test_an_unreadable_env_file_is_a_fault(tmp_path: Path, content: bytes | None) -> None:
    """No text file, or a folder of that name: a fault, not a traceback."""
    file = tmp_path / ".env"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    with pytest.raises(SettingsError) as error:
        load_settings(NEEDED, env_file=file)

    assert [str(file)] == [fault.variable for fault in error.value.faults]


def test_no_env_file_is_fine(tmp_path: Path) -> None:
    """A deployment has the environment alone."""
    assert load_settings(NEEDED, env_file=tmp_path / ".env").port == 8000


def test_names_that_are_no_setting(tmp_path: Path) -> None:
    """A typing mistake in .env is found, with what was probably meant."""
    file = tmp_path / ".env"
    file.write_text("TWILIO_ACOUNT_SID=x\nFAVOURITE_COLOUR=blue\nPORT=1\nLIVE=1\n", encoding="utf-8")

    assert [("TWILIO_ACOUNT_SID", "TWILIO_ACCOUNT_SID"), ("FAVOURITE_COLOUR", None)] == unknown_names(file)


def test_a_process_with_faults_exits_with_2(tmp_path: Path) -> None:
    """A real process prints one sentence per fault on stderr, no traceback, and exits 2."""
    done = _process({**NEEDED, "PORT": "x", "SECRET_KEY": "a-short-secret", "REDIS_URL": ""}, tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert {"PORT", "SECRET_KEY", "REDIS_URL"} == {line.split()[0] for line in done.stderr.splitlines()}
    assert "a-short-secret" not in done.stderr


def test_a_process_without_faults_starts(tmp_path: Path) -> None:
    """The same process with a fit environment goes on."""
    done = _process(NEEDED, tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "8000\n", "")


@pytest.mark.parametrize("name", Variables.model_fields)
def test_every_setting_is_explained(name: str) -> None:
    """docs/settings.md has the variable's default and meaning, .env.example a commented line for it."""
    field, variable = Variables.model_fields[name], name.upper()
    page = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")

    assert f"| `{variable}` | {_default(field)} | {field.description} | `{field.examples[0]}` |" in page  # type: ignore[index]
    assert f"#{variable}={field.examples[0]}" in example.splitlines()  # type: ignore[index]


def test_nothing_else_is_explained() -> None:
    """No line of .env.example is a setting that does not exist, and none is set by copying the file."""
    lines = (PROJECT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {
        line[1:].partition("=")[0] for line in lines if line.startswith("#") and not line.startswith("# ")
    }

    assert {name.upper() for name in Variables.model_fields} == named
    assert all(line.startswith("#") for line in lines if line)


def _process(env: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from config.settings import settings_or_exit; print(settings_or_exit('web').port)"
    given = {**env, "PYTHONPATH": str(PROJECT), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=given,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    if field.default in (None, ()):
        return "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    parts = field.default if isinstance(field.default, tuple) else (field.default,)
    return "`" + ",".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts) + "`"
