"""The fields of a webhook, read from its body once, and the messages they make.

Whatever is signed is accepted: odd content is cleaned, or kept as a failure for a person,
never refused. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from session import address, optout
from session.address import Address
from session.calls import CALL_SID, utterance_sid
from session.inbound import BODY_MAX, NAME_MAX, clean, kind_of, why_not_answered
from session.model import Channel, Direction, Media, Message, MessageType, Role

FIELDS_MAX = 1000
MEDIA_MAX = 10
SID = re.compile(r"(SM|MM)[0-9a-f]{32}")
_SIDS = {"MessageSid": (SID, "SM or MM"), "CallSid": (CALL_SID, "CA")}
# Given twice with different values, nobody knows which is meant.
ONCE = ("Body", "From", "To", "AccountSid", "NumMedia")

# What comes along with a message, as Twilio names it and as our API does.
_EXTRA = {
    "ButtonText": "button_text", "ButtonPayload": "button_payload", "Latitude": "latitude",
    "Longitude": "longitude", "Address": "address", "Label": "label",
    "OriginalRepliedMessageSid": "replied_to_sid", "MessagingServiceSid": "messaging_service_sid",
    "ListId": "list_id", "ListTitle": "list_title", "InteractiveData": "interactive_data", "FlowData": "flow_data",
    "ReferralBody": "referral_body", "ReferralHeadline": "referral_headline", "ReferralSourceUrl": "referral_source_url",
}  # fmt: skip
_FORWARDED = ("Forwarded", "FrequentlyForwarded")

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
    pattern, head = _SIDS[sid_name]
    if not pattern.fullmatch(values[sid_name]):
        raise Malformed("malformed_sid", f"{sid_name} must be {head} and 32 hexadecimal digits.")
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
    if any(values.get(name, "").lower() == "true" for name in _FORWARDED):
        extra["forwarded"] = True
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


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is on the telephone. ``outbound``: we called them."""

    sid: str
    theirs: str  # the address value the customer is known by; "anonymous:CA..." where the number is withheld
    ours: str
    outbound: bool
    values: Mapping[str, str]  # first value of each field


def call(pairs: Pairs, our_number: str) -> Caller:
    """Who calls. ``our_number`` stands for a To that is no number (a SIP address). Raises ``Malformed``."""
    values = required(pairs, "CallSid")
    outbound = values.get("Direction", "").startswith("outbound")
    theirs, ours = (address.parse(values[name]) for name in (("To", "From") if outbound else ("From", "To")))
    return Caller(
        sid=values["CallSid"],
        theirs=theirs.value if theirs else address.ANONYMOUS + values["CallSid"],
        ours=ours.value if ours and ours.e164 else our_number,
        outbound=outbound,
        values=values,
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """What a caller said or keyed; ``text`` is empty for silence, ``confidence`` None where Twilio gave none."""

    text: str
    confidence: float | None
    extra: dict[str, Any]


def heard(values: Mapping[str, str]) -> Heard:
    """What a question of a call came to."""
    speech, digits = (clean(values.get(name, "")).strip() for name in ("SpeechResult", "Digits"))
    text, extra = speech or digits, dict[str, Any]()
    confidence = _confidence(values.get("Confidence", "")) if speech else None
    if confidence is not None:
        extra["confidence"] = confidence
    if digits and not speech:
        extra["digits"] = True
    if len(text) > BODY_MAX:
        text, extra["truncated"] = text[:BODY_MAX], True
    return Heard(text, confidence, extra)


def utterance(caller: Caller, question: int, said: Heard) -> Message:
    """What the caller said to a question, as a message."""
    return Message(
        direction=Direction.INBOUND, role=Role.USER, content=said.text, channel=Channel.VOICE,
        from_number=caller.theirs, to_number=caller.ours, twilio_sid=utterance_sid(caller.sid, question),
        extra=said.extra,
    )  # fmt: skip


def _confidence(text: str) -> float | None:
    """Above 0, to 1; None for what is none. So is 0: recognisers tell it where they have no confidence to tell."""
    try:
        value = float(text)
    except ValueError:
        return None
    return min(1.0, value) if math.isfinite(value) and value > 0 else None


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
