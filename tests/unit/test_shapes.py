"""The JSON of sessions, messages and customers, field by field as the contract has it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.shapes import conversation_json, customer_json, error_json, message_json, session_json, time_of
from session.model import (
    Channel,
    Customer,
    Direction,
    EndReason,
    Entity,
    HandledBy,
    Media,
    MemoryItem,
    Message,
    Role,
    Session,
    State,
)

AT = 1_795_168_800_000  # 2026-11-20T10:00:00Z
PHONE = "+1234567890"
OURS = "+15550001000"

CUSTOMER = Customer("c" * 32, PHONE, "Alex", "en", AT, AT + 5, {"sms": 2}, frozenset({f"sms|{OURS}"}))
SESSION = Session(
    id="s1",
    agent_id="default-agent",
    channel=Channel.SMS,
    state=State.ACTIVE,
    handled_by=HandledBy.ASSISTANT,
    title=f"SMS from {PHONE}",
    created_at=AT,
    first_message_at=AT + 1,
    last_activity=AT + 2000,
    last_message_at=AT + 2000,
    opened_because="first message",
    inbound_count=2,
    outbound_count=1,
    channel_counts={"sms": 2},
    entities={"order_number": Entity("12345", "m1", AT + 1, (("12344", "", AT - 1),))},
    first_from=PHONE,
    ours=OURS,
)


def said(number: int, direction: Direction = Direction.INBOUND) -> Message:
    inbound = direction is Direction.INBOUND
    return Message(
        id=f"m{number}",
        session_id="s1",
        direction=direction,
        role=Role.USER if inbound else Role.ASSISTANT,
        content=f"text {number}",
        channel=Channel.SMS,
        from_number=PHONE if inbound else OURS,
        to_number=OURS if inbound else PHONE,
        at=AT + number,
        status="received" if inbound else "delivered",
    )


MESSAGES = [said(1), said(2, Direction.OUTBOUND), said(3)]


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (0, None),
        (AT, "2026-11-20T10:00:00.000Z"),
        (AT + 7, "2026-11-20T10:00:00.007Z"),
        (AT + 999, "2026-11-20T10:00:00.999Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_with_milliseconds(ms: int, expected: str | None) -> None:
    """A time is RFC 3339 in UTC with milliseconds, and never is null."""
    assert time_of(ms) == expected


def test_a_session_has_the_fields_of_the_contract() -> None:
    """A session carries every field of the contract, and the seeds' names for what they named."""
    shown = session_json(CUSTOMER, SESSION, MESSAGES, 20)

    assert {
        "session_id": "s1",
        "phone_number": PHONE,
        "status": "active",
        "state": "ACTIVE",
        "handled_by": "assistant",
        "agent_id": "default-agent",
        "channel": "sms",
        "current_modality": "sms",
        "title": f"SMS from {PHONE}",
        "created_at": "2026-11-20T10:00:00.000Z",
        "last_activity": "2026-11-20T10:00:02.000Z",
        "last_message_at": "2026-11-20T10:00:02.000Z",
        "ended_at": None,
        "end_reason": None,
        "opened_because": "first message",
        "message_count": 3,
        "channel_counts": {"sms": 2, "whatsapp": 0, "voice": 0},
        "intent": None,
        "language": None,
        "summary": None,
        "extracted_entities": {"order_number": "12345"},
        "entity_details": {
            "order_number": {
                "value": "12345",
                "message_id": "m1",
                "at": "2026-11-20T10:00:00.001Z",
                "earlier": [{"value": "12344", "message_id": None, "at": "2026-11-20T09:59:59.999Z"}],
            }
        },
        "order_details": None,
        "metadata": {"from_number": PHONE, "first_message_at": "2026-11-20T10:00:00.001Z"},
    } == {name: value for name, value in shown.items() if name != "context"}


