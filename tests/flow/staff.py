"""Agents at work: the shipped presets with numbers of their own beside agents that a test writes, and what is held."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from session import keys
from tests.flow.mind import Mind
from tests.flow.system import OURS, PROJECT, System, wait_for

SUPPORT, ORDERS, ESTATE, CLINIC = "+15550002222", "+15550002223", "+15550002224", "+15550002225"
OWN = "+15550002226"  # for an agent of the test's own
NUMBERS = {"support": SUPPORT, "orders": ORDERS, "real_estate": ESTATE, "clinic_hours": CLINIC}
SILENCE_S = 1.0  # longer than an answer takes; nothing comes when all is well


def folder(path: Path, **own: str) -> Path:
    """``path`` with the presets, each claiming its number, and agents of one's own: id -> the whole file."""
    path.mkdir(exist_ok=True)
    for preset in (PROJECT / "config" / "agents").glob("*.toml"):
        text = preset.read_text(encoding="utf-8")
        if preset.stem in NUMBERS:
            text = text.replace("\nname = ", f'\nnumbers = ["{NUMBERS[preset.stem]}"]\nname = ', 1)
        (path / preset.name).write_text(text, encoding="utf-8")
    for id, text in own.items():
        (path / f"{id}.toml").write_text(text, encoding="utf-8")
    return path


def settings(agents: Path, **more: str) -> dict[str, str]:
    """Of a system in which these agents answer."""
    ours = ",".join([OURS, *NUMBERS.values(), OWN])
    return {"AGENTS_DIR": str(agents), "SIMULATOR_NUMBERS": ours} | more


@contextlib.contextmanager
def at_work(
    paths: pytest.TempPathFactory, mind: Mind, more: Mapping[str, str] | None = None, /, **own: str
) -> Iterator[System]:
    """A whole system with the presets and agents of one's own, whose model is ``mind``; ``more``: settings."""
    path = paths.mktemp("at_work")
    model = {"OPENAI_BASE_URL": f"{mind.origin}/v1"}
    running = System(path, **settings(folder(path / "agents", **own), **model, **(more or {})))
    try:
        yield running.start()
    finally:
        running.stop()


def held(system: System, phone: str) -> dict[str, Any]:
    """All that is held of a customer."""
    status, given = system.api("GET", f"/privacy/export/{quote(phone)}")
    assert status == 200, given
    return dict(given)


def session_with(system: System, phone: str, agent: str) -> dict[str, Any]:
    """The customer's last session with this agent, with its ``messages``."""
    return dict([s for s in held(system, phone)["sessions"] if s["agent_id"] == agent][-1])


def state(system: System, phone: str) -> str:
    return str(system.session(phone).get("session", {}).get("state", ""))


def customer_key(system: System, kind: str, phone: str) -> str:
    """The name of the customer's key of this kind."""
    found = keys.parse_id(str(system.session(phone)["session"]["session_id"]))
    assert found is not None
    return keys.customer_key(kind, found.cid)


def settled(system: System, phone: str) -> None:
    """Wait until nothing of this customer waits for an answer or to be sent."""
    names = [customer_key(system, kind, phone) for kind in ("inbox", "outbox", "claim")]
    wait_for(lambda: not system.redis.exists(*names), "the customer's turn to end")


def silent(system: System, phone: str, replies: int) -> None:
    """Nothing is said to the customer beyond so many replies."""
    settled(system, phone)
    time.sleep(SILENCE_S)
    assert replies == len(system.replies(phone)), system.replies(phone)


def turn_of(system: System, phone: str) -> dict[str, Any]:
    """The story of the turn that took the customer's last message."""
    settled(system, phone)
    asked = [m for s in held(system, phone)["sessions"] for m in s["messages"] if m["direction"] == "inbound"]
    status, turn = system.api("GET", f"/turns/{max(asked, key=lambda m: str(m['timestamp']))['id']}")
    assert status == 200, turn
    return dict(turn)


def happened(system: System, phone: str) -> list[dict[str, Any]]:
    """The customer's events, oldest first, as the partition's stream holds them, each with its ``session``'s number."""
    found = keys.parse_id(str(system.session(phone)["session"]["session_id"]))
    assert found is not None
    stored: Any = system.redis.xrange(keys.key("events", found.cid))
    return [
        json.loads(told["event"]) | {"session": int(told["session"])}
        for _, told in stored
        if told["cid"] == found.cid
    ]
