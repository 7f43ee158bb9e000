"""The telephone's routes to requests that are not Twilio's, without Redis, and in the log."""

# ruff: noqa: F811  pytest's way of naming a fixture that stands in another file

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.flow.system import ACCOUNT, OURS, System
from tests.flow.test_signed_vectors import Pairs, Post
from tests.flow.voice_line import (  # noqa: F401  line and web are fixtures
    NUMBER,
    Line,
    line,
    next_line,
    web,
)

ROUTES = ["/voice", "/api/webhooks/voice", "/voice/turn?n=1", "/voice/wait?n=1&t=1", "/voice/status"]


def call_form(**fields: str) -> Pairs:
    given = {
        "CallSid": "CA" + uuid.uuid4().hex, "AccountSid": ACCOUNT, "From": f"{NUMBER}9999", "To": OURS,
        "CallStatus": "in-progress", "SpeechResult": "hello",
    }  # fmt: skip
    return [(name, value) for name, value in {**given, **fields}.items() if value]


Change_ = Callable[[Post], Post]

REFUSED: dict[str, tuple[Change_, int]] = {
    "unsigned": (lambda post: replace(post, signatures=()), 403),
    "empty signature": (lambda post: replace(post, signatures=("",)), 403),
    "two signatures": (lambda post: replace(post, signatures=(post.signature, "x")), 403),
    "another token": (lambda post: replace(post, token="f" * 32), 403),
    "another route's": (lambda post: replace(post, signed_url=post.base + "/sms"), 403),
    "a query added": (
        lambda post: replace(post, signed_url=post.base + post.target, target=post.target + ("&" if "?" in post.target else "?") + "x=1"),
        403,
    ),
    "a field added": (
        lambda post: replace(post, pairs=[*post.pairs, ("a", "b")], signatures=(post.signature,)), 403,
    ),
    "a foreign account": (lambda post: replace(post, pairs=call_form(AccountSid="AC" + "f" * 32)), 403),
    "no CallSid": (lambda post: replace(post, pairs=call_form(CallSid="")), 400),
    "a CallSid that is none": (lambda post: replace(post, pairs=call_form(CallSid="../../x")), 400),
    "a message's SID": (lambda post: replace(post, pairs=call_form(CallSid="SM" + "0" * 32)), 400),
    "a long CallSid": (lambda post: replace(post, pairs=call_form(CallSid="CA" + "0" * 10_000)), 400),
    "CallSid twice": (lambda post: replace(post, pairs=[*call_form(), ("CallSid", "CA" + "1" * 32)]), 400),
    "no From": (lambda post: replace(post, pairs=call_form(From="")), 400),
    "no To": (lambda post: replace(post, pairs=call_form(To="")), 400),
    "JSON": (lambda post: replace(post, content_type="application/json", pairs=[], body=b"{}"), 415),
    "too large": (lambda post: replace(post, pairs=call_form(SpeechResult="x" * 70_000)), 413),
    "too many fields": (
        lambda post: replace(post, pairs=[*call_form(), *((f"f{i}", "1") for i in range(1001))]), 413,
    ),
    "GET": (lambda post: replace(post, method="GET"), 405),
    "DELETE": (lambda post: replace(post, method="DELETE"), 405),
}  # fmt: skip


@pytest.mark.parametrize("target", ROUTES)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_twilios_is_refused(web: System, target: str, name: str) -> None:
    """The contract's table of answers holds on every route of the telephone, and nothing is stored."""
    change, status = REFUSED[name]
    before = web.redis.info("persistence")["rdb_changes_since_last_save"]

    answered, headers, body = web.exchange(change(Post(web.base, target, call_form())).raw())

    assert answered == status
    assert web.redis.info("persistence")["rdb_changes_since_last_save"] == before
    if status == 400:
        assert headers["content-type"] == "application/json"
        assert b'"error"' in body


@pytest.mark.parametrize(
    "target", [*(path for path in ROUTES if "wait" not in path), "/voice/wait?n=1&t=1&away=10"]
)
def test_redis_away_is_said(web: System, target: str) -> None:
    """While Redis does not take anything a caller's request is a 503 that may come again, and is taken then."""
    line = next_line(web)
    pairs = [("CallSid", line.sid), ("From", line.theirs), ("To", OURS), ("SpeechResult", "hi"), ("CallStatus", "completed")]  # fmt: skip
    web.redis.client_pause(3_000, all=True)
    status, headers, _ = web.exchange(Post(web.base, target, pairs).raw())
    web.redis.client_unpause()

    assert (status, headers.get("retry-after")) == (503, "2")
    assert web.exchange(Post(web.base, target, pairs).raw())[0] == 200


def test_no_log_line_tells_what_was_said(line: Line) -> None:
    """Neither a number nor a word of a call is in any log line, and a path's query neither."""
    held = line.says(line.ring(), "a very private matter")
    line.answers("A private answer.")
    line.polls(held)
    line.post("/voice/status", CallStatus="completed")

    log = (line.web.folder / "web.log").read_text("utf-8")
    assert line.theirs[1:] not in log
    assert "private" not in log
    told = [e for e in line.web.events("message_received", "web") if e["route"] == "/voice/turn"]
    assert told and told[-1]["channel"] == "voice"
