"""The local Twilio's calls by REST and on the phone page: live updates, our own calls, lists, and its memory."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import requests

from tests.flow.local_twilio import AC, OURS, ROOT, TOKEN
from tests.flow.system import wait_for
from tests.flow.voice_web import ASK, CALLER, Telephone, heard, valid

SCHEMAS = json.loads((ROOT / "tests/unit/twilio_call_schema.json").read_text())


# Live updates


def pushed(words: str) -> str:
    return f"<Response><Say>{words}</Say></Response>"


BUSY_WITH = [
    ("<Pause length='60'/>", 0, "pausing"),
    ("<Say>" + "words " * 100 + "</Say>", 20, "speaking"),
    ("<Gather/>", 0, "listening"),
    ('<Play loop="0">/a.mp3</Play>', 0, "playing"),
    ("<Enqueue>support</Enqueue>", 0, "queued"),
    ('<Dial timeout="60">+15550009999</Dial>', 0, "dialling"),
    ("<Redirect>/held</Redirect>", 0, "fetching"),
]


@pytest.mark.parametrize(("twiml", "pace", "doing"), BUSY_WITH)
def test_update_interrupts(phone: Telephone, twiml: str, pace: int, doing: str) -> None:
    """Whatever the call does, new TwiML is heard at once; the answer of a webhook under way is dropped."""
    phone.post("/_control/dial_outcome", {"status": "no-answer", "seconds": 60})
    phone.web.held["/held"] = threading.Event()
    phone.web.says |= {"/voice": twiml, "/held": "<Say>too late</Say>"}
    sid = phone.rings(pace=pace)
    wait_for(lambda: phone.call(sid)["doing"] == doing and phone.call(sid)["started"], doing)
    answer = phone.update(sid, Twiml=pushed("Here it is"))
    if doing == "fetching":
        phone.web.held["/held"].set()

    assert (200, "in-progress") == (answer.status_code, answer.json()["status"])
    said = heard(phone.call(sid, "ended"))
    assert ("Here it is", False) == (said[-1], "too late" in said)


def test_update_by_url(phone: Telephone) -> None:
    """A live call may be sent to another URL, which is asked like any webhook."""
    phone.web.says |= {"/voice": "<Pause length='60'/>", "/other": "<Say>other</Say>"}
    sid = phone.rings()
    wait_for(lambda: phone.call(sid)["doing"] == "pausing", "the pause")
    assert phone.update(sid, Url=f"{phone.web.origin}/other", Method="POST").ok

    assert ["<pause 60>", "other"] == heard(phone.ended(sid))
    assert "in-progress" == phone.web.next("/other").fields["CallStatus"]


def test_a_late_answer_is_no_other_requests(phone: Telephone) -> None:
    """The answer of a webhook that was given up is not taken for that of the next."""
    phone.web.held |= {"/first": threading.Event(), "/second": threading.Event()}
    phone.web.says |= {"/voice": "<Say>a</Say><Redirect>/first</Redirect>"}
    phone.web.says |= {"/first": "<Say>first</Say>", "/second": "<Say>second</Say>"}
    sid = phone.rings()
    phone.web.next("/first")
    phone.update(sid, Url=f"{phone.web.origin}/second")
    phone.web.next("/second")
    exchanges = phone.call(sid)["exchanges"]
    phone.web.held["/first"].set()
    wait_for(lambda: phone.call(sid)["exchanges"] > exchanges, "the late answer")
    phone.web.held["/second"].set()

    assert ["a", "<redirect /first>", "second"] == heard(phone.ended(sid))


def test_pushed_questions_need_absolute_urls(phone: Telephone) -> None:
    """A relative action in pushed TwiML is error 15004 and the end; an absolute one is asked."""
    phone.web.says["/voice"] = "<Pause length='60'/>"
    asked = []
    for action in ("/turn", f"{phone.web.origin}/turn"):
        sid = phone.rings()
        wait_for(lambda sid=sid: phone.call(sid)["doing"] == "pausing", "the pause")
        phone.update(sid, Twiml=f'<Response><Gather input="speech" action="{action}"/></Response>')
        call = phone.call(sid, "listening")
        asked.append((call["doing"], [line["code"] for line in call["transcript"] if line["code"]]))
    phone.says(sid, speech="hello")

    assert [("ended", [15004]), ("listening", [])] == asked
    assert "hello" == phone.web.next("/turn").fields["SpeechResult"]


REFUSED = [
    ({}, 21205),
    ({"Twiml": "x" * 4001}, 32018),
    ({"Url": "/relative"}, 21205),
    ({"Url": "http://a.test/", "Twiml": "<Response/>"}, 20001),
    ({"Status": "busy"}, 20001),
]


@pytest.mark.parametrize(("form", "code"), REFUSED)
def test_refused_updates(phone: Telephone, form: dict[str, str], code: int) -> None:
    """What Twilio would not do is refused with its code, and the call goes on."""
    phone.web.says["/voice"] = "<Pause length='60'/>"
    sid = phone.rings()
    wait_for(lambda: phone.call(sid)["doing"] == "pausing", "the pause")
    answer = phone.update(sid, **form)

    assert (400, code) == (answer.status_code, answer.json()["code"])
    assert phone.call(sid)["live"]


def test_update_of_an_ended_call(phone: Telephone) -> None:
    """Who has hung up hears nothing more: 21220 whatever is asked; a call that never was is 20404."""
    phone.web.says["/voice"] = "<Pause length='60'/>"
    sid = phone.rings()
    wait_for(lambda: phone.call(sid)["doing"] == "pausing", "the pause")
    phone.post(f"/_control/calls/{sid}/hangup")
    answers = [phone.update(sid, Twiml=pushed("x")), phone.update(sid, Status="completed")]
    unknown = phone.update("CA" + "0" * 32, Twiml=pushed("x"))

    assert [(400, 21220)] * 2 == [(answer.status_code, answer.json()["code"]) for answer in answers]
    assert (404, 20404) == (unknown.status_code, unknown.json()["code"])


def test_update_before_the_answer(phone: Telephone) -> None:
    """A call that still rings takes no new instructions."""
    phone.web.held["/voice"] = threading.Event()
    sid = phone.rings()
    answer = phone.update(sid, Twiml=pushed("x"))
    phone.web.held["/voice"].set()

    assert (400, 21220) == (answer.status_code, answer.json()["code"])


def test_completed_by_rest(phone: Telephone) -> None:
    """Status=completed hangs up at once; Status=canceled leaves a call that was answered alone."""
    phone.web.says["/voice"] = "<Pause length='60'/>"
    sid = phone.rings()
    wait_for(lambda: phone.call(sid)["doing"] == "pausing", "the pause")

    assert ["in-progress", "completed"] == [
        phone.update(sid, Status=status).json()["status"] for status in ("canceled", "completed")
    ]
    assert "completed" == phone.web.next("/voice/status").fields["CallStatus"]


def test_hanging_up_while_a_webhook_is_asked(phone: Telephone) -> None:
    """The caller need not wait for a webhook to leave, and its late answer changes nothing."""
    phone.web.held["/turn"] = threading.Event()
    phone.web.says |= {"/voice": ASK, "/turn": "<Say>too late</Say>"}
    sid = phone.rings()
    phone.is_asked(sid)
    phone.says(sid, speech="hello")
    phone.web.next("/turn")
    call = phone.post(f"/_control/calls/{sid}/hangup").json()
    phone.web.held["/turn"].set()

    assert ("completed", False) == (call["status"], "too late" in heard(phone.call(sid)))


FAULTS = [
    ({"kind": "429", "retry_after": 1}, 429, False),
    ({"kind": "503"}, 503, False),
    ({"kind": "500"}, 500, False),
    ({"kind": "error", "code": 20404, "status": 404}, 404, False),
    ({"kind": "500_after_accept"}, 500, True),
    ({"kind": "drop"}, 0, False),
    ({"kind": "drop_after_accept"}, 0, True),
    ({"kind": "hang", "seconds": 0.05}, 0, False),
    ({"kind": "slow", "seconds": 0.05}, 200, True),
]


@pytest.mark.parametrize(("fault", "status", "spoken"), FAULTS)
def test_faults_of_updates(phone: Telephone, fault: dict[str, Any], status: int, spoken: bool) -> None:
    """An update fails as asked, and is heard only where the fault accepts it; each is in the log."""
    phone.web.says["/voice"] = "<Pause length='60'/>"
    sid = phone.rings()
    wait_for(lambda: phone.call(sid)["doing"] == "pausing", "the pause")
    phone.simulator.control("faults", {"on": "call_update", "to": sid} | fault)
    try:
        got = phone.update(sid, Twiml=pushed("x")).status_code
    except requests.ConnectionError:
        got = 0
    (noted,) = phone.simulator.control("requests?on=call_update")["requests"]

    assert (status, fault["kind"]) == (got, noted["fault"])
    assert spoken == (not phone.call(sid, "ended", wait=5 if spoken else 0.1)["live"])


def test_other_calls_meet_no_fault(phone: Telephone) -> None:
    """A fault of calls leaves messages alone, and one of messages leaves calls alone."""
    phone.simulator.control("faults", {"on": "call_create", "kind": "429"})
    phone.simulator.control("faults", {"on": "create", "kind": "503"})

    assert (429, 503) == (phone.place(Twiml=pushed("x")).status_code, phone.simulator.create().status_code)


# Our own calls


def test_our_call(phone: Telephone) -> None:
    """A call of ours is answered by itself; its callbacks tell each step that was asked for."""
    phone.web.says["/hello"] = "<Say>Your order ships today</Say>"
    placed = phone.place(
        Url=f"{phone.web.origin}/hello", StatusCallback=f"{phone.web.origin}/cb?ob=1",
        StatusCallbackEvent=["initiated", "ringing", "answered", "completed"],
    )  # fmt: skip
    call = phone.ended(placed.json()["sid"])
    asked = [phone.web.next() for _ in range(5)]
    hello = next(received for received in asked if received.path == "/hello")
    told = sorted(
        (int(r.fields["SequenceNumber"]), r.fields["CallStatus"]) for r in asked if r.path == "/cb?ob=1"
    )

    assert (201, "queued", "outbound-api") == (
        placed.status_code, placed.json()["status"], placed.json()["direction"],
    )  # fmt: skip
    assert (["Your order ships today"], "completed") == (heard(call), call["status"])
    assert ("in-progress", "outbound-api", CALLER) == tuple(
        hello.fields[n] for n in ("CallStatus", "Direction", "To")
    )
    assert [(0, "initiated"), (1, "ringing"), (2, "in-progress"), (3, "completed")] == told
    assert all(valid(phone, received) for received in asked)


@pytest.mark.parametrize("how", ["busy", "no-answer", "failed"])
def test_our_call_is_not_answered(phone: Telephone, how: str) -> None:
    """A call that nobody takes ends so, is told so without being asked for each step, and says nothing."""
    phone.post("/_control/answering", {"how": how})
    sid = phone.place(Twiml=pushed("x"), StatusCallback=f"{phone.web.origin}/cb").json()["sid"]

    assert (how, []) == (phone.ended(sid)["status"], heard(phone.call(sid)))
    told = phone.web.next("/cb").fields
    assert (how, "0") == (told["CallStatus"], told["CallDuration"])


def test_our_call_rings_on_an_open_page(phone: Telephone) -> None:
    """While a phone page looks our call rings there until it is answered; a verified caller ID may call."""
    origin = phone.simulator.origin
    with requests.get(f"{origin}/phone/events", stream=True, timeout=10) as stream:
        lines = stream.iter_lines()
        next(lines)
        assert "ring" == requests.get(f"{origin}/phone/state", timeout=5).json()["answer"]
        sid = phone.place(From="+14155550123", Twiml=pushed("Hello")).json()["sid"]
        wait_for(lambda: phone.call(sid)["status"] == "ringing", "the ringing")
        answered = phone.post(f"/phone/calls/{sid}/answer", {"pace": 0})
        call = phone.ended(sid)

    assert (200, ["Hello"], "completed") == (answered.status_code, heard(call), call["status"])


@pytest.mark.parametrize(
    ("end", "status"),
    [("decline", "busy"), ("cancel", "canceled"), ("hangup", "no-answer"), ("timeout", "no-answer")],
)
def test_our_call_ends_ringing(phone: Telephone, end: str, status: str) -> None:
    """Declined, called off, hung up or rung out: each has Twilio's status."""
    phone.post("/_control/answering", {"how": "ring"})
    sid = phone.place(Twiml=pushed("x"), Timeout="1" if end == "timeout" else "60").json()["sid"]
    wait_for(lambda: phone.call(sid)["status"] in ("ringing", status), "the ringing")
    if end == "cancel":
        phone.update(sid, Status="canceled")
    elif end != "timeout":
        phone.post(f"/_control/calls/{sid}/{end}")

    assert status == phone.ended(sid)["status"]


