"""Signed webhooks as Twilio sends them, ready to be written to a socket."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from bench.servers import ACCOUNT, OURS, TOKEN
from ingress.signature import compute

TEXT = "Hi, I'm having trouble with my order #12345"
FIRST_CUSTOMER = 12_025_550_100  # of no real subscriber
# What Twilio adds to every SMS; a signature is over all of it.
ALWAYS = [
    ("ToCountry", "US"), ("ToState", "CA"), ("SmsStatus", "received"), ("FromCountry", "US"), ("FromState", "NY"),
    ("NumMedia", "0"), ("NumSegments", "1"), ("ApiVersion", "2010-04-01"), ("AccountSid", ACCOUNT), ("To", OURS),
]  # fmt: skip


def prepared(port: int, count: int, burst: int = 1) -> list[bytes]:
    """``count`` requests from customers who each send ``burst`` messages in a row; every message is new."""
    first = FIRST_CUSTOMER + secrets.randbelow(1_000_000) * 1000
    return [_request(port, f"+{first + number // burst}", TEXT) for number in range(count)]


def conversation(port: int, texts: Sequence[str]) -> list[bytes]:
    """One new customer's messages, in order."""
    sender = f"+{FIRST_CUSTOMER + secrets.randbelow(1_000_000) * 1000}"
    return [_request(port, sender, text) for text in texts]


def sender_of(request: bytes) -> str:
    """The customer's number in a prepared request."""
    return str(dict(parse_qsl(request.partition(b"\r\n\r\n")[2].decode()))["From"])


def _request(port: int, sender: str, text: str) -> bytes:
    sid = "SM" + secrets.token_hex(16)
    pairs = [
        *ALWAYS,
        ("MessageSid", sid),
        ("SmsMessageSid", sid),
        ("SmsSid", sid),
        ("From", sender),
        ("Body", text),
    ]
    return signed(port, "/sms", pairs)


def signed(port: int, target: str, pairs: list[tuple[str, str]]) -> bytes:
    """A request of Twilio's with these fields."""
    host = f"127.0.0.1:{port}"
    body = urlencode(pairs)
    return (
        f"POST {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
        f"X-Twilio-Signature: {compute(TOKEN, f'http://{host}{target}', pairs)}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
