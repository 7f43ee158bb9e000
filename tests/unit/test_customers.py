"""One customer in numbers, and what becomes of each kind of key when a customer is forgotten."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.customer_shapes import analytics_json, holding_json
from console.erasure import RULES
from session import keys, scripts
from session.customers import Holding, analytics, response_times
from session.model import Channel, Customer, Direction, HandledBy, Message, MessageType, Role, Session, State

PROJECT = Path(__file__).resolve().parents[2]
AT = 1_795_168_800_000  # 2026-11-20T10:00:00Z
CUSTOMER = Customer("c" * 32, "+1234567890", first_seen=AT, last_seen=AT + 9)
SESSION = Session("s1", "a", Channel.SMS, State.ACTIVE, HandledBy.ASSISTANT, "t", AT, AT)


def asked(at: int, channel: Channel = Channel.SMS) -> Message:
    return Message(Direction.INBOUND, Role.USER, "?", channel, at=AT + at)


def said(sent_at: int, role: Role = Role.ASSISTANT, channel: Channel = Channel.SMS) -> Message:
    kind = MessageType.SYSTEM if role is Role.SYSTEM else MessageType.TEXT
    sent = AT + sent_at if sent_at else 0
    return Message(Direction.OUTBOUND, role, "!", channel, message_type=kind, at=AT + sent_at, sent_at=sent)


def held(*conversations: tuple[Session, tuple[Message, ...]]) -> Holding:
    return Holding(CUSTOMER, conversations, {}, (), (), (), (), {}, {})


@pytest.mark.parametrize(
    ("messages", "times"),
    [
        ([], []),
        ([asked(0)], []),
        ([asked(0), said(700)], [700]),
        ([asked(0), asked(500), said(700)], [700]),
        ([asked(0), said(700), said(900)], [700]),
        ([asked(0), said(50, Role.SYSTEM), said(700)], [700]),
        ([asked(0), said(9000, Role.AGENT)], [9000]),
        ([asked(0), said(700), asked(1000), said(1300)], [700, 300]),
        ([asked(0), said(0), said(800)], [800]),
        ([said(700)], []),
        ([asked(900), said(700)], [0]),
    ],
)
def test_response_time_runs_from_the_webhook_to_twilios_acceptance(
    messages: list[Message], times: list[int]
) -> None:
    """It runs from the first message that waits to the first answer Twilio took; notices answer nothing."""
    assert times == response_times(messages)


@given(st.lists(st.one_of(st.builds(asked, st.integers(0, 9999)), st.builds(said, st.integers(0, 9999)))))
def test_there_are_no_more_response_times_than_answers(messages: list[Message]) -> None:
    """No time is negative, and each belongs to an answer that was sent."""
    times = response_times(messages)

    assert all(time >= 0 for time in times)
    assert len(times) <= sum(m.direction is Direction.OUTBOUND and bool(m.sent_at) for m in messages)


def test_a_customer_in_numbers_has_the_fields_of_the_contract() -> None:
    """The analytics carry the contract's fields and no others, times as RFC 3339, the average in seconds."""
    texts = (asked(0), said(1500), asked(2000), said(2500), said(2600, Role.SYSTEM))
    app = (asked(0, Channel.WHATSAPP), said(0, channel=Channel.WHATSAPP))
    counted = analytics(
        held(
            (replace(SESSION, intent="order_problem", rating=5), texts),
            (replace(SESSION, intent="order_problem", rating=4), app),
            (replace(SESSION, intent="returns"), ()),
        )
    )

    assert {
        "total_calls": 0,
        "total_texts": 4,
        "total_whatsapp": 2,
        "total_messages": 6,
        "avg_response_time": 1.0,
        "satisfaction_score": 4.5,
        "preferred_modality": "sms",
        "key_topics": ["order_problem", "returns"],
        "sessions": 3,
        "first_seen": "2026-11-20T10:00:00.000Z",
        "last_seen": "2026-11-20T10:00:00.009Z",
    } == analytics_json(counted)


def test_what_nobody_told_is_null() -> None:
    """Without an answer, a rating or a word there is no average, no score and no preference."""
    told = analytics_json(analytics(held()))

    assert (None, None, None, [], 0) == tuple(
        told[name]
        for name in (
            "avg_response_time",
            "satisfaction_score",
            "preferred_modality",
            "key_topics",
            "sessions",
        )
    )


def test_an_empty_holding_names_every_store() -> None:
    """An export names everything that may be held, also where there is nothing."""
    assert {
        "customer", "sessions", "waiting_messages", "memory", "turns", "failures", "events", "facts", "calls",
        "counters",
    } == set(holding_json(held()))  # fmt: skip


# Forgetting

EVERY_KIND = {**keys.CUSTOMER, **keys.CLAIM, **keys.PARTITION, **keys.SINGLE}
FORGET = (PROJECT / "session" / "scripts" / "forget.lua").read_text(encoding="utf-8")
# Keys that are made outside the tables; none holds anything of one customer's.
OF_NOBODY = {"clock", "day", "server", "started", "console", "alarm"}


def test_every_kind_of_key_has_an_erasure_rule() -> None:
    """A new kind of key stands in the rules of erasure, or this fails."""
    assert set(EVERY_KIND) == set(RULES)


def test_every_other_key_is_of_nobody() -> None:
    """A key that is made outside the tables is one of those that are known to hold nothing of a customer's."""
    source = (PROJECT / "session" / "keys.py").read_text(encoding="utf-8")

    assert OF_NOBODY == set(re.findall(r"\{PREFIX\}([a-z]+)", source))


@pytest.mark.parametrize("kind", [*keys.CUSTOMER, *keys.CLAIM])
def test_forgetting_deletes_every_key_of_the_customer(kind: str) -> None:
    """What is a customer's own is a key of forget.lua, and is deleted there."""
    assert "deleted at once" == RULES[kind]
    assert kind in scripts.load("forget").keys
    assert kind in keys.CUSTOMER or f"redis.call('DEL', {kind})" in FORGET


@pytest.mark.parametrize("kind", sorted(set(keys.PARTITION) - {"sequence"}))
def test_forgetting_takes_the_customer_out_of_every_index(kind: str) -> None:
    """What many customers share loses this one's entries."""
    assert kind in scripts.load("forget").keys
    assert re.search(rf"redis\.call\('(ZREM|HDEL|XDEL)', {kind}, ", FORGET)


def test_the_rules_stand_on_their_page() -> None:
    """docs/privacy.md says what becomes of each kind of key, in these words."""
    page = (PROJECT / "docs" / "privacy.md").read_text(encoding="utf-8")

    assert [kind for kind, rule in RULES.items() if f"| `{kind}` | {rule} |" not in page] == []
