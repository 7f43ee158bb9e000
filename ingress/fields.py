"""The fields of a webhook, read from its body once, and the messages they make.

Whatever is signed is accepted: odd content is cleaned, or kept as a failure for a person,
never refused. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from session import address, optout
from session.address import Address
from session.inbound import BODY_MAX, NAME_MAX, clean, kind_of, why_not_answered
from session.model import Channel, Direction, Media, Message, MessageType, Role

FIELDS_MAX = 1000
MEDIA_MAX = 10
SID = re.compile(r"(SM|MM)[0-9a-f]{32}")
# Given twice with different values, nobody knows which is meant.
ONCE = ("Body", "From", "To", "AccountSid", "NumMedia")

# What comes along with a message, as Twilio names it and as our API does.
_EXTRA = {
    "ButtonText": "button_text", "ButtonPayload": "button_payload", "Latitude": "latitude",
    "Longitude": "longitude", "Address": "address", "Label": "label",
    "OriginalRepliedMessageSid": "replied_to_sid", "MessagingServiceSid": "messaging_service_sid",
}  # fmt: skip

Pairs = list[tuple[str, str]]


def parse(body: bytes, errors: str = "replace") -> Pairs:
    """Every field of an urlencoded form, blanks and repeats kept, in order."""
    pairs = []
    for field in body.decode("utf-8", errors).split("&"):
        if field:
            name, _, value = field.partition("=")
            pairs.append((_unquoted(name, errors), _unquoted(value, errors)))
    return pairs


def _unquoted(text: str, errors: str) -> str:
    """As ``urllib.parse.parse_qsl`` reads it; most fields hold nothing to be read."""
    return unquote(text.replace("+", " "), errors=errors) if "%" in text or "+" in text else text


def readings(body: bytes) -> Iterable[Pairs]:
    """The ways to read a form that is not quite UTF-8, for its signature: as shown, and byte for byte."""
    yield parse(body)
    yield parse(body, "surrogateescape")


class Malformed(Exception):
    """There is nothing to tell this message by; the sentence says what is missing."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message from outside. ``bury`` is why it is kept for a person and not answered, or ''."""

    message: Message
    customer: str  # the address value the customer is known by
    name: str
    alias: str  # WhatsApp's business-scoped id of a customer whose number we have
    bury: str


def required(pairs: Pairs, sid_name: str = "MessageSid") -> dict[str, str]:
    """First value of each field, once SID, From and To are known to be usable. Raises ``Malformed``."""
    values = dict(reversed(pairs))
    if sid_name in _ambiguous(pairs, values):
        raise Malformed("repeated_sid", f"{sid_name} is given twice with different values; send it once.")
    for name in (sid_name, "From", "To"):
        if not values.get(name, "").strip():
            raise Malformed("missing_field", f"{name} is missing; Twilio always sends it.")
    if not SID.fullmatch(values[sid_name]):
        raise Malformed("malformed_sid", f"{sid_name} must be SM or MM and 32 hexadecimal digits.")
    return values


def inbound(pairs: Pairs, our_numbers: Iterable[str], *, simulated: bool = False) -> Inbound:
    """The message of an inbound webhook, or of one that a program makes up. Raises ``Malformed``."""
    values = required(pairs)
    theirs, ours = address.parse(values["From"]), address.parse(values["To"])
    channel = theirs.channel if theirs else Channel.SMS
    body = clean(values.get("Body", ""))
    media = _media(values)
    extra: dict[str, Any] = {
        ours: clean(values[name])[:BODY_MAX] for name, ours in _EXTRA.items() if values.get(name)
    }
    keyword = optout.keyword(channel, body, values.get("OptOutType", ""))  # of the whole text, cut or not
    if simulated:
        extra["simulated"] = True
    if len(body) > BODY_MAX:
        body, extra["truncated"] = body[:BODY_MAX], True
    message = Message(
        direction=Direction.INBOUND,
        role=Role.USER,
        content=body,
        channel=channel,
        from_number=theirs.value if theirs else clean(values["From"])[:NAME_MAX],
        to_number=ours.value if ours else clean(values["To"])[:NAME_MAX],
        message_type=_kind(media, values),
        twilio_sid=values["MessageSid"],
        keyword=keyword,
        media=media,
        extra=extra,
    )
    scoped = address.parse(f"{address.WHATSAPP_PREFIX}{values.get('ExternalUserId', '')}")
    return Inbound(
        message=message,
        customer=message.from_number,
        name=clean(values.get("ProfileName", "")).strip()[:NAME_MAX],
        alias=scoped.value if scoped and not scoped.e164 and theirs and theirs.e164 else "",
        bury=_why_not(_ambiguous(pairs, values), theirs, ours, our_numbers),
    )


def _ambiguous(pairs: Pairs, values: Mapping[str, str]) -> set[str]:
    """Names of ``pairs`` that are given with another value than their first, which ``values`` holds."""
    if len(values) == len(pairs):
        return set()
    return {name for name, value in pairs if values[name] != value}


def _why_not(
    ambiguous: set[str], theirs: Address | None, ours: Address | None, our_numbers: Iterable[str]
) -> str:
    return "repeated_field" if ambiguous.intersection(ONCE) else why_not_answered(theirs, ours, our_numbers)


def _media(values: Mapping[str, str]) -> tuple[Media, ...]:
    count = values.get("NumMedia", "0")
    number = int(count) if count.isascii() and count.isdecimal() and len(count) < 4 else 0
    if number > MEDIA_MAX:
        return ()
    found = ((values.get(f"MediaUrl{i}", ""), values.get(f"MediaContentType{i}", "")) for i in range(number))
    return tuple(Media(clean(url)[:2000], clean(kind)[:NAME_MAX]) for url, kind in found if url)


def _kind(media: tuple[Media, ...], values: Mapping[str, str]) -> MessageType:
    if values.get("Latitude") and values.get("Longitude"):
        return MessageType.LOCATION
    return kind_of(media)
