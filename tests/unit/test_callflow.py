"""TwiML of calls as the local Twilio reads it, and its memory of calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import Dial as DialElement
from twilio.twiml.voice_response import Gather as GatherElement
from twilio.twiml.voice_response import VoiceResponse

from console.commands_call import answer_in
from simulator.account import Account
from simulator.call_store import CALLS_KEPT, LINES_KEPT, CallStore
from simulator.calls import Call, Line, formatted, wire
from simulator.calls_api import placed_from
from simulator.calls_control import BadCall, act_from, ring_from
from simulator.mailbox import Begun, HangUp, Keys, Mailbox, Silence, Source, Speech, Update
from simulator.messages import Exchange
from simulator.store import Store
from simulator.twilio_errors import Refused
from simulator.twiml import BadAnswer
from simulator.verb_reading import document_in, parse
from simulator.verbs import (
    Dial,
    Document,
    Enqueue,
    Gather,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Warned,
)

ACCOUNT = Account(
    "AC" + "5" * 32, "token", ("+15703251809",), "http://127.0.0.1:1", caller_ids=("+14155550123",)
)
CALL = Call(
    "CA" + "1" * 32, "inbound", "+15551230001", "+15703251809", "in-progress", created=1000, updated=1000
)

FULL_GATHER = (
    '<Gather input="dtmf speech" action="/t?n=1" timeout="3" speechTimeout="auto" actionOnEmptyResult="true" '
    'numDigits="4" finishOnKey="*" language="fr-FR" bargeIn="false" hints="a b, c"><Say>Oui?</Say><Pause/></Gather>'
)
DOCUMENTS = [
    ("", ()),
    ("<Say>Hi</Say>", (Say("Hi"),)),
    ('<Say language="ar" voice="Polly.Zeina" loop="2">  أهلا\n بك </Say>', (Say("أهلا بك", "ar", "Polly.Zeina", 2),)),
    ("<Say>Tom &amp; Ana &lt;3</Say>", (Say("Tom & Ana <3"),)),
    ("<Say>one <emphasis>two</emphasis> three</Say>", (Say("one two three"),)),
    ('<Play loop="0">https://a.test/b.mp3</Play>', (Play("https://a.test/b.mp3", loop=1000),)),
    ('<Play digits="1w2"/>', (Play("", "1w2"),)),
    ('<Pause/><Pause length="7"/>', (Pause(1), Pause(7))),
    ("<Redirect>/next</Redirect>", (Redirect("/next"),)),
    ('<Redirect method="GET">/next?a=1&amp;b=2</Redirect>', (Redirect("/next?a=1&b=2", "GET"),)),
    ('<Dial timeout="9" action="/d">+15550001</Dial>', (Dial(("+15550001",), "/d", timeout=9),)),
    ("<Dial><Number>+15550001</Number><Client>ana</Client></Dial>", (Dial(("+15550001", "ana")),)),
    ("<Hangup/>", (Hangup(),)),
    ('<Reject reason="busy"/>', (Reject("busy"),)),
    ('<Enqueue action="/q">support</Enqueue>', (Enqueue("support", "/q"),)),
    ("<Gather/>", (Gather(),)),
    (
        FULL_GATHER,
        (
            Gather(
                (Say("Oui?"), Pause()), speech=True, digits=True, action="/t?n=1", timeout=3, finish_on_key="*",
                num_digits=4, on_empty=True, barge_in=False, language="fr-FR", hints=("a b", "c"),
            ),
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("inside", "verbs"), DOCUMENTS)
def test_documents(inside: str, verbs: tuple[object, ...]) -> None:
    """Each verb is read with Twilio's defaults, its words as they are heard."""
    assert Document(verbs) == parse(f"<Response>{inside}</Response>")  # type: ignore[arg-type]


WARNINGS = [
    ("<Sing>la</Sing><Say>on</Say>", 12200, (Say("on"),)),
    ("<Connect/><Hangup/>", 0, (Hangup(),)),
    ("<Gather><Hangup/><Say>x</Say></Gather>", 12200, (Gather((Say("x"),)),)),
    ('<Say speed="2">x</Say>', 12200, (Say("x"),)),
    ('<Gather finishOnKey="12"/>', 13310, (Gather(),)),
    ('<Gather actionOnEmptyResult="yes"/>', 13338, (Gather(),)),
    ('<Gather input="mind"/>', 13334, (Gather(),)),
    ('<Gather numDigits="-1"/>', 12200, (Gather(),)),
    ("<Say> </Say>", 13520, ()),
    (f"<Say>{'x' * 4097}</Say>", 13521, ()),
    (f'<Say voice="Polly.Joanna">{"x" * 3001}</Say>', 13521, ()),
    ("<Dial/>", 13201, ()),
    ('<Reject reason="tired"/>', 12200, (Reject(),)),
    ("words<Hangup/>", 12200, (Hangup(),)),
]


