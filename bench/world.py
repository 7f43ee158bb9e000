"""A model and a Twilio that cost next to nothing, so that what is measured is ours: ``python -m bench.world PORT``.

One asyncio process that answers fixed bytes. The simulator checks what it is sent and shows it; this does not.
``/_set?model=1&twilio=0`` says how many seconds each takes, ``/_sent`` gives what was asked and when.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPLY = "Thanks for telling us. I have noted your order and I am looking into it now; one moment, please. :-)"
assert len(REPLY) == 100
_SID = "SM%032x"


@dataclass
class Seen:
    """``sent``: (time.monotonic() at which a send arrived, To; of words for a live call its SID); ``asked``: model
    requests begun, ``posted``: sends begun."""

    model_s: float = 0.0
    twilio_s: float = 0.0
    asked: int = 0
    posted: int = 0
    sent: list[tuple[float, str]] = field(default_factory=list)


def _answer(status: str, body: Any) -> bytes:
    text = json.dumps(body).encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode()
        + text
    )


_THOUGHT = _answer(
    "200 OK",
    {
        "id": "resp_1", "object": "response", "created_at": 0, "status": "completed", "model": "bench",
        "output": [{
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "annotations": [], "text": json.dumps(
                {"reply": REPLY, "entities": {}, "intent": None, "language": "en"})}],
        }],
        "usage": {"input_tokens": 100, "output_tokens": 30, "total_tokens": 130},
        "parallel_tool_calls": False, "tool_choice": "auto", "tools": [],
    },
)  # fmt: skip
_NONE_LISTED = _answer("200 OK", {"messages": [], "page": 0, "page_size": 50, "next_page_uri": None})


class Connection(asyncio.Protocol):
    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._wire = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = 0
        at = head.lower().find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(head[at + 17 :].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        self._dispatch(method, target, rest[:length])

    def _dispatch(self, method: str, target: str, body: bytes) -> None:
        seen = self._seen
        if target.startswith("/v1/"):
            seen.asked += 1
            self._later(seen.model_s, _THOUGHT)
        elif target.startswith("/2010-04-01/") and method == "POST":
            seen.posted += 1
            call = target.partition("/Calls/")[2].removesuffix(".json")
            to = call or parse_qs(body.decode("latin-1")).get("To", [""])[0]
            if not seen.twilio_s:  # who is held may never get an answer, and did not send
                seen.sent.append((time.monotonic(), to))
            answer = {"sid": call or _SID % seen.posted, "status": "queued", "to": to, "error_code": None}
            self._later(seen.twilio_s, _answer("200 OK" if call else "201 Created", answer))
        elif target.startswith("/2010-04-01/"):
            self._later(0, _NONE_LISTED)
        else:
            self._control(target)

    def _control(self, target: str) -> None:
        seen, parts = self._seen, urlsplit(target)
        if parts.path == "/_set":
            asked = parse_qs(parts.query)
            seen.model_s, seen.twilio_s = float(asked["model"][0]), float(asked["twilio"][0])
            seen.asked = 0
            seen.sent.clear()
        count = parse_qs(parts.query).get("count")
        self._later(
            0,
            _answer(
                "200 OK",
                {
                    "sent": len(seen.sent) if count else seen.sent,
                    "asked": seen.asked,
                    "posted": seen.posted,
                },
            ),
        )

    def _later(self, seconds: float, answer: bytes) -> None:
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._wire.is_closing():
            self._wire.write(answer)


class World:
    """The other side of it: how the bench speaks to that process."""

    def __init__(self, url: str) -> None:
        self._url = url

    def behave(self, model_s: float = 0.0, twilio_s: float = 0.0) -> None:
        """From now on, with nothing seen yet."""
        self._get(f"/_set?model={model_s}&twilio={twilio_s}")

    def sent(self) -> list[tuple[float, str]]:
        return [(at, to) for at, to in self._get("/_sent")["sent"]]

    def count(self) -> int:
        return int(self._get("/_sent?count=1")["sent"])

    def asked(self) -> int:
        return int(self._get("/_sent?count=1")["asked"])

    def posted(self) -> int:
        return int(self._get("/_sent?count=1")["posted"])

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self._url + path, timeout=10) as answer:
            return dict(json.load(answer))


async def _serve(port: int) -> None:
    seen = Seen()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(seen), "127.0.0.1", port, backlog=256
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
