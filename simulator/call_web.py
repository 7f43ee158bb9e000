"""A call's requests to Ringback: for TwiML, and status callbacks; signed and with Twilio's parameters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial

from simulator.account import Account
from simulator.call_store import CallStore
from simulator.calls import Call
from simulator.faults import Faults
from simulator.handsets import Hook, geography
from simulator.mailbox import Source
from simulator.messages import API_VERSION, Exchange
from simulator.timetable import Timetable
from simulator.webhooks import Caller, Params

VOICE_PATH, STATUS_PATH = "/voice", "/voice/status"
AGAIN_S = 2.0


class CallWeb:
    """``hook`` is what stands in Twilio's console behind the voice webhook's address, and its fallback."""

    def __init__(
        self, account: Account, calls: CallStore, caller: Caller, faults: Faults, timetable: Timetable
    ) -> None:
        self._account = account
        self._calls = calls
        self._caller = caller
        self._faults = faults
        self._timetable = timetable
        self.hook = Hook(fallback_url=account.voice_fallback_url)

    def voice(self) -> Source:
        """What a call to one of the account's numbers begins with."""
        overrides = f"#{self.hook.overrides}" if self.hook.overrides else ""
        return Source(self._account.signed_base + VOICE_PATH + overrides, fallback=self.hook.fallback_url)

    def fetch(self, call: Call, source: Source) -> tuple[Exchange, ...]:
        """Asks for TwiML: every attempt, the last one last. At most 15 s."""
        params = self.parameters(call) + list(source.params)
        return self._caller.post("webhook", source.url, params, method=source.method)

    def parameters(self, call: Call) -> Params:
        """Twilio's parameters of every request about a call, in no promised order."""
        given = {
            "AccountSid": self._account.sid,
            "ApiVersion": API_VERSION,
            "CallSid": call.sid,
            "CallStatus": call.status,
            "Called": call.to,
            "Caller": call.sender,
            "Direction": call.direction,
            "From": call.sender,
            "To": call.to,
        }
        for side, number in (
            ("Caller", call.sender),
            ("From", call.sender),
            ("Called", call.to),
            ("To", call.to),
        ):
            given |= geography(side, number)
        return list(given.items())

    def tell(self, call: Call, event: str, tries: int = 1) -> None:
        """A status callback, soon: ``event`` is initiated, ringing, answered or completed, as it was ordered.

        With ``tries`` it is made again while nothing answers at all.
        """
        url = call.status_callback
        if not url or event not in call.callback_events:
            return
        self._calls.change(call.sid, callbacks=call.callbacks + 1)
        params = self.parameters(call)
        params += [
            ("Timestamp", format_datetime(datetime.now(UTC))),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", str(call.callbacks)),
        ]
        if not call.live:
            minutes = -(-call.duration // 60)
            params += [("CallDuration", str(call.duration)), ("Duration", str(minutes))]
        fault = self._faults.take_for_delivery(call.customer, "call_callback")
        kind = fault.kind if fault else ""
        if kind == "callbacks_lost":
            return
        late = fault.seconds if fault and kind == "callbacks_late" else 0.0
        for _ in range(2 if kind == "callbacks_twice" else 1):
            self._timetable.after(late, partial(self._call_back, call.sid, url, params, tries))

    def _call_back(self, sid: str, url: str, params: Params, tries: int) -> None:
        attempts = self._caller.post("callback", url, params)
        last = attempts[-1]
        if last.status >= 400:
            last = replace(last, error_code=15003)  # Twilio warns, and asks no more
        self._calls.note(sid, (*attempts[:-1], last))
        if last.error_code == 11205 and tries > 1:
            self._timetable.after(AGAIN_S, partial(self._call_back, sid, url, params, tries - 1))