@pytest.mark.parametrize(("inside", "code", "verbs"), WARNINGS)
def test_warnings(inside: str, code: int, verbs: tuple[object, ...]) -> None:
    """What Twilio would pass over is a warning with its code, and the verbs after it count."""
    document = parse(f"<Response>{inside}</Response>")

    assert (verbs, [code]) == (document.verbs, [warned.code for warned in document.warnings])
    assert all(isinstance(warned, Warned) and warned.text for warned in document.warnings)


ANSWERS = [
    ("text/xml; charset=utf-8", "<Response><Hangup/></Response>", (Hangup(),)),
    ("text/html", "<Response/>", ()),
    ("text/plain", "  Read me aloud\n", (Say("Read me aloud"),)),
    ("audio/mpeg", "ID3", (Play("http://a.test/x"),)),
    ("application/json", "{}", 12300),
    ("", "", 12300),
    ("text/xml", "", 12100),
    ("text/xml", "<Response>", 12100),
    ("text/xml", "<Reply/>", 12200),
    ("text/xml", '<!DOCTYPE r [<!ENTITY a "b">]><Response/>', 12100),
]


@pytest.mark.parametrize(("kind", "body", "expected"), ANSWERS)
def test_answers_of_webhooks(kind: str, body: str, expected: tuple[object, ...] | int) -> None:
    """An answer is read by its content type; one that cannot be read has Twilio's debugger code."""
    headers = (("Content-Type", kind),) if kind else ()
    exchange = Exchange("webhook", "POST", "http://a.test/x", (), "", 0, 1, 200, headers, body)
    if isinstance(expected, int):
        with pytest.raises(BadAnswer) as refused:
            document_in(exchange)
        assert expected == refused.value.code
    else:
        assert expected == document_in(exchange).verbs


@given(st.text(max_size=200))
def test_words_of_others_stay_words(spoken: str) -> None:
    """Whatever is put into a Say by Twilio's own library is one Say, or one warning where nothing is left to speak."""
    written = "".join(c for c in spoken if c.isprintable() and not 0xD800 <= ord(c) < 0xE000)
    response = VoiceResponse()
    response.say(written)
    document = parse(str(response))

    heard = " ".join(written.split())
    assert ((Say(heard),) if heard else ()) == document.verbs


@given(st.text(alphabet=st.sampled_from("<>/\"'= &;SayGatherResponse\n\x00"), max_size=120))
def test_nonsense_is_refused_or_read(twiml: str) -> None:
    """No document makes the reader fail in another way than Twilio's."""
    try:
        read: Document | int = parse(twiml)
    except BadAnswer as bad:
        read = bad.code

    assert isinstance(read, Document) or read in (12100, 12200)


def test_twilios_own_documents_have_no_warnings() -> None:
    """What Twilio's library builds with every attribute we use is passed over nowhere."""
    response = VoiceResponse()
    gather = GatherElement(
        input="dtmf speech", action="https://a.test/t", method="POST", language="es-MX", speech_timeout="auto", timeout=5,
        action_on_empty_result=True, hints="pedido", barge_in=True, num_digits=1, finish_on_key="#",
        speech_model="phone_call", enhanced=True, profanity_filter=False,
    )  # fmt: skip
    gather.say("¿Sí?", language="es-MX", voice="Polly.Mia")
    gather.play("https://a.test/a.mp3", loop=2)
    gather.pause(length=1)
    response.append(gather)
    dial = DialElement(action="https://a.test/d", timeout=20, caller_id="+15703251809", answer_on_bridge=True)
    dial.number("+15550001")
    response.append(dial)
    response.enqueue("support", action="https://a.test/q", wait_url="https://a.test/w")
    response.redirect("https://a.test/w", method="POST")
    response.reject(reason="busy")
    response.hangup()

    assert () == parse(str(response)).warnings


# What callers do


ACTS = [
    ({"speech": "hello"}, Speech("hello", 0.95)),
    ({"speech": "hello", "confidence": 0.3}, Speech("hello", 0.3)),
    ({"speech": "hello", "confidence": None}, Speech("hello", None)),
    ({"digits": "12#"}, Keys("12#")),
    ({"silence": True}, Silence()),
    ({"started": True}, Begun()),
]


@pytest.mark.parametrize(("given_", "act"), ACTS)
def test_acts(given_: dict[str, object], act: object) -> None:
    """The JSON of an act is that act; words are sure unless said otherwise."""
    assert act == act_from(given_)


