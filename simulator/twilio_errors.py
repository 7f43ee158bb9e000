"""Twilio's error answers, and the parameters that Messages.create refuses."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from simulator.account import E164, Account
from simulator.messages import BODY_LIMIT, WHATSAPP
from simulator.segments import utf16_units

CONTENT_SID = re.compile(r"HX[0-9a-fA-F]{32}")
WHATSAPP_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,128}")  # a business-scoped id, a user without a phone

# Twilio's test credentials answer these numbers so; here they do it always.
MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
MAGIC_FROM_OK = "+15005550006"

TEXTS = {
    20003: "Authenticate",
    20429: "Too Many Requests",
    20503: "Service is temporarily unavailable",
    21201: "No 'To' number is specified",
    21211: "Invalid 'To' Phone Number: {to}",
    21212: "Invalid From Number (caller ID): {sender}",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21606: "The 'From' phone number provided ({sender}) is not a valid message-capable Twilio phone number "
    "for this destination.",
    21609: "The 'StatusCallback' URL is not a valid URL.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "The message From/To pair violates a blacklist rule or cannot be routed: {to}",
    21614: "'To' number is not a valid mobile number: {to}",
    21617: "The concatenated message body exceeds the 1600 character limit.",
    21620: "Invalid media URL(s)",
    21623: "Number of media files exceeds allowed limit",
    21654: "The ContentSid is required.",
    21655: "The ContentSid is invalid.",
    21656: "The Content Variables parameter is invalid.",
    21701: "The Messaging Service does not exist",
    21910: "Invalid From and To pair. From and To should be of the same channel",
    63007: "Twilio could not find a Channel with the specified From address",
}


class Refused(Exception):
    """An answer of the REST API that is not a success: Twilio's code under an HTTP status."""

    def __init__(
        self, code: int, status: int = 400, message: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.message = message
        self.headers = headers

    def body(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message or TEXTS.get(self.code, "Bad request"),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


def not_found(path: str) -> Refused:
    return Refused(20404, 404, f"The requested resource {path} was not found")


def check_create(form: dict[str, str], media: list[str], account: Account) -> None:
    """Raises Refused for what Twilio would not take. The opt-out list is the carrier's to check."""
    to, sender = form.get("To", ""), form.get("From", "")
    service = form.get("MessagingServiceSid", "")

    def refuse(code: int) -> Refused:
        return Refused(code, 400, TEXTS[code].format(to=to, sender=sender))

    if not to:
        raise refuse(21201)
    if code := MAGIC_TO.get(to) or MAGIC_FROM.get(sender):
        raise refuse(code)
    if not valid_address(to):
        raise refuse(21211)
    if service and service != account.service_sid:
        raise refuse(21701)
    if not sender and not service:
        raise refuse(21603)
    if sender:
        _check_sender(sender, to, account)
    _check_content(form)
    if not form.get("Body") and not media and not form.get("ContentSid"):
        raise refuse(21602)
    _check_media(media, to.startswith(WHATSAPP))
    if utf16_units(form.get("Body", "")) > BODY_LIMIT:
        raise refuse(21617)
    if form.get("StatusCallback") and not valid_callback(form["StatusCallback"]):
        raise refuse(21609)
    if form.get("SendAt") and not _valid_time(form["SendAt"]):
        raise Refused(35114, 400, "SendAt is not a time")


def _check_media(media: list[str], on_whatsapp: bool) -> None:
    """Ten addresses at most, one on WhatsApp; whether there is anything behind them shows later."""
    if not all(map(valid_callback, media)):
        raise Refused(21620)
    if len(media) > (1 if on_whatsapp else 10):
        raise Refused(21623)


def _check_content(form: dict[str, str]) -> None:
    """A template's SID, and its variables: a JSON object of texts, none of them empty or of several lines."""
    sid, given = form.get("ContentSid", ""), form.get("ContentVariables", "")
    if given and not sid:
        raise Refused(21654)
    if sid and not CONTENT_SID.fullmatch(sid):
        raise Refused(21655)
    try:
        variables = json.loads(given) if given else {}
    except ValueError:
        raise Refused(21656) from None
    if not isinstance(variables, dict) or not all(map(_valid_variable, variables.values())):
        raise Refused(21656)


def _valid_variable(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and not re.search(r"[\n\r\t]| {5}", value)


def _valid_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def valid_address(address: str) -> bool:
    number = address.removeprefix(WHATSAPP)
    if E164.fullmatch(number):
        return True
    return address.startswith(WHATSAPP) and bool(WHATSAPP_ID.fullmatch(number))


def valid_callback(url: str) -> bool:
    """An absolute http(s) URL of printable ASCII whose host name has no underscore."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    printable = url.isascii() and url.isprintable() and " " not in url
    return printable and parts.scheme in ("http", "https") and host != "" and "_" not in host


def _check_sender(sender: str, to: str, account: Account) -> None:
    number = sender.removeprefix(WHATSAPP)
    if not E164.fullmatch(number):
        raise Refused(21212, 400, TEXTS[21212].format(sender=sender))
    if sender.startswith(WHATSAPP) != to.startswith(WHATSAPP):
        raise Refused(21910)
    if number not in account.numbers and number != MAGIC_FROM_OK:
        code = 63007 if sender.startswith(WHATSAPP) else 21606
        raise Refused(code, 400, TEXTS[code].format(sender=sender))