CALLBACKS = [("callbacks_lost", 0), ("callbacks_twice", 2), ("callbacks_late", 1)]


@pytest.mark.parametrize(("kind", "count"), CALLBACKS)
def test_faults_of_callbacks(phone: Telephone, kind: str, count: int) -> None:
    """Status callbacks of calls may be lost, come twice or come late."""
    phone.simulator.control("faults", {"on": "call_callback", "kind": kind, "seconds": 0.05})
    phone.ended(phone.rings())
    phone.ended(phone.rings(**{"from": "+15557700002"}))
    came: list[str] = []
    while came.count("+15557700002") < 1 or came.count(CALLER) < count:
        came.append(phone.web.next("/voice/status").fields["From"])

    assert (count, 1) == (came.count(CALLER), came.count("+15557700002"))


# Twilio's API for what was


def test_shapes(phone: Telephone) -> None:
    """A call and a list of calls are as Twilio's OpenAPI describes them."""
    phone.web.says["/voice"] = "<Say>Hello</Say>"
    phone.ended(phone.rings())
    url = f"{phone.simulator.origin}/2010-04-01/Accounts/{AC}/Calls.json"
    created = phone.place(Twiml=pushed("x"))
    listed = requests.get(url, auth=(AC, TOKEN), timeout=5)

    jsonschema.validate(created.json(), {"$ref": "#/$defs/call", **SCHEMAS})
    jsonschema.validate(listed.json(), {"$ref": "#/$defs/list", **SCHEMAS})
    assert set(SCHEMAS["$defs"]["call"]["properties"]) == set(created.json())
    assert 2 == len(listed.json()["calls"])