@pytest.mark.parametrize(
    "given_",
    [None, {}, {"speech": " "}, {"speech": 4}, {"digits": "A"}, {"digits": ""}, {"silence": False},
     {"speech": "x", "confidence": 2}, {"speech": "x", "confidence": "high"}, {"speech": "x" * 20_001}],
)  # fmt: skip
def test_bad_acts(given_: object) -> None:
    """What is no act is refused with a sentence."""
    with pytest.raises(BadCall, match=r"\w+ \w+"):
        act_from(given_)


CALLERS = [
    ({"from": "+15551230001"}, "+15551230001"),
    ({"anonymous": True}, "anonymous"),
    ({"from": "+266696687"}, "+266696687"),
    ({"from": "sip:ana@a.test"}, "sip:ana@a.test"),
]


@pytest.mark.parametrize(("given_", "sender"), CALLERS)
def test_callers(given_: dict[str, object], sender: str) -> None:
    """A caller is a number, one who withholds it, or an address without one."""
    assert sender == ring_from(given_, ACCOUNT, pace=0, patience=0).sender


@pytest.mark.parametrize(
    "given_",
    [None, {}, {"from": "555"}, {"from": "+15551230001", "to": "+15551239999"},
     {"from": "+15551230001", "call_sid": "CA1"}, {"from": "+15551230001", "pace": -1},
     {"from": "+15551230001", "extra": [1]}],
)  # fmt: skip
def test_bad_callers(given_: object) -> None:
    """A call from nobody, or to a number that is not ours, is refused with a sentence."""
    with pytest.raises(BadCall, match=r"\w+ \w+"):
        ring_from(given_, ACCOUNT, pace=0, patience=0)


def test_mailbox_refuses_what_nobody_hears() -> None:
    """What is said while nobody listens is lost; an update is taken until the very end, and never after it."""
    mail = Mailbox()
    assert not mail.offer(Speech("too early"))
    mail.listen(Speech)
    assert (True, False) == (mail.offer(Speech("now")), mail.offer(Keys("1")))
    assert Speech("now") == mail.take(0)
    assert mail.take(0, closing=True) is None
    assert not mail.offer(Speech("too late"))

    moved = Update(Source(twiml="<Response/>"))
    assert mail.put(moved)
    assert moved == mail.shut()
    assert mail.shut() is None
    assert (False, False) == (mail.put(moved), mail.put(HangUp("caller")))


# Calls as Twilio shows and keeps them


PLACING = [
    ({}, 21201),
    ({"To": "+15551230001"}, 21213),
    ({"To": "555", "From": "+15703251809"}, 21211),
    ({"To": "+15551230001", "From": "Ringback"}, 21212),
    ({"To": "+15551230001", "From": "+15559990000", "Url": "http://a.test/"}, 21210),
    ({"To": "+15005550002", "From": "+15703251809", "Url": "http://a.test/"}, 21214),
    ({"To": "+15551230001", "From": "+15703251809"}, 21205),
    ({"To": "+15551230001", "From": "+15703251809", "Url": "/relative"}, 21205),
    ({"To": "+15551230001", "From": "+15703251809", "Twiml": "x" * 4001}, 32018),
    ({"To": "+15551230001", "From": "+15703251809", "Url": "http://a.test/", "StatusCallback": "no"}, 21609),
    ({"To": "+15551230001", "From": "+15703251809", "Url": "http://a.test/", "Timeout": "soon"}, 20001),
]


@pytest.mark.parametrize(("form", "code"), PLACING)
def test_calls_that_are_not_placed(form: dict[str, str], code: int) -> None:
    """What Twilio would not place is refused with its code."""
    with pytest.raises(Refused) as refused:
        placed_from(form, [], ACCOUNT)
    assert (code, 400) == (refused.value.code, refused.value.status)


@pytest.mark.parametrize("sender", ["+15703251809", "+14155550123"])
def test_calls_that_are_placed(sender: str) -> None:
    """A number of the account calls, and so does a verified caller ID; a URL wins over TwiML."""
    form = {
        "To": "+15551230001",
        "From": sender,
        "Url": "http://a.test/u",
        "Twiml": "<Response/>",
        "Method": "GET",
    }
    placed = placed_from(form, ["ringing answered", "nonsense"], ACCOUNT)

    assert (Source("http://a.test/u", "GET"), ("answered", "ringing")) == (
        placed.source,
        placed.callback_events,
    )
    assert ("completed",) == placed_from(form, [], ACCOUNT).callback_events


DURATIONS = [(0, 5000, 0), (1000, 0, 0), (1000, 1001, 1), (1000, 2000, 1), (1000, 2001, 2)]


@pytest.mark.parametrize(("started", "ended", "seconds"), DURATIONS)
def test_duration(started: int, ended: int, seconds: int) -> None:
    """A begun second counts; who was never answered has talked for none."""
    call = replace(CALL, started=started, ended=ended)

    assert seconds == call.duration
    assert (str(seconds) if seconds else None) == wire(call, ACCOUNT.sid)["duration"]


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+14158675309", "(415) 867-5309"), ("+442071838750", "+442071838750"), ("anonymous",) * 2],
)
def test_formatted(number: str, shown: str) -> None:
    """Numbers of North America are formatted for display, others stay."""
    assert shown == formatted(number)


