"""Calls in the ledger: a word is spoken once, whoever comes for it, and what nobody heard is not lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis

from session import optout, records
from session.calls import Call, Calls, Ended, Then, Word, utterance_of, utterance_sid
from session.claims import Change, HungUp, LedgerConflict
from session.manager import SessionManager
from session.unheard import end_call
from tests.store.desk import AGENT, SMS, VOICE, ClockedLedger, Desk, dump, numbers

SID, OTHER = "CA" + "1" * 32, "CA" + "2" * 32
DAY = 86_400_000


@pytest.fixture
def calls(ledger: ClockedLedger) -> Calls:
    return Calls(ledger)


@pytest.fixture
def spoken(desk: Desk) -> Desk:
    """A call with one answer that is ready."""
    desk.ring_up(SID)
    claim, _ = desk.speak(SID, 1, "An answer")
    desk.ledger.release(claim)
    return desk


def states(desk: Desk, sid: str = SID) -> list[str]:
    return [word.state for word in Calls(desk.ledger).words(desk.cid, sid)]


def told(desk: Desk) -> list[str]:
    """The delivery of everything said, in order."""
    return [m.status for m in desk.ledger.read(desk.cid)[2] if m.direction == "outbound"]


# The call


def test_a_call_is_kept_as_it_was_given(desk: Desk, calls: Calls) -> None:
    """What is known of a call comes back, with the time at which it began."""
    given = Call(SID, VOICE, desk.address, AGENT, language="de", outbound=True)
    call, customer, new = calls.begin(desk.cid, given, {"address": desk.address})

    assert new
    assert call == replace(given, began=desk.clock.now) == calls.find(desk.cid, SID)
    assert (customer.address, customer.channel_counts) == (desk.address, {"calls": 1})
    assert calls.find(desk.cid, OTHER) is None


def test_a_call_begins_once(desk: Desk, calls: Calls, store: redis.Redis) -> None:
    """A repeated webhook finds the call as it is by now, counts nothing and learns nothing."""
    desk.ring_up(SID)
    calls.heard(desk.cid, replace(desk.call(SID), turn=3))
    before = dump(store)

    call, _, new = calls.begin(desk.cid, Call(SID, VOICE, desk.address, "another"), {"name": "X"})

    assert (new, call.turn, call.agent_id) == (False, 3, AGENT)
    assert dump(store) == before


def test_a_call_is_in_the_customers_language(desk: Desk, calls: Calls, store: redis.Redis) -> None:
    """A call that says nothing of a language has the customer's."""
    store.hset(desk.key("customer"), "language", "pt-BR")
    assert desk.ring_up(SID).language == "pt-BR"


def test_a_calls_questions_only_grow(desk: Desk, calls: Calls) -> None:
    """What an earlier question came to, told late, changes nothing; of a call that is not known nothing is kept."""
    call = desk.ring_up(SID)
    calls.heard(desk.cid, replace(call, turn=2, silences=1, language="es"))
    stored = calls.heard(desk.cid, replace(call, turn=1, silences=0, unsure=1, language="fr"))

    assert stored == desk.call(SID)
    assert (stored.turn, stored.silences, stored.unsure, stored.language) == (2, 1, 0, "es")
    unknown = replace(call, sid=OTHER, turn=1)
    assert calls.heard(desk.cid, unknown) == unknown
    assert calls.find(desk.cid, OTHER) is None


