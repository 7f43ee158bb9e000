"""Calls as Twilio keeps them: values, Twilio's JSON, and the picture that phone page and tests get."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from simulator.messages import API_VERSION, rfc2822

CALL_SID = re.compile(r"CA[0-9a-f]{32}")
OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
# As Twilio gives a caller who withholds the number: a word, or the word spelt on the keys.
WITHHELD = frozenset({
    "anonymous", "restricted", "blocked", "unavailable", "unknown",
    "+266696687", "+7378742833", "+2562533", "+86282452253", "+8656696",
})  # fmt: skip
SUBRESOURCES = (
    "notifications", "recordings", "payments", "events", "siprec", "streams", "transcriptions",
    "user_defined_message_subscriptions", "user_defined_messages",
)  # fmt: skip
OUTBOUND, INBOUND, DIALLED = "outbound-api", "inbound", "outbound-dial"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a call's transcript. ``who`` is "bot", "caller" or "system"; ``at`` in milliseconds.

    ``doc`` counts the TwiML documents of the call; ``cut``: so many characters were spoken before it was interrupted.
    """

    who: str
    kind: str
    text: str = ""
    language: str = ""
    voice: str = ""
    doc: int = 0
    verb: str = ""
    code: int = 0
    confidence: float | None = None
    cut: int | None = None
    seq: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True)
class Listening:
    """The <Gather> that hears the caller now. ``until``: when silence ends it, milliseconds; None: not yet known."""

    speech: bool
    digits: bool
    language: str = ""
    finish_on_key: str = ""
    num_digits: int = 0
    until: int | None = None
    started: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    """A <Dial> under way: the leg's sid, whom it dials, and how far that is."""

    sid: str
    to: str
    status: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Times are milliseconds since 1970, 0 for never; ``pace`` is milliseconds per spoken character.

    ``patience`` are seconds added to the time-out of every question. ``doing`` tells what the phone does now.
    """

    sid: str
    direction: str
    sender: str
    to: str
    status: str
    created: int
    updated: int
    started: int = 0
    ended: int = 0
    seq: int = 0
    parent_sid: str = ""
    pace: float = 0.0
    patience: float = 0.0
    doing: str = "ringing"
    listening: Listening | None = None
    transfer: Transfer | None = None
    queue: str = ""
    status_callback: str = ""
    callback_events: tuple[str, ...] = ("completed",)
    callbacks: int = 0  # how many were made, Twilio's SequenceNumber

    @property
    def live(self) -> bool:
        return self.status not in OVER

    @property
    def inbound(self) -> bool:
        return self.direction == INBOUND

    @property
    def customer(self) -> str:
        return self.sender if self.inbound else self.to

    @property
    def ours(self) -> str:
        return self.to if self.inbound else self.sender

    @property
    def duration(self) -> int:
        """Whole seconds from answer to end, a begun one counts; 0 while it lasts and where nobody answered."""
        talked = self.started and self.ended
        return max(1, -(-(self.ended - self.started) // 1000)) if talked else 0


def wire(call: Call, account_sid: str) -> dict[str, Any]:
    """Twilio's JSON of one call: snake_case, numbers as strings, dates as RFC 2822."""
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Calls/{call.sid}"
    subresources = {
        name: f"{uri}/{''.join(word.title() for word in name.split('_'))}.json" for name in SUBRESOURCES
    }
    return {
        "account_sid": account_sid,
        "answered_by": None,
        "api_version": API_VERSION,
        "caller_name": None,
        "date_created": rfc2822(call.created),
        "date_updated": rfc2822(call.updated),
        "direction": call.direction,
        "duration": str(call.duration) if call.started and call.ended else None,
        "end_time": rfc2822(call.ended),
        "forwarded_from": None,
        "from": call.sender,
        "from_formatted": formatted(call.sender),
        "group_sid": None,
        "parent_call_sid": call.parent_sid or None,
        "phone_number_sid": "PN" + call.ours.lstrip("+").zfill(32) if call.ours.startswith("+") else None,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": call.sid,
        "start_time": None if call.status == "queued" else rfc2822(call.created),
        "status": "queued" if call.status == "initiated" else call.status,
        "subresource_uris": subresources,
        "to": call.to,
        "to_formatted": formatted(call.to),
        "trunk_sid": None,
        "uri": f"{uri}.json",
    }


def formatted(number: str) -> str:
    """``(415) 867-5309`` for numbers of North America, others as they are."""
    if re.fullmatch(r"\+1[0-9]{10}", number):
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number


def picture(call: Call, lines: Sequence[Line], last: int, exchanges: int) -> dict[str, Any]:
    """One call as the phone page and tests see it, with these lines of its transcript; ``last`` is the newest's seq."""
    return {
        "call_sid": call.sid,
        "direction": call.direction,
        "inbound": call.inbound,
        "customer": "anonymous" if call.customer in WITHHELD else call.customer,
        "ours": call.ours,
        "from": call.sender,
        "to": call.to,
        "status": call.status,
        "live": call.live,
        "doing": call.doing,
        "listening": asdict(call.listening) if call.listening else None,
        "transfer": {"to": call.transfer.to, "status": call.transfer.status} if call.transfer else None,
        "queue": call.queue,
        "pace": call.pace,
        "created": call.created,
        "started": call.started,
        "ended": call.ended,
        "duration": call.duration,
        "lines": last,
        "transcript": [asdict(line) for line in lines],
        "exchanges": exchanges,
    }


def call_to_json(call: Call) -> str:
    return json.dumps(asdict(call), ensure_ascii=False, separators=(",", ":"))


def call_from_json(text: str) -> Call:
    """A call that was kept; what it was doing is not. Fields of another version are passed over."""
    kept = json.loads(text)
    known = {name: kept[name] for name in (each.name for each in fields(Call)) if name in kept}
    known["callback_events"] = tuple(known.get("callback_events", ()))
    return Call(**{**known, "listening": None, "transfer": None, "queue": ""})


def line_to_json(line: Line) -> str:
    return json.dumps(asdict(line), ensure_ascii=False, separators=(",", ":"))


def line_from_json(text: str) -> Line:
    kept = json.loads(text)
    return Line(**{each.name: kept[each.name] for each in fields(Line) if each.name in kept})
