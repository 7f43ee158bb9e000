"""What was made of the pictures, voice notes and documents that came with messages, and how it is kept. Pure.

A message keeps where its media are (``Message.media``); an ``Attachment`` is what a worker made of one of them. Attachments
stand in the customer's hash ``media``, by the message's number, and live MEDIA_RETENTION_DAYS from when the message
came; the bytes themselves are kept nowhere. ``joined`` puts the attachments back beside their messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from session import keys
from session.model import Channel, Message

VERSION = 1
# In ``Message.extra`` of messages that were joined: what was made of its media, and of which message it is the answer.
READ, ANSWERED = "media_read", "answers"


class Kind(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    DOCUMENT = "document"
    CONTACT = "contact"
    VIDEO = "video"
    OTHER = "other"


class Unread(StrEnum):
    """Why something could not be read."""

    TOO_MANY = "too_many"
    TOO_LARGE = "too_large"
    TOO_WIDE = "too_wide"  # in pixels
    TOO_SLOW = "too_slow"
    UNAVAILABLE = "unavailable"
    GONE = "gone"
    REFUSED = "refused"
    FORBIDDEN = "forbidden_address"
    WRONG_TYPE = "wrong_type"
    NOT_SUPPORTED = "not_supported"
    UNREADABLE = "unreadable"
    ENCRYPTED = "encrypted"
    NO_TEXT = "no_text"
    NO_TRANSCRIPTION = "no_transcription"


# How a sentence goes on that says what could not be read: for the model, and for people.
WHY = {
    Unread.TOO_MANY: "too much came at once",
    Unread.TOO_LARGE: "it is too large",
    Unread.TOO_WIDE: "it has too many pixels",
    Unread.TOO_SLOW: "it did not arrive in time",
    Unread.UNAVAILABLE: "it could not be fetched just now",
    Unread.GONE: "it is not there any more",
    Unread.REFUSED: "it could not be fetched",
    Unread.FORBIDDEN: "it could not be fetched",
    Unread.WRONG_TYPE: "it is not what it says it is",
    Unread.NOT_SUPPORTED: "files of this kind cannot be read here",
    Unread.UNREADABLE: "it seems to be damaged",
    Unread.ENCRYPTED: "it is protected by a password",
    Unread.NO_TEXT: "there are no words in it that can be read",
    Unread.NO_TRANSCRIPTION: "voice notes cannot be listened to here",
}

_NAMES = {
    Kind.IMAGE: "picture", Kind.AUDIO: "voice note", Kind.DOCUMENT: "document", Kind.CONTACT: "contact",
    Kind.VIDEO: "video", Kind.OTHER: "file",
}  # fmt: skip

# What may succeed when a later turn tries again.
PASSING = frozenset({Unread.TOO_SLOW, Unread.UNAVAILABLE})


class CannotRead(Exception):
    """``why`` one of them is not fetched, or not looked into."""

    def __init__(self, why: Unread) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Attachment:
    """What one of them is. ``error``: why it could not be read, an ``Unread`` or a later release's word; '' when it was."""

    kind: Kind
    type: str = ""  # MIME, by content; as declared where it was not looked into
    bytes: int = 0
    name: str = ""  # of the file, cleaned
    text: str = ""  # a voice note's words, a document's text, a contact's name and numbers
    language: str = ""  # of a voice note, a code of ours
    error: str = ""

    @property
    def why(self) -> str:
        """The words for its error."""
        return WHY.get(Unread(self.error), "") if self.error in set(Unread) else "it could not be read"


def what(each: Attachment, channel: Channel) -> str:
    """Its name among people. WhatsApp sends photographs as JPEG, and stickers as WebP."""
    if each.kind is Kind.IMAGE and each.type == "image/webp" and channel is Channel.WHATSAPP:
        return "sticker"
    return _NAMES[each.kind]


def size(count: int) -> str:
    """``52 kB``; '' for nothing."""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} kB" if count else ""
    return f"{count / 1_000_000:.1f} MB"


def encode(at: int, attachments: Sequence[Attachment], turn: str = "") -> str:
    """As it is stored. ``at``: when the message came, ms; ``turn``: the fence of the turn that read it."""
    items = [{name: value for name, value in asdict(each).items() if value} for each in attachments]
    record = {"v": VERSION, "at": at, "turn": turn, "items": items}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Stored:
    """What stands in the hash for one message."""

    at: int
    attachments: tuple[Attachment, ...]
    turn: str = ""

    def final(self, turn: str) -> bool:
        """Whether it need not be read again in ``turn``: nothing failed that may succeed later, or it was this very turn."""
        return self.turn == turn or not any(each.error in PASSING for each in self.attachments)


def decode(value: str) -> Stored:
    """What ``encode`` was given; what a later release added is left out."""
    record = json.loads(value)
    return Stored(
        int(record.get("at") or 0),
        tuple(_attachment(item) for item in record.get("items") or ()),
        str(record.get("turn") or ""),
    )


def _attachment(item: Mapping[str, Any]) -> Attachment:
    kinds: set[str] = set(Kind)
    known = {name: item[name] for name in Attachment.__dataclass_fields__ if name in item}
    return Attachment(**known | {"kind": Kind(item["kind"]) if item.get("kind") in kinds else Kind.OTHER})


def has_media(messages: Iterable[Message]) -> bool:
    return any(message.media for message in messages)


def number_of(message: Message) -> str:
    """The field of the hash; '' for a message that was never stored."""
    found = keys.parse_id(message.id)
    return str(found.number) if found else ""


def joined(messages: Sequence[Message], stored: Mapping[str, str]) -> list[Message]:
    """The messages, those with media with their attachments in ``extra``. ``stored``: the customer's hash ``media``."""
    return [_with(m, stored.get(number_of(m))) if m.media else m for m in messages]


def _with(message: Message, value: str | None) -> Message:
    return with_attachments(message, decode(value).attachments) if value else message


def with_attachments(message: Message, attachments: Sequence[Attachment]) -> Message:
    return message._replace(extra={**message.extra, READ: tuple(attachments)})


def attachments(message: Message) -> tuple[Attachment, ...]:
    """Of a joined message, in the order of its media; nothing when it was not read, or long ago."""
    found = message.extra.get(READ)
    return found if isinstance(found, tuple) else ()


def spoken(message: Message) -> str:
    """What the customer said in the message's voice notes."""
    return "\n".join(each.text for each in attachments(message) if each.kind is Kind.AUDIO and each.text)


def language(message: Message) -> str:
    """The language of the message's last voice note, a code of ours, or ''."""
    spoken_in = [each.language for each in attachments(message) if each.language]
    return spoken_in[-1] if spoken_in else ""


def stored_of(client: Any, cid: str, messages: Sequence[Message]) -> dict[str, str]:
    """The customer's hash ``media``, as far as it is about these messages; asks Redis only where there are any media."""
    numbers = [number for m in messages if m.media and (number := number_of(m))]
    if not numbers:
        return {}
    values = client.hmget(keys.customer_key("media", cid), numbers)
    return {number: value for number, value in zip(numbers, values, strict=True) if value}


def read_of(client: Any, cid: str, messages: Sequence[Message]) -> list[Message]:
    """``messages`` of a customer with what was made of their media."""
    return joined(messages, stored_of(client, cid, messages))
