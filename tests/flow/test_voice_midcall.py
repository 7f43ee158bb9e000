"""What comes between in a call, at the real web server: a push of which nobody knows, a fault at Twilio, a deletion."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

import pytest

from session import keys
from session.calls import Calls
from session.ledger import Ledger
from tests.flow.system import API_KEY, call
from tests.flow.voice_line import Line, line, spoken, urls, web  # noqa: F401  line and web are fixtures

WORD = "It is on its way."


def pushed_long_ago(line: Line) -> Calls:
    """A word whose push has no outcome, and no time left to have one."""
    line.answers(WORD)
    calls = Calls(Ledger(line.store))
    assert calls.take(line.cid, line.sid, 1, "push")[0] == "TAKEN"
    field, name = f"{line.sid}:1", keys.customer_key("calls", line.cid)
    word = str(line.store.hget(name, field))
    at = word.partition('"at":')[2].partition(",")[0].rstrip("}")
    line.store.hset(name, field, word.replace(f'"at":{at}', '"at":1'))
    return calls


def test_a_push_that_nobody_knows_of_was_spoken_where_its_question_is_heard(line: Line) -> None:
    """Silence at the question behind a word proves that the word was spoken: it is not spoken again."""
    line.says(line.ring(), "hello")
    calls = pushed_long_ago(line)

    tree = line.post("/voice/turn?n=2")

    assert spoken(tree) == "I did not hear anything. Are you still there?"
    assert [word.state for word in calls.words(line.cid, line.sid)] == ["spoken"]
    assert line.delivery() == [("voice", WORD, "sent")]


def test_a_push_that_never_came_is_made_good_after_a_wait_in_vain(line: Line) -> None:
    """Who was asked for more before the answer was there hears it in the next silence, or in the one after."""
    tree = line.says(line.ring(), "hello")
    while tree.find("Redirect") is not None:
        tree = line.polls(tree)
    tree = line.silent(tree)
    assert spoken(tree).startswith("I did not hear")
    pushed_long_ago(line)

    assert spoken(line.silent(tree)) == WORD


def test_a_call_that_begins_again_still_gets_its_answer(line: Line) -> None:
    """Where Twilio could not reach us in mid-call it begins anew: the answer that waits is spoken after the greeting."""
    line.says(line.ring(), "hello")
    line.answers(WORD)
    tree = line.ring()

    assert urls(tree) == [f"{line.web.base}/voice/turn?n=2&late=1"]
    assert spoken(line.silent(tree)) == WORD


def test_a_waiting_call_outlasts_redis(line: Line) -> None:
    """While Redis is away a call that waits is held on, and then hears the answer by the very poll that failed."""
    held = line.says(line.ring(), "hello")
    line.answers(WORD)
    line.store.client_pause(3_000, all=True)
    tree = line.polls(held)
    line.store.client_unpause()

    assert [verb.tag for verb in tree] == ["Pause", "Redirect"]
    assert urls(tree) == [f"{line.web.base}/voice/wait?n=1&t=1&away=1"]
    assert spoken(line.polls(tree)) == WORD


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/voice/wait?n=1&t=1", {}),
        ("/voice/turn?n=2", {}),
        ("/voice/turn?n=2", {"SpeechResult": "and another thing"}),
        ("/voice/turn?n=2&dialled=1", {"DialCallStatus": "completed"}),
    ],
)
def test_a_customer_who_is_deleted_in_mid_call_stays_so(
    line: Line, path: str, fields: dict[str, str]
) -> None:
    """The call that goes on is ended politely, and nothing of the customer is kept again, until they call anew."""
    line.says(line.ring(), "hello")
    auth = {"Authorization": f"Bearer {API_KEY}"}
    assert call("DELETE", f"{line.web.base}/privacy/delete/{line.theirs}", headers=auth)[0] == 200

    tree = line.post(path, **fields)
    line.post("/voice/status", CallStatus="completed")

    assert [verb.tag for verb in tree] == ["Say", "Hangup"]
    assert spoken(tree) == "Thank you for calling. Goodbye."
    assert [name for name in line.store.keys("*") if line.cid in name] == [
        keys.customer_key("erased", line.cid)
    ]
    again = Line(line.web, line.theirs)
    assert again.says(again.ring(), "hello").find("Redirect") is not None