def test_restart_ends_live_calls(tmp_path: Path) -> None:
    """What was said is there after a restart; a call that was live when the process died comes back as ended."""
    path = str(tmp_path / "twilio.sqlite")
    first = CallStore(Store(path))
    first.add(replace(CALL, started=1000, doing="listening"))
    first.say(CALL.sid, Line("bot", "say", "Hëllo", "en-US", doc=1))
    first.cut(CALL.sid, 1, 2)
    first.add(replace(CALL, sid="CA" + "2" * 32, direction="outbound-api", status="ringing"))
    again = CallStore(Store(path))

    found = again.get(CALL.sid)
    assert found is not None
    assert ("completed", False, None) == (found.status, found.live, found.listening)
    assert [("Hëllo", 2), ("completed", None)] == [(line.text, line.cut) for line in again.lines(CALL.sid)]
    assert ["completed", "failed"] == [call.status for call in again.left_over]
    assert () == CallStore(Store(path)).left_over


def test_calls_are_bounded() -> None:
    """The oldest ended calls go, live ones stay; of one call the oldest lines go."""
    store = Store()
    calls = CallStore(store)
    live = calls.add(CALL)
    for number in range(CALLS_KEPT + 5):
        calls.add(replace(CALL, sid=f"CA{number:032x}", status="completed", ended=2000))
    for _ in range(LINES_KEPT + 3):
        calls.say(CALL.sid, Line("bot", "say", "x"))

    kept = calls.newest_first()
    assert (CALLS_KEPT, True) == (len(kept), live in [replace(call, updated=1000) for call in kept])
    assert (4, LINES_KEPT) == (calls.lines(CALL.sid)[0].seq, len(calls.lines(CALL.sid)))
    _, gone = calls.changed_since(0, whole=False)
    assert 6 == len(gone)


def test_changes_come_with_the_messages_cursor() -> None:
    """One cursor tells what is new of messages and calls; a whole picture has every call and no lines."""
    store = Store()
    calls = CallStore(store)
    start = store.changes("").cursor
    calls.add(CALL)
    calls.say(CALL.sid, Line("bot", "say", "Hello"))
    changes = store.changes(start)
    fresh, _ = calls.changed_since(changes.seen, whole=changes.whole)
    again = store.changes(changes.cursor)
    whole, _ = calls.changed_since(-1, whole=True)

    assert [("Hello", 1)] == [(call["transcript"][0]["text"], call["lines"]) for call in fresh]
    assert ([], []) == calls.changed_since(again.seen, whole=again.whole)
    assert [[]] == [call["transcript"] for call in whole]


# What the command line takes for the answer


def spoken(*lines: tuple[str, str, int, str]) -> list[dict[str, object]]:
    return [
        {"seq": seq, "who": who, "kind": kind, "doc": doc, "text": text}
        for seq, (who, kind, doc, text) in enumerate(lines, start=1)
    ]


GREETING = (("bot", "say", 1, "Hello"), ("bot", "gather", 1, ""), ("caller", "speech", 1, "where is it"))
HOLD = (("bot", "say", 2, "One moment"), ("bot", "pause", 2, "2"), ("bot", "redirect", 2, "/wait"))
TRANSCRIPTS = [
    ((*GREETING,), False, ""),
    ((*GREETING, *HOLD), False, ""),
    ((*GREETING, *HOLD), True, ""),
    ((*GREETING, *HOLD, ("bot", "say", 3, "It ships"), ("bot", "say", 3, "today"), ("bot", "gather", 3, "")), False,
     "It ships\ntoday"),
    ((*GREETING, *HOLD, ("bot", "say", 3, "Bye"), ("bot", "hangup", 3, "")), True, "Bye"),
    ((*GREETING, *HOLD, ("bot", "say", 3, "Through"), ("bot", "dial", 3, "+1")), False, "Through"),
    ((*GREETING, *HOLD, ("bot", "say", 3, "Bye")), True, "Bye"),
    ((*GREETING, *HOLD, ("bot", "say", 3, "Bye")), False, ""),
    ((*GREETING, *HOLD, ("system", "say", 3, "We are sorry")), True, ""),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "is_over", "answer"), TRANSCRIPTS)
def test_the_answer_in_a_call(
    lines: tuple[tuple[str, str, int, str], ...], is_over: bool, answer: str
) -> None:
    """The answer is what is said before the line is listened to, put through or let go; greeting and hold are none."""
    assert answer == answer_in(spoken(*lines), is_over=is_over)  # type: ignore[arg-type]
