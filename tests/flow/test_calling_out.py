"""Calls that a program makes, over real processes: spoken once, answered by the assistant, told how they ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.flow.system import OURS, PROJECT, System, call, wait_for
from tests.flow.test_faults import FAST
from tests.flow.test_sending import refusal, said, settled

OURS_TOO, VERIFIED, STRANGER = "+15550002222", "+15557654321", "+15558880000"
BODY = "This is the flower shop. Your order 12345 is ready to be collected."


def phone(number: int) -> str:
    """This file's own block."""
    return f"+1555842{number:04d}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with a verified caller ID, whose customers pick up."""
    patience = {"PART_LIMIT_SECONDS": "6", "FAULT_RETRY_SECONDS": "0.3,1", "SENDER_BUSY_SECONDS": "0.5,1"}
    agents = tmp_path_factory.mktemp("agents")
    preset = (PROJECT / "config/agents/default-agent.toml").read_text(encoding="utf-8")
    (agents / "default-agent.toml").write_text(
        f"{preset}\n[voice]\nanswer_by_text = true\n", encoding="utf-8"
    )
    settings = FAST | patience | {"SIMULATOR_CALLER_IDS": VERIFIED, "AGENTS_DIR": str(agents)}
    running = System(tmp_path_factory.mktemp("calling"), **settings)
    try:
        yield running.start()
    finally:
        running.stop()


def answering(system: System, how: str) -> None:
    """What customers' phones do with our calls from now on; who picks up has the patience of a test."""
    told = {"how": how, "patience": 60, "seconds": 0}
    assert 200 == call("POST", f"{system.simulator}/_control/answering", told)[0]


@pytest.fixture(autouse=True)
def _everybody_picks_up(shop: System) -> Iterator[None]:
    answering(shop, "auto")
    yield
    call("DELETE", f"{shop.simulator}/_control/faults")


def calls_to(system: System, number: str) -> list[dict[str, Any]]:
    """What Twilio knows of calls with a customer, oldest first."""
    return list(call("GET", f"{system.simulator}/_control/calls?customer={quote(number)}")[1]["calls"])


def the_call(system: System, number: str, until: str = "listening") -> dict[str, Any]:
    """The one call with a customer, once it is as ``until`` says."""
    sid = wait_for(lambda: calls_to(system, number), "the call")[0]["call_sid"]
    return dict(call("GET", f"{system.simulator}/_control/calls/{sid}?until={until}&wait=20")[1])


def says(system: System, sid: str, words: str) -> None:
    status, answer = call(
        "POST", f"{system.simulator}/_control/calls/{sid}/say", {"speech": words, "wait": 10}
    )
    assert status == 200, answer


def spoken(picture: dict[str, Any]) -> list[str]:
    """What was said to the customer, in order."""
    return [line["text"] for line in picture["transcript"] if line["kind"] == "say"]


def hear(system: System, sid: str, word: str) -> list[str]:
    """All that was said in a call, once something after its first words holds ``word``."""

    def look() -> list[str]:
        heard = spoken(call("GET", f"{system.simulator}/_control/calls/{sid}")[1])
        return heard if any(word in text for text in heard[1:]) else []

    return list(wait_for(look, f"{word!r} to be said"))


def requests_on(system: System, kind: str, number: str = "") -> list[dict[str, Any]]:
    told = call("GET", f"{system.simulator}/_control/requests?on={kind}")[1]["requests"]
    return [request for request in told if number in ("", request.get("to"))]


def test_a_call_speaks_and_then_listens(shop: System) -> None:
    """The words are said once, whoever picks up can talk with the assistant, and all of it is one session."""
    customer = phone(1)
    message = said(shop, customer, body=BODY, channel="voice")
    assert ("voice", "queued", OURS, "agent") == (
        message["channel"], message["status"], message["metadata"]["from_number"], message["role"]
    )  # fmt: skip
    picture = the_call(shop, customer)
    assert [BODY] == spoken(picture)
    assert ("outbound-api", OURS, customer) == (picture["direction"], picture["from"], picture["to"])

    says(shop, picture["call_sid"], "Where is my order #12345?")
    heard = hear(shop, picture["call_sid"], "12345")
    assert BODY == heard[0]
    shown = settled(shop, message["id"])
    assert (picture["call_sid"], 1) == (
        shown["parts"][0]["twilio_message_sid"],
        shown["parts"][0]["attempts"],
    )
    session = shop.session(customer)
    assert message["session_id"] == session["session"]["session_id"]
    assert ["agent", "user", "assistant"] == [m["role"] for m in session["conversation_history"]]
    assert {"voice"} == {m["channel"] for m in session["conversation_history"]}


def test_what_we_called_for_is_said_again(shop: System) -> None:
    """ "Please repeat" right after our words is answered with them, without the model."""
    customer = phone(3)
    message = said(shop, customer, body=BODY, channel="voice")
    sid = the_call(shop, customer)["call_sid"]
    settled(shop, message["id"])
    asked = len(shop.model_requests())
    says(shop, sid, "Sorry, can you repeat that please")

    def look() -> bool:
        return spoken(call("GET", f"{shop.simulator}/_control/calls/{sid}")[1]).count(BODY) == 2

    wait_for(look, "the words again")
    assert asked == len(shop.model_requests())


