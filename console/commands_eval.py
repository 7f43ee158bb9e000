"""``ringback eval``: dialogues in files, played against the whole system in this process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from config import logging as log_lines
from config.agents import AgentFileError
from config.settings import SettingsError, read_environment
from console import dialogues
from console.dialogues import Dialogue, DialogueError
from console.running import Trouble, Unfit, project_folder
from simulator.embedded import EmbeddedServerError

if TYPE_CHECKING:
    from console.evaluation import Failure, Result
    from console.evaluation_system import House

HEADINGS = ("dialogue", "checks", "passed", "failed", "model calls", "tokens", "cost")


@click.command("eval", short_help="Play dialogues and check what is answered.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--agent", metavar="ID", help="Only the dialogues of this agent.")
@click.option(
    "--model",
    type=click.Choice(["standin", "real"]),
    default="standin",
    show_default=True,
    help="The rules that stand in for a model, or the one of .env and the environment, which costs money.",
)
def evaluate(folder: Path, agent: str | None, model: str) -> None:
    """Play the dialogues in DIR and check what is answered, kept and called.

    The whole system runs in this process on a Redis of its own; pauses are skipped, not waited for, and nothing is
    sent. Exit status 1 when a check fails, 2 when a file cannot be used.

    \b
    Example:
      ringback eval examples/evaluations/support
    """
    # The workers and Twilio's library with them take a second to load, which no other command shall wait for.
    from console.evaluation import play
    from console.evaluation_system import own_redis

    try:
        found = dialogues.read_all(dialogues.find(folder))
        chosen = [each for each in found if agent in (None, each.agent)]
        if not chosen:
            raise Unfit(f"{folder}: no dialogue is about the agent {agent}.")
        with own_redis() as url:
            house = _house(url, real_model=model == "real")
            _refuse_unknown(chosen, house)
            results = [play(house, each) for each in chosen]
    except (DialogueError, AgentFileError) as error:
        raise Unfit("\n".join(error.faults)) from None
    except EmbeddedServerError as error:
        raise Trouble(str(error)) from None
    for line in report(results):
        click.echo(line)
    if any(result.failures for result in results):
        raise SystemExit(1)


def _house(redis_url: str, *, real_model: bool) -> House:
    from console.evaluation_system import House, settings_for

    try:
        environment = read_environment(os.environ, project_folder() / ".env")
        if real_model and environment.get("AI_PROVIDER") == "mock":
            raise Unfit("--model real needs a model: set OPENAI_API_KEY, and AI_PROVIDER to other than mock.")
        settings = settings_for(redis_url, environment, real_model=real_model)
    except SettingsError as error:
        raise Unfit("\n".join(map(str, error.faults))) from None
    log_lines.configure(settings, "tool")
    return House(settings)


def _refuse_unknown(chosen: Sequence[Dialogue], house: House) -> None:
    from console.dialogue_checks import unknown_names

    faults = []
    for dialogue in chosen:
        agent = house.agents.by_id(dialogue.agent)
        if agent is None:
            known = ", ".join(each.id for each in house.agents)
            faults.append(f'{dialogue.path}:1: there is no agent "{dialogue.agent}"; known are {known}.')
        else:
            faults += unknown_names(dialogue, agent)
    if faults:
        raise DialogueError(faults)


def report(results: Sequence[Result]) -> list[str]:
    """Each failure in full, then a table with a line for each dialogue and one for all."""
    told = [line for result in results for failure in result.failures for line in _told(failure)]
    rows = [
        HEADINGS,
        *(_row(str(result.dialogue.path), [result]) for result in results),
        _row("all", results),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return [*told, *("  ".join(_cells(row, widths)).rstrip() for row in rows)]


def _told(failure: Failure) -> list[str]:
    check = failure.check
    return [
        f"{failure.where}: {failure.step}",
        f"    {check.name} wanted: {check.wanted}",
        f"    but got: {check.got}",
    ]


def _row(name: str, results: Sequence[Result]) -> tuple[str, ...]:
    passed = sum(result.passed for result in results)
    failed = sum(len(result.failures) for result in results)
    costs = [result.cost for result in results if result.cost is not None]
    return (
        name, str(passed + failed), str(passed), str(failed), str(sum(result.calls for result in results)),
        str(sum(result.tokens for result in results)), f"${sum(costs):.4f}" if costs else "-",
    )  # fmt: skip


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        row[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
    ]
