"""All live calls: customers' calls to us, our calls to customers, and what reaches a call while it lasts."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from simulator.account import Account
from simulator.call_store import CallStore
from simulator.call_web import STATUS_PATH, CallWeb
from simulator.callflow import TIME_LIMIT_S, CallFlow
from simulator.calls import INBOUND, OUTBOUND, Call, Line
from simulator.dialling import Outcome
from simulator.endings import Ended
from simulator.mailbox import Act, HangUp, Mailbox, PickUp, Source, Transferred, Update
from simulator.messages import new_sid, now_ms
from simulator.timetable import Timetable

LIVE_MAX = 200  # each has a thread
RING_TIMEOUT_S = 60.0
# After a restart of us, which real Twilio has not, Ringback's web may come up later than we do.
LEFT_OVER_S, LEFT_OVER_TRIES = 1.0, 30


class TooManyCalls(Exception):
    """There are as many live calls as this machine bears; some must end first."""


class NotNow(Exception):
    """The call is not in a state for that; the message says what it is in."""


@dataclass(frozen=True, slots=True)
class Answering:
    """What customers' phones do with our calls: ``how`` is one of account.PICK_UP.

    ``pace`` and ``patience`` are those of calls answered so; ``seconds`` how long it rings before.
    """

    how: str = "page"
    pace: float = 0.0
    patience: float = 0.0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """A customer's call to one of our numbers. ``extra`` are further parameters of its first webhook."""

    sender: str
    to: str
    pace: float = 0.0
    patience: float = 0.0
    sid: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """A call of ours, as the REST API was asked for it."""

    sender: str
    to: str
    source: Source
    status_callback: str = ""
    callback_events: tuple[str, ...] = ("completed",)
    timeout_s: float = RING_TIMEOUT_S
    time_limit_s: float = TIME_LIMIT_S


