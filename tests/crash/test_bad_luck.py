"""The local Twilio's bad luck: by seed, in its share, and what it then does is what Twilio does."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from simulator.account import Account
from simulator.app import create_app
from simulator.faults import Faults, fault_from
from simulator.server import Server
from tests.flow.system import ACCOUNT, OURS, TOKEN, wait_for

CUSTOMER = "+15550730001"


class Web(BaseHTTPRequestHandler):
    """Ringback's place: answers each path with the statuses put there, the last one for ever."""

    answers: dict[str, list[int]]
    seen: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.partition("?")[0]
        self.seen.append(path)
        left = self.answers.get(path, [200])
        self.send_response(left.pop(0) if len(left) > 1 else left[0])
        self.send_header("Content-Type", "text/xml")
        self.end_headers()
        self.wfile.write(b"<Response/>")

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Listening(ThreadingHTTPServer):
    request_queue_size = 128  # five, the default, is fewer than the callbacks that come at once


@pytest.fixture
def web() -> Iterator[ThreadingHTTPServer]:
    handler = type("OwnWeb", (Web,), {"answers": {}, "seen": []})
    server = Listening(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def twilio(web: ThreadingHTTPServer) -> Iterator[Callable[..., Any]]:
    """Posts JSON to a lever, or with ``to`` a form to Messages.json; gives the answer."""
    account = Account(ACCOUNT, TOKEN, (OURS,), f"http://127.0.0.1:{web.server_port}", delivery_ms=150)
    server = Server(create_app(account), 0)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_port}"

    def ask(path: str = "", body: Any = None, **form: str) -> requests.Response:
        if path:
            return requests.post(f"{origin}/_control/{path}", json=body, timeout=10)
        url = f"{origin}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        return requests.post(
            url, {"To": CUSTOMER, "From": OURS, "Body": "hi"} | form, auth=(ACCOUNT, TOKEN), timeout=5
        )

    yield ask
    server.shutdown()
    server.server_close()


def drawn(seed: int) -> list[str]:
    faults = Faults()
    faults.chances(
        seed, [fault_from({"kind": "429", "share": 0.2}), fault_from({"kind": "drop", "share": 0.1})]
    )
    met = [faults.take_for_call("create", CUSTOMER) for _ in range(2_000)]
    return [fault.kind if fault else "" for fault in met]


def test_bad_luck_is_by_seed_and_in_its_share() -> None:
    """The same seed draws the same faults, another one others, both about as often as asked for."""
    first = drawn(7)

    assert first == drawn(7) != drawn(8)
    assert 300 < Counter(first)["429"] < 500 and 130 < Counter(first)["drop"] < 270


def test_a_call_meets_its_luck(twilio: Callable[..., Any]) -> None:
    """With a share of one each call meets the fault, it is counted, and none is left when there are no chances."""
    asked = {"seed": 1, "faults": [{"kind": "429", "share": 1.0, "retry_after": 2}]}
    assert twilio("chances", asked).status_code == 200
    refused = twilio()
    struck = twilio("chances", {"faults": []}).json()["struck"]

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
    assert struck == {"429": 1}
    assert twilio().status_code == 201


@pytest.mark.parametrize("wrong", [
    {"seed": "1"}, {"faults": [{"kind": "nonsense"}]}, {"faults": [{"kind": "429", "share": 1.2}]}, {"more": 1}, [],
])  # fmt: skip
def test_chances_refuse_nonsense(twilio: Callable[..., Any], wrong: Any) -> None:
    """What is no description of bad luck is answered 400."""
    assert twilio("chances", wrong).status_code == 400


@pytest.mark.parametrize(("overrides", "answers", "seen"), [
    ("", [503], ["/sms", "/fallback"]),  # by default a 5xx is not tried again
    ("rc=2&rp=5xx", [503], ["/sms", "/sms", "/sms", "/fallback"]),
    ("rc=3&rp=ct,rt,5xx", [503, 200], ["/sms", "/sms"]),
    ("rc=3&rp=ct", [503, 200], ["/sms", "/fallback"]),
    ("rc=2&rp=4xx", [404, 200], ["/sms", "/sms"]),
    ("rc=9&rp=all", [500, 200], ["/sms", "/sms"]),  # out of range is ignored: one retry
])  # fmt: skip
def test_a_webhook_is_tried_again_as_the_overrides_say(
    twilio: Callable[..., Any], web: ThreadingHTTPServer, overrides: str, answers: list[int], seen: list[str]
) -> None:
    """Tries and then the fallback address, as the fragment behind the address has it."""
    handler: Any = web.RequestHandlerClass
    handler.answers["/sms"] = list(answers)
    twilio("webhook", {
        "overrides": overrides, "fallback_url": f"http://127.0.0.1:{web.server_port}/fallback",
    })  # fmt: skip
    got = twilio("inbound", {"from": CUSTOMER, "body": "hi"}).json()

    assert handler.seen == seen
    assert got["accepted"]


def test_a_sender_sends_so_many_a_second_then_none(
    twilio: Callable[..., Any], web: ThreadingHTTPServer
) -> None:
    """Messages leave one after the other; a queue that grows too long is 21611, and nothing is created."""
    twilio("rate", {"per_second": 2, "queue_seconds": 0.9})
    callback = {"StatusCallback": f"http://127.0.0.1:{web.server_port}/status"}
    answers = [twilio(**callback) for _ in range(4)]
    handler: Any = web.RequestHandlerClass

    assert [a.status_code for a in answers] == [201, 201, 400, 400]
    assert answers[2].json()["code"] == 21611
    wait_for(lambda: len(handler.seen) == 4, "sent and delivered for both")


def test_callbacks_come_shuffled(twilio: Callable[..., Any], web: ThreadingHTTPServer) -> None:
    """Each comes once, and over some messages delivered comes before sent at least once."""
    twilio("chances", {"seed": 3, "faults": [{"kind": "callbacks_shuffled", "share": 1, "seconds": 0.3}]})
    handler: Any = web.RequestHandlerClass
    for number in range(8):
        twilio(StatusCallback=f"http://127.0.0.1:{web.server_port}/status{number}")
    wait_for(lambda: len(handler.seen) == 16, "two callbacks for each")

    assert set(Counter(handler.seen).values()) == {2}
    assert handler.seen != [f"/status{n}" for n in range(8) for _ in range(2)]
