"""The local Twilio over HTTP, as a process: Twilio's own client on one side, a recording web on the other."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

ROOT = Path(__file__).parents[2]
SCHEMAS = json.loads((ROOT / "tests/unit/twilio_message_schema.json").read_text())
AC, TOKEN, OURS, CUSTOMER = "AC" + "5" * 32, "token-of-sixteen+", "+15703251809", "+15551234567"
TERMINAL_S = 10


@dataclass(frozen=True)
class Received:
    """One webhook as it arrived, before anyone parsed it."""

    path: str
    headers: dict[str, str]
    form: dict[str, list[str]]

    @property
    def fields(self) -> dict[str, str]:
        return {name: values[0] for name, values in self.form.items()}


class Web(ThreadingHTTPServer):
    """Stands where Ringback stands. ``answer`` is (status, content type, body) of the next webhooks."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recorder)
        self.received: queue.Queue[Received] = queue.Queue()
        self.answer = (200, "text/xml", "<Response/>")
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"

    def next(self) -> Received:
        return self.received.get(timeout=TERMINAL_S)


class _Recorder(BaseHTTPRequestHandler):
    server: Web

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = parse_qs(body, keep_blank_values=True)
        self.server.received.put(Received(self.path, dict(self.headers.items()), form))
        status, kind, text = self.server.answer
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class ToLoopback(TwilioHttpClient):
    """Twilio's own HTTP client with another origin, as TWILIO_API_BASE_URL does it."""

    def __init__(self, origin: str) -> None:
        super().__init__(timeout=5)
        self.origin = origin

    def request(self, method: str, url: str, *args: Any, **named: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self.origin), *args, **named)


@dataclass
class Simulator:
    """The running process and the ways to it."""

    web: Web
    environ: dict[str, str]
    process: subprocess.Popen[str] = field(init=False)
    origin: str = ""

    def start(self, port: str = "0") -> None:
        command = [sys.executable, "-m", "simulator", "--port", port]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environ, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.origin = f"http://127.0.0.1:{self.process.stdout.readline().split()[-1]}"

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=TERMINAL_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    @property
    def client(self) -> Client:
        return Client(AC, TOKEN, http_client=ToLoopback(self.origin))

    @property
    def messages_url(self) -> str:
        return f"{self.origin}/2010-04-01/Accounts/{AC}/Messages.json"

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"{self.origin}/_control/{path}"
        response = (
            requests.get(url, timeout=10) if body is None else requests.post(url, json=body, timeout=20)
        )
        assert response.ok, response.text
        return response.json() if response.content else None

    def create(self, **fields: str) -> requests.Response:
        form = {"To": CUSTOMER, "From": OURS, "Body": "hi"} | fields
        form = {name: value for name, value in form.items() if value is not None}
        return requests.post(self.messages_url, data=form, auth=(AC, TOKEN), timeout=5)

    def settled(self, sid: str) -> Any:
        """The message once its status moves no more."""
        deadline = time.monotonic() + TERMINAL_S
        while time.monotonic() < deadline:
            message = self.client.messages(sid).fetch()
            if message.status in ("delivered", "undelivered", "failed"):
                return message
            time.sleep(0.01)
        raise AssertionError("the message did not settle")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    web = Web()
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    state = tmp_path_factory.mktemp("simulator") / "twilio.sqlite"
    environ = {
        "PATH": os.environ["PATH"],
        "TWILIO_ACCOUNT_SID": AC,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_PHONE_NUMBER": OURS,
        "TWILIO_API_KEY_SID": "SK1",
        "TWILIO_API_KEY_SECRET": "secret",
        "SIMULATOR_WEBHOOK_BASE": web.origin,
        "SIMULATOR_STATE": str(state),
        "SIMULATOR_DELIVERY_MS": "60",
    }
    running = Simulator(web, environ)
    running.start()
    yield running
    assert 0 == running.stop()
    web.shutdown()
    web.server_close()


@pytest.fixture
def twilio(shared: Simulator) -> Simulator:
    """The process with nothing in it."""
    shared.control("reset", {})
    shared.web.answer = (200, "text/xml", "<Response/>")
    while not shared.web.received.empty():
        shared.web.received.get_nowait()
    return shared


def valid(twilio: Simulator, received: Received) -> bool:
    """Twilio's own library on the request; repeated fields as a MultiDict would give them."""
    url = twilio.web.origin + received.path
    return bool(
        RequestValidator(TOKEN).validate(url, received.fields, received.headers["X-Twilio-Signature"])
    )


# The REST API


def test_create_fetch_delete(twilio: Simulator) -> None:
    """Twilio's own client creates, fetches, redacts and deletes a message."""
    created = twilio.client.messages.create(to=CUSTOMER, from_=OURS, body="hi €")
    assert ("queued", "outbound-api", "1", None) == (
        created.status,
        created.direction,
        created.num_segments,
        created.price,
    )
    settled = twilio.settled(created.sid)
    assert ("delivered", "hi €") == (settled.status, settled.body)

    assert "" == settled.update(body="").body
    assert settled.delete()
    with pytest.raises(TwilioRestException) as caught:
        settled.fetch()
    assert (404, 20404) == (caught.value.status, caught.value.code)


