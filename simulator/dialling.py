"""<Dial> and <Enqueue>: there is no real phone to ring, so a test or the phone page says what becomes of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from simulator.call_store import CallStore
from simulator.call_web import CallWeb
from simulator.calls import DIALLED, Call, Line, Transfer
from simulator.endings import Ended
from simulator.mailbox import Source, Transferred
from simulator.messages import new_sid, now_ms
from simulator.verbs import Dial, Enqueue

if TYPE_CHECKING:
    from simulator.callflow import CallFlow

OUTCOMES = ("completed", "no-answer", "busy", "failed")
# A short while; where words take their time, long enough to be seen.
RING_S, RING_ALOUD_S = 0.2, 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """``seconds``: how long it rings in vain, or is talked; None: a short while."""

    status: str = "no-answer"
    seconds: float | None = None


class Dialling:
    """One <Dial>, with a leg of its own as Twilio has it."""

    def __init__(self, flow: CallFlow, dial: Dial, calls: CallStore, outcome: Outcome) -> None:
        self._flow = flow
        self._dial = dial
        self._calls = calls
        self._outcome = outcome
        self._action = flow.resolve(dial.action) if dial.action else ""
        self._short_s = RING_ALOUD_S if flow.call.pace else RING_S

    def done(self) -> Source | None:
        """The request that tells how it ended; None without an ``action``, and the next verb comes."""
        dial, target = self._dial, ", ".join(self._dial.targets)
        self._flow.verb(dial, "dial", target)
        leg = self._leg()
        status, talked_s = "canceled", 0.0
        try:
            self._flow.show(doing="dialling", transfer=Transfer(leg.sid, target, "ringing"))
            status = self._met(self._ring_s())
            if status == "completed":
                talked_s = self._talked(leg, target)
        finally:
            self._calls.change(leg.sid, status=status, ended=now_ms(), doing="ended")
            self._calls.change(self._flow.sid, transfer=None)
        self._flow.line(Line("system", "dialled", status))
        if not self._action:
            return None
        told = [("DialCallStatus", status), ("DialCallSid", leg.sid)]
        told.append(("DialBridged", "true" if status == "completed" else "false"))
        if status == "completed":
            told.append(("DialCallDuration", str(round(talked_s))))
        return Source(self._action, dial.method, tuple(told))

    def _ring_s(self) -> float:
        asked = self._outcome.seconds
        rings_in_vain = asked is not None and self._outcome.status != "completed"
        return min(self._dial.timeout, asked if asked is not None and rings_in_vain else self._short_s)

    def _talked(self, leg: Call, target: str) -> float:
        """Seconds until one of them hangs up."""
        began, talk_s = time.monotonic(), self._outcome.seconds
        self._calls.change(leg.sid, status="in-progress", started=now_ms())
        self._flow.show(transfer=Transfer(leg.sid, target, "in-progress"))
        self._met(self._short_s if talk_s is None else talk_s)
        return time.monotonic() - began

    def _met(self, seconds: float) -> str:
        """How the dialled phone is met: as somebody says meanwhile, else as was laid down."""
        until = time.monotonic() + seconds
        while (mail := self._flow.next(until)) is not None:
            if isinstance(mail, Transferred):
                return mail.status
        return self._outcome.status

    def _leg(self) -> Call:
        now, call = now_ms(), self._flow.call
        sender = self._dial.caller_id or call.sender
        return self._calls.add(
            Call(
                sid=new_sid("CA"), direction=DIALLED, sender=sender, to=self._dial.targets[0], status="ringing",
                created=now, updated=now, parent_sid=call.sid,
            )
        )  # fmt: skip


class Queueing:
    """One <Enqueue>: in the queue until the call ends or a REST call takes it out, for nobody dials a <Queue> here."""

    def __init__(self, flow: CallFlow, enqueue: Enqueue, web: CallWeb) -> None:
        self._flow = flow
        self._enqueue = enqueue
        self._web = web
        self._action = flow.resolve(enqueue.action) if enqueue.action else ""

    def wait(self) -> NoReturn:
        """Raises Ended or Moved, which is how a call leaves the queue."""
        began = time.monotonic()
        self._flow.show(doing="queued", queue=self._enqueue.queue)
        self._flow.verb(self._enqueue, "enqueue", self._enqueue.queue)
        try:
            while True:
                self._flow.next(began + self._flow.time_limit_s)
        except Ended:
            if self._action and not self._flow.is_silenced:
                self._tell(round(time.monotonic() - began))
            raise
        finally:
            self._flow.show(queue="")

    def _tell(self, waited_s: int) -> None:
        """Twilio asks the action although nobody hears the answer any more."""
        told = (
            ("QueueResult", "hangup"), ("QueueTime", str(waited_s)), ("QueueSid", "QU" + self._flow.sid[2:]),
        )  # fmt: skip
        ask = Source(self._action, self._enqueue.method, told)
        args = (self._flow.call, ask)
        threading.Thread(target=self._web.fetch, args=args, name="simulator-call-web", daemon=True).start()
