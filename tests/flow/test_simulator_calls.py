"""The local Twilio's calls: what callers hear and answer, and what webhooks get."""

from __future__ import annotations

from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from tests.flow.local_twilio import AC, OURS, TOKEN
from tests.flow.system import wait_for
from tests.flow.voice_web import ASK, CALLER, Telephone, heard, valid

APOLOGY = "We are sorry, an application error has occurred. Goodbye."


# A customer's call


def test_a_call_from_ring_to_end(phone: Telephone) -> None:
    """The first webhook has Twilio's parameters and a valid signature; the document's end is the call's."""
    phone.web.says["/voice"] = '<Say language="en-US">Hello</Say>'
    call = phone.ended(phone.rings())
    first, last = phone.web.next(), phone.web.next()

    assert ("/voice", "/voice/status") == (first.path, last.path)
    assert valid(phone, first) and valid(phone, last)
    assert {
        "CallSid": call["call_sid"], "AccountSid": AC, "From": CALLER, "To": OURS, "Caller": CALLER, "Called": OURS,
        "CallStatus": "ringing", "Direction": "inbound", "ApiVersion": "2010-04-01",
    }.items() <= first.fields.items()  # fmt: skip
    assert {"FromCity", "ToCountry", "CallerState", "CalledZip"} <= first.fields.keys()
    assert ("completed", "1", "1", "0") == tuple(
        last.fields[name] for name in ("CallStatus", "CallDuration", "Duration", "SequenceNumber")
    )
    assert (["Hello"], "completed", 1) == (heard(call), call["status"], call["duration"])


def test_withheld_number(phone: Telephone) -> None:
    """A caller who withholds the number is "anonymous" in the webhook and everywhere."""
    sid = phone.rings(anonymous=True)

    assert ("anonymous", "anonymous") == (phone.web.next().fields["From"], phone.ended(sid)["customer"])


REJECTED = [
    ("<Reject/>", "no-answer"),
    ('<Reject reason="busy"/>', "busy"),
    ("<Say>Hi</Say><Reject/>", "completed"),
]


@pytest.mark.parametrize(("twiml", "status"), REJECTED)
def test_rejected(phone: Telephone, twiml: str, status: str) -> None:
    """Only a Reject at the very beginning leaves the call unanswered, and then it lasted no time."""
    phone.web.says["/voice"] = twiml
    call = phone.ended(phone.rings())
    phone.web.next()

    assert (status, status == "completed") == (call["status"], call["duration"] > 0)
    assert status == phone.web.next("/voice/status").fields["CallStatus"]


# Questions


SPOKEN = [
    (
        {"speech": "Where is it?"},
        {"SpeechResult": "Where is it?", "Confidence": "0.95", "Language": "en-US"},
        "Digits",
    ),
    ({"speech": "mm", "confidence": 0.125}, {"SpeechResult": "mm", "Confidence": "0.125"}, "Digits"),
    ({"speech": "hm", "confidence": None}, {"SpeechResult": "hm"}, "Confidence"),
    ({"speech": "<Dial>é & 👋" * 900}, {"SpeechResult": "<Dial>é & 👋" * 900}, "Digits"),
    ({"digits": "42#7"}, {"Digits": "42"}, "SpeechResult"),
    ({"digits": "0"}, {"Digits": "0"}, "SpeechResult"),
    ({"silence": True}, {"Digits": ""}, "SpeechResult"),
]


@pytest.mark.parametrize(("act", "there", "absent"), SPOKEN)
def test_what_the_caller_answers(
    phone: Telephone,
    act: dict[str, Any],
    there: dict[str, str],
    absent: str,
) -> None:
    """Words come with Twilio's confidence where it has one, keys without the finishing one, silence as neither."""
    phone.web.says["/voice"] = ASK
    sid = phone.rings()
    phone.is_asked(sid)
    assert phone.says(sid, **act).ok
    turn = phone.web.next("/turn")

    assert "/turn?n=1" == turn.path and valid(phone, turn)
    assert there.items() <= turn.fields.items() and absent not in turn.fields
    assert "in-progress" == turn.fields["CallStatus"]


GATHERS = [
    ("<Gather/><Say>Nobody</Say>", {"silence": True}, "", ["<gather>", "Nobody"]),
    ('<Gather numDigits="2" action="/turn"/>', {"digits": "123"}, "12", ["<gather>"]),
    ('<Gather finishOnKey="" action="/turn"/>', {"digits": "1#"}, "1#", ["<gather>"]),
    ('<Gather finishOnKey="*" action="/turn"/>', {"digits": "1#*"}, "1#", ["<gather>"]),
    ('<Gather action="/turn"/><Say>Nobody</Say>', {"digits": "#"}, "", ["<gather>", "Nobody"]),
]


@pytest.mark.parametrize(("twiml", "act", "digits", "said"), GATHERS)
def test_keys(phone: Telephone, twiml: str, act: dict[str, Any], digits: str, said: list[str]) -> None:
    """Keys end as the Gather says; without an answer the next verb comes."""
    phone.web.says["/voice"] = twiml
    sid = phone.rings()
    phone.is_asked(sid)
    phone.says(sid, **act)

    assert said == heard(phone.ended(sid))
    asked = [received for _, received in list(phone.web.received.queue) if received.path == "/turn"]
    assert [digits] * bool(digits) == [received.fields["Digits"] for received in asked]


