"""Agents are files: ``AGENTS_DIR/NAME.toml`` read into frozen values, faults told all at once.

The id of an agent is the name of its file without ``.toml``.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from config.agent import (
    ENTITY_TYPES,
    LANGUAGES,
    NEUTRAL_ENUM_VALUE,
    ORDER_TOTAL,
    Agent,
    EntityField,
    Handoff,
    HandoffRule,
    Hours,
    Limits,
    MemoryRules,
    OrderRule,
    Template,
    Tool,
    VoiceRules,
)
from config.agent_file import read_agent
from config.agent_table import AgentFault, Source
from config.settings import Settings
from config.tool_check import tool_environment, tool_faults


class AgentFileError(Exception):
    """Agent files that cannot be used; ``faults`` lists all of them as "file:line: sentence"."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Agents:
    """Every agent of this deployment, by id and by the number it answers."""

    def __init__(self, agents: Mapping[str, Agent], default_id: str) -> None:
        self._by_id = dict(agents)
        self._by_number = {number: agent for agent in agents.values() for number in agent.numbers}
        self.default = self._by_id[default_id]

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._by_id.values())

    def by_id(self, id: str) -> Agent | None:
        return self._by_id.get(id)

    def known_or_default(self, id: str) -> Agent:
        """The agent of this id; the default agent without an id, or when that file is gone."""
        return self._by_id.get(id, self.default)

    def for_number(self, e164: str) -> Agent:
        """The agent that claims this number of ours, else the default agent."""
        return self._by_number.get(e164, self.default)


def load_agents(folder: Path, default_id: str) -> Agents:
    """Read every ``*.toml`` of the folder; ``AgentFileError`` names all faults of all files."""
    agents, faults = read_folder(folder)
    if not (folder / f"{default_id}.toml").is_file():
        near = difflib.get_close_matches(default_id, agents, 1)
        others = f", or choose one of {', '.join(agents)}" if agents else ""
        advice = f"did you mean {near[0]}?" if near else f"write it{others}."
        sentence = f'there is no such file, but DEFAULT_AGENT_ID is "{default_id}"; {advice}'
        faults.append(AgentFault(f"{default_id}.toml", sentence))
    if faults:
        raise AgentFileError([str(fault) for fault in faults])
    return Agents(agents, default_id)


def read_folder(folder: Path) -> tuple[dict[str, Agent], list[AgentFault]]:
    """The agents of a folder by id, without the faulty ones, and every fault. ``AgentFileError`` without a folder."""
    if not folder.is_dir():
        raise AgentFileError(
            [f"{folder}: there is no such folder; set AGENTS_DIR to a folder of agent files."]
        )
    agents: dict[str, Agent] = {}
    sources: dict[str, Source] = {}
    for path in sorted(folder.glob("*.toml")):
        source = sources[path.stem] = Source(path.name)
        if agent := read_agent(path, source):
            agents[agent.id] = agent
    _check_numbers(agents, sources)
    faults = [
        fault
        for source in sources.values()
        for fault in sorted(source.faults, key=lambda fault: fault.line or 0)
    ]
    return {id: agent for id, agent in agents.items() if not sources[id].faults}, faults


def _check_numbers(agents: Mapping[str, Agent], sources: Mapping[str, Source]) -> None:
    """A number belongs to one agent, and none of ours is an operator's: two assistants would text each other."""
    claimed: dict[str, str] = {}
    for agent in agents.values():
        source = sources[agent.id]
        for place, number in enumerate(agent.numbers):
            if number in claimed:
                source.fault(
                    f"numbers.{place}",
                    f"numbers holds {number}, which {claimed[number]} claims already; leave it to one.",
                )
            claimed.setdefault(number, source.file)
    for agent in agents.values():
        for place, number in enumerate(agent.handoff.notify):
            if number in claimed and number not in agent.numbers:
                sources[agent.id].fault(
                    f"handoff.notify.{place}",
                    f"handoff: notify holds a number that {claimed[number]} answers; write an operator's.",
                )
        if agent.voice.transfer in claimed:
            sources[agent.id].fault(
                "voice.transfer",
                f"voice: transfer is a number that {claimed[agent.voice.transfer]} answers; write a person's.",
            )


def agents_or_exit(settings: Settings, *, with_tools: bool = False) -> Agents:
    """The agents of these settings; or every fault on stderr and exit status 2.

    ``with_tools`` also looks whether their tools can be used in this process, which imports them.
    """
    try:
        agents = load_agents(settings.agents_path, settings.default_agent_id)
        faults = tool_faults(agents, tool_environment()) if with_tools else []
        if faults:
            raise AgentFileError([str(fault) for fault in faults])
    except AgentFileError as error:
        for sentence in error.faults:
            print(sentence, file=sys.stderr)
        raise SystemExit(2) from None
    return agents


__all__ = [
    "ENTITY_TYPES", "LANGUAGES", "NEUTRAL_ENUM_VALUE", "ORDER_TOTAL", "Agent", "AgentFault", "AgentFileError", "Agents", "EntityField",
    "Handoff", "HandoffRule", "Hours", "Limits", "MemoryRules", "OrderRule", "Template", "Tool", "VoiceRules", "agents_or_exit",
    "load_agents", "read_folder",
]  # fmt: skip
