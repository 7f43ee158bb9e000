"""Taking private things out of a log event: numbers, texts, secrets, and what exceptions say.

Structlog processors, applied to every event of ours and of the libraries.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from structlog.typing import EventDict, WrappedLogger

NUMBER = "[number]"
SECRET = "[secret]"

# Names under which a text, an address or a secret would travel. Counts of tokens are fine: ``tokens``.
PRIVATE_KEYS = frozenset({
    "body", "content", "text", "reply", "prompt", "answer", "transcript", "message_body", "summary", "title",
    "token", "auth_token", "password", "secret", "api_key", "authorization", "cookie", "signature",
    "phone", "phone_number", "number", "address", "from_number", "to_number", "profile_name", "headers", "form",
    "entities", "extracted_entities", "params", "args", "kwargs",
})  # fmt: skip

# With + (or its percent-escape) 7 to 15 digits, with blanks and dashes between or not; whatever follows
# ``whatsapp:``; and 10 to 15 bare digits that are no part of an id. Times are logged as numbers, not as texts.
_NUMBERS = re.compile(
    r"whatsapp:\S+|(?:\+|%2[Bb])\(?[1-9](?:[ ().\-]{0,2}[0-9]){6,14}|(?<![\w.:\-])\(?[0-9](?:[ ().\-]{0,2}[0-9]){9,14}(?![\w:\-])"
)
# Shorter secrets would take half of every line with them; nor is a number ever shorter, with its +.
_PRIVATE_LENGTH_MIN = 8
_NAMES_MAX = 500  # a name comes from our code, but for what a library makes up
_DEPTH_MAX = 6
_FRAMES_MAX = 30
_CAUSES_MAX = 5

_PROJECT = str(Path(__file__).resolve().parent.parent)


class Redaction:
    """A processor that masks numbers and known secrets and drops what travels under a private name."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({s for s in secrets if len(s) >= _PRIVATE_LENGTH_MIN}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None
        self._names: dict[Any, str] = {}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        # The moment's digits are no number to mask. What is read first stands first.
        first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
        if "event" in first:
            first["event"] = self.text(str(first["event"]))
        return {**first, **self._mapping(event, 1)}

    def text(self, text: str) -> str:
        if len(text) < _PRIVATE_LENGTH_MIN:
            return text
        if self._secrets is not None:
            text = self._secrets.sub(SECRET, text)
        return _NUMBERS.sub(NUMBER, text)

    def _name(self, key: Any) -> str:
        """The name as it may be written, or '' for one whose value may not; remembered."""
        name = str(key)
        public = "" if name.lower() in PRIVATE_KEYS else self.text(name)
        if len(self._names) >= _NAMES_MAX:
            self._names.clear()
        self._names[key] = public
        return public

    def _value(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, dict) and depth < _DEPTH_MAX:
            return self._mapping(value, depth + 1)
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEPTH_MAX:
            return [self._value(item, depth + 1) for item in value]
        if isinstance(value, BaseException):
            return type(value).__name__
        return self.text(str(value))

    def _mapping(self, values: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        public: dict[str, Any] = {}
        for key, value in values.items():
            name = self._names.get(key)
            if name is None:
                name = self._name(key)
            if name:
                public[name] = self.text(value) if type(value) is str else self._value(value, depth)
        return public


def frames_of(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace ``exc_info`` by ``exception`` (classes, outermost first), ``frames`` and the first cause's ``cause_frames``.

    Never the exception's own words, nor any local: they may hold what a customer wrote.
    """
    error = _exception(event.pop("exc_info", None))
    event.pop("stack_info", None)
    if error is not None:
        chain = _chain(error)
        event["exception"] = " < ".join(_class_name(link) for link in chain)
        event["frames"] = _frames(error)
        if len(chain) > 1:
            event["cause_frames"] = _frames(chain[-1])
    return event


def without_texts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A library's record as an event: its first line, with the arguments that are plain numbers filled in."""
    record: logging.LogRecord = event["_record"]
    said = _filled(str(record.msg), event.pop("positional_args", ()))
    event["event"] = (said.splitlines() or [""])[0][:200]
    event["logger"] = record.name
    if record.exc_info:
        event["exc_info"] = record.exc_info
    return event


def _filled(template: str, args: Any) -> str:
    if not args:
        return template
    safe = [arg if isinstance(arg, int | float) else "…" for arg in args] if isinstance(args, tuple) else []
    try:
        return template % tuple(safe)
    except (TypeError, ValueError, KeyError):
        return template


def _exception(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        error = exc_info[1]
        return error if isinstance(error, BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _chain(error: BaseException) -> list[BaseException]:
    """``error`` and what it came from, as a traceback would show them."""
    links: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and len(links) < _CAUSES_MAX:
        links.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return links


def _class_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _frames(error: BaseException) -> list[str]:
    return [
        f"{_short(frame.filename)}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)[-_FRAMES_MAX:]
    ]


def _short(filename: str) -> str:
    """A file as seen from the project's folder or from the installed packages: no machine's paths in a log."""
    for root in ("site-packages/", f"{_PROJECT}/"):
        _, found, rest = filename.rpartition(root)
        if found:
            return rest
    return Path(filename).name
