"""Delivery callbacks: forward only, of the right customer, and proof of what Twilio accepted."""

from __future__ import annotations

import itertools

import pytest
import redis

from session.claims import Part
from tests.store.desk import WHATSAPP, Desk, dump

WORDS = ["queued", "sending", "sent", "delivered", "read"]


@pytest.fixture
def sent(desk: Desk) -> Part:
    """A part that Twilio accepted as SM1."""
    claim, parts = desk.owe()
    desk.begin(claim, parts[0])
    desk.ledger.sent(desk.cid, parts[0].number, "SM1")
    desk.ledger.release(claim)
    return parts[0]


def tell(desk: Desk, number: str, status: str, *, sid: str = "SM1", error: str = "") -> tuple[str, bool]:
    return desk.ledger.status(desk.cid, number, sid, status, error, desk.address)


def delivery(desk: Desk) -> str:
    return desk.ledger.read(desk.cid)[2][-1].status


@pytest.mark.parametrize("order", list(itertools.permutations(WORDS)), ids="-".join)
def test_callbacks_in_any_order(desk: Desk, sent: Part, order: tuple[str, ...]) -> None:
    """Whatever the order of callbacks, a message's delivery only moves on and ends at the furthest."""
    furthest = -1
    for word in order:
        outcome = tell(desk, sent.number, word)[0]
        assert outcome == ("OK" if WORDS.index(word) > furthest else "IGNORED")
        furthest = max(furthest, WORDS.index(word))
        assert delivery(desk) == WORDS[furthest]


@pytest.mark.parametrize("word", ["failed", "undelivered"])
def test_a_failed_delivery_keeps_its_reason(desk: Desk, sent: Part, word: str) -> None:
    """A carrier's refusal and its code are on the message; a later 'sent' does not hide it."""
    assert tell(desk, sent.number, word, error="30003") == ("OK", False)
    assert tell(desk, sent.number, "sent")[0] == "IGNORED"

    last = desk.ledger.read(desk.cid)[2][-1]
    assert (last.status, last.error_code, last.twilio_sid) == (word, 30003, "SM1")


@pytest.mark.parametrize(
    ("number", "sid", "to", "expected"),
    [
        ("", "SM1", "same", "OK"),
        ("", "SM9", "same", "UNKNOWN"),
        ("99.1", "SM1", "same", "UNKNOWN"),
        ("nonsense", "SM1", "same", "UNKNOWN"),
        ("owed", "SM2", "+15005559999", "FOREIGN"),
        ("owed", "SM2", "", "FOREIGN"),
        ("own", "SM9", "same", "DOUBLE"),
        ("own", "SM1", "same", "OK"),
    ],
)
def test_whose_callback_it_is(
    desk: Desk, store: redis.Redis, sent: Part, number: str, sid: str, to: str, expected: str
) -> None:
    """A callback counts for the part of its id or SID: the SID it was sent under, or while it is owed the address it goes to."""
    owed = desk.owe()[1][0]
    before = dump(store)
    to = desk.address if to == "same" else to
    name = {"own": sent.number, "owed": owed.number}.get(number, number)

    got = desk.ledger.status(desk.cid, name, sid, "delivered", "", to)

    assert got == (expected, False)
    assert (dump(store) == before) is (expected != "OK")


@pytest.mark.parametrize("error", ["", "abc", "0", "99999999999999999999", "30003; drop"])
def test_an_odd_error_code_does_no_harm(desk: Desk, sent: Part, error: str) -> None:
    """Whatever stands for an error code, the callback is applied and the message can be read."""
    assert tell(desk, sent.number, "failed", error=error)[0] == "OK"
    assert delivery(desk) == "failed"


def test_an_unknown_word_is_ignored(desk: Desk, sent: Part, store: redis.Redis) -> None:
    """A status that we do not know moves nothing."""
    before = dump(store)

    assert tell(desk, sent.number, "teleported") == ("IGNORED", False)

    assert dump(store) == before


@pytest.mark.parametrize("state", ["sending", "unknown"])
def test_a_callback_proves_acceptance(desk: Desk, state: str) -> None:
    """A part whose answer was lost is sent as soon as a callback tells of it, and its lane goes on."""
    claim, parts = desk.owe()
    desk.begin(claim, parts[0])
    if state == "unknown":
        desk.ledger.settle(claim, parts[0].number, ["sending"], "unknown", wait_ms=20_000)
    desk.text("more")
    desk.ledger.release(claim)

    assert tell(desk, parts[0].number, "teleported") == ("OK", True)
    assert desk.due_at() == desk.clock.now

    assert desk.part(parts[0].number)["state"] == "sent"
    claim = desk.claim()
    assert (claim.parts, [w.message.content for w in claim.messages]) == ([], ["more"])
    assert tell(desk, "", "delivered") == ("OK", False)
    assert [m.status for m in desk.ledger.read(desk.cid)[2]] == ["received", "delivered"]


def test_a_proof_during_a_claim_rings_nobody(desk: Desk) -> None:
    """While somebody holds the claim the callback need not ring: the holder looks again."""
    claim, parts = desk.owe()
    desk.begin(claim, parts[0])
    desk.text("more", WHATSAPP)

    assert tell(desk, parts[0].number, "sent") == ("OK", False)
    assert desk.ledger.release(claim)


def test_a_proof_that_leaves_nothing_rings_nobody(desk: Desk) -> None:
    """When nothing waits, the callback of the last part ends the matter."""
    claim, parts = desk.owe()
    desk.begin(claim, parts[0])
    desk.ledger.settle(claim, parts[0].number, ["sending"], "unknown", wait_ms=20_000)
    desk.ledger.release(claim)

    assert tell(desk, parts[0].number, "sent") == ("OK", False)
    assert not desk.owes()
    assert desk.not_claimed().outcome == "EMPTY"
    assert desk.due_at() is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("delivered", "delivered"), "delivered"),
        (("delivered", "sent"), "sent"),
        (("sent", "failed"), "failed"),
        (("undelivered", "delivered"), "undelivered"),
    ],
)
def test_a_message_is_as_far_as_its_worst_part(desk: Desk, words: tuple[str, str], expected: str) -> None:
    """A reply in parts is delivered when all are, and failed when one is."""
    claim, parts = desk.owe(parts=2)
    for part, word in zip(parts, words, strict=True):
        tell(desk, part.number, word, sid=f"SM{part.number}")

    assert delivery(desk) == expected
    assert not desk.ledger.release(claim)
