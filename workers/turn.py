"""A turn: claim, open, think, commit, send, look again.

``answer_customer`` is the job that a ring enqueues. Whatever it does not finish stands in
the ledger and is rung for again; so it may die at any line.
"""

from __future__ import annotations

import time
from contextlib import suppress

import redis
import structlog

from session.claims import Claim, ClaimLost, LedgerConflict, NotClaimed
from workers import crash, halt, thinking
from workers.runtime import Runtime, runtime
from workers.steps import Turn

CLAIMS_PER_JOB = 5  # then somebody else's turn comes first; the customer is rung for again
HALT_HOLD_MS = 30_000  # a job that an operator stopped is not begun again before then
SECOND_MS = 1000

_log = structlog.get_logger("turn")


def answer_customer(cid: str) -> str:
    """Do all there is to do for one customer now. Gives what the last step came to, for the dashboard.

    Raises ``Halted`` when the job was told to stop.
    """
    rt = runtime()
    outcome = ""
    began = time.monotonic()
    # The last claim may take its whole limit and must still end within the job.
    spare_s = rt.settings.job_seconds - rt.settings.claim_limit_seconds
    for _ in range(CLAIMS_PER_JOB):
        if time.monotonic() - began > spare_s:
            break
        if rt.stopping.is_set():
            return outcome or "stopping"
        if halt.halted():
            raise halt.Halted
        claim = rt.ledger.claim(cid)
        if isinstance(claim, NotClaimed):
            return outcome or claim.outcome.lower()
        crash.at("after_claim")
        outcome, more = _work(rt, claim)
        if not more:
            return outcome
    rt.bell.ring(cid)
    return outcome


def _work(rt: Runtime, claim: Claim) -> tuple[str, bool]:
    """One claim's work and its release: (outcome, whether something waits still)."""
    turn = Turn(rt, claim)
    started = time.monotonic()
    with rt.keeper.holding(claim):
        try:
            outcome = _outcome(turn)
        except halt.Halted:
            outcome = "halted"
            turn.release(turn.all_numbers, HALT_HOLD_MS)
            raise
        except redis.RedisError as error:
            outcome = f"redis_{type(error).__name__}"
            rt.delivery.quarantine.doubt()
            # An outage is not the messages' fault. Where it lasts, the claim ends by itself.
            with suppress(redis.RedisError):
                turn.release(turn.all_numbers, 0)
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, the customer must not be lost with it
            # An error of ours: the attempt counts, so that a message nobody can answer ends as a failure.
            outcome = "error"
            _log.exception("turn_failed", customer=claim.cid[:6], turn=claim.fence)
            hold_ms = round(rt.settings.ring_seconds * SECOND_MS)
            fault = type(error).__name__  # not its words, which may be the customer's
            rt.ledger.release(claim, give_back=turn.give_back, hold_ms=hold_ms, fault=fault)
            return outcome, False
        finally:
            turn.canonical["duration_ms"] = round((time.monotonic() - started) * SECOND_MS)
            _log.info("turn", customer=claim.cid[:6], outcome=outcome, **turn.canonical)
    more = turn.release()
    crash.at("after_release")
    return outcome, more


def _outcome(turn: Turn) -> str:
    """Run a turn. What is nobody's fault ends it with its attempts given back."""
    try:
        return turn.run()
    except ClaimLost:
        return "lost"
    except thinking.Stopping:
        turn.give_back = turn.all_numbers
        return "stopping"
    except LedgerConflict:
        # Somebody else wrote the session; that is not the message's fault.
        turn.give_back = turn.all_numbers
        return "conflict"
