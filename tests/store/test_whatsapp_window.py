"""WhatsApp's window in the ledger: opened by the customer's message, looked at before each send, closed by WhatsApp's word."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from session.claims import Part
from session.model import Channel, Lane
from tests.store.desk import OURS_TOO, SMS, WHATSAPP, Clock, Desk, dump

DAY_MS = 86_400_000
OTHER = Lane(Channel.WHATSAPP, OURS_TOO)


def heard(desk: Desk) -> dict[str, int]:
    return desk.ledger.read(desk.cid)[0].heard


def test_each_message_opens_the_window_of_its_lane(desk: Desk, clock: Clock) -> None:
    """When the customer was last heard is kept for each lane of WhatsApp's, and for no other."""
    desk.text("Hi", SMS)
    assert {} == heard(desk)
    desk.text("Hi", WHATSAPP)
    first = clock.now
    clock.advance(5_000)
    desk.text("Hi", OTHER)

    assert {str(WHATSAPP): first, str(OTHER): clock.now} == heard(desk)
    desk.text("Hi", WHATSAPP, sid="SM" + "1" * 32)
    clock.advance(5_000)
    desk.text("Hi", WHATSAPP, sid="SM" + "1" * 32)
    assert {str(WHATSAPP): clock.now - 5_000, str(OTHER): clock.now - 5_000} == heard(
        desk
    )  # a DUP opens nothing


@pytest.mark.parametrize(
    ("lane", "late_ms", "more", "verdict"),
    [
        (WHATSAPP, DAY_MS, {}, ("GO", "1")),
        (WHATSAPP, DAY_MS + 1, {}, ("REFUSED", "outside_window")),
        (WHATSAPP, DAY_MS + 1, {"content_sid": "HX1"}, ("GO", "1")),
        (SMS, DAY_MS + 1, {}, ("GO", "1")),
    ],
)
def test_the_last_gate_looks_at_the_window(
    desk: Desk, clock: Clock, store: redis.Redis, lane: Lane, late_ms: int, more: dict[str, Any], verdict: tuple[str, str]
) -> None:  # fmt: skip
    """To the millisecond a day after the last message free text is held back, a template is not; texts have no window."""
    claim, (part,) = desk.owe(lane=lane)
    if lane is WHATSAPP:
        store.hset(desk.key("customer"), f"heard:{lane}", clock.now - late_ms)
    part = Part(part.number, part.record | more)

    assert verdict == desk.begin(claim, part, lane)
    assert ("sending" if verdict[0] == "GO" else "pending") == desk.part(part.number)["state"]


def test_where_nothing_is_known_whatsapp_judges(desk: Desk, store: redis.Redis) -> None:
    """Of a customer of an earlier release no time is kept: the part goes, and WhatsApp says what it thinks."""
    claim, (part,) = desk.owe(lane=WHATSAPP)
    store.hdel(desk.key("customer"), f"heard:{WHATSAPP}")

    assert ("GO", "1") == desk.begin(claim, part, WHATSAPP)


def test_whatsapps_word_closes_the_window_until_they_write(desk: Desk, clock: Clock) -> None:
    """63016 about a part that Twilio had taken is a failure of its session, once, and holds the next part back."""
    claim, parts = desk.owe(lane=WHATSAPP, parts=2)
    session = claim.facts
    desk.begin(claim, parts[0], WHATSAPP)
    desk.ledger.sent(desk.cid, parts[0].number, "SM1")
    clock.advance(120_000)

    assert "LEARNT" == desk.ledger.learn_window(desk.cid, "", "SM1", desk.address, WHATSAPP)
    assert "IGNORED" == desk.ledger.learn_window(desk.cid, "", "SM1", desk.address, WHATSAPP)
    assert ("OK", False) == desk.ledger.status(
        desk.cid, parts[0].number, "SM1", "failed", "63016", desk.address
    )
    assert "IGNORED" == desk.ledger.learn_window(desk.cid, parts[0].number, "SM1", desk.address, WHATSAPP)
    assert ({str(WHATSAPP): 0}, ("REFUSED", "outside_window")) == (
        heard(desk), desk.begin(claim, parts[1], WHATSAPP)
    )  # fmt: skip
    ((number, failure),) = desk.ledger.redis.hgetall(desk.key("failures")).items()  # type: ignore[union-attr]
    told = json.loads(failure)
    assert (parts[0].number, "window_closed", 63016) == (number, told["reason"], told["error"])
    assert told["session"] == int(desk.session().id.rpartition("s")[2]), session

    desk.text("I am back", WHATSAPP)
    assert ("GO", "1") == desk.begin(claim, parts[1], WHATSAPP)


def test_who_wrote_a_moment_ago_keeps_the_window_open(desk: Desk, clock: Clock) -> None:
    """A message that came while WhatsApp was refusing an older one is not undone."""
    claim, (part,) = desk.owe(lane=WHATSAPP)
    desk.begin(claim, part, WHATSAPP)
    clock.advance(120_000)
    desk.text("Hello?", WHATSAPP)
    clock.advance(30_000)

    assert "LEARNT" == desk.ledger.learn_window(desk.cid, part.number, "", desk.address, WHATSAPP)
    assert {str(WHATSAPP): clock.now - 30_000} == heard(desk)


@pytest.mark.parametrize(
    ("number", "sid", "to"),
    [("99.1", "", "+15005550001"), ("", "SM9", "+15005550001"), ("own", "SM9", "+15005550001")],
)
def test_news_of_nobody_closes_nothing(
    desk: Desk, store: redis.Redis, number: str, sid: str, to: str
) -> None:
    """A callback that fits no part of this customer changes nothing."""
    claim, (part,) = desk.owe(lane=WHATSAPP)
    desk.begin(claim, part, WHATSAPP)
    desk.ledger.sent(desk.cid, part.number, "SM1")
    before = dump(store)

    name = part.number if number == "own" else number
    assert "IGNORED" == desk.ledger.learn_window(desk.cid, name, sid, to, WHATSAPP)
    assert before == dump(store)