def test_lists(phone: Telephone) -> None:
    """Twilio's own client finds calls by their ends and status, page by page, and deletes ended ones."""
    phone.web.says["/voice"] = "<Say>Hello</Say>"
    sids = [phone.rings(**{"from": f"+1555770000{number}"}) for number in (3, 4, 5)]
    for sid in sids:
        phone.ended(sid)
    calls = phone.simulator.client.calls

    assert sids[::-1] == [call.sid for call in calls.list(page_size=2)]
    assert [sids[1]] == [call.sid for call in calls.list(from_="+15557700004")]
    assert ([], 3) == (calls.list(status="busy"), len(calls.list(status="completed", to=OURS)))
    fetched = calls(sids[0]).fetch()
    assert ("completed", "1", "inbound") == (fetched.status, fetched.duration, fetched.direction)
    assert fetched.start_time <= fetched.end_time
    assert calls(sids[0]).delete()
    assert 2 == len(calls.list())


def test_strangers_do_not_call(phone: Telephone) -> None:
    """Calls.json wants the account's credentials, and knows no other account."""
    url = f"{phone.simulator.origin}/2010-04-01/Accounts/{AC}/Calls.json"
    wrong = requests.post(url, data={"To": CALLER}, auth=(AC, "wrong"), timeout=5)
    other = requests.get(url.replace(AC, "AC" + "6" * 32), auth=(AC, TOKEN), timeout=5)

    assert (401, 404) == (wrong.status_code, other.status_code)


