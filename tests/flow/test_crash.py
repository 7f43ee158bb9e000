"""Processes die in the middle; the customer gets exactly one answer all the same."""

from __future__ import annotations

import signal
import time

import pytest

from tests.flow.system import System, wait_for
from tests.flow.test_faults import FAST


@pytest.fixture
def fast(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    running = System(tmp_path_factory.mktemp("crash"), **FAST)
    try:
        yield running.start()
    finally:
        running.stop()


def _in_mid_turn(system: System, customer: str) -> None:
    """A customer's message is being thought about when this returns."""
    system.model(latency_ms=1500)
    system.says(customer, "Hi, where is order #12345?")
    wait_for(lambda: system.model_requests(), "the model to be asked")


def test_a_worker_killed_in_mid_turn(fast: System) -> None:
    """SIGKILL while the model thinks: the next worker answers, once, and no clock is needed for it."""
    customer = "+15550310001"
    fast.kill("clock")
    _in_mid_turn(fast, customer)
    fast.kill("worker")
    fast.model(latency_ms=0)
    fast.spawn("worker")
    reply = fast.reply(customer)
    time.sleep(1.5)  # long enough for a second answer, were there one

    assert "12345" in reply
    assert len(fast.replies(customer)) == 1
    history = fast.session(customer)["conversation_history"]
    assert [m["direction"] for m in history] == ["inbound", "outbound"]


def test_a_worker_told_to_stop_in_mid_turn(fast: System) -> None:
    """SIGTERM: the turn under way is finished or let go, the process leaves in time, one answer goes out."""
    customer = "+15550310002"
    _in_mid_turn(fast, customer)
    code = fast.kill("worker", signal.SIGTERM)
    fast.model(latency_ms=0)
    fast.spawn("worker")
    fast.reply(customer)
    time.sleep(1.0)

    assert code == 0
    assert len(fast.replies(customer)) == 1


def test_a_turn_that_does_not_end_is_let_go_at_sigterm(fast: System) -> None:
    """A model that hangs does not hold the process: the message is let go and answered by the next worker."""
    customer = "+15550310003"
    fast.env["MODEL_TIMEOUT_SECONDS"] = "9"
    fast.kill("worker", signal.SIGTERM)
    fast.spawn("worker")
    fast.ready("worker")
    fast.model(latency_ms=20_000)
    fast.says(customer, "Hello")
    wait_for(lambda: fast.model_requests(), "the model to be asked")
    fast.kill("worker", signal.SIGTERM)
    fast.model(latency_ms=0)
    fast.spawn("worker")
    fast.reply(customer)

    assert len(fast.replies(customer)) == 1


def test_redis_killed_under_a_conversation(fast: System) -> None:
    """A Redis that is killed and comes back with its file: workers come back by themselves."""
    customer = "+15550310004"
    fast.says(customer, "Hi, I have trouble with order #555")
    fast.reply(customer)
    fast.redis_server.process.kill()
    fast.redis_server.process.wait()
    fast.restart_redis()
    wait_for(lambda: fast.says(customer, "It has not shipped")["status"] == 200, "web to be back")

    assert "555" in fast.reply(customer, 2)


def test_every_rq_key_deleted(fast: System) -> None:
    """RQ is the doorbell, not the ledger: without its keys a waiting message is rung for again."""
    customer = "+15550310005"
    fast.kill("worker")
    fast.says(customer, "Hello")
    for key in fast.redis.scan_iter("rq:*"):
        fast.redis.delete(key)
    fast.spawn("worker")
    fast.reply(customer)

    assert len(fast.replies(customer)) == 1
