"""The HTTP client under twilio's, against servers that behave badly: what was sent, what was not, and what nobody knows."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.flow.system import free_port
from workers.twilio_http import NotConnected, OutcomeUnknown, Transport

HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nRetry-After: 7\r\n"


def dribble(link: socket.socket) -> None:
    link.sendall(HEAD + b"Content-Length: 100\r\n\r\n")
    for _ in range(50):
        link.sendall(b" ")
        time.sleep(0.1)


BAD: dict[str, Callable[[socket.socket], None]] = {
    "closed without a word": lambda link: None,
    "cut in the status line": lambda link: link.sendall(b"HTTP/1.1 20"),
    "cut in the body": lambda link: link.sendall(HEAD + b'Content-Length: 100\r\n\r\n{"sid": '),
    "cut in a chunk": lambda link: link.sendall(HEAD + b'Transfer-Encoding: chunked\r\n\r\n40\r\n{"sid"'),
    "no HTTP": lambda link: link.sendall(b"220 smtp\r\n"),
    "a body that never ends": dribble,
    "silent": lambda link: time.sleep(2),
}


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """A server that reads a request and then behaves as told; gives its origin."""
    listeners = []

    def start(behave: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(65536)
                try:
                    behave(link)
                except OSError:
                    return

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("how", BAD)
def test_an_answer_that_is_not_whole_leaves_the_outcome_unknown(serve: Callable[..., str], how: str) -> None:
    """The request was written, so Twilio may have done it: never to be sent again without a look."""
    transport = Transport(serve(BAD[how]), 1.0, 2)

    with pytest.raises(OutcomeUnknown):
        transport.request("POST", "https://api.twilio.com/2010-04-01/x", data={"Body": "secret words"})


def test_nobody_there_means_not_sent() -> None:
    """A refused connection is known to have done nothing."""
    with pytest.raises(NotConnected):
        Transport(f"http://127.0.0.1:{free_port()}", 1.0, 2).request("POST", "https://api.twilio.com/x")


def test_the_answers_headers_are_kept(serve: Callable[..., str]) -> None:
    """Retry-After is read from the answer, whichever thread asks it next."""
    transport = Transport(serve(lambda link: link.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")), 1.0, 2)
    answer = transport.request("GET", "https://api.twilio.com/x")

    assert (answer.status_code, answer.text) == (201, "{}")
    assert transport.headers["Retry-After"] == "7"