def test_silence_ends_by_itself(phone: Telephone) -> None:
    """Without patience a Gather times out as Twilio's does."""
    phone.web.says["/voice"] = '<Gather timeout="1"/><Say>Nobody</Say>'

    assert ["<gather>", "Nobody"] == heard(phone.ended(phone.rings(patience=0)))


def test_gather_without_action_asks_its_own_url(phone: Telephone) -> None:
    """A Gather without action posts to the document it stands in."""
    phone.web.says["/voice"] = "<Gather/>"
    sid = phone.rings()
    phone.is_asked(sid)
    phone.web.says["/voice"] = "<Hangup/>"
    phone.says(sid, digits="5")
    phone.ended(sid)

    assert [None, "5"] == [phone.web.next("/voice").fields.get("Digits") for _ in range(2)]


def test_nobody_listens(phone: Telephone) -> None:
    """What is said while nobody listens is lost, and the wrong kind of answer is refused; both are said."""
    phone.web.says["/voice"] = '<Pause length="60"/>'
    sid = phone.rings()
    wait_for(lambda: phone.call(sid)["doing"] == "pausing", "the pause")
    lost = phone.says(sid, speech="hello?", wait=0)
    phone.update(sid, Twiml=f'<Response><Gather action="{phone.web.origin}/turn"/></Response>')
    phone.is_asked(sid)
    wrong = phone.says(sid, speech="hello?", wait=0)

    assert (409, 409) == (lost.status_code, wrong.status_code)
    assert ("nobody listens", "keys alone") == (
        lost.json()["error"]["message"][:14], wrong.json()["error"]["message"][-10:],
    )  # fmt: skip
    assert not [line for line in phone.call(sid)["transcript"] if line["who"] == "caller"]


@pytest.mark.parametrize(("barge_in", "cut"), [("true", True), ("false", False)])
def test_barge_in(phone: Telephone, barge_in: str, cut: bool) -> None:
    """Speech during the prompt ends it, unless bargeIn says otherwise; then it is heard only after it."""
    words = "Please tell me your order number" if cut else "Yes?"
    phone.web.says["/voice"] = (
        f'<Gather input="speech" bargeIn="{barge_in}" action="/turn"><Say>{words}</Say></Gather>'
    )
    sid = phone.rings(pace=1000 if cut else 100)
    wait_for(lambda: phone.call(sid)["doing"] == "speaking", "the prompt")
    during = phone.says(sid, speech="12345", wait=0).status_code
    if not cut:
        phone.says(sid, speech="12345")
    assert "12345" == phone.web.next("/turn").fields["SpeechResult"]

    prompt = next(line for line in phone.ended(sid)["transcript"] if line["kind"] == "say")
    assert (200 if cut else 409) == during
    assert prompt["cut"] is None if not cut else prompt["cut"] < len(words)


def test_begun_to_talk(phone: Telephone) -> None:
    """Who has begun to talk is waited for beyond the time-out."""
    phone.web.says["/voice"] = '<Gather input="speech" timeout="1" action="/turn"/>'
    sid = phone.rings(patience=0)
    phone.is_asked(sid)
    assert phone.says(sid, started=True).ok
    until = wait_for(
        lambda: phone.call(sid)["listening"]["until"] - phone.call(sid)["created"] > 30_000, "the wait"
    )
    phone.says(sid, speech="at last")

    assert until and "at last" == phone.web.next("/turn").fields["SpeechResult"]


# Verbs


VERBS = [
    ('<Play loop="2">/a.mp3</Play><Pause length="0"/><Say>x</Say>', ["<play /a.mp3>", "<pause 0>", "x"]),
    ("<Redirect>/next?a=1&amp;b=2</Redirect><Say>never</Say>", ["<redirect /next?a=1&b=2>", "next"]),
    ("<Say>a</Say><Hangup/><Say>never</Say>", ["a", "<hangup>"]),
    ("<Sing>la</Sing><Say>on</Say>", ["on"]),
    ("<Dial>+15550009999</Dial><Say>still here</Say>", ["<dial +15550009999>", "still here"]),
]


@pytest.mark.parametrize(("twiml", "said"), VERBS)
def test_verbs(phone: Telephone, twiml: str, said: list[str]) -> None:
    """Each verb does its part and the next one comes; what is no verb is passed over."""
    phone.web.says |= {"/voice": twiml, "/next": "<Say>next</Say>"}

    assert said == heard(phone.ended(phone.rings()))


def test_unknown_verb_is_a_warning(phone: Telephone) -> None:
    """What is no verb stands in the transcript with Twilio's code."""
    phone.web.says["/voice"] = "<Sing>la</Sing>"
    lines = phone.ended(phone.rings())["transcript"]

    assert [12200] == [line["code"] for line in lines if line["kind"] == "warning"]