def test_calls_go_after_a_day(desk: Desk, calls: Calls, store: redis.Redis) -> None:
    """The hash ends by itself, and a new call takes out those of more than a day ago with their words."""
    desk.ring_up(SID)
    desk.ledger.release(desk.speak(SID, 1, "An answer")[0])
    assert 0 < int(str(store.pttl(desk.key("calls")))) <= DAY
    desk.clock.advance(DAY // 2)
    desk.ring_up(OTHER)
    desk.clock.advance(DAY // 2 + 1)
    desk.ring_up("CA" + "3" * 32)

    assert set(store.hkeys(desk.key("calls"))) == {OTHER, "CA" + "3" * 32}


# Words


def test_a_word_is_ready_with_its_turn(spoken: Desk, calls: Calls, store: redis.Redis) -> None:
    """The commit that decides a word stores it; its message is queued, bound to the call, and never in the outbox."""
    [word] = calls.words(spoken.cid, SID)

    assert (word.text, word.then, word.state, word.turn) == ("An answer", Then.LISTEN, "ready", 1)
    assert word.session
    assert store.llen(spoken.key("outbox")) == 0
    [number] = word.numbers
    part = spoken.part(f"{number}.1")
    assert (part["sid"], part["delivery"]) == (SID, "queued")
    assert spoken.ledger.read(spoken.cid)[2][-1].twilio_sid == SID
    assert told(spoken) == ["queued"]


def test_a_word_and_its_turn_are_one(desk: Desk, calls: Calls, store: redis.Redis) -> None:
    """A commit that is refused leaves neither word nor message; a repeated one leaves one of each."""
    desk.ring_up(SID)
    desk.text("question", VOICE, sid=utterance_sid(SID, 1))
    claim = desk.claim()
    session = desk.open(claim)
    word = Word(SID, 1, "An answer", Then.LISTEN)

    def commit(version: int) -> list[str]:
        return desk.ledger.commit(
            claim, Change(replace(session, version=version), None), answered=numbers(claim),
            replies=[desk.reply("An answer", VOICE, 1, session.epoch)], turn={"kind": "answer"}, word=word,
        )  # fmt: skip

    before = dump(store)
    with pytest.raises(LedgerConflict):
        commit(session.version + 1)
    assert dump(store) == before

    first = commit(session.version)
    after = dump(store)
    assert commit(session.version) == first
    assert dump(store) == after
    assert states(desk) == ["ready"]


@pytest.mark.parametrize("why", ["ended", "unknown"])
def test_nothing_is_committed_for_who_has_hung_up(
    desk: Desk, calls: Calls, store: redis.Redis, why: str
) -> None:
    """A word for a call that is over is refused, and nothing of its turn stored; as not heard it is recorded."""
    if why == "ended":
        desk.ring_up(SID)
        calls.end(desk.cid, SID, "completed", lambda *_: None)
    desk.text("question", VOICE, sid=utterance_sid(SID, 1))
    claim = desk.claim()
    session = desk.open(claim)
    before = dump(store)

    def commit(state: str) -> None:
        word = Word(SID, 1, "An answer", Then.LISTEN, state=state)
        desk.ledger.commit(
            claim, Change(session, None), answered=numbers(claim),
            replies=[desk.reply("An answer", VOICE, 1, session.epoch)], turn={"kind": "answer"}, word=word,
        )  # fmt: skip

    with pytest.raises(HungUp):
        commit("ready")
    assert dump(store) == before

    commit("unheard")
    assert told(desk) == ["undelivered"]
    assert states(desk) == ["unheard"]
    assert store.llen(desk.key("inbox")) == store.llen(desk.key("outbox")) == 0


def test_a_push_takes_a_word_and_tells_the_outcome(spoken: Desk, calls: Calls) -> None:
    """Taken it is on its way, settled it is spoken; nobody else gets it at any time."""
    outcome, word = calls.take(spoken.cid, SID, 1, "push")
    assert (outcome, word and (word.text, word.state)) == ("TAKEN", ("An answer", "pushing"))
    assert told(spoken) == ["sending"]
    assert calls.take(spoken.cid, SID, 1, "push") == ("WAIT", None)
    assert calls.take(spoken.cid, SID, 1, "poll:1") == ("WAIT", None)

    assert calls.settle(spoken.cid, SID, 1, "spoken") == "OK"
    assert calls.settle(spoken.cid, SID, 1, "spoken") == "OK"

    assert told(spoken) == ["sent"]
    for by in ("push", "poll:1", "poll:2"):
        assert calls.take(spoken.cid, SID, 1, by) == ("SPOKEN", None)
    assert calls.settle(spoken.cid, SID, 1, "ready") == "STATE"


def test_a_poll_takes_a_word_and_has_it_again(spoken: Desk, calls: Calls) -> None:
    """The poll that took a word takes it again when its answer was lost; no other poll and no push does."""
    assert calls.take(spoken.cid, SID, 1, "poll:2")[0] == "TAKEN"
    assert calls.take(spoken.cid, SID, 1, "poll:2")[0] == "TAKEN"

    assert calls.take(spoken.cid, SID, 1, "poll:3") == ("SPOKEN", None)
    assert calls.take(spoken.cid, SID, 1, "push") == ("SPOKEN", None)
    assert told(spoken) == ["sent"]


def test_a_refused_push_leaves_the_word_to_the_poll(spoken: Desk, calls: Calls) -> None:
    """A push that certainly did not happen makes the word ready again at once."""
    calls.take(spoken.cid, SID, 1, "push")
    assert calls.settle(spoken.cid, SID, 1, "ready") == "OK"

    assert told(spoken) == ["queued"]
    assert calls.take(spoken.cid, SID, 1, "poll:1")[0] == "TAKEN"


def test_a_push_without_an_outcome_passes_to_the_poll(spoken: Desk, calls: Calls) -> None:
    """After the time of a push, and not before, the poll takes the word; the push's late word changes nothing."""
    calls.take(spoken.cid, SID, 1, "push")
    spoken.clock.advance(spoken.ledger.timing.push_ms)
    assert calls.take(spoken.cid, SID, 1, "poll:1") == ("WAIT", None)
    spoken.clock.advance(1)
    assert calls.take(spoken.cid, SID, 1, "push") == ("WAIT", None)

    assert calls.take(spoken.cid, SID, 1, "poll:2")[0] == "TAKEN"
    assert calls.settle(spoken.cid, SID, 1, "ready") == "STATE"
    assert states(spoken) == ["spoken"]


def test_a_word_is_not_pushed_into_a_later_question(spoken: Desk, calls: Calls) -> None:
    """While the next question is open a push may still come; once the caller has answered it, it may not."""
    calls.heard(spoken.cid, replace(spoken.call(SID), turn=2))
    assert calls.take(spoken.cid, SID, 1, "push") == ("PASSED", None)

    assert states(spoken) == ["ready"]
    assert calls.take(spoken.cid, SID, 1, "poll:1")[0] == "TAKEN"


def test_there_is_nothing_to_take_of_other_calls(spoken: Desk, calls: Calls) -> None:
    """Another question has nothing yet, another call of the same customer nothing of this one's."""
    assert calls.take(spoken.cid, SID, 2, "poll:1") == ("WAIT", None)
    assert calls.take(spoken.cid, OTHER, 1, "push") == ("OVER", None)
    spoken.ring_up(OTHER)
    assert calls.take(spoken.cid, OTHER, 1, "push") == ("WAIT", None)
    assert calls.settle(spoken.cid, OTHER, 1, "spoken") == "GONE"

    calls.end(spoken.cid, OTHER, "completed", lambda *_: None)
    assert states(spoken) == ["ready"]
    assert spoken.call(SID).live


@pytest.mark.parametrize("round_", range(5))
def test_many_come_for_a_word_and_one_speaks_it(spoken: Desk, calls: Calls, round_: int) -> None:
    """Pushes and polls that race for one word: one of them has it."""
    by = ["push", "push", "poll:1", "poll:2", "push", "poll:3", "poll:4", "push"]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda each: calls.take(spoken.cid, SID, 1, each)[0], by))

    assert got.count("TAKEN") == 1
    assert set(got) <= {"TAKEN", "WAIT", "SPOKEN"}


