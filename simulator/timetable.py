"""Work that is due later, done by a few daemon threads."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
import traceback
from collections.abc import Callable

logger = logging.getLogger(__name__)

# Each status callback holds a thread while it waits for an answer, up to 15 s.
THREADS = 16


class Timetable:
    """Runs functions at their time. Daemon threads, so that an exit never waits for a slow callback."""

    def __init__(self, threads: int = THREADS) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()  # ties keep the order in which they were planned
        self._changed = threading.Condition()
        self._closed = False
        for _ in range(threads):
            threading.Thread(target=self._work, name="simulator-timetable", daemon=True).start()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), action))
            self._changed.notify()

    def clear(self) -> None:
        with self._changed:
            self._due.clear()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (action := self._next()) is not None:
            try:
                action()
            except Exception as error:  # noqa: BLE001 - one bad callback must not cost the others their thread
                where = traceback.extract_tb(error.__traceback__)[-1]
                # The type and the place only: an exception's text may hold a number or a message.
                logger.error("timetable: %s at %s:%s", type(error).__name__, where.name, where.lineno)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None