def test_the_context_is_what_the_next_turn_starts_from() -> None:
    """The context holds the newest messages up to the window, beside what a program put there."""
    session = replace(SESSION, context={"customer_type": "new", "memory": "mine"}, summary="An order.")

    known = [MemoryItem("i1", "preference", "time", "Prefers mornings", 0.9, "m1", AT)]

    context = session_json(CUSTOMER, session, MESSAGES, 2, known)["context"]

    assert ["m2", "m3"] == [message["id"] for message in context.pop("message_history")]
    assert {
        "customer_type": "new",
        "extracted_entities": {"order_number": "12345"},
        "summary": "An order.",
        "memory": [{"type": "preference", "content": "Prefers mornings", "confidence": 0.9}],
        "last_activity": "2026-11-20T10:00:02.000Z",
    } == context


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (EndReason.COMPLETED, "completed"),
        (EndReason.OPTED_OUT, "completed"),
        (EndReason.EXPIRED, "expired"),
        (EndReason.SUPERSEDED, "expired"),
    ],
)
def test_a_closed_session_says_how_it_ended(reason: EndReason, status: str) -> None:
    """CLOSED is expired when time ended it, completed otherwise."""
    session = replace(SESSION, state=State.CLOSED, ended_at=AT + 9, end_reason=reason)

    shown = session_json(CUSTOMER, session)

    assert (status, "CLOSED", str(reason)) == (shown["status"], shown["state"], shown["end_reason"])
    assert "2026-11-20T10:00:00.009Z" == shown["ended_at"]


def test_a_message_has_the_fields_of_the_contract() -> None:
    """A message carries the contract's fields, and everything Twilio said beside it in its metadata."""
    message = said(2, Direction.OUTBOUND)._replace(
        twilio_sid="SM1",
        in_response_to="SM0",
        generated_by="ai",
        error_code=30003,
        media=(Media("https://example.com/a", "image/png"),),
        extra={"NumSegments": "1", "generated_by": "somebody"},
    )

    assert {
        "id": "m2",
        "session_id": "s1",
        "direction": "outbound",
        "role": "assistant",
        "message_type": "text",
        "content": "text 2",
        "channel": "sms",
        "timestamp": "2026-11-20T10:00:00.002Z",
        "status": "delivered",
        "error_code": 30003,
        "metadata": {
            "from_number": OURS,
            "to_number": PHONE,
            "twilio_message_sid": "SM1",
            "in_response_to": "SM0",
            "generated_by": "ai",
            "NumSegments": "1",
            "media": [{"url": "https://example.com/a", "content_type": "image/png"}],
        },
    } == message_json(message)


def test_what_is_not_known_of_a_message_is_null() -> None:
    """The names of the metadata are always there, null where nothing is known."""
    metadata = message_json(said(1))["metadata"]

    assert [None] * 3 == [metadata[n] for n in ("twilio_message_sid", "in_response_to", "generated_by")]


def test_a_customer_across_channels() -> None:
    """A customer carries counts for every channel, and the senders they opted out of."""
    assert {
        "phone_number": PHONE,
        "name": "Alex",
        "language": "en",
        "first_seen": "2026-11-20T10:00:00.000Z",
        "last_seen": "2026-11-20T10:00:00.005Z",
        "channel_counts": {"sms": 2, "whatsapp": 0, "voice": 0},
        "opted_out": [{"channel": "sms", "sender": OURS}],
    } == customer_json(CUSTOMER)


@pytest.mark.parametrize(("limit", "ids"), [(None, ["m1", "m2", "m3"]), (1, ["m3"]), (9, ["m1", "m2", "m3"])])
def test_a_limit_keeps_the_newest_messages_and_nothing_else_changes(
    limit: int | None, ids: list[str]
) -> None:
    """The limit is on the history shown alone: count, context and first message stay those of the session."""
    shown = conversation_json(CUSTOMER, SESSION, MESSAGES, 20, limit)

    assert ids == [message["id"] for message in shown["conversation_history"]]
    assert (3, 3) == (shown["message_count"], len(shown["session"]["context"]["message_history"]))
    assert "2026-11-20T10:00:00.001Z" == shown["session"]["metadata"]["first_message_at"]


def test_in_lists_sessions_come_without_their_messages() -> None:
    """A session of a list has neither message history nor memory, but the time of its first message."""
    shown = session_json(CUSTOMER, SESSION)

    assert {"message_history", "memory"}.isdisjoint(shown["context"])
    assert "2026-11-20T10:00:00.001Z" == shown["metadata"]["first_message_at"]


def test_errors_have_details_only_where_there_are_some() -> None:
    """An error is a code and a sentence, with details where they help."""
    assert {"error": {"code": "a", "message": "B."}} == error_json("a", "B.")
    assert {"error": {"code": "a", "message": "B.", "details": {"c": 1}}} == error_json("a", "B.", {"c": 1})
