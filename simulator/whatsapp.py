"""What WhatsApp itself keeps between a customer and one of our numbers: the 24 hours for free text, and who is typing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulator.messages import WHATSAPP, Message, bare, now_ms
from simulator.store import Store

WINDOW_S = 24 * 3600  # after the customer's last message only templates reach them, error 63016
TYPING_MS = 25_000  # or until the answer comes

Line = tuple[str, str]  # (customer, our number), without whatsapp:


class WhatsApp:
    """Thread-safe; the windows outlive a restart where the store does, typing does not."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._typing: dict[Line, int] = {}  # until when, ms
        with store.changed:
            store.run(
                "CREATE TABLE IF NOT EXISTS windows (customer TEXT, ours TEXT, ends INTEGER,"
                " PRIMARY KEY (customer, ours))"
            )
            rows = store.run("SELECT customer, ours, ends FROM windows")
            self._ends: dict[Line, int] = {(customer, ours): ends for customer, ours, ends in rows}
            for message in store.newest_first():  # of a file that is older than the table
                if message.inbound and message.channel == "whatsapp":
                    self._ends.setdefault(_line(message), message.created + WINDOW_S * 1000)

    def heard(self, message: Message) -> None:
        """A customer wrote: the window is open for a day from now."""
        if message.inbound and message.channel == "whatsapp":
            self._end(_line(message), message.created + WINDOW_S * 1000)

    def end_in(self, customer: str, ours: str, seconds: float) -> int:
        """The lever: the window ends so many seconds from now. Gives when that is, ms."""
        ends = now_ms() + round(seconds * 1000)
        self._end((customer, ours), ends)
        return ends

    def takes(self, message: Message) -> bool:
        """Whether WhatsApp takes this free text to its customer."""
        with self._store.changed:
            return self._ends.get(_line(message), 0) > message.created

    def begin_typing(self, inbound: Message) -> None:
        """Ringback read a message and answers it: both are seen on the phone."""
        with self._store.changed:
            self._typing[_line(inbound)] = now_ms() + TYPING_MS
            self._store.change(inbound.sid, lambda m: replace(m, read_at=m.read_at or now_ms()))
            self._store.revise()

    def stop_typing(self, outbound: Message) -> None:
        with self._store.changed:
            if self._typing.pop(_line(outbound), None):
                self._store.revise()

    def clear(self) -> None:
        with self._store.changed:
            self._ends.clear()
            self._typing.clear()
            self._store.run("DELETE FROM windows")
            self._store.revise()

    def picture(self) -> dict[str, Any]:
        """As the phone page shows it."""
        now = now_ms()
        with self._store.changed:
            self._typing = {line: until for line, until in self._typing.items() if until > now}
            windows = [{"customer": c, "ours": o, "ends": ends} for (c, o), ends in self._ends.items()]
            typing = [{"customer": c, "ours": o, "until": until} for (c, o), until in self._typing.items()]
        return {"windows": windows, "typing": typing, "now": now}

    def _end(self, line: Line, ends: int) -> None:
        with self._store.changed:
            self._ends[line] = ends
            self._store.run("INSERT OR REPLACE INTO windows VALUES (?, ?, ?)", *line, ends)
            self._store.revise()


def _line(message: Message) -> Line:
    return message.customer, message.ours


class BadWindow(ValueError):
    """What is asked of a window cannot be; the message says what can."""


def asked_end(given: Any, numbers: tuple[str, ...]) -> tuple[str, str, float]:
    """(customer, our number, seconds) of JSON {customer, to?, seconds?}. Raises BadWindow."""
    if not isinstance(given, dict) or not isinstance(given.get("customer"), str) or not given["customer"]:
        raise BadWindow('send {"customer": "+15551234567", "to": one of our numbers, "seconds": 0}')
    ours, seconds = bare(str(given.get("to") or numbers[0])), given.get("seconds", 0)
    if ours not in numbers:
        raise BadWindow(f"to must be one of {', '.join(numbers)}")
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds <= WINDOW_S:
        raise BadWindow(f"seconds is a number of 0 to {WINDOW_S}")
    return given["customer"].removeprefix(WHATSAPP), ours, float(seconds)
