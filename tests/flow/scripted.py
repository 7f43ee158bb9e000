"""A web server that says what a test laid down, in order, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Scripted:
    """``script`` is answered in order, its last entry for ever; ``asked`` are method, path, headers and body."""

    def __init__(self) -> None:
        self.script: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.origin = ""
        self.held = threading.Event()  # set: answers wait no more
        self.held.set()
        self._lock = threading.Lock()

    def say(self, body: Any, status: int = 200, **headers: str) -> None:
        """Add an answer: bytes as they are, all else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"}
        self.script.append(
            (status, kind | {name.replace("_", "-"): value for name, value in headers.items()}, raw)
        )

    def next(self, asked: tuple[str, str, dict[str, str], Any]) -> tuple[int, dict[str, str], bytes]:
        with self._lock:
            self.asked.append(asked)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@contextlib.contextmanager
def scripted() -> Iterator[Scripted]:
    server = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            status, headers, content = server.next((self.command, self.path, dict(self.headers), body))
            server.held.wait(30)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, format: str, *args: Any) -> None:
            """Tests are quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    server.origin = f"http://127.0.0.1:{httpd.server_address[1]}"
    try:
        yield server
    finally:
        server.held.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()
