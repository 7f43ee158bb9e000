"""What the stand-in model is shown, sorted: notes, the conversation, what tools gave, and the data within the notes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

# What matters in a text message stands in its first lines; more would only cost time.
READ_CHARS_MAX = 4_000

# What the prompt says of what came beside words: of each what it is, its name and size, and why it could not be read.
_CAME = "What came with the customer's newest messages"
_PLACEHOLDERS = {"[picture]": "picture", "[voice note]": "voice note", "[document]": "document"}
_CAME_WITH = re.compile(r"This turn came with ([^.(]{1,60})\. You cannot look")
_DATE = re.compile(r"It is [A-Z][a-z]+, (\d{1,2}) ([A-Z][a-z]+) (\d{4})")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩٫\u2019\u00a0", "0123456789.' ")
# The keys of a bridge from the conversation before; an object with others tells facts.
_BRIDGE = frozenset({
    "from", "ago_ms", "ago", "channel", "matter", "summary", "open_matter", "session", "session_id",
})  # fmt: skip

NOTICE = "A notice sent to the customer"


@dataclass(frozen=True)
class Talk:
    """One request, read. ``newest`` are the customer's messages that wait for this answer."""

    notes: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    newest: tuple[str, ...] = ()
    results: tuple[tuple[str, str], ...] = ()  # a tool's name and what it gave
    facts: Mapping[str, Any] = field(default_factory=dict)
    memory: tuple[Mapping[str, Any], ...] = ()
    bridge: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        return plain("\n".join(self.newest))

    @property
    def asked(self) -> str:
        """Our last answer: what the newest message may be the answer to."""
        return self.answers[-1] if self.answers else ""

    @property
    def asked_or_noticed(self) -> str:
        """With the notices that were sent: a question about content customers comes as one."""
        lines = (line for note in self.notes for line in note.split("\n"))
        return "\n".join([self.asked, *(line for line in lines if line.startswith("A notice sent"))])

    @property
    def returning(self) -> bool:
        return bool(self.earlier or self.bridge or self.memory)

    def unseen(self) -> list[Mapping[str, Any]]:
        """What this turn came with and is looked at only as far as its name and size: all but voice notes in words."""
        told = next((note for note in self.notes if note.startswith(_CAME)), "")
        came = data_of(told.partition("): ")[2])
        if isinstance(came, list):
            items = [item for item in came if isinstance(item, dict)]
            return [item for item in items if item.get("what") != "voice note" or item.get("unread")]
        names = [_PLACEHOLDERS[text] for text in self.newest if text in _PLACEHOLDERS]
        said = next((match[1] for note in self.notes if (match := _CAME_WITH.search(note))), "")
        return [{"what": name} for name in names or (n for n in _PLACEHOLDERS.values() if n in said)]

    def today(self) -> date | None:
        """The day as the prompt tells it."""
        for note in self.notes:
            match = _DATE.search(note)
            if match and match[2] in _MONTHS:
                try:
                    return date(int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]))
                except ValueError:
                    return None
        return None


def read(items: Sequence[Mapping[str, Any]]) -> Talk:
    """Sort the items of a request. Items without words (an answer that only called tools) are passed over."""
    talk = [item for item in items if item.get("role") in ("user", "assistant") or _is_notice(item)]
    talk = [item for item in talk if item["role"] == "user" or _text(item)]
    notes = [_text(item) for item in items if item.get("role") not in ("user", "assistant", "tool")]
    start = len(talk)
    while start and talk[start - 1].get("role") == "user":
        start -= 1
    told = list(_told(notes))
    return Talk(
        notes=tuple(notes),
        earlier=tuple(_text(item) for item in talk[:start] if item["role"] == "user"),
        answers=tuple(_text(item) for item in talk[:start] if item["role"] == "assistant"),
        newest=tuple(_text(item) for item in talk[start:]),
        results=tuple((str(i.get("name", "")), _text(i)) for i in items if i.get("role") == "tool"),
        facts=_facts(told),
        memory=tuple(item for data in told for item in _memory(data)),
        bridge=next((found for data in told if (found := _bridge(data))), {}),
    )


def plain(text: str) -> str:
    """The part of a text that is read, with one form of apostrophe and Western digits."""
    return text[:READ_CHARS_MAX].translate(_DIGITS)


def says(text: str, words: str) -> bool:
    """Whether a pattern is found in what is read of a text, whatever its case."""
    return re.search(words, plain(text), re.IGNORECASE) is not None


def data_of(text: str) -> Any:
    """JSON told as text; None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_notice(item: Mapping[str, Any]) -> bool:
    """A notice of the system answered what stood before it, as far as that was to be answered."""
    return item.get("role") in ("system", "developer") and _text(item).startswith(NOTICE)


def _text(item: Mapping[str, Any]) -> str:
    content = item.get("content")
    if isinstance(content, list):
        content = "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _told(notes: Sequence[str]) -> Iterator[Any]:
    """The JSON objects and lists that end a line of the notes."""
    for line in (line.strip() for note in notes for line in note.split("\n")):
        if line.endswith(("}", "]")) and (start := re.search(r"[{\[]", line)):
            data = data_of(line[start.start() :])
            # What is known of the open conversation may look like a bridge from the one before.
            if isinstance(data, dict) and line.startswith("Known"):
                yield {"language": "", **data}
            elif isinstance(data, (dict, list)):
                yield data


def _facts(told: Sequence[Any]) -> dict[str, Any]:
    """Every named value, the first telling of a name before later ones."""
    facts: dict[str, Any] = {}
    for data in told:
        if isinstance(data, dict) and not _is_memory(data) and not _bridge(data):
            facts = {name: value for name, value in data.items() if value is not None} | facts
    return facts


def _memory(data: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(data, list):
        yield from (item for item in data if _is_memory(item))
    elif _is_memory(data):
        yield data
    elif isinstance(data, dict) and isinstance(data.get("memory"), list):
        yield from _memory(data["memory"])


def _is_memory(data: Any) -> bool:
    return (
        isinstance(data, dict)
        and isinstance(data.get("content"), str)
        and isinstance(data.get("about", data.get("type")), str)
    )


def _bridge(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        return {}
    if isinstance(data.get("bridge"), dict):
        return dict(data["bridge"])
    telling = any(
        isinstance(data.get(name), str) and data[name] for name in ("matter", "summary", "open_matter")
    )
    return data if telling and data.keys() <= _BRIDGE else {}
