"""A model server whose answers a test decides; what the test leaves open, the stand-in model says."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ai import standin
from simulator.model_answer import response_body
from simulator.model_request import Asked, read_responses
from tests.flow.own_server import Answer, served

# What a test lays in the model's mouth: properties of the answer, {"calls": [...]} of tools, {"status": 500}, or
# {"text": "as it is"}.
Said = dict[str, Any]


class Mind:
    """``answers``: by words of the newest message, what is said to it; ``decide`` is asked first about everything."""

    def __init__(self) -> None:
        self.origin = ""
        self.asked: list[Asked] = []
        self.answers: dict[str, Said] = {}
        self.decide: Callable[[Asked], Said | None] = lambda asked: None
        self.away: set[str] = set()  # models that answer 500
        # Of voice notes, in order, the last for ever; most servers have no such thing.
        self.transcripts: list[tuple[int, Any]] = [(404, {"error": {"message": "Not Found"}})]
        self.listened: list[str] = []
        self.summaries_held = threading.Event()  # set: a request for a summary is answered at once
        self.summaries_held.set()

    def turns(self, words: str = "") -> list[Asked]:
        """Requests for a reply whose newest message holds ``words``."""
        return [asked for asked in self.asked if not is_summary(asked) and words in newest(asked)]

    def summaries(self, words: str = "") -> list[Asked]:
        """Requests for a summary of a conversation that holds ``words``."""
        return [asked for asked in self.asked if is_summary(asked) and words in shown(asked)]

    def listen(self, form: str) -> tuple[int, Any]:
        """A voice note is to be written down."""
        self.listened.append(form)
        return self.transcripts.pop(0) if len(self.transcripts) > 1 else self.transcripts[0]

    def respond(self, body: Any) -> tuple[int, Any]:
        asked = read_responses(body)
        self.asked.append(asked)
        if asked.body["model"] in self.away:
            return 500, {"error": {"message": "away", "type": "server_error", "param": None, "code": None}}
        if is_summary(asked):
            self.summaries_held.wait(30)
        said = self.decide(asked)
        if said is None and not is_summary(asked):
            said = next((s for words, s in self.answers.items() if words in newest(asked)), None)
        said = said or {}
        if "status" in said:
            time.sleep(float(said.get("after", 0)))
            return int(said["status"]), {"error": {"message": "no", "type": "x", "param": None, "code": None}}
        if "text" in said:
            return 200, response_body(asked, str(said["text"]), "", [])
        calls = said.get("calls") if not any(item["role"] == "tool" for item in asked.items) else None
        said = {name: value for name, value in said.items() if name != "calls"}
        answer = standin.respond(asked.items, asked.schema or {}, [] if said else asked.tools)
        calls = calls or answer.get("tool_calls")
        if calls:
            return 200, response_body(asked, "", "", [_call(call) for call in calls])
        return 200, response_body(asked, json.dumps(answer | said, ensure_ascii=False), "", [])


def is_summary(asked: Asked) -> bool:
    return "reply" not in (asked.schema or {}).get("properties", {})


def newest(asked: Asked) -> str:
    """The customer's last message."""
    return next((item["content"] for item in reversed(asked.items) if item["role"] == "user"), "")


def shown(asked: Asked) -> str:
    """All that the model was shown."""
    return "\n".join(item["content"] for item in asked.items)


def _call(call: dict[str, Any]) -> dict[str, str]:
    return {
        "id": f"call_{uuid.uuid4().hex[:12]}",
        "name": call["name"],
        "arguments": json.dumps(call["arguments"]),
    }


@contextlib.contextmanager
def minded() -> Iterator[Mind]:
    """A running server; ``OPENAI_BASE_URL`` is ``mind.origin + "/v1"``."""
    mind = Mind()

    def respond(_: str, path: str, ___: dict[str, str], body: Any) -> Answer:
        heard = path.endswith("/audio/transcriptions")
        status, answer = mind.listen(str(body)) if heard else mind.respond(body)
        return status, {"Content-Type": "application/json"}, json.dumps(answer).encode()

    with served(respond) as mind.origin:
        try:
            yield mind
        finally:
            mind.summaries_held.set()


@pytest.fixture(scope="module")
def mind() -> Iterator[Mind]:
    """The model of a file's systems."""
    with minded() as running:
        yield running
