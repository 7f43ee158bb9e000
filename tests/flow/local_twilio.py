"""The local Twilio over HTTP, as a process: Twilio's own client on one side, a recording web on the other."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
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
        super().__init__(("127.0.0.1", 0), Recorder)
        self.received: queue.Queue[Received] = queue.Queue()
        self.answer = (200, "text/xml", "<Response/>")
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"

    def next(self) -> Received:
        return self.received.get(timeout=TERMINAL_S)


class Recorder(BaseHTTPRequestHandler):
    server: Web

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = parse_qs(body, keep_blank_values=True)
        self.server.received.put(Received(self.path, dict(self.headers.items()), form))
        self.send(*self.server.answer)

    def send(self, status: int, kind: str, text: str) -> None:
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


def environment(web: str, state: Path, **more: str) -> dict[str, str]:
    """What the process is told. ``web``: the origin that stands where Ringback stands; ``state``: its file."""
    return {
        "PATH": os.environ["PATH"],
        "TWILIO_ACCOUNT_SID": AC,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_PHONE_NUMBER": OURS,
        "SIMULATOR_WEBHOOK_BASE": web,
        "SIMULATOR_STATE": str(state),
        **more,
    }


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    web = Web()
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    state = tmp_path_factory.mktemp("simulator") / "twilio.sqlite"
    environ = environment(
        web.origin,
        state,
        TWILIO_API_KEY_SID="SK1",
        TWILIO_API_KEY_SECRET="secret",
        SIMULATOR_DELIVERY_MS="60",
    )
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