def test_a_verified_caller_id_may_call(shop: System) -> None:
    """From a number that is not ours but verified: it is our number for this call, and for the answers in it."""
    customer = phone(2)
    message = said(shop, customer, body=BODY, channel="voice", **{"from": VERIFIED})
    picture = the_call(shop, customer)
    says(shop, picture["call_sid"], "Thank you, I will come at noon")
    wait_for(lambda: len(shop.session(customer)["conversation_history"]) >= 2, "the utterance")

    assert (VERIFIED, message["session_id"]) == (
        picture["from"],
        shop.session(customer)["session"]["session_id"],
    )
    assert VERIFIED == shop.session(customer)["conversation_history"][1]["metadata"]["to_number"]


def test_an_answer_nobody_heard_is_texted_from_a_number_that_may(shop: System) -> None:
    """Who hangs up on a call from a verified caller ID gets the answer by text, from our own number: the ID sends none."""
    customer = phone(4)
    said(shop, customer, body=BODY, channel="voice", **{"from": VERIFIED})
    sid = the_call(shop, customer)["call_sid"]
    shop.model(latency_ms=1500)
    try:
        says(shop, sid, "Where is my order #12345?")
        call("POST", f"{shop.simulator}/_control/calls/{sid}/hangup", {})
        text = shop.reply(customer)
    finally:
        shop.model(latency_ms=0)

    assert "12345" in text
    assert [OURS] == [m["ours"] for m in shop.messages(customer, "outbound-api")]


@pytest.mark.parametrize(
    ("how", "status"), [("busy", "undelivered"), ("no-answer", "undelivered"), ("failed", "failed")]
)
def test_nobody_takes_the_call(shop: System, how: str, status: str) -> None:
    """A call that is not taken is told as that, and is not made again."""
    customer = phone(10 + len(how))
    answering(shop, how)
    message = said(shop, customer, body=BODY, channel="voice")

    assert status == settled(shop, message["id"], status)["status"]
    assert [how] == [picture["status"] for picture in calls_to(shop, customer)]


def test_somebody_lets_it_ring(shop: System) -> None:
    """While it rings the message is sent; it is delivered when somebody answers, and stays so when they hang up."""
    customer = phone(20)
    answering(shop, "ring")
    message = said(shop, customer, body=BODY, channel="voice")
    sid = the_call(shop, customer, "ringing")["call_sid"]
    assert "sent" == settled(shop, message["id"], "sent")["status"]

    call("POST", f"{shop.simulator}/_control/calls/{sid}/answer", {"patience": 60})
    assert "delivered" == settled(shop, message["id"], "delivered")["status"]
    call("POST", f"{shop.simulator}/_control/calls/{sid}/hangup", {})
    the_call(shop, customer, "ended")
    assert "delivered" == settled(shop, message["id"], "delivered")["status"]


@pytest.mark.parametrize("kind", ["drop_after_accept", "500_after_accept"])
def test_an_answer_that_was_lost_makes_no_second_call(shop: System, kind: str) -> None:
    """Twilio took the call and nobody heard so: it is found by its callback or in Twilio's list, and not made again."""
    customer = phone(30 + len(kind))
    shop.fault("callbacks_lost", on="call_callback", count=20)
    shop.fault(kind, on="call_create")
    message = said(shop, customer, body=BODY, channel="voice")

    wait_for(lambda: shop.api("GET", f"/messages/{message['id']}")[1]["parts"][0]["twilio_message_sid"], "it")
    assert [BODY] == spoken(the_call(shop, customer))
    assert 1 == len(calls_to(shop, customer))
    assert requests_on(shop, "call_list")


def test_a_request_that_was_lost_is_made_again(shop: System) -> None:
    """Twilio never saw it: two looks at its list find nothing, and then the call is made."""
    customer = phone(60)
    shop.fault("drop", on="call_create")
    message = said(shop, customer, body=BODY, channel="voice")

    assert [BODY] == spoken(the_call(shop, customer))
    assert 2 == settled(shop, message["id"])["parts"][0]["attempts"]
    assert 1 == len(calls_to(shop, customer))


def test_two_calls_are_two_calls(shop: System) -> None:
    """The same words twice, of which the first answer was lost: each call is its own part's."""
    customer = phone(61)
    shop.fault("callbacks_lost", on="call_callback", count=20)
    shop.fault("drop_after_accept", on="call_create")
    ids = [said(shop, customer, body=BODY, channel="voice")["id"] for _ in range(2)]

    def sids() -> set[str]:
        shown = [shop.api("GET", f"/messages/{each}")[1]["parts"][0] for each in ids]
        return {part["twilio_message_sid"] for part in shown}

    wait_for(lambda: None not in sids(), "both")
    assert sids() == {picture["call_sid"] for picture in calls_to(shop, customer)}
    assert 2 == len(sids())


