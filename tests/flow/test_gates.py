"""Limits in the running system: a flood of one customer, a day that is full, a poison that kills its worker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.flow.system import System, wait_for

FLOODING = "+15550700001"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    running = System(tmp_path_factory.mktemp("limited"), RATE_LIMIT_PER_MINUTE="3", DAILY_BUDGET_TURNS="40")
    try:
        yield running.start()
    finally:
        running.stop()


def test_a_flood_of_one_customer_costs_the_others_nothing(limited: System) -> None:
    """While one customer's hundreds of texts pour in, each other one gets their answer, and the flood few turns."""
    texts = [f"Flood number {n}" for n in range(300)]
    with ThreadPoolExecutor(8) as pool:
        flood = [pool.submit(limited.says, FLOODING, text) for text in texts]
        for n in range(5):
            neighbour = f"+1555070010{n}"
            limited.says(neighbour, f"Where is order #7770{n}?")
            assert f"7770{n}" in limited.reply(neighbour)
        for each in flood:
            each.result()
    shown = wait_for(
        lambda: [e for e in limited.events("turn_gated") if e["reason"] == "rate_limit"], "the gate"
    )

    assert shown
    assert len(limited.replies(FLOODING)) <= 4
    asked = [r for r in limited.model_requests() if "Flood number" in str(r)]
    assert (
        len(asked) <= 3 * 3 + 3
    )  # turns of a minute, each redone twice at most, and a minute that began anew


def test_a_full_day_is_said_once_and_alarmed_once(make_system: Callable[..., System]) -> None:
    """Over the deployment's budget nothing is asked; each customer hears it once, the log once."""
    full = make_system(DAILY_BUDGET_TURNS="1").start()
    first, second = "+15550700201", "+15550700202"
    full.says(first, "Hello")
    full.reply(first)
    full.says(second, "Hello")
    notice = full.reply(second)
    full.says(second, "Hello?")
    wait_for(lambda: full.session(second).get("message_count") == 2, "the second text")
    asked = len(full.model_requests())
    wait_for(lambda: len(full.events("turn", "worker")) >= 3, "three turns")

    assert "person" in notice
    assert len(full.replies(second)) == 1
    assert asked == 1
    assert len(full.events("daily_budget_reached")) == 1


def test_stop_while_the_model_thinks(limited: System) -> None:
    """A STOP that overtakes a running turn: its answer is never sent."""
    customer = "+15550700301"
    limited.model(latency_ms=1500)
    try:
        limited.says(customer, "Hello")
        wait_for(lambda: limited.session(customer).get("message_count") == 1, "the turn to begin")
        limited.says(customer, "STOP")
        wait_for(lambda: limited.session(customer)["session"]["state"] == "CLOSED", "the end")
    finally:
        limited.model(latency_ms=0)

    assert limited.replies(customer) == []
