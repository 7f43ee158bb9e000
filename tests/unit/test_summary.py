"""The rolling summary: what is shown for it, and what of the model's answer is kept."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai import prompt
from ai.neutral import fill
from ai.prompt import Item
from ai.schema import DoesNotFit
from ai.summary import OPEN_MATTER_CHARS_MAX, SO_FAR_HEADING, SUMMARY_CHARS_MAX, Summary, build, check
from config.agents import Agent, Limits
from session.model import Channel, Direction, HandledBy, Message, Role, Session, State

AGENT = Agent("shop", "Shop", "Be kind.", "Warm.", ())
SESSION = Session("s1", "shop", Channel.SMS, State.ACTIVE, HandledBy.ASSISTANT, "T", 1, 1)


def user(words: str) -> Message:
    return Message(Direction.INBOUND, Role.USER, words, Channel.SMS, from_number="+15550001111")


def ours(words: str, role: Role = Role.ASSISTANT) -> Message:
    return Message(Direction.OUTBOUND, role, words, Channel.SMS, status="sent")


def test_the_conversation_is_shown_as_it_was() -> None:
    """Instructions first, then the summary so far as data, then who said what; no instructions of the agent."""
    session = dataclasses.replace(SESSION, summary='Ann"\nlost a parcel.')

    items, _ = build(AGENT, session, [user("Hi"), ours("Hello"), ours("I'll look.", Role.AGENT), user("ok")])

    assert [item.role for item in items] == [
        "developer",
        "developer",
        "user",
        "assistant",
        "assistant",
        "user",
    ]
    assert json.loads(items[1].content.removeprefix(SO_FAR_HEADING)) == session.summary
    assert items[2:] == [
        Item("user", "Hi"),
        Item("assistant", "Hello"),
        Item("assistant", prompt.PERSON_MARK + "I'll look."),
        Item("user", "ok"),
    ]
    assert "Be kind" not in "".join(item.content for item in items)


def test_no_reply_is_asked_for() -> None:
    """The schema is strict, has no reply, and its neutral answer reports nothing."""
    _, schema = build(AGENT, SESSION, [user("Hi")])

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == list(schema["properties"]) == ["summary", "open_matter"]
    assert schema["additionalProperties"] is False
    assert not check(json.dumps(fill(schema, {})))


def test_a_summary_stays_in_the_budget() -> None:
    """Of a conversation too long to show the newest exchanges are."""
    agent = dataclasses.replace(AGENT, limits=Limits(prompt_tokens=1_000))
    messages = [m for n in range(100) for m in (user(f"Q{n} " + "x" * 100), ours("y" * 100))]

    items, _ = build(agent, SESSION, messages)

    assert prompt.cost(items) <= 1_000
    assert items[1].content.startswith(("Q8", "Q9"))
    assert items[-2].content.startswith("Q99")


def test_a_summary_needs_a_message() -> None:
    """Nothing to sum up is a fault of the caller."""
    with pytest.raises(ValueError, match="at least one"):
        build(AGENT, SESSION, [])


@pytest.mark.parametrize(
    ("answer", "summary"),
    [
        ({"summary": " Ann waits. ", "open_matter": " late\n parcel "}, Summary("Ann waits.", "late parcel")),
        ({"summary": "Ann waits.", "open_matter": None}, Summary("Ann waits.", "")),
        ({"summary": None, "open_matter": ""}, Summary("", "")),
        ({}, Summary("", "")),
        ({"summary": "Card 4111 1111 1111 1111."}, Summary("Card [removed].", "")),
        ({"summary": "a\x00b\ud83d"}, Summary("ab", "")),
    ],
)
def test_what_is_kept(answer: dict[str, Any], summary: Summary) -> None:
    """A summary is plain text without card numbers, as text of JSON or as the object itself."""
    assert check(answer) == check(json.dumps(answer)) == summary
    assert bool(summary) is bool(summary.summary)


@pytest.mark.parametrize(
    "answer",
    ["", "Ann waits.", "[]", {"summary": 1}, {"summary": ["x"]}, {"open_matter": True}, {"reply": "Hi"}],
)
def test_what_does_not_fit(answer: Any) -> None:
    """An answer of another shape is refused."""
    with pytest.raises(DoesNotFit):
        check(answer)


@given(st.text(st.sampled_from("ab \n日"), min_size=1_000, max_size=5_000))
def test_lengths_are_bounded(text: str) -> None:
    """However long the model writes, what is kept is short, and cut between words where there are any."""
    kept = check({"summary": text, "open_matter": text})

    assert len(kept.summary) <= SUMMARY_CHARS_MAX
    assert len(kept.open_matter) <= OPEN_MATTER_CHARS_MAX
    assert check({"summary": kept.summary}).summary == kept.summary