def test_numbers_say_where_calls_go(phone: Telephone) -> None:
    """The account's numbers have the voice webhook and the status callback that calls use."""
    (number,) = phone.simulator.client.incoming_phone_numbers.list()

    assert (f"{phone.web.origin}/voice", f"{phone.web.origin}/voice/status") == (
        number.voice_url, number.status_callback,
    )  # fmt: skip


# The phone page


def test_the_page_sees_a_call(phone: Telephone) -> None:
    """A call comes with the page's changes, its last lines with it; the whole picture has none of them."""
    origin = phone.simulator.origin
    start = requests.get(f"{origin}/phone/state", timeout=5).json()
    phone.web.says["/voice"] = ASK
    sid = phone.post("/phone/calls", {"from": CALLER, "pace": 0}).json()["call_sid"]
    phone.is_asked(sid)
    said = phone.post(f"/phone/calls/{sid}/say", {"speech": "hello"})
    phone.post(f"/phone/calls/{sid}/hangup")
    changes = requests.get(f"{origin}/phone/changes?cursor={start['cursor']}", timeout=5).json()
    whole = requests.get(f"{origin}/phone/state", timeout=5).json()
    later = requests.get(f"{origin}/phone/calls/{sid}?after=3", timeout=5).json()

    assert ([], 200) == (start["calls"], said.status_code)
    assert [sid] == [call["call_sid"] for call in changes["calls"]]
    assert "hello" in [line["text"] for line in changes["calls"][0]["transcript"]]
    assert [(sid, [])] == [(call["call_sid"], call["transcript"]) for call in whole["calls"]]
    assert 4 == later["transcript"][0]["seq"] and later["lines"] == whole["calls"][0]["lines"]
    raw = requests.get(f"{origin}/phone/calls/{sid}/raw", timeout=5).json()
    assert "/voice" == urlsplit(raw["exchanges"][0]["url"]).path


