"""A web server that says what a test laid down, in order, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

from tests.flow.own_server import Answer, served


class Scripted:
    """``script`` is answered in order, its last entry for ever; ``asked`` are method, path, headers and body."""

    def __init__(self) -> None:
        self.script: list[Answer] = []
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

    def next(self, asked: Any) -> Answer:
        with self._lock:
            self.asked.append(asked)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@contextlib.contextmanager
def scripted() -> Iterator[Scripted]:
    server = Scripted()

    def respond(*asked: Any) -> Answer:
        answer = server.next(asked)
        server.held.wait(30)
        return answer

    with served(respond) as server.origin:
        try:
            yield server
        finally:
            server.held.set()
