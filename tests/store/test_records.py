"""Records come back from the store as they went in, and a reader is patient with other releases."""

from __future__ import annotations

import json
from dataclasses import replace

import fakeredis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session import course, keys, records
from session.claims import Change
from session.ledger import Ledger
from session.model import (
    Channel,
    Direction,
    EndReason,
    Entity,
    HandledBy,
    Keyword,
    Media,
    Message,
    MessageType,
    Role,
    Session,
    State,
)
from tests.store.desk import SMS, SMS_TOO, Clock, Desk, cid_of

CID = cid_of("anybody")
MODERATE = settings(derandomize=True, max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

odd_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | odd_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3),
    max_leaves=8,
)
moment = st.integers(1, 2**41)
messages = st.builds(
    Message,
    direction=st.sampled_from(Direction), role=st.sampled_from(Role), content=odd_text,
    channel=st.sampled_from(Channel), from_number=odd_text, to_number=odd_text,
    message_type=st.sampled_from(MessageType), twilio_sid=odd_text, in_response_to=odd_text,
    generated_by=odd_text, keyword=st.sampled_from(Keyword),
    media=st.lists(st.builds(Media, odd_text, odd_text), max_size=3).map(tuple),
    extra=st.dictionaries(odd_text, plain, max_size=3),
)  # fmt: skip
sessions = st.builds(
    Session,
    id=st.just(keys.make_id("s", CID, 7)), agent_id=st.sampled_from(["a", "default-agent"]), channel=st.sampled_from(Channel),
    state=st.sampled_from(State), handled_by=st.sampled_from(HandledBy), title=odd_text, created_at=moment,
    last_activity=moment, version=st.integers(1, 10**9), epoch=st.integers(0, 10**9), last_inbound_at=moment,
    last_message_at=moment, ended_at=moment, end_reason=st.none() | st.sampled_from(EndReason),
    opened_because=odd_text, inbound_count=st.integers(0, 10**6), outbound_count=st.integers(0, 10**6),
    channel_counts=st.dictionaries(st.sampled_from([str(c) for c in Channel]), st.integers(1, 99)),
    intent=odd_text, language=odd_text, summary=odd_text,
    entities=st.dictionaries(odd_text, st.builds(Entity, plain, odd_text, moment), max_size=3),
    order_details=st.none() | st.dictionaries(odd_text, plain, min_size=1, max_size=3),
    context=st.dictionaries(odd_text, plain, max_size=3), scope=st.sampled_from(["*", "sms", "whatsapp"]),
    first_from=odd_text, ours=odd_text,
)  # fmt: skip


@MODERATE
@given(messages)
def test_a_message_comes_back(message: Message) -> None:
    """A message of any content is read as it was written."""
    element = "7:21:mub1gc00:" + records.encode_message(message)

    got = records.decode_messages(CID, 7, [element], [], {})

    expected = message._replace(
        id=keys.make_id("m", CID, 21), session_id=keys.make_id("s", CID, 7), at=int("mub1gc00", 36),
        status="received" if message.direction is Direction.INBOUND else "sent",
        error_code=None, sent_at=0,
    )  # fmt: skip
    assert got == [expected]


@MODERATE
@given(st.from_regex(r"(SM|MM|CA|XX)[0-9a-fA-F]{31,33}", fullmatch=True) | odd_text)
def test_a_sid_comes_back(sid: str) -> None:
    """A SID is packed into 23 characters without a colon, and anything else in its place comes back too."""
    packed = records.pack_sid(sid)

    assert records.unpack_sid(packed) == sid
    assert ":" not in packed
    assert len(records.pack_sid("MM" + "0f" * 16)) == 23


def test_what_went_out_tells_what_it_answers(desk: Desk) -> None:
    """An answer names the SID of the last message it answers, also where that one is just out of sight."""
    sid = "SM" + "ab" * 16
    desk.text("one", sid="SM" + "cd" * 16)
    desk.text("two", sid=sid)
    claim = desk.claim()
    message = Message(Direction.OUTBOUND, Role.ASSISTANT, "An answer", Channel.SMS, generated_by="ai")
    reply = {"record": records.encode_message(message, 0, claim.messages[-1].number), "parts": []}
    desk.ledger.commit(
        claim,
        Change(desk.open(claim), None),
        answered=[w.number for w in claim.messages],
        replies=[reply],
        turn={},
    )

    for last in (-1, 1, 2):
        assert desk.ledger.read(desk.cid, last=last)[2][-1].in_response_to == sid
    assert [m.content for m in desk.ledger.read(desk.cid, last=2)[2]] == ["two", "An answer"]


