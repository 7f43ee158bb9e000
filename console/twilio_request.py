"""Webhooks as Twilio would send them: the fields it never leaves out, and its signature."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from config.settings import Settings

SIGNATURE = "X-Twilio-Signature"
WHATSAPP = "whatsapp:"
INBOUND_PATHS = ("/sms", "/whatsapp", "/api/webhooks/sms", "/api/webhooks/whatsapp", "/twilio-webhook-opt")

Fields = list[tuple[str, str]]


def message_sid() -> str:
    return "SM" + secrets.token_hex(16)


def sign(token: str, url: str, fields: Fields) -> str:
    """By Twilio's own library, so that a mistake of ours in checking cannot hide in making."""
    return str(RequestValidator(token).compute_signature(url, MultiDict(fields)))


def inbound(settings: Settings, sender: str, body: str, to: str, *, whatsapp: bool) -> Fields:
    """A customer's message. ``sender`` and ``to`` are bare E.164."""
    prefix = WHATSAPP if whatsapp else ""
    given = [("From", prefix + sender), ("To", prefix + to), ("Body", body)]
    return completed(settings, "/whatsapp" if whatsapp else "/sms", given)


def completed(settings: Settings, path: str, given: Sequence[tuple[str, str]]) -> Fields:
    """``given``, after what Twilio adds to every request and the caller has left out."""
    names = {name for name, _ in given}
    added: Fields = [("MessageSid", message_sid()), ("AccountSid", settings.twilio_account_sid)]
    if path.partition("?")[0] in INBOUND_PATHS:
        sender = next((value for name, value in given if name == "From"), "")
        by_whatsapp = "whatsapp" in path or sender.startswith(WHATSAPP)
        ours = WHATSAPP + settings.whatsapp_number if by_whatsapp else settings.twilio_phone_number
        added += [("To", ours), ("NumMedia", "0")]
    return [pair for pair in added if pair[0] not in names] + list(given)
