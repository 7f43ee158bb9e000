"""The local Twilio's ways to and from the customer: delivery, faults, webhooks, opting out, its process."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.flow.local_twilio import (
    AC,
    CUSTOMER,
    OURS,
    ROOT,
    TERMINAL_S,
    Simulator,
    valid,
)

# Delivery


def test_callbacks(twilio: Simulator) -> None:
    """A message is called back as sent and delivered, signed over the exact URL, never for its first status."""
    callback = f"{twilio.web.origin}/status?ob=a%2Fb&a=1#rc=2"
    sid = twilio.create(StatusCallback=callback).json()["sid"]
    received = sorted((twilio.web.next() for _ in range(2)), key=lambda r: r.fields["MessageStatus"])

    assert ["delivered", "sent"] == [r.fields["MessageStatus"] for r in received]
    assert all(r.path == "/status?ob=a%2Fb&a=1" and valid(twilio, r) for r in received)
    assert {sid} == {r.fields["MessageSid"] for r in received}
    assert {AC, CUSTOMER, OURS} == {received[0].fields[name] for name in ("AccountSid", "To", "From")}
    assert twilio.web.received.empty()


def test_delivery_fails(twilio: Simulator) -> None:
    """A message that cannot be delivered ends so, with its code in the callback and in the list."""
    twilio.control("faults", {"kind": "undelivered", "code": 30003})
    sid = twilio.create(StatusCallback=f"{twilio.web.origin}/status").json()["sid"]
    ends = {
        r.fields["MessageStatus"]: r.fields.get("ErrorCode") for r in (twilio.web.next(), twilio.web.next())
    }

    assert {"sent": None, "undelivered": "30003"} == ends
    assert 30003 == twilio.settled(sid).error_code


CALLBACK_FAULTS = [
    ("callbacks_twice", ["delivered", "delivered", "sent", "sent"]),
    ("callbacks_reversed", ["delivered", "sent"]),
    ("callbacks_late", ["delivered", "sent"]),
]


@pytest.mark.parametrize(("kind", "statuses"), CALLBACK_FAULTS)
def test_callback_faults(twilio: Simulator, kind: str, statuses: list[str]) -> None:
    """Callbacks come twice, in the wrong order or late when asked to."""
    twilio.control("faults", {"kind": kind, "seconds": 0.05})
    twilio.create(StatusCallback=f"{twilio.web.origin}/status")
    came = [twilio.web.next().fields["MessageStatus"] for _ in statuses]

    assert statuses == (came if kind == "callbacks_reversed" else sorted(came))


def test_whatsapp_window(twilio: Simulator) -> None:
    """WhatsApp takes free text only within a day of the customer's last message; else it fails with 63016."""
    to, sender = f"whatsapp:{CUSTOMER}", f"whatsapp:{OURS}"
    outside = twilio.create(To=to, From=sender).json()["sid"]
    twilio.control("inbound", {"from": CUSTOMER, "body": "hi", "channel": "whatsapp"})
    inside = twilio.create(To=to, From=sender).json()["sid"]

    assert ("failed", 63016) == (twilio.settled(outside).status, twilio.settled(outside).error_code)
    assert "delivered" == twilio.settled(inside).status


# Faults


def test_429_creates_nothing(twilio: Simulator) -> None:
    """A throttled create is 20429 with its Retry-After and leaves no message; the next one goes through."""
    twilio.control("faults", {"kind": "429", "count": 2, "retry_after": 3})
    refused = [twilio.create() for _ in range(2)]

    assert [(429, "3", 20429)] * 2 == [
        (r.status_code, r.headers["Retry-After"], r.json()["code"]) for r in refused
    ]
    assert [] == twilio.client.messages.list()
    assert 201 == twilio.create().status_code


REFUSING = [
    ({"kind": "503"}, 503, 0),
    ({"kind": "500"}, 500, 0),
    ({"kind": "500_after_accept"}, 500, 1),
    ({"kind": "error", "code": 21612}, 400, 0),
    ({"kind": "error", "code": 20003, "status": 401}, 401, 0),
]


@pytest.mark.parametrize(("fault", "status", "kept"), REFUSING)
def test_refusing_faults(twilio: Simulator, fault: dict[str, Any], status: int, kept: int) -> None:
    """A fault answers as asked, and only the kind that accepts leaves a message behind."""
    twilio.control("faults", fault)

    assert status == twilio.create().status_code
    assert kept == len(twilio.client.messages.list())


SILENT = [
    ({"kind": "drop"}, 0),
    ({"kind": "drop_after_accept"}, 1),
    ({"kind": "hang", "seconds": 0.05}, 0),
    ({"kind": "hang", "seconds": 0.05, "accept": True}, 1),
]


