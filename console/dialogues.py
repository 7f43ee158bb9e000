"""Dialogues for ``ringback eval``: TOML files read into frozen values, faults told all at once.

``docs/evaluations.md`` is the page for people; a test compares it with the keys below.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from session.model import Channel, State

FILE_BYTES_MAX = 256 * 1024
STEPS_MAX = 200
PAUSE_DAYS_MAX = 60
# A Tuesday morning in Europe, afternoon in the Gulf: an office is open.
STARTS = datetime(2026, 3, 10, 10, 0, tzinfo=UTC)

FILE_KEYS = ("shows", "agent", "starts", "profile_name", "step")
ON_A_CALL = ("keys", "says_nothing", "hangs_up")
ACTIONS = ("customer", *ON_A_CALL, "pause", "operator", "takes_over", "hands_back")
STEP_KEYS = (*ACTIONS, "channel", "confidence", "expect")
CHANNELS = tuple(Channel)
CALL_STATES = ("live", "over", "put through")

_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PAUSE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd])", re.ASCII)
_KEYS = re.compile(r"[0-9*]{1,20}", re.ASCII)
_STEP_HEADER = re.compile(r"\s*\[\[\s*step\s*\]\]")
_SYNTAX_LINE = re.compile(r"at line ([0-9]+)")

Texts = tuple[str, ...]


@dataclass(frozen=True)
class Expectation:
    """What must hold after a step; ``None`` (or nothing) is not looked at.

    A text is found without regard to case and blanks; between slashes it is a regular expression.
    """

    said: Texts = ()
    not_said: Texts = ()
    silent: bool | None = None  # nothing is sent to the customer
    parts_max: int | None = None
    notice: str | None = None  # name, or "name:language"
    entities: Mapping[str, Any] = field(default_factory=dict)
    no_entities: Texts = ()
    order_total: float | None = None
    memory: Texts = ()
    no_memory: Texts = ()
    state: str | None = None
    handed_over: bool | None = None
    session: str | None = None  # "same" or "new" against the step before that had one
    channel: str | None = None  # the session's
    language: str | None = None  # the session's
    tools: Texts | None = None  # called in this step; () for none
    call: str | None = None  # one of ``CALL_STATES``
    opted_out: bool | None = None


@dataclass(frozen=True)
class Step:
    """One thing that happens: ``action`` is one of ``ACTIONS``, ``value`` what the file gives it."""

    line: int
    action: str
    value: Any  # texts of the customer; keys pressed; ms of a pause; the operator's text or note; True
    channel: Channel = Channel.SMS
    confidence: float | None = None  # in what the customer said on a call, as Twilio tells it
    expect: Expectation = Expectation()
    lines: Mapping[str, int] = field(default_factory=dict)  # of each expectation


@dataclass(frozen=True)
class Dialogue:
    """A conversation of one customer with one agent, from ``starts_ms`` on."""

    path: Path
    shows: str
    agent: str
    starts_ms: int
    steps: tuple[Step, ...]
    profile_name: str = ""


class DialogueError(Exception):
    """Files that cannot be used; ``faults`` lists everything wrong as "file:line: sentence"."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def find(folder: Path) -> list[Path]:
    """The dialogue files in a folder and those below it; or the one file that was named. Raises ``DialogueError``."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise DialogueError([f"{folder}: there is no such folder; name one that holds dialogues (*.toml)."])
    paths = sorted(path for path in folder.rglob("*.toml") if path.is_file())
    if not paths:
        raise DialogueError([f"{folder}: it holds no dialogue; write one as NAME.toml."])
    return paths


def read_all(paths: list[Path]) -> list[Dialogue]:
    """Raises ``DialogueError`` with the faults of all files."""
    faults: list[str] = []
    dialogues = []
    for path in paths:
        try:
            dialogues.append(read(path))
        except DialogueError as error:
            faults += error.faults
    if faults:
        raise DialogueError(faults)
    return dialogues


def read(path: Path) -> Dialogue:
    """One file. Raises ``DialogueError``."""
    return _Reader(path).read()


def pause_ms(text: Any) -> int | None:
    """Milliseconds of a time like "90s", "5m", "1h" or "2d"; None when it is none, or too long."""
    match = _PAUSE.fullmatch(text.strip()) if isinstance(text, str) else None
    ms = round(float(match[1]) * _UNITS_MS[match[2]]) if match else 0
    return ms if 0 < ms <= PAUSE_DAYS_MAX * _UNITS_MS["d"] else None


class _Reader:
    """Reads one file and keeps what it finds wrong with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._faults: list[str] = []
        self._lines: list[str] = []
        self._steps_at: list[int] = []

    def fault(self, line: int, sentence: str) -> None:
        self._faults.append(f"{self._path}:{line}: {sentence}")

    def read(self) -> Dialogue:
        table = self._table()
        self._known(table, FILE_KEYS, "a dialogue", 0)
        rows = table.get("step", [])
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            self.fault(self._line("step"), "write at least one step, headed [[step]].")
            rows = []
        if len(rows) > STEPS_MAX:
            self.fault(1, f"it has {len(rows)} steps; a dialogue has at most {STEPS_MAX}.")
        dialogue = Dialogue(
            path=self._path,
            shows=self._text(table, "shows", 0),
            agent=self._text(table, "agent", 0),
            starts_ms=self._starts(table.get("starts", STARTS)),
            steps=self._steps(rows),
            profile_name=self._text(table, "profile_name", 0) if "profile_name" in table else "",
        )
        if self._faults:
            raise DialogueError(self._faults)
        return dialogue

    def _table(self) -> dict[str, Any]:
        try:
            raw = self._path.read_bytes()
            if len(raw) > FILE_BYTES_MAX:
                raise DialogueError([f"{self._path}:1: it is too long; at most {FILE_BYTES_MAX} bytes."])
            text = raw.decode("utf-8")
            table = tomllib.loads(text)
        except OSError as error:
            raise DialogueError([f"{self._path}:1: it cannot be read: {error.strerror}."]) from None
        except UnicodeDecodeError:
            raise DialogueError([f"{self._path}:1: it is not UTF-8 text; save it as UTF-8."]) from None
        except tomllib.TOMLDecodeError as error:
            at = _SYNTAX_LINE.search(str(error))
            line = at[1] if at else str(text.count("\n") + 1)
            raise DialogueError([f"{self._path}:{line}: it is not TOML: {error}."]) from None
        except RecursionError:
            raise DialogueError([f"{self._path}:1: its values are nested too deeply."]) from None
        self._lines = text.split("\n")
        self._steps_at = [n for n, line in enumerate(self._lines, 1) if _STEP_HEADER.match(line)]
        return table

    def _line(self, key: str, begin: int = 1) -> int:
        """Where a key stands, from a step's header (or the top) to the next; else where that begins."""
        end = next((at for at in self._steps_at if at > begin), len(self._lines) + 1)
        pattern = re.compile(rf'\s*(\[+\s*)?["\']?{re.escape(key)}["\']?\s*[=\].]')
        return next((n for n in range(begin, end) if pattern.match(self._lines[n - 1])), begin)

    def _known(self, table: Mapping[str, Any], known: tuple[str, ...], what: str, begin: int) -> None:
        for key in table:
            if key not in known:
                sentence = f'"{key}" is not a setting of {what}; known are {", ".join(known)}.'
                self.fault(self._line(key, begin or 1), sentence)

    def _text(self, table: Mapping[str, Any], key: str, begin: int) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            self.fault(self._line(key, begin or 1), f'write {key} as text, for example {key} = "...".')
            return ""
        return value

    def _starts(self, value: Any) -> int:
        if not isinstance(value, datetime) or value.tzinfo is None:
            self.fault(
                self._line("starts"), "write starts like starts = 2026-03-10T10:00:00Z, with its zone."
            )
            return 0
        return round(value.timestamp() * 1000)

    # Steps

    def _steps(self, rows: list[dict[str, Any]]) -> tuple[Step, ...]:
        steps = []
        channel = Channel.SMS
        for place, row in enumerate(rows):
            line = self._steps_at[place] if place < len(self._steps_at) else 1
            self._known(row, STEP_KEYS, "a step", line)
            channel = self._channel(row, channel, line)
            if step := self._step(row, line, channel):
                steps.append(step)
        return tuple(steps)

    def _channel(self, row: Mapping[str, Any], last: Channel, line: int) -> Channel:
        """A step's channel; the last one's unless it says so."""
        given = row.get("channel", str(last))
        if given not in CHANNELS or ("channel" in row and "customer" not in row):
            known = ", ".join(f'"{each}"' for each in CHANNELS)
            sentence = f"channel is one of {known}, beside what the customer says."
            self.fault(self._line("channel", line), sentence)
            return last
        return Channel(given)

    def _step(self, row: Mapping[str, Any], line: int, channel: Channel) -> Step | None:
        actions = [name for name in ACTIONS if name in row]
        if len(actions) != 1:
            self.fault(line, f"a step has exactly one of {', '.join(ACTIONS)}.")
            return None
        action = actions[0]
        value = self._value(action, row[action], line)
        given = row.get("expect", {})
        if not isinstance(given, dict):
            self.fault(self._line("expect", line), "expect must be a table, headed [step.expect].")
            given = {}
        lines = {key: self._line(key, line) for key in given}
        confidence = self._confidence(row, channel, line)
        if action == "customer" and channel is Channel.VOICE and len(value) > 1:
            self.fault(self._line(action, line), "on a call one thing is said at a time, as one text.")
        return Step(line, action, value, channel, confidence, self._expectation(given, line), lines)

    def _confidence(self, row: Mapping[str, Any], channel: Channel, line: int) -> float | None:
        given = row.get("confidence")
        if given is None:
            return None
        spoken = "customer" in row and channel is Channel.VOICE
        if not spoken or type(given) not in (int, float) or not 0 <= given <= 1:
            sentence = "confidence is a number from 0 to 1, beside what the customer says on a call."
            self.fault(self._line("confidence", line), sentence)
            return None
        return float(given)

    def _value(self, action: str, value: Any, line: int) -> Any:
        at = self._line(action, line)
        if action == "customer":
            texts = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else ()
            if not texts or not all(isinstance(text, str) and text for text in texts):
                self.fault(
                    at, 'customer is a text, or a list of texts sent at once: ["Hi", "Are you there?"].'
                )
                return ()
            return texts
        if action == "pause":
            ms = pause_ms(value)
            if ms is None:
                self.fault(
                    at, f'pause is a time like "90s", "5m", "1h" or "2d", {PAUSE_DAYS_MAX} days at most.'
                )
            return ms or 0
        if action in ("takes_over", "says_nothing", "hangs_up"):
            if value is not True:
                self.fault(at, f"{action} is true, or left out.")
            return True
        if action == "keys":
            if not isinstance(value, str) or not _KEYS.fullmatch(value):
                self.fault(at, 'keys are what the customer presses on a call, like "0" or "12345".')
            return value
        if not isinstance(value, str) or (action == "operator" and not value.strip()):
            what = "what the operator writes" if action == "operator" else 'a note for the assistant, or ""'
            self.fault(at, f"{action} is {what}, as text.")
            return ""
        return value

    # What must hold

    def _expectation(self, given: Mapping[str, Any], line: int) -> Expectation:
        fitting: dict[str, Any] = {}
        for key, value in given.items():
            at = self._line(key, line)
            if key not in _FORMS:
                self.fault(at, f'"{key}" cannot be expected; known are {", ".join(_FORMS)}.')
                continue
            fits, form = _FORMS[key]
            if not fits(value):
                self.fault(at, f"{key} must be {form}.")
                continue
            if key in _WORDS and (wrong := _not_a_pattern(value)):
                self.fault(at, f"{key} holds {wrong}, which is no regular expression.")
                continue
            fitting[key] = tuple(value) if isinstance(value, list) else value
        return Expectation(**fitting)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) and text for text in value)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _not_a_pattern(texts: list[str]) -> str:
    """The first of them that is meant as a regular expression and is none."""
    for text in texts:
        if (source := pattern_of(text)) is not None:
            try:
                re.compile(source)
            except re.error:
                return text
    return ""