# The end


def test_the_end_is_told_once(spoken: Desk, calls: Calls, store: redis.Redis) -> None:
    """What was ready or on its way is unheard then; a second end, and one of an unknown call, change nothing."""
    claim, _ = spoken.speak(SID, 2, "Another")
    spoken.ledger.release(claim)
    calls.take(spoken.cid, SID, 1, "poll:1")
    calls.take(spoken.cid, SID, 2, "push")

    ended = calls.end(spoken.cid, SID, "completed", lambda *_: None)

    assert (ended.outcome, [w.text for w in ended.unheard], ended.waits) == ("OK", ["Another"], False)
    call = spoken.call(SID)
    assert (call.live, call.status, call.ended_at) == (False, "completed", spoken.clock.now)
    assert states(spoken) == ["spoken", "unheard"]
    assert told(spoken) == ["sent", "undelivered"]
    before = dump(store)
    assert calls.end(spoken.cid, SID, "failed", lambda *_: None) == Ended("KNOWN")
    assert calls.end(spoken.cid, OTHER, "completed", lambda *_: None) == Ended("UNKNOWN")
    assert calls.settle(spoken.cid, SID, 2, "spoken") == "STATE"
    assert calls.take(spoken.cid, SID, 2, "poll:9") == ("OVER", None)
    assert dump(store) == before