def test_shapes_are_twilios(twilio: Simulator) -> None:
    """The answers fit Twilio's OpenAPI description to the last field."""
    created = twilio.create(Body="x" * 200)
    twilio.control("inbound", {"from": CUSTOMER, "body": "hi"})
    listed = requests.get(twilio.messages_url, auth=(AC, TOKEN), timeout=5)

    jsonschema.validate(created.json(), {"$ref": "#/$defs/message", **SCHEMAS})
    jsonschema.validate(listed.json(), {"$ref": "#/$defs/list", **SCHEMAS})
    assert (201, "2") == (created.status_code, created.json()["num_segments"])
    assert "RQ" + created.json()["sid"][2:] == created.headers["Twilio-Request-Id"]


REFUSALS = [
    ({"To": ""}, 21201),
    ({"To": "12"}, 21211),
    ({"To": "+15005550001"}, 21211),
    ({"To": "+15005550002"}, 21612),
    ({"To": "+15005550003"}, 21408),
    ({"To": "+15005550004"}, 21610),
    ({"To": "+15005550009"}, 21614),
    ({"From": "+15005550001"}, 21212),
    ({"From": "+15005550007"}, 21606),
    ({"From": "+15005550008"}, 21611),
    ({"From": ""}, 21603),
    ({"From": "Ringback!"}, 21212),
    ({"From": "+14155550199"}, 21606),
    ({"From": f"whatsapp:{OURS}"}, 21910),
    ({"From": "whatsapp:+14155550199", "To": f"whatsapp:{CUSTOMER}"}, 63007),
    ({"Body": ""}, 21602),
    ({"Body": "x" * 1601}, 21617),
    ({"Body": "👋" * 801}, 21617),
    ({"StatusCallback": "/status"}, 21609),
    ({"From": "", "MessagingServiceSid": "MG" + "0" * 32}, 21701),
]


@pytest.mark.parametrize(("fields", "code"), REFUSALS)
def test_refusals(twilio: Simulator, fields: dict[str, str], code: int) -> None:
    """What Twilio would not send is refused with its code and its error body, and leaves no message."""
    response = twilio.create(**fields)

    assert (400, code) == (response.status_code, response.json()["code"])
    assert {"code", "message", "more_info", "status"} == set(response.json())
    assert [] == twilio.client.messages.list()


LOGINS = [
    ((AC, "wrong"), 401),
    (("SK1", "wrong"), 401),
    (None, 401),
    (("SK1", "secret"), 200),
    ((AC, TOKEN), 200),
]


@pytest.mark.parametrize(("login", "status"), LOGINS)
def test_authentication(twilio: Simulator, login: tuple[str, str] | None, status: int) -> None:
    """Only the account's token and its API key open the API; all else is 20003."""
    response = requests.get(twilio.messages_url, auth=login, timeout=5)

    assert status == response.status_code
    assert (20003 if status == 401 else None) == response.json().get("code")


def test_list_filters(twilio: Simulator) -> None:
    """To, From and the DateSent filters name exactly the messages Twilio would list, newest first."""
    sids = [twilio.create(To=to).json()["sid"] for to in (CUSTOMER, "+1987654321", CUSTOMER)]
    sent = [twilio.settled(sid).date_sent for sid in sids]
    messages = twilio.client.messages

    assert [sids[2], sids[0]] == [m.sid for m in messages.list(to=CUSTOMER, from_=OURS)]
    assert 3 == len(messages.list(date_sent_after=sent[0])) and 3 == len(
        messages.list(date_sent=sent[0].date())
    )
    assert [] == messages.list(date_sent_before=sent[0].replace(year=2020))
    assert [] == messages.list(from_=CUSTOMER)


def test_pages(twilio: Simulator) -> None:
    """The pages of a list hold every message once, though a new one comes in between."""
    sids = [twilio.create().json()["sid"] for _ in range(5)]
    found: list[str] = []
    page = twilio.client.messages.page(page_size=2, to=CUSTOMER)
    while page is not None:
        found += [message.sid for message in page]
        twilio.create()
        page = twilio.client.messages.get_page(page.next_page_url) if page.next_page_url else None

    assert sids[::-1] == found


def test_account_and_unknown(twilio: Simulator) -> None:
    """The account and its numbers can be looked up; what is not there is 20404 in Twilio's form."""
    account = twilio.client.api.v2010.accounts(AC)
    with pytest.raises(TwilioRestException) as caught:
        twilio.client.calls("CA" + "0" * 32).fetch()

    assert (AC, "active") == (account.fetch().sid, account.fetch().status)
    assert [OURS] == [n.phone_number for n in account.incoming_phone_numbers.list(phone_number=OURS)]
    assert (404, 20404) == (caught.value.status, caught.value.code)


BAD_INBOUND = [
    {},
    {"from": "12", "body": "hi"},
    {"from": CUSTOMER, "body": 1},
    {"from": CUSTOMER, "body": "hi", "to": "+14155550199"},
    {"from": CUSTOMER, "body": "hi", "channel": "pigeon"},
    {"from": CUSTOMER, "body": "hi", "media": ["x"]},
    {"from": CUSTOMER, "body": "hi", "extra": "x"},
]


@pytest.mark.parametrize("given", BAD_INBOUND)
def test_bad_inbound(twilio: Simulator, given: dict[str, Any]) -> None:
    """A customer that cannot exist sends nothing, and the answer says why."""
    response = requests.post(f"{twilio.origin}/_control/inbound", json=given, timeout=5)

    assert (400, "bad_request") == (response.status_code, response.json()["error"]["code"])
    assert twilio.web.received.empty()


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