@pytest.mark.parametrize(("code", "reason"), [(21214, "refused_by_twilio"), (21217, "refused_by_twilio")])
def test_a_number_that_cannot_be_called_is_a_failure(shop: System, code: int, reason: str) -> None:
    """What Twilio will never do is not tried again, and a person is told."""
    customer = phone(code - 21140)
    shop.fault("error", on="call_create", code=code, to=customer)
    message = said(shop, customer, body=BODY, channel="voice")

    assert code == settled(shop, message["id"], "failed")["error_code"]
    failures = shop.api("GET", "/admin/failures")[1]["failures"]
    assert [reason] == [f["reason"] for f in failures if f["phone_number"] == customer]
    assert [] == calls_to(shop, customer)


@pytest.mark.parametrize("code", [10004, 21215])
def test_what_passes_is_waited_for(shop: System, code: int) -> None:
    """Too many calls at once, or a country to be enabled: the call is made when it may be."""
    customer = phone(200 + code % 100)
    shop.fault("error", on="call_create", code=code, to=customer)
    message = said(shop, customer, body=BODY, channel="voice")

    assert 2 == settled(shop, message["id"])["parts"][0]["attempts"]
    assert [BODY] == spoken(the_call(shop, customer))


def test_an_opt_out_of_texts_forbids_no_call(shop: System) -> None:
    """After STOP no text goes, and a call does."""
    customer = phone(70)
    shop.says(customer, "STOP")
    draft = {"to": customer, "body": BODY}
    wait_for(lambda: (422, "opted_out") == refusal(shop, "/messages", draft), "the opt-out")
    said(shop, customer, body=BODY, channel="voice")

    assert [BODY] == spoken(the_call(shop, customer))


def test_a_person_who_steps_in_stops_the_call(shop: System) -> None:
    """A call that waits to be made is not made any more once an operator has the conversation."""
    customer = phone(71)
    shop.fault("error", on="call_create", code=10004, count=50, to=customer)
    message = said(shop, customer, body=BODY, channel="voice")
    wait_for(lambda: requests_on(shop, "call_create", customer), "the first try")
    shop.api("POST", f"/session/{quote(customer)}/handoff")

    assert "failed" == settled(shop, message["id"], "failed")["status"]
    assert [] == calls_to(shop, customer)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"from": STRANGER}, (422, "not_a_sender")),
        ({"from": "SHOP"}, (422, "not_a_sender")),
        ({"to": OURS}, (422, "own_number")),
        ({"to": OURS_TOO, "from": OURS_TOO}, (422, "own_number")),
        ({"to": "nobody"}, (422, "invalid_phone_number")),
        ({"to": "US.12345"}, (422, "invalid_phone_number")),
        ({"to": f"whatsapp:{phone(90)}"}, (422, "invalid_channel")),
        ({"body": "x" * 2401}, (422, "body_too_long")),
        ({"body": "&" * 500}, (422, "body_too_long")),
        ({"body": "\u200b"}, (422, "empty_body")),
    ],
)
def test_what_is_not_called(shop: System, given: dict[str, str], expected: tuple[int, str]) -> None:
    """Each fault has its code and sentence; nobody is called and nothing is opened."""
    before = len(requests_on(shop, "call_create"))
    draft = {"to": phone(90), "body": "x", "channel": "voice"} | given

    assert expected == refusal(shop, "/messages", draft)
    assert 404 == shop.api("GET", f"/session/{quote(phone(90))}")[0]
    assert before == len(requests_on(shop, "call_create"))


def test_a_template_cannot_be_spoken(shop: System) -> None:
    """Templates are WhatsApp's."""
    draft = {"to": phone(90), "channel": "voice", "template": {"content_sid": "HX" + "a" * 32}}

    assert (422, "invalid_template") == refusal(shop, "/messages", draft)


def test_markup_in_the_words_is_spoken_as_words(shop: System) -> None:
    """A program's text cannot tell Twilio to do anything, and what XML cannot carry is left out."""
    customer = phone(72)
    body = "</Say><Hangup/><Say>&amp; \u0007 ]]> 5 < 6"
    said(shop, customer, body=body, channel="voice")

    (heard,) = spoken(the_call(shop, customer))
    assert "</Say><Hangup/><Say>&amp; ]]> 5 < 6" == " ".join(heard.split())


def test_nothing_of_a_call_is_in_the_log(shop: System) -> None:
    """Neither the number nor the words stand in a line of ours."""
    customer, body = phone(73), "Zanzibar is the password of the day"
    said(shop, customer, body=body, channel="voice")
    the_call(shop, customer)
    text = "".join(path.read_text("utf-8", "replace") for path in shop.folder.glob("w*.log"))

    assert "part_sent" in text
    assert "Zanzibar" not in text
    assert customer[1:] not in text
    assert not [key for key in shop.redis.scan_iter("*") if customer[1:] in str(key)]