@pytest.mark.parametrize("heard", [True, False])
def test_a_word_that_hangs_up_may_end_the_call_itself(desk: Desk, calls: Calls, heard: bool) -> None:
    """Twilio tells of the end before its answer to the push is read: the push tells what came of it, a second end if it failed."""
    desk.ring_up(SID)
    desk.ledger.release(desk.speak(SID, 1, "Goodbye", Then.HANGUP)[0])
    calls.take(desk.cid, SID, 1, "push")

    first = calls.end(desk.cid, SID, "completed", lambda _, words: desk.by_text(words))
    assert (first.outcome, first.unheard, desk.call(SID).live) == ("OK", (), False)

    if heard:
        assert calls.settle(desk.cid, SID, 1, "spoken") == "OK"
    second = calls.end(desk.cid, SID, "completed", lambda _, words: desk.by_text(words))
    assert second.outcome == ("KNOWN" if heard else "OK")
    assert told(desk) == (["sent"] if heard else ["undelivered", "queued"])
    assert calls.end(desk.cid, SID, "completed", lambda _, words: desk.by_text(words)).outcome == "KNOWN"


def test_what_nobody_heard_is_owed_in_the_same_step(spoken: Desk, calls: Calls, store: redis.Redis) -> None:
    """The text stands in the session and the outbox, is counted, and its customer is rung for."""
    before = spoken.session()
    ended = calls.end(spoken.cid, SID, "completed", lambda _, words: spoken.by_text(words))

    assert ended.waits
    [message_id] = ended.message_ids
    assert told(spoken) == ["undelivered", "queued"]
    assert spoken.session().message_count == before.message_count + 1
    assert spoken.due_at() == spoken.clock.now + spoken.ledger.timing.ring_ms
    claim = spoken.claim()
    assert [part.number for part in claim.parts] == [message_id.rpartition("m")[2] + ".1"]
    assert spoken.begin(claim, claim.parts[0])[0] == "GO"


def test_an_opt_out_forbids_the_text_and_nothing_else(spoken: Desk, calls: Calls, store: redis.Redis) -> None:
    """A customer who opted out of texts is sent none, and the words are recorded as not heard."""
    store.hset(spoken.key("customer"), optout.field(SMS), "1")

    ended = calls.end(spoken.cid, SID, "completed", lambda _, words: spoken.by_text(words))

    assert (ended.outcome, ended.message_ids, ended.waits) == ("OK", (), False)
    assert told(spoken) == ["undelivered"]


def test_an_end_decides_anew_when_others_were_faster(spoken: Desk, calls: Calls) -> None:
    """A word taken, one decided, or a session written between looking and ending: what is owed is decided again."""
    seen: list[list[str]] = []

    def owe(_: Call, words: list[Word]) -> object:
        seen.append([word.text for word in words])
        text = spoken.by_text(words)
        if len(seen) == 1:
            claim, _number = spoken.speak(SID, 2, "Another")
            spoken.ledger.release(claim)
        elif len(seen) == 2:
            spoken.ledger.write(spoken.cid, Change(replace(spoken.session(), summary="x"), None))
        return text

    ended = calls.end(spoken.cid, SID, "completed", owe)  # type: ignore[arg-type]

    assert seen == [["An answer"], ["An answer", "Another"], ["An answer", "Another"]]
    assert (ended.outcome, len(ended.message_ids)) == ("OK", 1)
    assert told(spoken) == ["undelivered", "undelivered", "queued"]


def test_an_end_that_cannot_be_written_ends_nothing(spoken: Desk, calls: Calls, store: redis.Redis) -> None:
    """Where others keep writing the session the end gives up, and may be told again."""

    def owe(_: Call, words: list[Word]) -> object:
        text = spoken.by_text(words)
        spoken.ledger.write(spoken.cid, Change(replace(spoken.session(), summary="x"), None))
        return text

    with pytest.raises(LedgerConflict):
        calls.end(spoken.cid, SID, "completed", owe)  # type: ignore[arg-type]
    assert spoken.call(SID).live
    assert states(spoken) == ["ready"]


