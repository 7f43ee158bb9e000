"""A stand-in for Twilio's media: what a test lays down at a path, served as badly as it wishes; all else is the simulator's.

``TWILIO_API_BASE_URL`` is one origin, for media and for every other call; so this host serves the media itself and hands
the rest on to the local Twilio.
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.flow.own_server import hosted

Answer = Callable[["BaseHTTPRequestHandler"], None]


class MediaHost:
    """``places``: path -> how it answers. ``asked``: path and Authorization of every request for one of them."""

    def __init__(self) -> None:
        self.origin = ""
        self.simulator = ""  # where the rest goes
        self.places: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []
        self.over = threading.Event()  # set: what dribbles stops

    def lay(self, path: str, data: bytes, kind: str = "application/octet-stream", **headers: str) -> str:
        """Serve this at ``path``; gives its address."""
        told = {"Content-Type": kind, "Content-Length": str(len(data))}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.script(path, lambda handler: send(handler, 200, told, data))

    def lead(self, path: str, location: str, status: int = 307) -> str:
        """A redirect at ``path``."""
        return self.script(
            path, lambda handler: send(handler, status, {"Location": location, "Content-Length": "0"})
        )

    def script(self, path: str, answer: Answer) -> str:
        self.places[path] = answer
        return self.origin + path

    def times(self, path: str) -> int:
        """How often it was asked for."""
        return sum(asked == path for asked, _ in self.asked)


def send(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], data: bytes = b"") -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)


def endless(host: MediaHost, chunk: bytes, pause_s: float = 0.0) -> Answer:
    """A body without a length and without an end, a chunk every ``pause_s``."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        send(handler, 200, {"Content-Type": "application/octet-stream", "Connection": "close"})
        while not host.over.wait(pause_s):
            handler.wfile.write(chunk)

    return answer


@contextlib.contextmanager
def media_host() -> Iterator[MediaHost]:
    """A running host; ``TWILIO_API_BASE_URL`` is its origin."""
    host = MediaHost()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            with contextlib.suppress(OSError):
                if path in host.places:
                    host.asked.append((path, self.headers.get("Authorization") or ""))
                    host.places[path](self)
                else:
                    self._hand_on(None)

        def do_POST(self) -> None:
            with contextlib.suppress(OSError):
                self._hand_on(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _hand_on(self, body: bytes | None) -> None:
            kept = {n: v for n, v in self.headers.items() if n.lower() in ("authorization", "content-type")}
            asked = urllib.request.Request(host.simulator + self.path, body, kept, method=self.command)
            try:
                with urllib.request.urlopen(asked, timeout=20) as answer:
                    status, headers, data = answer.status, dict(answer.headers), answer.read()
            except urllib.error.HTTPError as error:
                status, headers, data = error.code, dict(error.headers), error.read()
            kind = headers.get("Content-Type", "application/json")
            send(self, status, {"Content-Type": kind, "Content-Length": str(len(data))}, data)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests are quiet."""

    with hosted(Handler) as host.origin:
        try:
            yield host
        finally:
            host.over.set()


# Files


def png(width: int = 2, height: int = 2, more: bytes = b"") -> bytes:
    """The head of a picture, which is all that anybody of us looks at."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + size + b"\x08\x02\x00\x00\x00" + b"\x00" * 4 + more


def pdf(stream: bytes, filters: bytes = b"") -> bytes:
    """A document of one page with this content stream."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d%s>>stream\n%s\nendstream" % (len(stream), filters, stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%sendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        out + b"xref\n0 6\n0000000000 65535 f \n" + table
        + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(out)
    )  # fmt: skip


def page(words: str) -> bytes:
    """A document that says this."""
    return pdf(b"BT /F1 12 Tf 20 200 Td (" + words.encode("latin-1") + b") Tj ET")


def transcription(words: str, **more: str) -> bytes:
    return json.dumps({"text": words, **more}).encode()