ODD = [
    ("/phone/calls", {"from": "555"}, 400),
    ("/phone/calls/CA0/say", {"speech": "x"}, 404),
    ("/phone/calls/{sid}/say", {"speech": ""}, 400),
    ("/phone/calls/{sid}/say", {"speech": "x"}, 409),
    ("/phone/calls/{sid}/transfer", {"status": "busy"}, 409),
    ("/phone/calls/{sid}/transfer", {"status": "odd"}, 400),
    ("/phone/calls/{sid}/answer", {}, 409),
    ("/phone/calls/{sid}/hangup", {}, 409),
]


@pytest.mark.parametrize(("path", "given", "status"), ODD)
def test_what_the_page_may_not(
    phone: Telephone,
    path: str,
    given: dict[str, Any],
    status: int,
) -> None:
    """What cannot be done is refused with a sentence for the person at the page."""
    sid = phone.rings()
    phone.ended(sid)
    refused = phone.post(path.format(sid=sid), given)

    assert status == refused.status_code
    assert refused.json()["error"].endswith(".")


# The process


def test_restart_remembers_calls(phone: Telephone) -> None:
    """After a restart what was said is there; a call that was live has ended, and its status callback says so."""
    phone.web.says["/voice"] = ASK
    sid = phone.rings()
    phone.is_asked(sid)
    port = str(urlsplit(phone.simulator.origin).port)
    assert 0 == phone.simulator.stop()
    phone.simulator.start(port)
    call = phone.call(sid)

    assert ("completed", "ended", ["Yes?", "<gather>"]) == (call["status"], call["doing"], heard(call))
    assert sid == phone.web.next("/voice/status").fields["CallSid"]


def test_too_many_calls(phone: Telephone) -> None:
    """Live calls are bounded; one that ends makes room."""
    phone.web.says["/voice"] = "<Pause length='600'/>"
    sids, refused = [], None
    while refused is None and len(sids) < 300:
        placed = phone.post("/_control/calls", {"from": CALLER})
        sids.append(placed.json().get("call_sid"))
        refused = placed if placed.status_code != 201 else None
    assert refused is not None
    throttled = phone.place(Twiml=pushed("x"))
    wait_for(lambda: phone.call(sids[0])["doing"] == "pausing", "the pause")
    phone.post(f"/_control/calls/{sids[0]}/hangup")

    assert (201, 429, 429) == (len(sids), refused.status_code, throttled.status_code)
    wait_for(lambda: phone.post("/_control/calls", {"from": CALLER}).status_code == 201, "room")
