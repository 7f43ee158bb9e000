"""A web that answers calls as a test lays down, and the local Twilio as a process that calls it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from twilio.request_validator import RequestValidator

from tests.flow.local_twilio import AC, OURS, TERMINAL_S, TOKEN, Received, Recorder, Simulator, environment

CALLER = "+15557700001"
ASK = '<Gather input="dtmf speech" action="/turn?n=1" actionOnEmptyResult="true"><Say>Yes?</Say></Gather>'


class VoiceWeb(ThreadingHTTPServer):
    """``says`` is what stands inside <Response> by path; ``answers`` are whole answers, (status, type, body), by path.

    A path in ``held`` is answered only when its event is set.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"
        self.forget()

    def forget(self) -> None:
        self.received: queue.Queue[tuple[str, Received]] = queue.Queue()
        self.says: dict[str, str] = {}
        self.answers: dict[str, tuple[int, str, str]] = {}
        self.held: dict[str, threading.Event] = {}

    def next(self, path: str = "") -> Received:
        """The next request, to that path where one is named."""
        while True:
            _, received = self.received.get(timeout=TERMINAL_S)
            if not path or urlsplit(received.path).path == path:
                return received

    def asked(self) -> list[tuple[str, str]]:
        """(method, path) of the requests that nobody took, oldest first."""
        return [(method, received.path) for method, received in list(self.received.queue)]


class _Answering(Recorder):
    server: VoiceWeb

    def do_GET(self) -> None:  # noqa: N802  the name that the server calls
        self._answer(urlsplit(self.path).query)

    def do_POST(self) -> None:  # noqa: N802
        self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _answer(self, form: str) -> None:
        path = urlsplit(self.path).path
        received = Received(self.path, dict(self.headers.items()), parse_qs(form, keep_blank_values=True))
        self.server.received.put((self.command, received))
        if path in self.server.held:
            self.server.held[path].wait(TERMINAL_S)
        said = f"<Response>{self.server.says.get(path, '')}</Response>"
        self.send(*self.server.answers.get(path, (200, "text/xml", said)))


class Telephone:
    """A customer's phone at the local Twilio. ``web`` stands where Ringback stands."""

    def __init__(self, simulator: Simulator, web: VoiceWeb) -> None:
        self.simulator = simulator
        self.web = web

    def post(self, path: str, given: Any = None) -> requests.Response:
        return requests.post(f"{self.simulator.origin}{path}", json=given or {}, timeout=20)

    def rings(self, **given: Any) -> str:
        """A call to our number; gives its sid."""
        placed = self.post("/_control/calls", {"from": CALLER} | given)
        assert 201 == placed.status_code, placed.text
        return str(placed.json()["call_sid"])

    def call(self, sid: str, until: str = "", wait: float = 0) -> dict[str, Any]:
        query = f"?wait={wait or TERMINAL_S}&until={until}" if until else f"?wait={wait}"
        return dict(requests.get(f"{self.simulator.origin}/_control/calls/{sid}{query}", timeout=70).json())

    def is_asked(self, sid: str) -> dict[str, Any]:
        """The call once somebody listens."""
        call = self.call(sid, "listening")
        assert "listening" == call["doing"], call["transcript"]
        return call

    def says(self, sid: str, **act: Any) -> requests.Response:
        return self.post(f"/_control/calls/{sid}/say", {"wait": TERMINAL_S} | act)

    def ended(self, sid: str) -> dict[str, Any]:
        call = self.call(sid, "ended")
        assert not call["live"], call["transcript"]
        return call

    def update(self, sid: str, **form: str) -> requests.Response:
        url = f"{self.simulator.origin}/2010-04-01/Accounts/{AC}/Calls/{sid}.json"
        return requests.post(url, data=form, auth=(AC, TOKEN), timeout=10)

    def place(self, **form: Any) -> requests.Response:
        url = f"{self.simulator.origin}/2010-04-01/Accounts/{AC}/Calls.json"
        return requests.post(url, data={"To": CALLER, "From": OURS} | form, auth=(AC, TOKEN), timeout=10)


def heard(call: dict[str, Any]) -> list[str]:
    """What the caller heard: words as they are, all else as <kind text>."""
    return [
        line["text"] if line["kind"] == "say" else f"<{line['kind']} {line['text']}".rstrip() + ">"
        for line in call["transcript"]
        if line["who"] == "bot" or line["kind"] == "say"
    ]


def valid(phone: Telephone, received: Received) -> bool:
    """Twilio's own library on the request."""
    url, signature = phone.web.origin + received.path, received.headers["X-Twilio-Signature"]
    return bool(RequestValidator(TOKEN).validate(url, received.fields, signature))


@pytest.fixture(scope="module")
def shared_telephone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telephone]:
    web = VoiceWeb()
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    state = tmp_path_factory.mktemp("calls") / "twilio.sqlite"
    environ = environment(web.origin, state, SIMULATOR_CALLER_IDS="+14155550123", SIMULATOR_DELIVERY_MS="30")
    running = Simulator(web, environ)  # type: ignore[arg-type]
    running.start()
    yield Telephone(running, web)
    assert 0 == running.stop()
    web.shutdown()
    web.server_close()


@pytest.fixture
def phone(shared_telephone: Telephone) -> Telephone:
    """The process without calls, and a web that has said nothing yet."""
    for event in shared_telephone.web.held.values():
        event.set()
    shared_telephone.simulator.control("reset", {})
    shared_telephone.web.forget()
    return shared_telephone