def test_a_person_who_stepped_in_forbids_the_text(spoken: Desk, manager: SessionManager) -> None:
    """What the assistant decided before a person took over is not sent in the place of what nobody heard."""
    answering(manager)
    spoken.ledger.write(spoken.cid, Change(replace(spoken.session(), epoch=spoken.session().epoch + 1), None))

    ended = end_call(manager, spoken.cid, SID, "completed", None)

    assert (ended.outcome, ended.message_ids) == ("OK", ())
    assert told(spoken) == ["undelivered"]


def test_several_words_are_one_text(spoken: Desk, manager: SessionManager) -> None:
    """What was not heard goes as one message, in order, without the word that only calls a person."""
    answering(manager)
    spoken.ledger.release(spoken.speak(SID, 2, "And another")[0])
    spoken.ledger.release(spoken.speak(SID, 3, "Putting you through", Then.DIAL)[0])

    [message_id] = end_call(manager, spoken.cid, SID, "completed", None).message_ids

    text = spoken.ledger.read(spoken.cid)[2][-1]
    assert (text.id, text.channel, text.content) == (message_id, "sms", "An answer\n\nAnd another")
    assert (text.in_response_to, text.extra) == (utterance_sid(SID, 2), {"in_place_of_call": SID})


def answering(manager: SessionManager) -> None:
    """The default agent says that answers go by text."""
    agent = manager.agents.default
    rules = replace(agent.voice, answer_by_text=True)
    manager.agents._by_id[agent.id] = replace(agent, voice=rules)


# Forgetting, and what a call is called


def test_a_forgotten_customers_call_is_gone(spoken: Desk, calls: Calls, store: redis.Redis) -> None:
    """After forgetting nothing of a call is found, and nothing that comes late brings it back."""
    calls.take(spoken.cid, SID, 1, "push")
    spoken.speak(SID, 2, "Another")
    spoken.ledger.forget(spoken.cid)
    before = dump(store)

    assert calls.find(spoken.cid, SID) is None
    assert calls.settle(spoken.cid, SID, 1, "spoken") == "GONE"
    assert calls.take(spoken.cid, SID, 1, "poll:1") == ("OVER", None)
    assert calls.end(spoken.cid, SID, "completed", lambda *_: None).outcome == "UNKNOWN"
    calls.heard(spoken.cid, Call(SID, VOICE, spoken.address, AGENT, turn=4))
    assert dump(store) == before


def test_no_field_of_a_call_holds_a_number(spoken: Desk, store: redis.Redis) -> None:
    """Keys and fields name calls by their SID."""
    fields = [str(f) for f in store.hkeys(spoken.key("calls"))]
    assert sorted(fields) == [SID, f"{SID}:1"]


@pytest.mark.parametrize(
    ("sid", "found"),
    [
        (f"{SID}.1", (SID, 1)), (f"{SID}.100", (SID, 100)), (SID, None), (f"{SID}.0", None), (f"{SID}.01", None),
        (f"{SID}.-1", None), (f"{SID}.1\n", None), ("SM" + "1" * 32 + ".1", None), (f"{SID}.{'9' * 9}", None),
    ],
)  # fmt: skip
def test_an_utterance_names_its_call_and_question(sid: str, found: tuple[str, int] | None) -> None:
    """A message's SID tells whether it is an utterance; a record keeps it as it is."""
    assert utterance_of(sid) == found
    assert records.unpack_sid(records.pack_sid(sid)) == sid


def test_two_releases_read_each_others_calls(spoken: Desk, calls: Calls, store: redis.Redis) -> None:
    """A field that a later release wrote is kept by a step of ours."""
    value = str(store.hget(spoken.key("calls"), SID))
    store.hset(spoken.key("calls"), SID, value[:-1] + ',"later":"x"}')

    calls.heard(spoken.cid, replace(spoken.call(SID), turn=5))

    assert '"later":"x"' in str(store.hget(spoken.key("calls"), SID))


def test_the_time_of_a_push_follows_its_setting() -> None:
    """The poll waits as long as a push may take, and a little longer."""
    from config.settings import load_settings
    from session.claims import Timing
    from tests.store.conftest import ENVIRONMENT

    timing = Timing.of(load_settings({**ENVIRONMENT, "WORD_PUSH_SECONDS": "3"}, env_file=None))
    assert timing.push_ms == 5_000
