"""The one account the local Twilio holds, read from the environment."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")

# What a customer's phone does with a call of ours: "page" rings while a phone page is open, else answers by itself.
PICK_UP = ("page", "auto", "ring", "busy", "no-answer", "failed")

# Long enough that the phone page shows a message under way, short enough that tests do not wait for it.
DELIVERY_MS_DEFAULT = 150


class BadAccount(ValueError):
    """The environment does not describe an account; the message has one line for each fault."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who may call the REST API, which numbers are the account's, and where its webhooks go.

    ``webhook_base`` is the origin connected to; ``public_base`` is the origin that is signed,
    which differs only where a test stands in for a proxy. ``delivery_ms`` is from queued to delivered.
    """

    sid: str
    auth_token: str
    numbers: tuple[str, ...]
    webhook_base: str
    public_base: str = ""
    fallback_url: str = ""
    api_key_sid: str = ""
    api_key_secret: str = ""
    service_sid: str = ""
    state_path: str = ""
    delivery_ms: int = DELIVERY_MS_DEFAULT
    caller_ids: tuple[str, ...] = ()  # numbers of others, verified for calls
    voice_fallback_url: str = ""
    answer: str = "page"  # what customers' phones do with our calls, one of PICK_UP

    @property
    def signed_base(self) -> str:
        return self.public_base or self.webhook_base

    def admits(self, user: str, password: str) -> bool:
        """True for ``AccountSid:AuthToken`` and for the API key pair, compared in constant time."""
        pairs = [(self.sid, self.auth_token)]
        if self.api_key_sid and self.api_key_secret:
            pairs.append((self.api_key_sid, self.api_key_secret))
        given = f"{user}:{password}".encode()
        return any(hmac.compare_digest(given, f"{name}:{secret}".encode()) for name, secret in pairs)


def account_from(environ: Mapping[str, str]) -> Account:
    """Raises BadAccount naming every missing or malformed variable at once."""

    def value(name: str) -> str:
        return environ.get(name, "").strip()

    numbers = [value("TWILIO_PHONE_NUMBER"), value("TWILIO_WHATSAPP_NUMBER")]
    numbers += [number.strip() for number in value("SIMULATOR_NUMBERS").split(",")]
    numbers = [number.removeprefix("whatsapp:") for number in numbers if number]
    caller_ids = [number.strip() for number in value("SIMULATOR_CALLER_IDS").split(",") if number.strip()]
    delivery_ms = value("SIMULATOR_DELIVERY_MS") or str(DELIVERY_MS_DEFAULT)
    answer = value("SIMULATOR_ANSWER") or "page"
    base = value("SIMULATOR_WEBHOOK_BASE")
    faults = [
        (
            not ACCOUNT_SID.fullmatch(value("TWILIO_ACCOUNT_SID")),
            "TWILIO_ACCOUNT_SID must be AC and 32 hex digits",
        ),
        (not value("TWILIO_AUTH_TOKEN"), "TWILIO_AUTH_TOKEN is missing"),
        (not value("TWILIO_PHONE_NUMBER"), "TWILIO_PHONE_NUMBER is missing, for example +15703251809"),
        (
            not all(E164.fullmatch(n) for n in numbers + caller_ids),
            "every number must look like +15703251809",
        ),
        (
            not base.startswith(("http://", "https://")),
            "SIMULATOR_WEBHOOK_BASE must look like http://127.0.0.1:8000",
        ),
        (answer not in PICK_UP, f"SIMULATOR_ANSWER is one of {', '.join(PICK_UP)}"),
        (not delivery_ms.isdigit(), "SIMULATOR_DELIVERY_MS must be whole milliseconds, for example 150"),
    ]
    if found := [text for wrong, text in faults if wrong]:
        raise BadAccount("\n".join(found))
    return Account(
        sid=value("TWILIO_ACCOUNT_SID"),
        auth_token=value("TWILIO_AUTH_TOKEN"),
        numbers=tuple(dict.fromkeys(numbers)),
        webhook_base=base.rstrip("/"),
        public_base=value("SIMULATOR_PUBLIC_BASE").rstrip("/"),
        fallback_url=value("SIMULATOR_FALLBACK_URL"),
        api_key_sid=value("TWILIO_API_KEY_SID"),
        api_key_secret=value("TWILIO_API_KEY_SECRET"),
        service_sid=value("TWILIO_MESSAGING_SERVICE_SID"),
        state_path=value("SIMULATOR_STATE"),
        delivery_ms=int(delivery_ms),
        caller_ids=tuple(dict.fromkeys(caller_ids)),
        voice_fallback_url=value("SIMULATOR_VOICE_FALLBACK_URL"),
        answer=answer,
    )