class Switchboard:
    """Thread-safe. ``outcome`` and ``answering`` may be set at any time and hold for what comes after."""

    def __init__(self, account: Account, calls: CallStore, web: CallWeb, timetable: Timetable) -> None:
        self.calls = calls
        self.web = web
        self.outcome = Outcome()
        self.answering = Answering(account.answer)
        self._account = account
        self._lock = threading.Lock()
        self._flows: dict[str, CallFlow] = {}
        self._watchers = 0
        for call in calls.left_over:
            timetable.after(LEFT_OVER_S, partial(web.tell, call, "completed", LEFT_OVER_TRIES))

    # Beginning

    def ring(self, ring: Ring) -> Call:
        """A customer calls. Raises TooManyCalls."""
        call = self._new(INBOUND, ring.sender, ring.to, "ringing", ring.sid)
        call = replace(
            call,
            pace=ring.pace,
            patience=ring.patience,
            status_callback=self._account.signed_base + STATUS_PATH,
        )
        source = replace(self.web.voice(), params=ring.extra)
        return self._begin(call, lambda _: source)

    def place(self, placed: Placed) -> Call:
        """We call a customer. Raises TooManyCalls."""
        call = self._new(OUTBOUND, placed.sender, placed.to, "queued", "")
        call = replace(
            call, pace=self.answering.pace, patience=self.answering.patience,
            status_callback=placed.status_callback, callback_events=placed.callback_events,
        )  # fmt: skip
        return self._begin(call, partial(self._rung, placed), placed.time_limit_s)

    def _new(self, direction: str, sender: str, to: str, status: str, sid: str) -> Call:
        now = now_ms()
        return Call(sid or new_sid("CA"), direction, sender, to, status, created=now, updated=now)

    def _begin(
        self, call: Call, opening: Callable[[CallFlow], Source], time_limit_s: float = TIME_LIMIT_S
    ) -> Call:
        with self._lock:
            self._flows = {sid: flow for sid, flow in self._flows.items() if flow.is_live}
            if len(self._flows) >= LIVE_MAX:
                raise TooManyCalls
            flow = CallFlow(call.sid, self.calls, self.web, lambda: self.outcome, time_limit_s)
            self._flows[call.sid] = flow
        stored = self.calls.add(call)
        flow.line(Line("system", "status", call.status))
        flow.start(opening)
        return stored

    def _rung(self, placed: Placed, flow: CallFlow) -> Source:
        """A call of ours rings at the customer's until it is answered. Raises Ended where it is not."""
        answering, how, step_s = self.answering, self.answers_by, self._account.delivery_ms / 1000 / 3
        flow.moved_to("initiated", "initiated")
        flow.pause(step_s)
        flow.moved_to("ringing", "ringing")
        if how == "ring":
            if not flow.picked_up(placed.timeout_s):
                raise Ended("no-answer")
        else:
            flow.pause(step_s if answering.seconds is None else min(answering.seconds, placed.timeout_s))
            if how != "auto":
                raise Ended(how)
        flow.answered()
        return placed.source

    # While it lasts

    def act(self, sid: str, act: Act, wait_s: float = 0.0) -> None:
        """The caller says or keys something. Raises NotNow where nobody listens within ``wait_s``."""
        until = time.monotonic() + wait_s
        while not self._mail(sid).offer(act):
            left = until - time.monotonic()
            call = self.calls.get(sid)
            if left <= 0 or call is None or not call.live:
                raise NotNow(self._why_not(call, act))
            self.calls.wait(sid, lambda call: call.listening is not None or not call.live, min(left, 0.05))

    def _why_not(self, call: Call | None, act: Act) -> str:
        if call is None or not call.live:
            return "the call has ended"
        if call.listening is None:
            return "nobody listens now: what is said is lost; wait for the question"
        return (
            "this question is answered by keys alone"
            if call.listening.digits
            else "this question is answered aloud"
        )

    def hang_up(self, sid: str, by: str = "caller", status: str = "no-answer") -> None:
        self._put(sid, HangUp(by, status))

    def pick_up(self, sid: str, *, declined: bool, pace: float, patience: float) -> None:
        call = self.calls.get(sid)
        if call is None or call.inbound or call.status != "ringing":
            raise NotNow("this call does not ring")
        self.calls.change(sid, pace=pace, patience=patience)
        self._put(sid, PickUp(declined))

    def transfer(self, sid: str, status: str) -> None:
        call = self.calls.get(sid)
        if call is None or call.transfer is None:
            raise NotNow("nobody is being dialled in this call")
        self._put(sid, Transferred(status))

    def move(self, sid: str, source: Source) -> None:
        """Other instructions for a live call. Raises NotNow where it is not in progress."""
        call = self.calls.get(sid)
        if call is None or call.status != "in-progress":
            raise NotNow("Call is not in-progress")
        self._put(sid, Update(source))

    def _put(self, sid: str, mail: HangUp | PickUp | Transferred | Update) -> None:
        if not self._mail(sid).put(mail):
            raise NotNow("the call has ended")

    def _mail(self, sid: str) -> Mailbox:
        with self._lock:
            flow = self._flows.get(sid)
        if flow is None:
            raise NotNow("the call has ended")
        return flow.mail

    @property
    def answers_by(self) -> str:
        """What customers' phones do with our calls now."""
        how = self.answering.how
        return how if how != "page" else "ring" if self._watchers else "auto"

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """While a phone page looks, it is there that our calls ring."""
        with self._lock:
            self._watchers += 1
        try:
            yield
        finally:
            with self._lock:
                self._watchers -= 1

    # The end of everything

    def reset(self) -> None:
        """Every call is forgotten, without a word to anybody."""
        self.close()
        self.calls.clear()
        self.outcome, self.answering = Outcome(), Answering(self._account.answer)

    def close(self) -> None:
        with self._lock:
            flows, self._flows = list(self._flows.values()), {}
        for flow in flows:
            flow.break_off()
