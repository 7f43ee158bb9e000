"""A Redis that is not the one we knew: for a while, look before each send (DECISIONS 13).

After a failover to a replica that lagged, a lost last second or a restored snapshot, the ledger may have
forgotten that a reply went out. Redis' ``run_id`` is new at every start of a server; the one we know is kept
in Redis itself, and a difference starts a quarantine that every worker process sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis
import structlog

from session import keys

LOOK_S = 0.5  # shorter than most restarts; and whoever meets a broken connection asks for a look (``doubt``)


class Quarantine:
    """Whether the ledger may have forgotten what was sent. Safe for threads.

    Asks Redis every ``LOOK_S`` at most, in one round trip, whoever asks and however often.
    """

    def __init__(
        self, client: redis.Redis, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = client
        self._seconds = seconds
        self._clock = clock
        self._looked_at = -LOOK_S
        self._until = 0.0
        self._log = structlog.get_logger("quarantine")

    def active(self) -> bool:
        """Whether each send is to be preceded by a look at Twilio's list. Raises ``redis.RedisError``."""
        if self._clock() - self._looked_at >= LOOK_S:
            self._look()  # by several threads at once, should it be so: nobody waits for another's time-out
        return self._clock() < self._until

    def doubt(self) -> None:
        """Redis was away for somebody: look again before the next send."""
        self._looked_at = -LOOK_S

    def _look(self) -> None:
        began = self._clock()
        pipe = self._redis.pipeline(transaction=False)
        pipe.info("server")
        pipe.get(keys.RUN_ID)
        pipe.pttl(keys.QUARANTINE)
        info, known, left_ms = pipe.execute(raise_on_error=False)
        for answer in (known, left_ms):
            if isinstance(answer, Exception):
                raise answer
        run_id = _run_id(info)
        self._until = max(self._until, began + max(0, int(left_ms)) / 1000)
        if run_id and not known:
            self._redis.set(keys.RUN_ID, run_id, nx=True)
        elif run_id and known != run_id:
            # First the quarantine, then the name: a process that dies between the two leaves it to the next.
            self._redis.set(keys.QUARANTINE, 1, px=max(1, round(self._seconds * 1000)))
            self._redis.set(keys.RUN_ID, run_id)
            self._until = self._clock() + self._seconds
            self._log.error("redis_is_another", quarantine_s=self._seconds)
        self._looked_at = began


def _run_id(info: Any) -> str:
    """'' where the server does not tell: some managed ones keep INFO to themselves."""
    return str(info.get("run_id") or "") if isinstance(info, dict) else ""
