"""``ringback agents``: who answers which number, and whether the agents' files can be used."""

from __future__ import annotations

import os
from pathlib import Path

import click

from config.agents import Agent, AgentFileError, load_agents, read_folder
from config.settings import Settings, SettingsError, read_environment
from config.tool_check import tool_faults
from console.running import Unfit, environment_of_tools, find_system, project_folder
from session.manager import policies_of

HEADINGS = ("AGENT", "NAME", "ANSWERS", "LANGUAGES", "HOURS", "TOOLS")
NO_NUMBER = "no number"


@click.command(short_help="List the agents, and check their files.")
@click.option(
    "--check",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Check the agents' files of another folder instead.",
)
def agents(folder: Path | None) -> None:
    """List the agents with what they answer, and check their files: settings, session policies and tools.

    Each fault is a line FILE:LINE: SENTENCE on standard error, and the exit status is 2. Needs no running system.

    \b
    Example:
      ringback agents
      ringback agents --check my-agents
    """
    settings = _settings()
    default = None
    try:
        if folder is None:
            loaded = load_agents(settings.agents_path, settings.default_agent_id)
            found, default = list(loaded), loaded.default
        else:
            found = _checked_folder(folder)
    except AgentFileError as error:
        raise Unfit("\n".join(error.faults)) from None
    faults = [*policies_of(found, settings)[1], *tool_faults(found, environment_of_tools())]
    if faults:
        raise Unfit("\n".join(map(str, faults)))
    for line in listed(found, default):
        click.echo(line)


def listed(agents: list[Agent], default: Agent | None) -> list[str]:
    """The agents as lines of a table, the default agent first."""
    rows = [
        HEADINGS,
        *(_row(agent, default) for agent in sorted(agents, key=lambda a: (a is not default, a.id))),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _row(agent: Agent, default: Agent | None) -> tuple[str, ...]:
    answers = [*agent.numbers, *(["every other number"] if agent is default else [])]
    return (
        agent.id,
        agent.name,
        ", ".join(answers) or NO_NUMBER,
        " ".join(agent.languages),
        f"{agent.hours.zone}, {agent.hours.after_hours}" if agent.hours else "always",
        ", ".join(tool.name for tool in agent.tools) or "none",
    )


def _checked_folder(folder: Path) -> list[Agent]:
    agents, faults = read_folder(folder)
    if faults:
        raise AgentFileError([str(fault) for fault in faults])
    if not agents:
        raise Unfit(f"{folder} holds no agent: write one as NAME.toml.")
    return list(agents.values())


def _settings() -> Settings:
    """Those of the system; where there is none yet, the defaults, so that files can be written before it is set up."""
    try:
        return find_system().settings
    except SettingsError:
        return Settings.model_construct().model_copy(update=_named_folder())


def _named_folder() -> dict[str, object]:
    """Where the agents are and who answers, as far as that is set."""
    try:
        texts = read_environment(os.environ, project_folder() / ".env")
    except SettingsError:
        return {}
    folder = {"agents_dir": Path(texts["AGENTS_DIR"])} if "AGENTS_DIR" in texts else {}
    default = {"default_agent_id": texts["DEFAULT_AGENT_ID"]} if "DEFAULT_AGENT_ID" in texts else {}
    return {**folder, **default}