@pytest.mark.parametrize(("fault", "kept"), SILENT)
def test_silent_faults(twilio: Simulator, fault: dict[str, Any], kept: int) -> None:
    """A lost answer closes the connection without a byte; the message is there when it was accepted."""
    twilio.control("faults", fault)

    with pytest.raises(requests.ConnectionError):
        twilio.create(Body="lost?")
    assert ["lost?"] * kept == [m.body for m in twilio.client.messages.list()]
    assert [fault["kind"]] == [call["fault"] for call in twilio.control("requests?on=create")["requests"]]


# From the customer


def test_sms_webhook(twilio: Simulator) -> None:
    """A customer's text is posted with Twilio's parameters and a signature its own library accepts."""
    outcome = twilio.control("inbound", {"from": CUSTOMER, "body": "  Olá 👋\n"})
    received = twilio.web.next()
    fields = received.fields

    assert "/sms" == received.path and valid(twilio, received)
    assert {outcome["message_sid"]} == {fields[name] for name in ("MessageSid", "SmsSid", "SmsMessageSid")}
    assert ("  Olá 👋\n", CUSTOMER, OURS, AC) == tuple(
        fields[n] for n in ("Body", "From", "To", "AccountSid")
    )
    assert ("0", "1", "received", "2010-04-01") == tuple(
        fields[n] for n in ("NumMedia", "NumSegments", "SmsStatus", "ApiVersion")
    )
    assert {"FromCity", "FromState", "FromZip", "FromCountry", "ToCity", "ToCountry"} <= set(fields)
    assert received.headers["I-Twilio-Idempotency-Token"]
    assert received.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    listed = twilio.client.messages.list(from_=CUSTOMER)
    assert [("inbound", "received")] == [(m.direction, m.status) for m in listed]


def test_whatsapp_webhook(twilio: Simulator) -> None:
    """A WhatsApp message goes to its own path with the sender's profile and no geography."""
    given = {"from": CUSTOMER, "body": "hi", "channel": "whatsapp", "profile_name": "Zoë"}
    twilio.control("inbound", given | {"extra": {"ButtonPayload": "yes"}})
    received = twilio.web.next()
    fields = received.fields

    assert "/whatsapp" == received.path and valid(twilio, received)
    assert (f"whatsapp:{CUSTOMER}", f"whatsapp:{OURS}") == (fields["From"], fields["To"])
    assert ("Zoë", CUSTOMER[1:], "text", "yes") == tuple(
        fields[n] for n in ("ProfileName", "WaId", "MessageType", "ButtonPayload")
    )
    assert "FromCity" not in fields


def test_repeated_delivery(twilio: Simulator) -> None:
    """The same MessageSid can be delivered again and stays one message."""
    sid = "SM" + "a" * 32
    for _ in range(2):
        twilio.control("inbound", {"from": CUSTOMER, "body": "hi", "message_sid": sid})

    assert [sid, sid] == [twilio.web.next().fields["MessageSid"] for _ in range(2)]
    assert [sid] == [m.sid for m in twilio.client.messages.list()]


ANSWERS = [
    ((200, "text/xml", "<Response><Message>from TwiML</Message></Response>"), ["from TwiML"], 0),
    ((200, "text/plain", "plain words"), ["plain words"], 0),
    ((200, "text/xml", "<Response/>"), [], 0),
    ((204, "", ""), [], 0),
    ((200, "text/html", "OK"), [], 12100),
    ((403, "text/plain", "no"), [], 11200),
    ((503, "text/xml", "<Response><Message>ignored</Message></Response>"), [], 11200),
]


@pytest.mark.parametrize(("answer", "replies", "code"), ANSWERS)
def test_answers(twilio: Simulator, answer: tuple[int, str, str], replies: list[str], code: int) -> None:
    """An answer with TwiML or plain text reaches the customer; a bad one is an error in the debugger."""
    twilio.web.answer = answer
    outcome = twilio.control("inbound", {"from": CUSTOMER, "body": "hi"})

    assert (answer[0], code) == (outcome["status"], outcome["error_code"])
    assert replies == [m.body for m in twilio.client.messages.list(to=CUSTOMER)]


