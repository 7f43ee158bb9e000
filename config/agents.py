"""Agents are files: ``AGENTS_DIR/NAME.toml`` read into frozen values, faults told all at once.

The id of an agent is the name of its file without ``.toml``.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.settings import PROJECT, Settings

ENTITY_TYPES = ("string", "number", "integer", "boolean", "enum")

# The word that stands first in every enum shown to the model and means "nothing to report".
NEUTRAL_ENUM_VALUE = "unknown"

FILE_BYTES_MAX = 256 * 1024
TEXT_CHARS_MAX = 20_000
# Strict JSON schemas have room for more, prompts and operators' pages do not.
ENTITIES_MAX = 50
ENUM_VALUES_MAX = 100
HISTORY_WINDOW_MAX = 200

_AGENT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ENTITY_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_AGENT_KEYS = {
    "name", "instructions", "style", "entities", "numbers", "policy", "model", "history_window",
}  # fmt: skip
_ENTITY_KEYS = {"name", "type", "description", "values"}


@dataclass(frozen=True)
class EntityField:
    """One thing an agent finds out. ``values`` belongs to the type ``enum`` alone."""

    name: str
    type: str
    description: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Agent:
    """A configured persona; an empty model, history window or policy leaves it to the environment."""

    id: str
    name: str
    instructions: str
    style: str
    entities: tuple[EntityField, ...]
    numbers: tuple[str, ...] = ()
    policy: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    history_window: int | None = None


@dataclass(frozen=True)
class AgentFault:
    """What is wrong with one file, as a sentence that says what to write instead."""

    file: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}: {self.sentence}"


class AgentFileError(Exception):
    """Agent files that cannot be used; ``faults`` lists all of them as "file: sentence"."""

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

    def for_number(self, e164: str) -> Agent:
        """The agent that claims this number of ours, else the default agent."""
        return self._by_number.get(e164, self.default)


def load_agents(folder: Path, default_id: str) -> Agents:
    """Read every ``*.toml`` of the folder; ``AgentFileError`` names all faults of all files."""
    if not folder.is_dir():
        raise AgentFileError(
            [f"{folder}: there is no such folder; set AGENTS_DIR to a folder of agent files."]
        )
    faults: list[AgentFault] = []
    agents: dict[str, Agent] = {}
    claimed: dict[str, str] = {}
    names: set[str] = set()
    for path in sorted(folder.glob("*.toml")):
        names.add(path.stem)
        reader = _FileReader(path.name)
        agent = reader.read(path)
        for number in agent.numbers if agent else ():
            if number in claimed:
                reader.fault(
                    f"numbers holds {number}, which {claimed[number]} claims already; leave it to one."
                )
            claimed.setdefault(number, path.name)
        faults.extend(reader.faults)
        if agent:
            agents[agent.id] = agent
    if default_id not in names:
        sentence = (
            f'there is no such file, but DEFAULT_AGENT_ID is "{default_id}"; write it or choose another.'
        )
        faults.append(AgentFault(f"{default_id}.toml", sentence))
    if faults:
        raise AgentFileError([str(fault) for fault in faults])
    return Agents(agents, default_id)


class _FileReader:
    """Reads one file and keeps what it finds wrong with it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[AgentFault] = []

    def fault(self, sentence: str) -> None:
        self.faults.append(AgentFault(self.file, sentence))

    def read(self, path: Path) -> Agent | None:
        table = self._table(path)
        if table is None:
            return None
        if not _AGENT_ID.fullmatch(path.stem):
            self.fault(
                "the file's name is the agent's id: use lower-case letters, digits, - and _, at most 64."
            )
        self._known_keys(table, _AGENT_KEYS, "an agent")
        agent = Agent(
            id=path.stem,
            name=self._text(table, "name", required=True),
            instructions=self._text(table, "instructions", required=True),
            style=self._text(table, "style"),
            entities=self._entities(table.get("entities", [])),
            numbers=self._numbers(table.get("numbers", [])),
            policy=self._policy(table.get("policy", {})),
            model=self._text(table, "model"),
            history_window=self._window(table.get("history_window")),
        )
        return None if self.faults else agent

    def _table(self, path: Path) -> dict[str, Any] | None:
        try:
            raw = path.read_bytes()
        except OSError as error:
            self.fault(f"it cannot be read: {error.strerror or 'unknown reason'}.")
            return None
        if len(raw) > FILE_BYTES_MAX:
            self.fault(f"it has {len(raw)} bytes; an agent's file has at most {FILE_BYTES_MAX}.")
            return None
        try:
            return tomllib.loads(raw.decode("utf-8"))
        except UnicodeDecodeError:
            self.fault("it is not UTF-8 text; save it as UTF-8.")
        except tomllib.TOMLDecodeError as error:
            self.fault(f"it is not TOML: {error}.")
        except RecursionError:
            self.fault("it is not an agent's file: its values are nested too deeply.")
        return None

    def _known_keys(self, table: Mapping[str, Any], known: set[str], what: str) -> None:
        for key in table:
            if key not in known:
                self.fault(f'"{key}" is not a setting of {what}; known are {", ".join(sorted(known))}.')

    def _text(self, table: Mapping[str, Any], key: str, required: bool = False, where: str = "") -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            self.fault(f"{where}{key} must be text in quotation marks.")
            return ""
        if "\x00" in value or len(value) > TEXT_CHARS_MAX:
            self.fault(f"{where}{key} must be at most {TEXT_CHARS_MAX} characters without NUL.")
        if required and not value.strip():
            self.fault(f"{where}{key} is missing; write it as text in quotation marks.")
        return value.strip()

    def _entities(self, value: Any) -> tuple[EntityField, ...]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fault("entities must be tables, each headed [[entities]].")
            return ()
        if len(value) > ENTITIES_MAX:
            self.fault(f"it has {len(value)} entities; an agent has at most {ENTITIES_MAX}.")
        entities = tuple(self._entity(item, place) for place, item in enumerate(value, 1))
        self._distinct([entity.name for entity in entities if entity.name], "entities", "the name")
        return entities

    def _entity(self, table: Mapping[str, Any], place: int) -> EntityField:
        where = f"entity {place}: "
        self._known_keys(table, _ENTITY_KEYS, f"entity {place}")
        name = self._text(table, "name", required=True, where=where)
        if name and not _ENTITY_NAME.fullmatch(name):
            self.fault(f"{where}the name must be like order_number: lower-case letters, digits and _.")
        kind = self._text(table, "type", required=True, where=where)
        if kind and kind not in ENTITY_TYPES:
            self.fault(f'{where}the type "{kind}" is unknown; use one of {", ".join(ENTITY_TYPES)}.')
        description = self._text(table, "description", required=True, where=where)
        return EntityField(name, kind, description, self._values(table.get("values", []), kind, where))

    def _values(self, value: Any, kind: str, where: str) -> tuple[str, ...]:
        if not _is_list_of(value, lambda item: isinstance(item, str) and bool(item.strip())):
            self.fault(f'{where}values must be a list of words like ["repair", "refund"].')
            return ()
        if kind != "enum" and value:
            self.fault(f"{where}values belong to the type enum only; remove them or change the type.")
        if kind == "enum" and not 1 <= len(value) <= ENUM_VALUES_MAX:
            self.fault(f"{where}an enum needs between 1 and {ENUM_VALUES_MAX} values.")
        if NEUTRAL_ENUM_VALUE in value[1:]:
            self.fault(
                f'{where}"{NEUTRAL_ENUM_VALUE}" means nothing to report: put it first or leave it out.'
            )
        self._distinct(value, f"{where}values", "the word")
        return tuple(value)

    def _numbers(self, value: Any) -> tuple[str, ...]:
        if not _is_list_of(value, lambda item: isinstance(item, str) and bool(_E164.fullmatch(item))):
            self.fault(
                "numbers must be a list of our own numbers, each in quotation marks: + and 7 to 15 digits."
            )
            return ()
        self._distinct(value, "numbers", "the number")
        return tuple(value)

    def _policy(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(v, (str, int, float)) for v in value.values()):
            self.fault("policy must be a table of single settings, headed [policy].")
            return {}
        return dict(value)

    def _window(self, value: Any) -> int | None:
        if value is None:
            return None
        if type(value) is not int or not 1 <= value <= HISTORY_WINDOW_MAX:
            self.fault(f"history_window must be a whole number of messages from 1 to {HISTORY_WINDOW_MAX}.")
            return None
        return value

    def _distinct(self, words: list[str], where: str, what: str) -> None:
        for word in sorted({word for word in words if words.count(word) > 1}):
            self.fault(f'{where} holds {what} "{word}" more than once; keep one.')


def _is_list_of(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(fits(item) for item in value)


def agents_or_exit(settings: Settings) -> Agents:
    """The agents of these settings; or every fault on stderr and exit status 2."""
    folder = settings.agents_dir
    try:
        return load_agents(folder if folder.is_absolute() else PROJECT / folder, settings.default_agent_id)
    except AgentFileError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        raise SystemExit(2) from None