def test_numbers_that_are_known_are_not_written_again(desk: Desk, store: fakeredis.FakeRedis) -> None:
    """Both numbers of a message are read as they were, and stand in its record only where they are unusual ones."""
    for lane in (SMS, SMS_TOO):
        desk.answer("Hi", lane)

    messages = [m for n in (1, 2) for m in desk.ledger.read(desk.cid, n)[2]] or desk.ledger.read(desk.cid)[2]
    stored = [str(element) for element in store.lrange(desk.key("history"), 0, -1)]

    assert {(m.lane, desk.address in (m.from_number, m.to_number)) for m in messages} == {
        (SMS, True),
        (SMS_TOO, True),
    }
    assert [desk.address in element for element in stored] == [False] * 4
    assert [SMS.ours in element for element in stored] == [False] * 4
    assert [SMS_TOO.ours in element for element in stored] == [False, False, True, True]


@MODERATE
@given(sessions)
def test_a_session_comes_back(session: Session) -> None:
    """A session of any content is read as it was written."""
    value = f"{session.version}:{session.epoch}:nonce:{records.encode_session(session)}"

    assert records.decode_session(CID, 7, value) == session


_LEDGER = Ledger(fakeredis.FakeRedis(decode_responses=True))


@settings(MODERATE, max_examples=25)
@given(sessions, st.lists(messages, max_size=3))
def test_they_come_back_through_the_scripts(session: Session, said: list[Message]) -> None:
    """What any session and messages hold survives JSON in Lua, in a store that has it all."""
    _LEDGER.redis.flushall()
    fresh = replace(session, id="", version=0, state=State.ACTIVE)

    written = _LEDGER.write(CID, Change(fresh, None), said)

    stored = written.session
    _, got, history = _LEDGER.read(CID, keys.parse_id(stored.id).number)  # type: ignore[union-attr]
    assert got == stored
    assert [m.content for m in history] == [m.content for m in said]
    assert tuple(m.id for m in history) == written.message_ids


BIG = '🙂é\u2028"\\/%s\r\n\t' * 6_000


@pytest.mark.parametrize(
    "content",
    [
        "", " ", "🙂", "👨\u200d👩\u200d👧", "\u202eabc", "\ufeff", "\x01\x1f\x7f", "\u0000", '{"a": [}', "]] .. os.exit()",
        "*3\r\n$3\r\nDEL\r\n", "%s%d%n", "{{7*7}}", "1:2:3:", "a|b", "\\u0000", "\\ud800", BIG,
    ],
    ids=range(18),
)  # fmt: skip
def test_any_text_goes_through_a_turn(desk: Desk, content: str) -> None:
    """A message and its answer are the same text at every station of a turn, whatever they hold."""
    desk.text(content)
    claim = desk.claim()
    assert [w.message.content for w in claim.messages] == [content]
    desk.commit(claim, desk.open(claim), content)
    desk.ledger.release(claim)

    again = desk.claim()

    assert [p.text for p in again.parts] == [content]
    assert [m.content for m in desk.ledger.read(desk.cid)[2]] == [content, content]


def test_half_a_character_stops_nobody(desk: Desk) -> None:
    """A lone surrogate, which no store can hold, is stored as the sign for an unreadable character."""
    desk.text("a\ud800b")

    assert [w.message.content for w in desk.claim().messages] == ["a\ufffdb"]


def test_another_releases_records_are_read(desk: Desk, clock: Clock) -> None:
    """Fields and kinds of message that this release does not know are left out, and what is missing has its default."""
    desk.answer("Hi")
    redis = desk.ledger.redis
    number, value = next(iter(redis.hgetall(desk.key("sessions")).items()))
    *head, record = str(value).split(":", 3)
    least = {k: json.loads(record)[k] for k in ("a", "s", "at", "t")}
    later = json.dumps({"v": 2, **least, "later": {"x": []}})
    redis.hset(desk.key("sessions"), number, ":".join([*head, later]))
    later_kind = str(redis.lindex(desk.key("history"), 0)).replace(":is:", ":zz3:")
    redis.linsert(desk.key("history"), "BEFORE", str(redis.lindex(desk.key("history"), 1)), later_kind)

    _, session, history = desk.ledger.read(desk.cid)

    assert session and (session.state, session.entities, session.scope) == (State.NEW, {}, "*")
    assert [m.content for m in history] == ["Hi", "Re: Hi"]


def test_what_equals_its_default_is_not_written() -> None:
    """A fresh session and a plain message take few bytes."""
    fresh = course.begin("a", Channel.SMS, "*", "+15005550001", SMS.ours, "first message", 1)
    assert set(json.loads(records.encode_session(fresh))) == {"v", "a", "s", "at", "t", "f", "u"}
    plain_message = Message(Direction.INBOUND, Role.USER, "Hi", Channel.SMS, "+15005550001", SMS.ours)
    assert records.encode_message(plain_message) == f"is:{SMS.ours}:+15005550001::tHi"
