"""A telephone exchange for tests: Twilio's REST over HTTP as far as words and texts need it, with faults laid down before."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from tests.flow.own_server import hosted

Faults = list[
    tuple[int, int]
]  # (HTTP status, Twilio's code) of the next pushes; status 0: done, and never answered


class Exchange:
    """``pushed``: (CallSid, TwiML) of each live-call update that was done; ``texts``: each message's form."""

    def __init__(self) -> None:
        self.origin = ""
        self.pushed: list[tuple[str, str]] = []
        self.texts: list[dict[str, str]] = []
        self.faults: Faults = []
        self.asked = 0  # pushes asked for, done or not

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        resource = path.rsplit("/", 2)[-2:]
        if resource[0] == "Calls":
            self.asked += 1
            status, code = self.faults.pop(0) if self.faults else (200, 0)
            if status not in (0, 200):
                return status, {"code": code, "message": "no", "status": status}
            sid = resource[1].removesuffix(".json")
            self.pushed.append((sid, form["Twiml"]))
            return status, {"sid": sid, "status": "in-progress"}
        self.texts.append(form)
        return 201, {"sid": f"SM{len(self.texts):032x}", "status": "queued", "body": form.get("Body", "")}


@contextlib.contextmanager
def exchange() -> Iterator[Exchange]:
    """A running one; ``TWILIO_API_BASE_URL`` is its ``origin``."""
    running = Exchange()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, body = running.answer(self.path, {name: values[0] for name, values in form.items()})
            if not status:
                self.close_connection = True
                return
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests are quiet."""

    with hosted(Handler) as running.origin:
        yield running
