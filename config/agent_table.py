"""Reading one table of an agent's file: each value checked, each fault with its file, its line and a sentence."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

TEXT_CHARS_MAX = 20_000


@dataclass(frozen=True)
class AgentFault:
    """What is wrong with one file, as a sentence that says what to write instead."""

    file: str
    sentence: str
    line: int | None = None  # None: there is no such file

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.sentence}"


@dataclass
class Source:
    """One file while it is read: where its keys stand, and what was found wrong."""

    file: str
    lines: Mapping[str, int] = field(default_factory=dict)
    faults: list[AgentFault] = field(default_factory=list)

    def line(self, path: str) -> int:
        """The line of a path, else of the nearest table around it, else the first."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)

    def fault(self, path: str, sentence: str) -> None:
        self.faults.append(AgentFault(self.file, sentence, self.line(path)))


class Table:
    """One table of the file. A value that cannot be used is a fault, and the default is given instead."""

    def __init__(
        self, source: Source, values: Mapping[str, Any], path: str = "", what: str = "an agent"
    ) -> None:
        self.source = source
        self.values = values
        self.path = path
        self.what = what  # how a sentence calls it: "entity 2"
        self._before = f"{what}: " if path else ""

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def fault(self, sentence: str, key: str = "") -> None:
        """``key`` may lead further down, "values.3"; without one the fault stands at the table's head."""
        self.source.fault(self.at(key) if key else self.path, self._before + sentence)

    def only(self, *keys: str) -> None:
        """Every other key is a fault: most are typing mistakes, and would be lost in silence."""
        for key in self.values:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                meant = f"did you mean {near[0]}" if near else f"known are {', '.join(sorted(keys))}"
                end = "?" if near else "."
                self.source.fault(self.at(key), f'"{key}" is not a setting of {self.what}; {meant}{end}')

    def text(self, key: str, *, required: bool = False, chars_max: int = TEXT_CHARS_MAX) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str):
            self.fault(f"{key} must be text in quotation marks.", key)
            return ""
        if "\x00" in value or len(value) > chars_max:
            self.fault(f"{key} must be at most {chars_max} characters without NUL.", key)
        if required and not value.strip():
            self.fault(f"{key} is missing; write it as text in quotation marks.", key)
        return value.strip()

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.fault(f"{key} must be true or false, without quotation marks.", key)
            return default
        return value

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        value = self.values.get(key, default)
        if type(value) is not int or not (least <= value <= most or value == default):
            self.fault(f"{key} must be a whole number from {least} to {most}.", key)
            return default
        return value

    def number(self, key: str) -> float | None:
        value = self.values.get(key)
        if value is None or (_is_number(value) and math.isfinite(value)):
            return value
        self.fault(f"{key} must be a number, without quotation marks.", key)
        return None

    def texts(self, key: str, fits: Callable[[str], object], sentence: str) -> tuple[str, ...]:
        """A list of texts that fit, each once; ``sentence`` says what they must be."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            self.fault(f"{key} must be {sentence}", key)
            return ()
        taken: list[str] = []
        for place, item in enumerate(value):
            if not isinstance(item, str) or not item.strip() or not fits(item.strip()):
                self.fault(f"{key} must be {sentence}", f"{key}.{place}")
            elif item.strip() in taken:
                self.fault(f'{key} holds "{item.strip()}" more than once; keep one.', f"{key}.{place}")
            else:
                taken.append(item.strip())
        return tuple(taken)

    def words(self, key: str) -> dict[str, str]:
        """A table of texts, name to text."""
        inner = self.table(key, self._before + key)
        return {name: inner.text(name) for name in inner.values} if inner else {}

    def table(self, key: str, what: str = "") -> Table | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(f"{key} must be a table, headed [{self._heading(key)}].", key)
            return None
        return Table(self.source, value, self.at(key), what or key)

    def tables(self, key: str, what: str) -> Iterator[Table]:
        """Each of [[key]], called "what 1", "what 2" in sentences."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fault(f"{key} must be tables, each headed [[{self._heading(key)}]].", key)
            return
        for place, item in enumerate(value):
            yield Table(self.source, item, f"{self.at(key)}.{place}", f"{self._before}{what} {place + 1}")

    def distinct(self, names: list[str], key: str, what: str) -> None:
        """One fault for each name of [[key]] that another has already; at its own line."""
        for place, name in enumerate(names):
            if name and name in names[:place]:
                self.fault(f'{key} holds {what} "{name}" more than once; keep one.', f"{key}.{place}.name")

    def _heading(self, key: str) -> str:
        return ".".join(part for part in self.at(key).split(".") if not part.isdigit())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
