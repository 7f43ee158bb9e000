"""What a dialogue wants, against what was seen after a step. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from config.agent import Agent
from config.notices import NOTICES
from console.dialogues import Dialogue, Expectation, pattern_of
from session.model import HandledBy, State

_TYPED = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
)
_HOLE = re.compile(r"\{\w+\}")  # what a notice fills in


@dataclass(frozen=True)
class Seen:
    """What a step came to. ``session`` and ``customer`` as the API tells them, empty while there are none."""

    said: tuple[str, ...]  # the parts sent to the customer
    session: Mapping[str, Any]
    customer: Mapping[str, Any]
    session_before: str  # id, '' while there was none
    tools: tuple[str, ...]  # called by the model
    memory: tuple[str, ...] = ()  # what the agent remembers of the customer
    call: str = ""  # one of ``dialogues.CALL_STATES``; '' while there was none
    trouble: tuple[str, ...] = ()  # why the model failed

    @property
    def text(self) -> str:
        return "\n".join(self.said)


@dataclass(frozen=True)
class Check:
    """One thing that had to hold; both ends in words when it does not."""

    name: str
    ok: bool
    wanted: str = ""
    got: str = ""


def check(expect: Expectation, seen: Seen, agent: Agent) -> Iterator[Check]:
    """Every expectation of a step that is set, a check for each text and name."""
    yield from _words(expect, seen, agent)
    yield from _known(expect, seen)
    yield from _place(expect, seen)


def unknown_names(dialogue: Dialogue, agent: Agent) -> Iterator[str]:
    """Entities, tools and notices that a dialogue expects and its agent cannot have, as "file:line: sentence"."""
    entities = {entity.name for entity in agent.entities}
    tools = {tool.name for tool in agent.tools}
    for step in dialogue.steps:
        expect = step.expect
        named: tuple[tuple[str, set[str], set[str], str], ...] = (
            ("entities", set(expect.entities), entities, "an entity"),
            ("no_entities", set(expect.no_entities), entities, "an entity"),
            ("tools", set(expect.tools or ()), tools, "a tool"),
            ("notice", {_notice_name(expect.notice)} - {""}, set(NOTICES), "a notice"),
        )
        for key, wanted, known, what in named:
            for name in sorted(wanted - known):
                has = f"; it has {', '.join(sorted(known))}" if known else ""
                yield f'{dialogue.path}:{step.lines[key]}: "{name}" is not {what} of {agent.id}{has}.'


# What was said


def _words(expect: Expectation, seen: Seen, agent: Agent) -> Iterator[Check]:
    got = _quoted(seen)
    for text in expect.said:
        yield Check("said", _finds(text, seen.text), text, got)
    for text in expect.not_said:
        yield Check("not_said", not _finds(text, seen.text), text, got)
    if expect.silent is not None:
        wanted = "nothing is said" if expect.silent else "something is said"
        yield Check("silent", expect.silent is not bool(seen.said), wanted, got)
    if expect.parts_max is not None:
        wanted = f"at most {expect.parts_max}"
        yield Check("parts_max", len(seen.said) <= expect.parts_max, wanted, f"{len(seen.said)} parts")
    if expect.notice is not None:
        yield Check("notice", _is_notice(expect.notice, seen.text, agent), expect.notice, got)


def _quoted(seen: Seen) -> str:
    why = f" ({'; '.join(seen.trouble)})" if seen.trouble else ""
    return (json.dumps(seen.text, ensure_ascii=False) if seen.said else "nothing was said") + why


def _finds(wanted: str, text: str) -> bool:
    """Whether a text holds ``wanted``: words without regard to case and blanks, or a pattern between slashes."""
    source = pattern_of(wanted)
    if source is not None:
        return re.search(source, _plain(text), re.IGNORECASE) is not None
    return _folded(wanted) in _folded(text)


def _plain(text: str) -> str:
    """As typed on a telephone: typographic marks are rendered differently on each channel."""
    return " ".join(text.translate(_TYPED).split())


def _folded(text: str) -> str:
    return _plain(text).casefold()


def _notice_name(wanted: str | None) -> str:
    return (wanted or "").partition(":")[0]


def _is_notice(wanted: str, text: str, agent: Agent) -> bool:
    """Whether a notice, in the language named or in any, is part of what was said; what it fills in may be anything."""
    name, _, language = wanted.partition(":")
    templates = {**NOTICES.get(name, {}), **agent.notices.get(name, {})}
    chosen = [templates[language]] if language in templates else [] if language else list(templates.values())
    return any(_pattern(template).search(_folded(text)) for template in chosen)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(".*?".join(re.escape(_folded(piece)) for piece in _HOLE.split(template)))


# What is known


def _known(expect: Expectation, seen: Seen) -> Iterator[Check]:
    entities = seen.session.get("extracted_entities") or {}
    for name, wanted in expect.entities.items():
        got = entities.get(name)
        yield Check(f"entities.{name}", fits(wanted, got), _json(wanted), _json(got))
    for name in expect.no_entities:
        yield Check("no_entities", not entities.get(name), f"no {name}", _json(entities.get(name)))
    if expect.order_total is not None:
        total = (seen.session.get("order_details") or {}).get("total")
        yield Check("order_total", fits(expect.order_total, total), _json(expect.order_total), _json(total))
    remembered = _json(seen.memory)
    for text in expect.memory:
        yield Check("memory", any(_finds(text, content) for content in seen.memory), text, remembered)
    for text in expect.no_memory:
        yield Check("no_memory", not any(_finds(text, content) for content in seen.memory), text, remembered)
    if expect.tools is not None:
        called = ", ".join(seen.tools) or "none"
        if not expect.tools:
            yield Check("tools", not seen.tools, "none", called)
        for name in expect.tools:
            yield Check("tools", name in seen.tools, name, called)


def fits(wanted: Any, got: Any) -> bool:
    """Whether a value is the one wanted: texts as in ``said`` but whole, of tables the keys that are wanted."""
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, str):
        source = pattern_of(wanted)
        if not isinstance(got, str):
            return False
        if source is not None:
            return re.search(source, _plain(got), re.IGNORECASE) is not None
        return _folded(wanted) == _folded(got)
    if isinstance(wanted, int | float):
        return isinstance(got, int | float) and abs(wanted - got) < 0.005
    if isinstance(wanted, Mapping):
        return isinstance(got, Mapping) and all(fits(value, got.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(got, list) and len(wanted) == len(got) and all(map(fits, wanted, got))
    return str(wanted) == str(got)  # a date, which TOML has and JSON has not


def _json(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)


# Where the conversation stands


def _place(expect: Expectation, seen: Seen) -> Iterator[Check]:
    session = seen.session
    for name in ("state", "channel", "language"):
        wanted = getattr(expect, name)
        if wanted is not None:
            got = session.get(name)
            yield Check(name, fits(wanted, got), wanted, _json(got))
    if expect.handed_over is not None:
        yield Check("handed_over", _with_a_person(session) is expect.handed_over,
                    "a person has it" if expect.handed_over else "the assistant has it",
                    f"{session.get('state')}, {session.get('handled_by')}")  # fmt: skip
    if expect.session is not None:
        same = bool(seen.session_before) and session.get("session_id") == seen.session_before
        got = "the same one" if same else f"a new one: {session.get('opened_because') or 'no reason is told'}"
        yield Check("session", same is (expect.session == "same"), f"the {expect.session} one", got)
    if expect.call is not None:
        yield Check("call", seen.call == expect.call, expect.call, seen.call or "there was no call")
    if expect.opted_out is not None:
        out = bool(seen.customer.get("opted_out"))
        yield Check("opted_out", out is expect.opted_out, _json(expect.opted_out), _json(out))


def _with_a_person(session: Mapping[str, Any]) -> bool:
    return session.get("state") == State.WAITING_AGENT or session.get("handled_by") == HandledBy.OPERATOR