def pattern_of(text: str) -> str | None:
    """What stands between slashes; None for a plain text."""
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] == "/" else None


_WORDS = ("said", "not_said", "memory", "no_memory")
_TEXTS = (_is_texts, 'a list of texts, like ["order", "/ship(ped|ment)/"]')
_NAMES = (_is_texts, "a list of names")
_SWITCH = (_is_bool, "true or false")
_STATES = tuple(str(state) for state in State)
# Each expectation: what fits, and how it is written.
_FORMS: dict[str, tuple[Any, str]] = {
    "said": _TEXTS,
    "not_said": _TEXTS,
    "silent": _SWITCH,
    "parts_max": (lambda v: type(v) is int and v > 0, "a whole number of parts, 1 or more"),
    "notice": (_is_word, 'the name of a notice, like "handoff" or, in one language, "handoff:es"'),
    "entities": (lambda v: isinstance(v, dict) and bool(v), 'a table, like { order_number = "12345" }'),
    "no_entities": _NAMES,
    "order_total": (lambda v: type(v) in (int, float), "a number"),
    "memory": _TEXTS,
    "no_memory": _TEXTS,
    "state": (lambda v: v in _STATES, f"one of {', '.join(_STATES)}"),
    "handed_over": _SWITCH,
    "session": (lambda v: v in ("same", "new"), '"same" or "new"'),
    "channel": (lambda v: v in CHANNELS, f"one of {', '.join(CHANNELS)}"),
    "language": (_is_word, 'a language, like "es"'),
    "tools": (lambda v: v == [] or _is_texts(v), "a list of tools that are called, [] for none"),
    "opted_out": _SWITCH,
    "call": (lambda v: v in CALL_STATES, f"one of {', '.join(CALL_STATES)}"),
}
EXPECTATIONS = tuple(_FORMS)
