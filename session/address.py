"""Who is who: the addresses Twilio writes, and the numbers people type (DECISIONS 1-4).

A signed address that looks like E.164 is a customer as it stands, whatever a
numbering plan says; the phone-number library is asked only about digits that
somebody typed without ``+``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import phonenumbers

from config.kinds import is_e164
from session.model import ANONYMOUS, Channel

WHATSAPP_PREFIX = "whatsapp:"
TYPED_LENGTH_MAX = 64  # no number is longer, however it is decorated

# What carriers put in the place of a withheld number: the keypad spelling of ANONYMOUS, RESTRICTED,
# BLOCKED, UNKNOWN and UNAVAILABLE. Many people share each, so none of them can be one customer.
WITHHELD = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})

# WhatsApp's business-scoped id: a country's two letters, for linked portfolios ENT, and the id itself.
_SCOPED_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_DECORATION = re.compile(r"[\s()\[\]./~\-\u00ad\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2069]+")


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a message: its channel and the value without Twilio's channel prefix."""

    channel: Channel
    value: str  # E.164, or WhatsApp's business-scoped id

    @property
    def e164(self) -> bool:
        return self.value.startswith("+")

    def __str__(self) -> str:
        """As Twilio writes it."""
        return WHATSAPP_PREFIX + self.value if self.channel is Channel.WHATSAPP else self.value


def parse(raw: str) -> Address | None:
    """Read Twilio's From or To; ``None`` for what is nobody we could answer.

    A bare number is SMS here; the voice routes know better and say so themselves.
    Short codes, alphanumeric senders and withheld numbers are ``None``.
    """
    if raw[: len(WHATSAPP_PREFIX)].lower() == WHATSAPP_PREFIX:
        value = raw[len(WHATSAPP_PREFIX) :]
        known = (is_e164(value) and value not in WITHHELD) or _SCOPED_ID.fullmatch(value)
        return Address(Channel.WHATSAPP, value) if known else None
    if is_e164(raw) and raw not in WITHHELD:
        return Address(Channel.SMS, raw)
    return None


def customer_id(key: str, address_value: str) -> str:
    """The name a customer has everywhere inside: a keyed hash, 128 bits, 32 hex characters."""
    digest = hmac.new(key.encode(), address_value.encode(), hashlib.sha256)
    return digest.hexdigest()[:32]


def candidates(typed: str, region: str) -> list[str]:
    """The address values a typed number may mean, the likeliest first; empty when it is no number.

    ``region`` is a two-letter country code and is asked only about digits without ``+``.
    The caller prefers the candidate that is a known customer.
    """
    if len(typed) > TYPED_LENGTH_MAX:
        return []
    text = re.sub(r"^%2b", "+", typed.removeprefix("\ufeff"), flags=re.IGNORECASE)
    text = re.sub(r"^\s*whatsapp:(%2b)?", lambda m: "+" if m[1] else "", text, flags=re.IGNORECASE)
    if _SCOPED_ID.fullmatch(text.strip()):
        return [text.strip()]
    text = unicodedata.normalize("NFKC", text).rstrip()
    # A ``+`` in a query or a form arrives as a blank.
    international = text.lstrip().startswith("+") or re.match(r"\s+\d", text) is not None
    digits = _digits(text)
    if digits is None:
        return []
    if international:
        trunk = re.sub(r"\(0\)", "", text)  # "+44 (0)20 ...": the 0 is dialled at home only
        readings = [_digits(trunk) or "", digits]
        return _distinct("+" + reading for reading in readings)
    abroad = digits.removeprefix("00")
    return _distinct([_in_region(digits, region), "+" + abroad])


def served(address_value: str, countries: Sequence[str]) -> bool:
    """Whether an address (E.164, or WhatsApp's id, which begins with its country) belongs to one of ``countries``.

    A number that no plan knows counts for every country that shares its calling code; a withheld one tells none, and
    is served.
    """
    if address_value.startswith(ANONYMOUS):
        return True
    if not address_value.startswith("+"):
        return address_value[:2] in countries
    try:
        number = phonenumbers.parse(address_value)
    except phonenumbers.NumberParseException:
        return False
    region = phonenumbers.region_code_for_number(number)
    if region:
        return region in countries
    sharing = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(number.country_code or 0, ())
    return any(region in countries for region in sharing)


def _digits(text: str) -> str | None:
    """The ASCII digits of a decorated number; ``None`` when it holds anything a number does not."""
    bare = _DECORATION.sub("", text)
    bare = bare.removeprefix("+")
    if not bare or not all(character.isdecimal() for character in bare):
        return None
    return "".join(str(unicodedata.decimal(character)) for character in bare)


def _in_region(digits: str, region: str) -> str:
    """``digits`` as dialled in ``region``, or nothing when that could be no number there."""
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _distinct(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if is_e164(value)]


__all__ = [
    "ANONYMOUS",
    "WHATSAPP_PREFIX",
    "WITHHELD",
    "Address",
    "candidates",
    "customer_id",
    "parse",
    "served",
]
