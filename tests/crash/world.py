"""A system under chaos: the flow tests' one, with a second web, Redis that fsyncs each write, and rough handling."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import redis

from session import keys, records
from tests.crash.history import NAMED, Taken
from tests.flow.system import OURS, System, call, free_port, wait_for

OURS_TOO = "+15550002222"
NAMES = r"\b([A-Z]{1,3})-\d+\b"  # as customers number their messages; see history.NAMED
LOOKS_S = (1.0, 2.5)  # when a send in doubt is looked up; it is sent again after the second look

# The protocol at about a tenth of its times. Attempts and limits are wide: here killed turns are the rule.
TENTH = {
    "CLAIM_SECONDS": "3", "CLAIM_RENEW_SECONDS": "1", "CLAIM_LIMIT_SECONDS": "20", "JOB_SECONDS": "30",
    "TURN_SECONDS": "10", "MODEL_TIMEOUT_SECONDS": "2", "RING_SECONDS": "0.5", "RING_MAX_SECONDS": "6",
    "SEND_TIMEOUT_SECONDS": "1", "SEND_DEADLINE_SECONDS": "0.3",
    "RECONCILE_SECONDS": ",".join(str(s) for s in LOOKS_S),
    "MODEL_AWAY_SECONDS": "0.5,1", "MODEL_GIVE_UP_SECONDS": "600", "SHUTDOWN_SECONDS": "6",
    "MAX_ATTEMPTS": "1000", "RATE_LIMIT_PER_MINUTE": "0", "DAILY_TURN_LIMIT": "0", "DAILY_BUDGET_TURNS": "0",
}  # fmt: skip


class World(System):
    """``lanes`` maps a lane's letter to who writes there, to which number, on which channel."""

    def __init__(self, folder: Path, **settings: str):
        self.web_port_too = free_port()
        super().__init__(folder, **TENTH | settings)
        self.lanes: dict[str, tuple[str, str, str]] = {}
        conf = folder / "server.conf"
        conf.write_text(conf.read_text().replace("appendfsync everysec", "appendfsync always"))
        self.redis.config_set("appendfsync", "always")

    # Processes

    def spawn(self, name: str, label: str = "", **settings: str) -> subprocess.Popen[bytes]:
        label = label or name
        if label == "web2":  # the fallback address: the same Redis behind another host
            settings |= {
                "PORT": str(self.web_port_too), "RINGBACK_BIND": f"127.0.0.1:{self.web_port_too}",
                "PUBLIC_BASE_URL": f"http://127.0.0.1:{self.web_port_too}",
            }  # fmt: skip
        return super().spawn(name, label, **settings)

    def open_for_business(self, workers: int = 2) -> None:
        """Everything up, the model echoing names, Twilio's webhook with overrides and a fallback."""
        self.spawn("simulator")
        self.ready("simulator")
        self.spawn("web")
        self.spawn("web", "web2")
        for number in range(workers):
            self.spawn("worker", f"worker{number + 1}")
        self.spawn("clock")
        self.ready("web", "worker")
        wait_for(lambda: self._answers(f"http://127.0.0.1:{self.web_port_too}/ready"), "the second web")
        self.control("webhook", {
            "overrides": "rc=1&rp=ct,rt,5xx&ct=500&rt=2000&tt=6000",
            "fallback_url": f"http://127.0.0.1:{self.web_port_too}/sms",
        })  # fmt: skip
        self.model(echo=NAMES, latency_ms=60, jitter_ms=50)

    def running(self) -> list[str]:
        return sorted(self.processes)

    def pids(self, label: str) -> list[int]:
        """A process and its children: gunicorn's workers outlive its killed master for a moment."""
        pid = self.processes[label].pid
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            return [pid, *(int(child) for child in children)]
        return [pid]

    def freeze(self, label: str, seconds: float) -> tuple[float, float]:
        """SIGSTOP, and SIGCONT after so long; gives from when to when (since 1970)."""
        pids = self.pids(label)
        start = time.time()
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        time.sleep(seconds)
        end = time.time()
        for pid in pids:
            _signal(pid, signal.SIGCONT)
        return start, end

    def shoot(self, label: str, after_s: float = 0.0) -> None:
        """SIGKILL, and the process again after so long."""
        for pid in self.pids(label):
            _signal(pid, signal.SIGKILL)
        self.processes.pop(label).wait(10)
        time.sleep(after_s)
        self.spawn(label.rstrip("0123456789"), label)

    def shoot_redis(self, after_s: float) -> None:
        self.redis_server.process.kill()
        self.redis_server.process.wait()
        time.sleep(after_s)
        self.restart_redis()

    # The world

    def control(self, path: str, body: Any = None) -> Any:
        status, answer = call(
            "POST" if body is not None else "GET", f"{self.simulator}/_control/{path}", body
        )
        assert status == 200, answer
        return answer

    def lane(self, letter: str, customer: str, ours: str = OURS, channel: str = "sms") -> str:
        self.lanes[letter] = (customer, ours, channel)
        return letter

    def writes(self, lane: str, number: int, **more: Any) -> dict[str, Any]:
        customer, ours, channel = self.lanes[lane]
        return self.says(customer, f"{lane}-{number}", channel, ours, **more)

    def taken(self) -> list[Taken]:
        """What Twilio accepted from us, in the order in which it did."""
        letters = {where: letter for letter, where in self.lanes.items()}
        return [
            Taken(letters.get((m["customer"], m["ours"], m["channel"]), "?"), m["body"], m["created"] / 1000)
            for m in self.messages("", "outbound-api")
        ]  # fmt: skip

    def failures(self) -> list[tuple[str, list[str]]]:
        """(reason, names concerned) of all that the ledger keeps for a person."""
        return [self._failure(str(key), each) for key in self.redis.scan_iter("*:failures:*", count=1000)
                for each in self.redis.hvals(key)]  # fmt: skip

    def _failure(self, key: str, value: str) -> tuple[str, list[str]]:
        failure, cid = json.loads(value), key.rsplit(":", 1)[1]
        if failure.get("entry"):
            message = records.decode_entry(cid, failure["entry"], {})
            return failure.get("reason", "?"), _names([message.content if message else ""])
        about = failure.get("messages") or [
            failure.get("message") or str(failure.get("part", "0")).split(".")[0]
        ]
        history = (str(e).split(":", 2) for e in self.redis.lrange(keys.customer_key("history", cid), 0, -1))
        kept = [
            records.decode_tail(cid, n, record, {}) for _, n, record in history if int(n) in map(int, about)
        ]
        return failure.get("reason", "?"), _names([message.content for message in kept if message])

    def stop(self) -> None:
        for label in self.running():
            for pid in self.pids(label):
                _signal(pid, signal.SIGCONT)
        with contextlib.suppress(redis.RedisError):
            self.redis.ping()
        super().stop()


def _names(texts: list[str]) -> list[str]:
    """The names of the lanes' messages that are quoted in texts."""
    return [f"{a}-{b}" for text in texts for a, b in NAMED.findall(text)]


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
