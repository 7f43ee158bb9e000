"""Delivery of messages to phones: statuses in their order, callbacks, the opt-out list, the WhatsApp window."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from simulator.account import Account
from simulator.collecting import Collector
from simulator.faults import Fault, Faults
from simulator.messages import API_VERSION, SETTLED, WHATSAPP, Message, now_ms, segments_of
from simulator.store import Store
from simulator.timetable import Timetable
from simulator.webhooks import Caller, Params
from simulator.whatsapp import WhatsApp

QUEUE_S = 36_000.0  # Twilio keeps ten hours of a sender's messages, then says 21611


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast one sender's messages leave: segments a second (0: at once), and how long a queue may grow."""

    per_second: float = 0.0
    queue_seconds: float = QUEUE_S


class Carrier:
    """Takes what Ringback sends to the customer's phone. A callback is an HTTP request like Twilio's."""

    def __init__(
        self,
        account: Account,
        store: Store,
        faults: Faults,
        timetable: Timetable,
        caller: Caller,
        collector: Collector,
    ) -> None:
        self._account = account
        self._store = store
        self._faults = faults
        self._timetable = timetable
        self._caller = caller
        self._collector = collector
        self.whatsapp = WhatsApp(store)
        self._lock = threading.Lock()
        self._rate = Rate()
        self._free_at: dict[str, float] = {}  # sender -> when its queue is empty, monotonic
        for message in store.newest_first():
            if not message.inbound and message.status not in SETTLED:
                self.deliver(message)  # a restart must not leave a message under way for ever

    def blocked(self, sender: str, to: str) -> bool:
        """True when the customer opted out of this sender; WhatsApp knows no such list."""
        return not to.startswith(WHATSAPP) and self._store.opted_out(sender, to)

    def limit(self, rate: Rate) -> None:
        """From now on every sender's messages leave at this rate; what is queued keeps its time."""
        with self._lock:
            self._rate = rate
            self._free_at.clear()

    def overflows(self, sender: str) -> bool:
        """True when the sender's queue is so long that Twilio takes no more, 21611."""
        with self._lock:
            waits = self._free_at.get(sender, 0.0) - time.monotonic()
            return self._rate.per_second > 0 and waits > self._rate.queue_seconds

    def _queue(self, message: Message, delay_s: float) -> float:
        """Seconds until this message's turn to leave comes; those of one sender leave one after the other."""
        with self._lock:
            if self._rate.per_second <= 0:
                return delay_s
            now = time.monotonic()
            starts = max(now + delay_s, self._free_at.get(message.sender, 0.0))
            self._free_at[message.sender] = starts + max(1, message.segments) / self._rate.per_second
            return starts - now

    def deliver(self, message: Message, delay_s: float = 0) -> None:
        """Plans a message's way from queued to its end, with a callback for each status documented."""
        if self._collector.has_to_fetch(message):
            self._timetable.after(delay_s, partial(self._deliver_collected, message))
            return
        self._deliver(message, delay_s)

    def _deliver_collected(self, message: Message) -> None:
        """Media are fetched from where Ringback said they are; without them the message fails."""
        media, code = self._collector.collect(message)
        message = self._store.change(message.sid, lambda m: replace(m, media=media)) or message
        self._deliver(message, 0, code)

    def _deliver(self, message: Message, delay_s: float, code: int = 0) -> None:
        fault = self._faults.take_for_delivery(message.to)
        if code:
            fault = Fault("failed", code=code)
        if not message.sender:
            message = self._choose_sender(message)
        self.whatsapp.stop_typing(message)
        delay_s = self._queue(message, delay_s)
        step = self._account.delivery_ms / 1000 / 3
        statuses = [("sending", 0), ("sent", 0), ("delivered", 0)]
        if message.service_sid:
            statuses.insert(0, ("queued", 0))
        end, code = self._fate(message, fault)
        if end == "failed":
            statuses = [*statuses[:-2], (end, code)]
        elif end:
            statuses = [*statuses[:-1], (end, code)]
        for position, (status, error) in enumerate(statuses, start=1):
            self._timetable.after(
                delay_s + position * step,
                partial(self._advance, message.sid, status, error, fault, position * step),
            )

    def _fate(self, message: Message, fault: Fault | None) -> tuple[str, int]:
        """How a message ends where it does not end well: (status, Twilio's code), or ("", 0)."""
        if fault and fault.kind in ("failed", "undelivered"):
            return fault.kind, fault.code or 30008
        if message.channel == "whatsapp" and not message.content_sid and not self.whatsapp.takes(message):
            return "failed", 63016
        return "", 0

    def _choose_sender(self, message: Message) -> Message:
        prefix = WHATSAPP if message.to.startswith(WHATSAPP) else ""
        return replace(message, sender=prefix + self._account.numbers[0])

    def _advance(self, sid: str, status: str, error: int, fault: Fault | None, since_start_s: float) -> None:
        def step(message: Message) -> Message:
            if message.status == "canceled":
                return message
            if not message.sender:
                message = self._choose_sender(message)
                message = replace(message, segments=segments_of(message.body, message.channel))
            return message.moved(status, now_ms(), error or None)

        message = self._store.change(sid, step)
        if message is None or message.status != status or status == "sending" or not message.status_callback:
            return
        kind = fault.kind if fault else ""
        if kind == "callbacks_lost":
            return
        late = fault.seconds if fault and kind == "callbacks_late" else 0.0
        if kind == "callbacks_reversed":
            # The later the status, the sooner its callback: mirrored around the whole way.
            late = max(0.0, 2 * (self._account.delivery_ms / 1000 - since_start_s)) + 0.05 * (
                status == "sent"
            )
        if fault and kind == "callbacks_shuffled":
            late = self._faults.delay(fault.seconds)
        for _ in range(2 if kind == "callbacks_twice" else 1):
            self._timetable.after(late, partial(self._call_back, message, status))

    def mark_read(self, customer: str) -> int:
        """The customer opened WhatsApp: what was delivered becomes read. Returns how many."""
        count = 0
        for message in self._store.newest_first():
            if (
                message.channel == "whatsapp"
                and message.customer == customer
                and message.status == "delivered"
            ):
                self._advance(message.sid, "read", 0, None, 0)
                count += 1
        return count

    def _call_back(self, message: Message, status: str) -> None:
        params: Params = [
            ("MessageSid", message.sid),
            ("MessageStatus", status),
            ("SmsSid", message.sid),
            ("SmsStatus", status),
            ("AccountSid", self._account.sid),
            ("From", message.sender),
            ("To", message.to),
            ("ApiVersion", API_VERSION),
        ]
        if message.service_sid:
            params.append(("MessagingServiceSid", message.service_sid))
        if message.error_code:
            params.append(("ErrorCode", str(message.error_code)))
        if message.channel == "whatsapp":
            params += [
                ("ChannelPrefix", "whatsapp"),
                ("ChannelInstallSid", "XE" + self._account.sid[2:].lower()),
            ]
            if status in ("read", "delivered"):
                params.append(("EventType", status.upper()))
        elif status in ("delivered", "undelivered"):
            params.append(("RawDlrDoneDate", datetime.now(UTC).strftime("%y%m%d%H%M")))
        attempts = self._caller.post("callback", message.status_callback, params)
        self._store.change(message.sid, lambda m: replace(m, exchanges=m.exchanges + attempts))
