"""Messages as Twilio keeps them: values, number and date formats, and Twilio's JSON."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from simulator.segments import count_segments

API_VERSION = "2010-04-01"
BODY_LIMIT = 1600  # UTF-16 units, Twilio's error 21617 beyond
WHATSAPP = "whatsapp:"

# How far a message has come. A late timer never moves one backwards.
RANK = {
    "scheduled": 0, "accepted": 0, "queued": 1, "sending": 2, "sent": 3,
    "delivered": 4, "undelivered": 4, "failed": 4, "canceled": 4, "read": 5,
    "receiving": 0, "received": 4,
}  # fmt: skip
SETTLED = frozenset({"delivered", "undelivered", "failed", "canceled", "read", "received"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request and its answer, kept word for word for the phone page.

    ``kind`` is "webhook" (an inbound message), "callback" (a status) or "rest" (a call to the API).
    ``status`` is 0 where no answer came; ``error`` then says why, in plain words. Times in milliseconds.
    """

    kind: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    at: int
    attempt: int = 1
    status: int = 0
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer: str = ""
    error: str = ""
    error_code: int = 0  # Twilio's debugger code, 11200 and its kin
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One message in either direction. Times are milliseconds since 1970, 0 for never."""

    sid: str
    direction: str
    sender: str  # an address as Twilio writes it, whatsapp:+15551234567 on WhatsApp
    to: str
    body: str
    status: str
    created: int
    updated: int
    sent: int = 0
    seq: int = 0
    segments: int = 1
    media: tuple[tuple[str, str], ...] = ()  # (URL, content type)
    error_code: int | None = None
    service_sid: str = ""
    content_sid: str = ""
    status_callback: str = ""
    author: str = ""  # "twilio" where the carrier itself answers an opt-out word
    profile_name: str = ""  # of a WhatsApp customer
    webhook: str = ""  # of an inbound message: "", "waiting", "accepted" or "failed"
    kind: str = ""  # where the media do not say it: location, button, list, reaction, sticker or contact
    params: tuple[tuple[str, str], ...] = ()  # of an inbound message: a place, a button, ...
    read_at: int = 0  # when Ringback sent WhatsApp's read receipt for an inbound message
    exchanges: tuple[Exchange, ...] = ()

    @property
    def inbound(self) -> bool:
        return self.direction == "inbound"

    @property
    def channel(self) -> str:
        return "whatsapp" if WHATSAPP in (self.sender[:9], self.to[:9]) else "sms"

    @property
    def customer(self) -> str:
        return bare(self.sender if self.inbound else self.to)

    @property
    def ours(self) -> str:
        return bare(self.to if self.inbound else self.sender)

    @property
    def shown_kind(self) -> str:
        """text, image, audio, video, document, template, or what ``kind`` says."""
        if self.kind or self.content_sid:
            return self.kind or "template"
        if not self.media:
            return "text"
        main = self.media[0][1].partition("/")[0]
        return main if main in ("image", "audio", "video") else "document"

    def moved(self, status: str, now: int, error_code: int | None = None) -> Message:
        """This message at ``status``, or unchanged where it is already past it."""
        if RANK[status] <= RANK[self.status]:
            return self
        sent = self.sent or (now if RANK[status] >= RANK["sent"] and status != "canceled" else 0)
        return replace(self, status=status, sent=sent, error_code=error_code or self.error_code)


def bare(address: str) -> str:
    """The address without its channel: a phone number, or a WhatsApp id."""
    return address.removeprefix(WHATSAPP)


def new_sid(prefix: str) -> str:
    return prefix + uuid.uuid4().hex


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def segments_of(body: str, channel: str) -> int:
    """Only SMS is cut into segments; a WhatsApp message is always one."""
    return count_segments(body) if channel == "sms" else 1


def rfc2822(at_ms: int) -> str | None:
    """``Thu, 24 Aug 2023 05:01:45 +0000``; None for never."""
    return format_datetime(datetime.fromtimestamp(at_ms // 1000, UTC)) if at_ms else None


def parse_date(text: str) -> tuple[int, int]:
    """The first and last second (since 1970) that a DateSent filter names: one second, or a whole day.

    Accepts ISO 8601 dates and times and RFC 2822, read as GMT. Raises ValueError for anything else.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = parsedate_to_datetime(text)
    start = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    # Twilio's own library writes a date as its midnight.
    whole_day = len(text) == len("2026-01-02") or text.endswith("T00:00:00Z")
    return (start, start + 86_399) if whole_day else (start, start)


def wire(message: Message, account_sid: str) -> dict[str, Any]:
    """Twilio's JSON of one message: snake_case, numbers as strings, dates as RFC 2822."""
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message.sid}"
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": message.body,
        "date_created": rfc2822(message.created),
        "date_sent": rfc2822(message.sent),
        "date_updated": rfc2822(message.updated),
        "direction": message.direction,
        "error_code": message.error_code,
        "error_message": ERROR_TEXTS.get(message.error_code, "Unknown error") if message.error_code else None,
        "from": message.sender or None,
        "messaging_service_sid": message.service_sid or None,
        "num_media": str(len(message.media)),
        "num_segments": str(message.segments),
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


ERROR_TEXTS: dict[int | None, str] = {
    11200: "HTTP retrieval failure",
    11751: "MMS: media exceeds the maximum size",
    63019: "Media failed to download",
    63021: "Channel invalid content error",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    63014: "Failed to send message because this user blocked the sender",
    63016: "Failed to send freeform message because you are outside the allowed window",
}


def to_json(message: Message) -> str:
    return json.dumps(asdict(message), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Message:
    fields = json.loads(text)
    for name in ("media", "params"):
        fields[name] = tuple((first, second) for first, second in fields.get(name, ()))
    fields["exchanges"] = tuple(
        Exchange(**{**raw, **{k: tuple((n, v) for n, v in raw[k]) for k in ("headers", "answer_headers")}})
        for raw in fields["exchanges"]
    )
    return Message(**fields)
