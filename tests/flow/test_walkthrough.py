"""``examples/session_walkthrough.py`` as a process: the seeds' demonstration, with its ids and counts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from simulator.embedded import EmbeddedServer

WALK = Path(__file__).resolve().parents[2] / "examples" / "session_walkthrough.py"
DATABASE = 8

STORY = (
    r"created (?P<john>p\d\d-[0-9a-f]{32}-s\d+) for \+1234567890",
    r"state NEW, status active, title 'SMS from \+1234567890', context \{'customer_type': 'new'\}",
    r"found by another way of writing the number: True",
    r"a second one is refused while (?P=john) is open",
    r"inbound text: 2 messages, state ACTIVE",
    r"outbound text: 3 messages",
    r"inbound image: 4 messages",
    r"system notice: still 4 messages",
    r"outbound text   ✅ Order received!",
    r"inbound  image  A photo of the shelf",
    r"5 entries in all; the newest 2 begin with 'A photo of the shelf'",
    r"order details: .*'total_amount': 129\.95",
    r"entities: .*'budget': 3000000",
    r"context: \{'customer_type': 'returning'\}",
    r"is refused: it has changed since",
    r"\+1987654321 has (?!(?P=john))p\d\d-[0-9a-f]{32}-s\d+",
    r"active sessions of this walk: 2",
    r"(?P=john) is CLOSED, completed",
    r"summary: 4 messages \(3 in\)",
    r"once more: A session cannot go from CLOSED to CLOSED",
    r"new session: True, 1 message",
    r"sessions of \+1234567890: 2",
    r"\+1987654321: ACTIVE to IDLE",
    r"writes again: ACTIVE, the same session: True",
    r"a day without activity: CLOSED, expired",
    r"\+1987654321: True, and known no more: True",
)


def walk(redis_url: str | None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    if redis_url:
        environment["REDIS_URL"] = redis_url
    done = subprocess.run(
        [sys.executable, str(WALK)], env=environment, capture_output=True, encoding="utf-8", timeout=60
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


@pytest.mark.parametrize("own_server", [True, False])
def test_the_walk_tells_the_story(redis_server: EmbeddedServer, own_server: bool) -> None:
    """The demonstration runs on a server of its own and on the user's, with the same ids kept and counts right."""
    story = walk(None if own_server else redis_server.url.removesuffix("/0") + f"/{DATABASE}")

    assert re.search(".*".join(STORY), story, re.DOTALL), story


def test_the_walk_leaves_the_users_redis_as_it_was(redis_server: EmbeddedServer) -> None:
    """On the user's Redis nothing of the walk's customers remains, and it can be walked again."""
    url = redis_server.url.removesuffix("/0") + f"/{DATABASE}"
    client = redis.Redis.from_url(url, decode_responses=True)
    client.flushdb()
    walk(url)
    walk(url)

    left = {key.rsplit(":", 2)[1] for key in client.scan_iter("ringback:*:*:*")}
    client.close()
    assert left <= {"erased"}
