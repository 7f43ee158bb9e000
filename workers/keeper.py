"""Keeps the claims of running turns alive, from one thread for all of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import redis
import structlog

from session.claims import Claim
from session.ledger import Ledger


class ClaimKeeper:
    """Renews every claim held in this process. A claim that cannot be renewed is marked lost by the ledger."""

    def __init__(self, ledger: Ledger, every_seconds: float) -> None:
        self._ledger = ledger
        self._every = every_seconds
        self._claims: dict[str, Claim] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._log = structlog.get_logger("worker")

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """Renew ``claim`` while the block runs."""
        with self._lock:
            self._claims[claim.token] = claim
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="claim-keeper", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._claims.pop(claim.token, None)

    def let_go(self) -> None:
        """Give up every claim whose turn is not committed, attempts given back: this process ends."""
        with self._lock:
            claims = [c for c in self._claims.values() if c.messages and not c.committed]
        for claim in claims:
            try:
                self._ledger.release(claim, give_back=[w.number for w in claim.messages])
                claim.lost.set()
            except redis.RedisError as error:
                self._log.warning("claim_not_released", customer=claim.cid[:6], error=type(error).__name__)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._every):
            with self._lock:
                claims = list(self._claims.values())
            for claim in claims:
                try:
                    self._ledger.renew(claim)
                except redis.RedisError as error:
                    # The claim lasts for two more renewals; then its steps find it lost.
                    self._log.warning("claim_not_renewed", customer=claim.cid[:6], error=type(error).__name__)
                except Exception:  # noqa: BLE001  this thread must not end while the process lives
                    self._log.exception("claim_not_renewed", customer=claim.cid[:6])
