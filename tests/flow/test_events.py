"""What happens to sessions is told once each, by the step that makes it happen, whatever dies on the way."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from session.events import TYPES
from tests.flow import staff
from tests.flow.staff import SUPPORT
from tests.flow.system import System, wait_for

SHORT = {
    "CLAIM_SECONDS": "3", "CLAIM_RENEW_SECONDS": "1", "CLAIM_LIMIT_SECONDS": "20", "JOB_SECONDS": "30",
    "TURN_SECONDS": "10", "MODEL_TIMEOUT_SECONDS": "2", "RING_SECONDS": "0.5", "RING_MAX_SECONDS": "2",
    "SEND_TIMEOUT_SECONDS": "1", "SEND_DEADLINE_SECONDS": "0.3", "RECONCILE_SECONDS": "1,2.5", "MAX_ATTEMPTS": "1000",
    "SHUTDOWN_SECONDS": "6", "SWEEP_INTERVAL_SECONDS": "0.3", "SESSION_TIMEOUT_MINUTES": "0.06", "SESSION_EXPIRE_HOURS": "0.003",
}  # fmt: skip
# Steps of a turn at which its worker dies; the turn of a later worker must tell nothing twice.
STEPS = ("after_open", "before_commit", "after_commit", "after_post")


@pytest.fixture
def presets(make_system: Callable[..., System], tmp_path: Path) -> System:
    return make_system(**staff.settings(staff.folder(tmp_path / "agents"), **SHORT))


def told(system: System, phone: str) -> Counter[str]:
    return Counter(str(event["type"]) for event in staff.happened(system, phone))


def test_a_conversation_from_beginning_to_end(presets: System) -> None:
    """Started, values, switched, handed over, answered, handed back, idle, resumed, closed, bridged: once each, in order."""
    system, phone = presets.start(), "+15550770001"
    system.says(phone, "My order is #12345", to=SUPPORT)
    system.reply(phone)
    system.says(phone, "Now on WhatsApp", "whatsapp", to=SUPPORT)
    system.reply(phone, 2)
    system.says(phone, "I want to talk to a human", "whatsapp", to=SUPPORT)
    system.reply(phone, 3)
    assert 202 == system.api("POST", f"/session/{quote(phone)}/messages", {"body": "Dana here."})[0]
    assert 200 == system.api("POST", f"/session/{quote(phone)}/handback")[0]
    wait_for(lambda: staff.state(system, phone) == "IDLE", "IDLE")
    system.says(phone, "I am back", "whatsapp", to=SUPPORT)
    system.reply(phone, 5)
    wait_for(lambda: staff.state(system, phone) == "CLOSED", "expiry", 60)
    system.says(phone, "Hello again", "whatsapp", to=SUPPORT)
    system.reply(phone, 6)
    staff.settled(system, phone)
    first = staff.happened(system, phone)[0]["session"]
    events: list[dict[str, Any]] = [e for e in staff.happened(system, phone) if e["session"] == first]

    assert [
        "session_started", "entities_extracted", "modality_switched", "handoff_requested", "operator_answered",
        "handed_back", "session_idle", "session_resumed", "session_idle", "session_closed",
    ] == [e["type"] for e in events]  # fmt: skip
    by_type = {e["type"]: e for e in events}
    assert "order_number" in by_type["entities_extracted"]["names"]
    assert ("sms", "whatsapp") == (by_type["modality_switched"]["from"], by_type["modality_switched"]["to"])
    assert ("customer", "expired") == (
        by_type["handoff_requested"]["reason"],
        by_type["session_closed"]["reason"],
    )
    assert by_type["session_resumed"]["silence_ms"] > 3000
    second = [e["type"] for e in staff.happened(system, phone) if e["session"] != first]
    assert ["session_started", "context_bridged"] == second[:2]
    for event in staff.happened(system, phone):
        assert event["type"] in TYPES
        assert not any(word in str(event) for word in ("12345", "Dana", "WhatsApp", phone))


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Everything but workers, which the tests start and see die."""
    path = tmp_path_factory.mktemp("mortal")
    patient = SHORT | {"SESSION_TIMEOUT_MINUTES": "30", "SESSION_EXPIRE_HOURS": "24"}
    running = System(path, **staff.settings(staff.folder(path / "agents"), **patient))
    try:
        yield running.start("simulator", "web", "clock")
    finally:
        running.stop()


@pytest.mark.parametrize("step", STEPS)
def test_once_each_though_the_worker_dies(mortal: System, step: str) -> None:
    """The worker is killed at this step of a turn that opens and extracts, and again of one that calls a person."""
    system, phone = mortal, f"+1555077001{STEPS.index(step)}"
    for number, words in ((1, "My order is #12345"), (2, "I will sue you, my lawyer will write")):
        doomed = system.spawn("worker", "doomed", CRASH_AT=step)
        system.says(phone, words, to=SUPPORT)
        assert doomed.wait(40) == -signal.SIGKILL, "the worker never got there"
        system.processes.pop("doomed")
        system.spawn("worker")
        system.reply(phone, number)
        staff.settled(system, phone)
        system.kill("worker", signal.SIGTERM)

    assert {"session_started": 1, "entities_extracted": 2, "handoff_requested": 1} == dict(
        told(system, phone)
    )
    extracted = [e["names"] for e in staff.happened(system, phone) if e["type"] == "entities_extracted"]
    assert [["order_number"], ["issue_type"]] == extracted
    assert 2 == len(system.replies(phone))


def test_a_session_idles_and_ends_once_with_two_clocks(presets: System) -> None:
    """Two clocks, sweeping at once: each move is told once."""
    system, phone = presets.start(), "+15550770003"
    system.spawn("clock", "second-clock")
    system.spawn("worker", "second-worker")
    system.says(phone, "Hello", to=SUPPORT)
    system.reply(phone)
    wait_for(lambda: staff.state(system, phone) == "CLOSED", "expiry", 60)

    assert {"session_started": 1, "session_idle": 1, "session_closed": 1} == dict(told(system, phone))
