"""WhatsApp's window: a table of what may be said when."""

from __future__ import annotations

import pytest

from session import whatsapp
from session.model import Channel, Customer, Direction, Lane, Message, Role

NOW = 1_790_000_000_000
DAY_MS = 86_400_000
OURS, OURS_TOO = "+15550001111", "+15550002222"
WHATSAPP, OTHER, SMS = Lane(Channel.WHATSAPP, OURS), Lane(Channel.WHATSAPP, OURS_TOO), Lane(Channel.SMS, OURS)


def customer(**heard: int) -> Customer:
    lanes = {"ours": str(WHATSAPP), "other": str(OTHER)}
    return Customer("c" * 32, "+15551234567", heard={lanes[name]: at for name, at in heard.items()})


def message(ms_ago: int, direction: Direction = Direction.INBOUND, lane: Lane = WHATSAPP) -> Message:
    theirs, inbound = "+15551234567", direction is Direction.INBOUND
    return Message(
        direction, Role.USER, "Hello", lane.channel, theirs if inbound else lane.ours,
        lane.ours if inbound else theirs, at=NOW - ms_ago,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lane", "known", "messages", "allowed"),
    [
        (SMS, customer(), [], True),  # no other channel has a window
        (WHATSAPP, customer(), [], False),  # they never wrote
        (WHATSAPP, customer(ours=NOW), [], True),
        (WHATSAPP, customer(ours=NOW - DAY_MS), [], True),  # to the millisecond
        (WHATSAPP, customer(ours=NOW - DAY_MS - 1), [], False),
        (WHATSAPP, customer(other=NOW), [], False),  # each number of ours has its own
        (OTHER, customer(other=NOW), [], True),
        (WHATSAPP, customer(ours=0), [], False),  # WhatsApp said that it is closed
        (WHATSAPP, customer(ours=0), [message(1000)], False),  # which the messages do not gainsay
        (WHATSAPP, customer(), [message(1000)], True),  # an earlier release kept no time
        (WHATSAPP, customer(), [message(DAY_MS + 1)], False),
        (WHATSAPP, customer(), [message(1000, Direction.OUTBOUND)], False),  # what we said opens nothing
        (WHATSAPP, customer(), [message(1000, lane=SMS)], False),  # nor does a text
        (WHATSAPP, customer(), [message(1000, lane=OTHER)], False),
        (WHATSAPP, customer(), [message(DAY_MS + 1), message(1000), message(5000)], True),
    ],
)
def test_free_text_goes_for_a_day_after_the_last_message(
    lane: Lane, known: Customer, messages: list[Message], allowed: bool
) -> None:
    """The window is the lane's own, lasts a day to the millisecond, and what WhatsApp says of it stands."""
    assert allowed == whatsapp.may_say(known, lane, NOW, messages)


@pytest.mark.parametrize(
    ("lane", "field"), [(SMS, ""), (WHATSAPP, f"heard:whatsapp|{OURS}"), (Lane(Channel.VOICE, OURS), "")]
)
def test_only_whatsapp_has_a_window(lane: Lane, field: str) -> None:
    """No time is kept for a channel without a window."""
    assert field == whatsapp.field(lane)
