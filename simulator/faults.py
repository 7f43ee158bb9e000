"""Faults on request: what the next calls meet, so that tests need not wait for bad luck; and bad luck, by seed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

# What happens to a REST call.
ON_CALL = {
    "429": "refused, nothing is created; with Retry-After where given",
    "503": "refused, nothing is created",
    "500": "an HTML error page, nothing is created",
    "error": "refused with Twilio's error `code` and HTTP `status`, nothing is created",
    "500_after_accept": "created, and answered with an HTML error page",
    "drop": "the connection is closed without an answer, nothing is created",
    "drop_after_accept": "created, and the connection is closed without an answer",
    "accept_late": "created after `seconds`, and the connection is closed without an answer",
    "empty": "a list without messages or calls, whatever there is",
    "hang": "no answer for `seconds`, then the connection is closed; created only with `accept`",
    "slow": "created, answered after `seconds`",
}
# What happens later to a message that was created.
ON_DELIVERY = {
    "failed": "ends as failed with `code`",
    "undelivered": "is sent, then ends as undelivered with `code`",
    "callbacks_lost": "no status callback is made",
    "callbacks_twice": "every status callback is made twice",
    "callbacks_reversed": "the callbacks come in reverse order",
    "callbacks_late": "every status callback comes `seconds` late",
    "callbacks_shuffled": "each status callback comes up to `seconds` late, by chance",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """``count`` calls meet it, after ``skip`` have passed; only those to ``to`` where that is given.

    With ``share``, a number of 0 to 1, it is bad luck instead: each call meets it with that chance. ``on`` is the kind of REST call: create, list, fetch, update or delete for
    messages, the same after ``call_`` for calls, where ``to`` is the call's sid once it has one; call_callback for the
    status callbacks of calls.
    """

    kind: str
    count: int = 1
    skip: int = 0
    on: str = "create"
    to: str = ""
    retry_after: int | None = None
    seconds: float = 0.0
    accept: bool = False
    code: int = 0
    status: int = 400
    message: str = ""
    share: float = 0.0


class BadFault(ValueError):
    """The description is not a fault; the message says what would be."""


def fault_from(description: Any) -> Fault:
    """A Fault from its JSON. Raises BadFault."""
    if not isinstance(description, dict):
        raise BadFault("a fault is a JSON object with a kind")
    known = {name: type(value) for name, value in asdict(Fault("429", retry_after=0)).items()}
    for name, value in description.items():
        if name not in known:
            raise BadFault(f"a fault has no {name}; it has {', '.join(known)}")
        wanted = (int, float) if known[name] is float else known[name]
        if not isinstance(value, wanted):
            raise BadFault(f"{name} must be {known[name].__name__}")
    fault = Fault(**{"kind": "", **description})
    if fault.kind not in ON_CALL and fault.kind not in ON_DELIVERY:
        raise BadFault(f"kind is one of {', '.join([*ON_CALL, *ON_DELIVERY])}")
    return fault


class Faults:
    """The faults still to come, the bad luck there is, and a log of the REST calls made. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[Fault] = []
        self._calls: deque[dict[str, Any]] = deque(maxlen=10_000)
        self._chances: tuple[Fault, ...] = ()
        # Calls and deliveries draw apart, so that one more lookup does not change which message is late.
        self._draws = {"call": random.Random(0), "delivery": random.Random(0), "delay": random.Random(0)}
        self._struck: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._pending.append(fault)

    def chances(self, seed: int, faults: Sequence[Fault]) -> None:
        """From now on each call meets one of ``faults`` with its share, drawn by ``seed``."""
        with self._lock:
            self._chances = tuple(faults)
            self._draws = {name: random.Random(f"{seed} {name}") for name in self._draws}

    def luck(self) -> dict[str, Any]:
        """The bad luck there is, and how often each fault struck, wanted or by chance."""
        with self._lock:
            return {"faults": [asdict(fault) for fault in self._chances], "struck": dict(self._struck)}

    def pending(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._pending]

    def clear(self) -> None:
        with self._lock:
            self._pending.clear()
            self._calls.clear()
            self._chances = ()
            self._struck.clear()

    def forget_pending(self) -> None:
        with self._lock:
            self._pending.clear()
            self._chances = ()

    def take_for_call(self, on: str, to: str) -> Fault | None:
        return self._take("call", set(ON_CALL), on, to)

    def take_for_delivery(self, to: str, on: str = "create") -> Fault | None:
        return self._take("delivery", set(ON_DELIVERY), on, to)

    def delay(self, most_s: float) -> float:
        """Seconds, 0 to ``most_s``, for a callback that comes when it likes."""
        with self._lock:
            return self._draws["delay"].uniform(0, most_s)

    def note_call(self, **facts: Any) -> None:
        with self._lock:
            self._calls.append({"at_ms": time.time_ns() // 1_000_000, **facts})

    def calls(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._calls)

    def _take(self, stream: str, kinds: set[str], on: str, to: str) -> Fault | None:
        with self._lock:
            fault = self._wanted(kinds, on, to) or self._drawn(stream, kinds, on, to)
            if fault:
                self._struck[fault.kind] += 1
            return fault

    def _wanted(self, kinds: set[str], on: str, to: str) -> Fault | None:
        for index, fault in enumerate(self._pending):
            if not _concerns(fault, kinds, on, to):
                continue
            if fault.skip > 0:
                self._pending[index] = replace(fault, skip=fault.skip - 1)
                return None
            left = replace(fault, count=fault.count - 1)
            self._pending[index : index + 1] = [left] if left.count > 0 else []
            return fault
        return None

    def _drawn(self, stream: str, kinds: set[str], on: str, to: str) -> Fault | None:
        if not self._chances:
            return None
        drawn = self._draws[stream].random()
        for fault in self._chances:
            if _concerns(fault, kinds, on, to):
                drawn -= fault.share
                if drawn < 0:
                    return fault
        return None


def _concerns(fault: Fault, kinds: set[str], on: str, to: str) -> bool:
    return fault.kind in kinds and fault.on == on and fault.to in ("", to)