def test_connect_failure_is_tried_once_more(twilio: Simulator) -> None:
    """Where nothing listens Twilio tries twice with one idempotency token; a 500 it does not repeat."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        callback = f"http://127.0.0.1:{unused.getsockname()[1]}/status"
        sid = twilio.create(StatusCallback=callback).json()["sid"]
        deadline = time.monotonic() + TERMINAL_S
        attempts: list[dict[str, Any]] = []
        while len(attempts) < 4 and time.monotonic() < deadline:
            (message,) = [m for m in twilio.control("messages")["messages"] if m["sid"] == sid]
            attempts = [e for e in message["exchanges"] if e["kind"] == "callback"]
    tokens = {dict(e["headers"])["I-Twilio-Idempotency-Token"] for e in attempts}
    assert ([1, 1, 2, 2], 2) == (sorted(e["attempt"] for e in attempts), len(tokens))

    twilio.web.answer = (500, "text/plain", "")
    twilio.control("inbound", {"from": CUSTOMER, "body": "hi"})
    twilio.web.next()
    assert twilio.web.received.empty()


def test_only_this_machine_is_called(twilio: Simulator) -> None:
    """A callback to any other machine is not made: the local Twilio never leaves loopback."""
    sid = twilio.create(StatusCallback="http://192.0.2.1/status").json()["sid"]
    twilio.settled(sid)
    errors: list[str] = []
    deadline = time.monotonic() + TERMINAL_S
    while not errors and time.monotonic() < deadline:
        exchanges = twilio.control("messages")["messages"][0]["exchanges"]
        errors = [e["error"] for e in exchanges if e["kind"] == "callback"]

    assert "only calls this machine" in errors[0]


# Opting out


def test_stop_and_start(twilio: Simulator) -> None:
    """STOP is answered by Twilio once, posted to us, and blocks sends with 21610 until START."""
    for _ in range(2):
        twilio.control("inbound", {"from": CUSTOMER, "body": " Stop "})
    assert " Stop " == twilio.web.next().fields["Body"]
    assert (400, 21610) == (twilio.create().status_code, twilio.create().json()["code"])
    assert 201 == twilio.create(To="+1987654321").status_code

    twilio.control("inbound", {"from": CUSTOMER, "body": "START"})
    assert 201 == twilio.create(Body="welcome back").status_code
    said = [m.body.split(".")[0] for m in reversed(twilio.client.messages.list(to=CUSTOMER))]
    assert [
        "You have successfully been unsubscribed",
        "You have successfully been re-subscribed to messages from this number",
        "welcome back",
    ] == said


NO_OPT_OUT = [("STOP PLEASE", "sms"), ("STOP", "whatsapp"), ("YES", "sms")]


@pytest.mark.parametrize(("body", "channel"), NO_OPT_OUT)
def test_not_an_opt_out(twilio: Simulator, body: str, channel: str) -> None:
    """Only a whole keyword on SMS changes the list; YES of someone subscribed is an ordinary text."""
    twilio.control("inbound", {"from": CUSTOMER, "body": body, "channel": channel})

    assert 201 == twilio.create().status_code
    assert 1 == len([m for m in twilio.client.messages.list() if m.direction != "inbound"])


# The process


def test_restart_remembers(twilio: Simulator) -> None:
    """After SIGTERM and a new start the messages are there, and one under way is delivered."""
    twilio.control("inbound", {"from": CUSTOMER, "body": "before"})
    sid = twilio.create(Body="under way").json()["sid"]
    port = str(urlsplit(twilio.origin).port)
    assert 0 == twilio.stop()
    twilio.start(port)

    assert "delivered" == twilio.settled(sid).status
    assert ["under way", "before"] == [m.body for m in twilio.client.messages.list()]


STRANGERS = [
    ("GET", "/phone", {"Host": "evil.test"}),
    ("GET", "/_control/messages", {"Host": "127.0.0.1.evil.test:80"}),
    ("POST", "/_control/reset", {"Origin": "http://evil.test"}),
    ("POST", "/phone/send", {"Sec-Fetch-Site": "cross-site"}),
]


@pytest.mark.parametrize(("method", "path", "headers"), STRANGERS)
def test_strangers(twilio: Simulator, method: str, path: str, headers: dict[str, str]) -> None:
    """A foreign Host (DNS rebinding) and another site's form are refused."""
    request = urllib.request.Request(twilio.origin + path, method=method, headers=headers)

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    assert 403 == caught.value.code
    caught.value.close()


def test_keep_alive(twilio: Simulator) -> None:
    """One connection carries many requests, a refused one with a body among them."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(twilio.origin).port or 0, timeout=5)
    statuses = []
    for path in ("/health", "/2010-04-01/Accounts/AC1/Messages.json", "/nothing", "/health"):
        connection.request(
            "POST" if "Accounts" in path else "GET", path, body="Body=hi" if "Accounts" in path else None
        )
        local = connection.sock.getsockname() if connection.sock else None
        response = connection.getresponse()
        response.read()
        statuses.append((response.status, local))
    connection.close()

    assert [200, 401, 404, 200] == [status for status, _ in statuses]
    assert 1 == len({local for _, local in statuses})


def test_start_without_account() -> None:
    """Without an account the process names what is missing and exits with 2."""
    command = [sys.executable, "-m", "simulator", "--port", "0"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert (2, "") == (ended.returncode, ended.stdout)
    assert "TWILIO_ACCOUNT_SID" in ended.stderr
