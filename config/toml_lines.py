"""Where each key of a TOML text stands, for faults that name a line: tomllib reads values and forgets places.

Only for text that tomllib has read without a fault: this reads as little of the grammar as it needs.
"""

from __future__ import annotations

import re
from bisect import bisect_right

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY_PART = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'([^\'\n]*)\'|([A-Za-z0-9_-]+)')
_SEPARATOR = re.compile(r"[ \t]*\.[ \t]*")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_HEADER_END = re.compile(r"[ \t]*\]{1,2}")
_COMMA = re.compile(",")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]+")


def lines_of(text: str) -> dict[str, int]:
    """Line (from 1) of each table, key and list element by its dotted path: "entities.0.name", "hours.week.monday".

    Elements of lists and of [[tables]] count from 0. A key that is written twice keeps its first line.
    """
    walk = _Walk(text)
    walk.document()
    return walk.lines


class _Walk:
    """One pass over the text; ``at`` is the place that is read next."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[str, int] = {}
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._counts: dict[str, int] = {}  # [[tables]] by path: how many so far

    def document(self) -> None:
        table = ""
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text.startswith("[[", self.at):
                table = self._header(2)
            elif self.text[self.at] == "[":
                table = self._header(1)
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self, brackets: int) -> str:
        start = self.at
        self.at += brackets
        names = self._key()
        self._skip(_HEADER_END)
        path = ""
        for name in names[:-1]:
            self._mark(_joined(path, name), start)
            path = self._newest(_joined(path, name))
        path = _joined(path, names[-1])
        self._mark(path, start)
        if brackets == 2:
            self._counts[path] = self._counts.get(path, -1) + 1
            path = self._newest(path)
            self._mark(path, start)
        return path

    def _newest(self, path: str) -> str:
        """The table that a header means by ``path``: of several [[tables]] the last."""
        return f"{path}.{self._counts[path]}" if path in self._counts else path

    def _pair(self, table: str) -> None:
        start = self.at
        path = table
        for name in self._key():
            path = _joined(path, name)
            self._mark(path, start)
        self._skip(_EQUALS)
        self._value(path)

    def _key(self) -> list[str]:
        names = []
        self._skip(_BLANK)
        while match := _KEY_PART.match(self.text, self.at):
            self.at = match.end()
            names.append(next(part for part in match.groups() if part is not None))
            if not self._skip(_SEPARATOR):
                return names
        raise ValueError("no key where one must stand")

    def _value(self, path: str) -> None:
        if self.text[self.at] == "[":
            self._list(path)
        elif self.text[self.at] == "{":
            self._inline_table(path)
        elif not self._skip(_STRING):
            self._skip(_BARE)

    def _list(self, path: str) -> None:
        place = 0
        self.at += 1
        while self._goes_on("]"):
            self._mark(f"{path}.{place}", self.at)
            self._value(f"{path}.{place}")
            place += 1

    def _inline_table(self, path: str) -> None:
        self.at += 1
        while self._goes_on("}"):
            self._pair(path)

    def _goes_on(self, end: str) -> bool:
        """Whether another element follows; at the end it steps over the bracket."""
        self._skip(_BLANK)
        if self._skip(_COMMA):
            self._skip(_BLANK)
        if self.at >= len(self.text):
            return False
        if self.text[self.at] == end:
            self.at += 1
            return False
        return True

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.text, self.at)
        if match is None or match.end() == self.at:
            return False
        self.at = match.end()
        return True

    def _mark(self, path: str, at: int) -> None:
        self.lines.setdefault(path, bisect_right(self._starts, at))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