def test_redirect_by_get(phone: Telephone) -> None:
    """A document asked for by GET has its parameters in the signed URL."""
    phone.web.says["/voice"] = '<Redirect method="GET">/next?a=1</Redirect>'
    phone.ended(phone.rings())
    received = phone.web.next("/next")
    url = phone.web.origin + received.path

    assert ("1", CALLER) == (received.fields["a"], received.fields["From"])
    assert RequestValidator(TOKEN).validate(url, {}, received.headers["X-Twilio-Signature"])


DIALLED = [("completed", "true"), ("no-answer", "false"), ("busy", "false"), ("failed", "false")]


@pytest.mark.parametrize(("status", "bridged"), DIALLED)
def test_dial(phone: Telephone, status: str, bridged: str) -> None:
    """What becomes of a transfer is told to its action, with the leg that Twilio made for it."""
    phone.post("/_control/dial_outcome", {"status": status, "seconds": 0.05})
    phone.web.says["/voice"] = (
        '<Dial action="/dialled" callerId="+15703251809"><Number>+15550009999</Number></Dial>'
    )
    sid = phone.rings()
    fields = phone.web.next("/dialled").fields
    phone.ended(sid)
    leg = phone.simulator.client.calls(fields["DialCallSid"]).fetch()

    assert (status, bridged) == (fields["DialCallStatus"], fields["DialBridged"])
    assert ("DialCallDuration" in fields) == (status == "completed")
    assert ("outbound-dial", sid, "+15550009999", status) == (
        leg.direction, leg.parent_call_sid, leg.to, leg.status,
    )  # fmt: skip


def test_dial_answered_by_hand(phone: Telephone) -> None:
    """While it rings somebody may say what the dialled person does."""
    phone.post("/_control/dial_outcome", {"status": "no-answer", "seconds": 60})
    phone.web.says["/voice"] = '<Dial timeout="60" action="/dialled">+15550009999</Dial>'
    sid = phone.rings()
    call = phone.call(sid, "dialling")
    assert phone.post(f"/phone/calls/{sid}/transfer", {"status": "busy"}).ok

    assert {"to": "+15550009999", "status": "ringing"} == call["transfer"]
    assert "busy" == phone.web.next("/dialled").fields["DialCallStatus"]


def test_enqueue_until_the_caller_leaves(phone: Telephone) -> None:
    """Nobody takes a queued call here: it waits until the caller hangs up, which its action is told."""
    phone.web.says["/voice"] = '<Enqueue action="/queue">support</Enqueue><Say>never</Say>'
    sid = phone.rings()
    wait_for(lambda: phone.call(sid)["queue"] == "support", "the queue")
    call = phone.post(f"/_control/calls/{sid}/hangup").json()

    assert ("completed", ["<enqueue support>"]) == (call["status"], heard(call))
    assert "hangup" == phone.web.next("/queue").fields["QueueResult"]


# What goes wrong at the webhook


FAILING: list[tuple[tuple[int, str, str], int]] = [
    ((500, "text/xml", "<Response/>"), 11200),
    ((403, "text/plain", "no"), 11200),
    ((200, "application/json", "{}"), 12300),
    ((200, "text/xml", "<Response><Say>"), 12100),
    ((200, "text/xml", "<Reply/>"), 12200),
    ((200, "text/xml", f"<Response><!--{'x' * 70_000}--></Response>"), 11750),
]


@pytest.mark.parametrize(("answer", "code"), FAILING)
def test_application_error(phone: Telephone, answer: tuple[int, str, str], code: int) -> None:
    """A webhook that fails is Twilio's own apology to the caller, and the call's end."""
    phone.web.says["/voice"] = "<Say>Hello</Say><Redirect>/next</Redirect>"
    phone.web.answers["/next"] = answer
    call = phone.ended(phone.rings())
    errors = [line["code"] for line in call["transcript"] if line["kind"] == "error"]

    assert (["Hello", "<redirect /next>", APOLOGY], [code]) == (heard(call), errors)
    assert "completed" == phone.web.next("/voice/status").fields["CallStatus"]


def test_fallback(phone: Telephone) -> None:
    """Where there is a fallback it is asked, with the error and its URL; when it fails too, the apology comes."""
    phone.post("/_control/voice", {"fallback_url": f"{phone.web.origin}/fallback"})
    phone.web.answers["/voice"] = (503, "text/plain", "")
    phone.web.says["/fallback"] = "<Say>Please call later</Say>"
    assert ["Please call later"] == heard(phone.ended(phone.rings()))
    fields = phone.web.next("/fallback").fields
    assert ("11200", f"{phone.web.origin}/voice") == (fields["ErrorCode"], fields["ErrorUrl"])

    phone.web.answers["/fallback"] = (503, "text/plain", "")
    assert [APOLOGY] == heard(phone.ended(phone.rings()))


def test_plain_text_is_read_aloud(phone: Telephone) -> None:
    """An answer of plain text is spoken, a sound is played."""
    phone.web.answers["/voice"] = (200, "text/plain", "Read <this> aloud")

    assert ["Read <this> aloud"] == heard(phone.ended(phone.rings()))
