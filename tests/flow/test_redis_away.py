"""Redis killed, hung, full or read-only: nothing is claimed, nothing is lost, nobody waits for long."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.flow.system import System, call, wait_for
from tests.flow.test_signed_vectors import Post, form

PROMISED_S = 2.5  # 2 s, and half a second for a machine that has other things to do


@contextmanager
def killed(system: System) -> Iterator[None]:
    system.redis_server.process.kill()
    system.redis_server.process.wait()
    try:
        yield
    finally:
        system.restart_redis()


@contextmanager
def hung(system: System) -> Iterator[None]:
    system.redis_server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        system.redis_server.process.send_signal(signal.SIGCONT)


@contextmanager
def full(system: System) -> Iterator[None]:
    system.redis.config_set("maxmemory", "1")
    try:
        yield
    finally:
        system.redis.config_set("maxmemory", "0")


@contextmanager
def read_only(system: System) -> Iterator[None]:
    system.redis.replicaof("127.0.0.1", "1")
    try:
        yield
    finally:
        system.redis.replicaof("NO", "ONE")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    running = System(tmp_path_factory.mktemp("away"))
    try:
        yield running.start()
    finally:
        running.stop()


def timed(system: System, post: bytes) -> tuple[int, dict[str, str], bytes, float]:
    began = time.monotonic()
    status, headers, raw = system.exchange(post)
    return status, headers, raw, time.monotonic() - began


WAYS = {"killed": killed, "hung": hung, "full": full, "read-only": read_only}


@pytest.mark.parametrize("way", WAYS)
def test_a_message_is_refused_at_once_and_taken_later(own: System, way: str) -> None:
    """503 with Retry-After within 2 s, several times over and at once; afterwards the same message is answered."""
    customer = f"+1555065000{list(WAYS).index(way)}"
    away: Callable[[System], AbstractContextManager[None]] = WAYS[way]
    post = Post(own.base, "/sms", form(customer, "Hello")).raw()
    callback = Post(own.base, "/status", form(customer, MessageStatus="sent")).raw()
    unsigned = Post(own.base, "/sms", form(customer), signatures=()).raw()
    with away(own):
        answers = [timed(own, post)]
        with ThreadPoolExecutor(12) as threads:
            answers += threads.map(lambda each: timed(own, each), [post] * 8 + [callback] * 4)
        health, ready = call("GET", f"{own.base}/health"), call("GET", f"{own.base}/ready")
        refused = own.exchange(unsigned)[0]
    later = wait_for(lambda: own.exchange(post)[0] == 200, "web to be back")
    own.reply(customer)

    for status, headers, raw, seconds in answers:
        if status != 200 or way in ("killed", "hung"):
            assert status == 503
            assert int(headers["retry-after"]) > 0
            assert b"unavailable" in raw
        assert seconds < PROMISED_S
    assert [status for status, *_ in answers[:9]] == [503] * 9
    assert health == (200, {"status": "ok"})
    assert refused == 403
    if way in ("killed", "hung"):
        assert ready == (503, {"missing": ["redis"], "status": "not_ready"})
    assert later
    assert len(own.replies(customer)) == 1
    assert call("GET", f"{own.base}/ready") == (200, {"missing": [], "status": "ready"})
