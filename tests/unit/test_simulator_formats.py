"""How the local Twilio counts, signs, dates and reads: pure functions against Twilio's own vectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.messages import Exchange, Message, from_json, parse_date, rfc2822, to_json
from simulator.segments import count_segments, utf16_units
from simulator.twilio_errors import valid_address, valid_callback
from simulator.twiml import BadAnswer, Reply, replies_in
from simulator.webhooks import Patience, patience_of, sign

# The same file the ingress is tested with: what one side signs the other must accept.
SIGNED = json.loads((Path(__file__).parent / "signature_vectors.json").read_text())

SEGMENTS = [
    ("", 1),
    ("a" * 160, 1),
    ("a" * 161, 2),
    ("a" * 306, 2),
    ("a" * 307, 3),
    ("a" * 1600, 11),
    ("a" * 159 + "€", 2),
    ("a" * 158 + "€", 1),
    ("a" * 152 + "€" + "a" * 152, 3),
    ("你" * 70, 1),
    ("你" * 71, 2),
    ("你" * 134, 2),
    ("你" * 135, 3),
    ("👋" * 35, 1),
    ("👋" * 36, 2),
    ("你" * 66 + "👋" + "你" * 20, 2),
    ("“hi”", 1),
]


@pytest.mark.parametrize(("text", "expected"), SEGMENTS)
def test_segments(text: str, expected: int) -> None:
    """A text costs as many segments as Twilio's own calculator says."""
    assert expected == count_segments(text)


def test_utf16_units() -> None:
    """A character outside the basic plane counts twice towards the 1600."""
    assert 3 == utf16_units("a👋")


@pytest.mark.parametrize("vector", SIGNED["vectors"], ids=lambda v: v["name"])
def test_signature(vector: dict[str, object]) -> None:
    """A signature equals the one Twilio's libraries give for the same URL and parameters."""
    params = [(name, value) for name, value in vector["params"] or []]  # type: ignore[attr-defined]

    assert vector["sig"] == sign(SIGNED["token"], str(vector["url"]), params)


def test_rfc2822() -> None:
    """Dates are RFC 2822 in GMT, and null for never."""
    assert ("Thu, 24 Aug 2023 05:01:45 +0000", None) == (rfc2822(1692853305999), rfc2822(0))


DATES = [
    ("2026-11-20", (1795132800, 1795219199)),
    ("2026-11-20T00:00:00Z", (1795132800, 1795219199)),
    ("2026-11-20T01:00:00Z", (1795136400, 1795136400)),
    ("2026-11-20 01:00:00.000", (1795136400, 1795136400)),
    ("Fri, 20 Nov 2026 01:00:00 +0000", (1795136400, 1795136400)),
]


@pytest.mark.parametrize(("text", "expected"), DATES)
def test_parse_date(text: str, expected: tuple[int, int]) -> None:
    """A date filter names a whole day or one second, in every form Twilio documents."""
    assert expected == parse_date(text)


def test_parse_date_refuses() -> None:
    """What is no date is a ValueError, not a guess."""
    with pytest.raises(ValueError):
        parse_date("soon")


PATIENCE = [
    ("http://a.test/s", Patience()),
    ("http://a.test/s#rc=3&rp=ct,5xx&rt=2000", Patience(5.0, 2.0, 15.0, 3, frozenset({"ct", "5xx"}))),
    ("http://a.test/s#rc=9&ct=1&tt=99999", Patience()),
]


@pytest.mark.parametrize(("url", "expected"), PATIENCE)
def test_patience(url: str, expected: Patience) -> None:
    """Connection overrides are read from the fragment; out of range they leave Twilio's defaults."""
    assert expected == patience_of(url)


def answered(body: str, content_type: str) -> Exchange:
    headers = (("Content-Type", content_type),) if content_type else ()
    return Exchange("webhook", "POST", "http://a.test", (), "", 0, answer_headers=headers, answer=body)


REPLIES = [
    ("<Response/>", "text/xml", []),
    ("<Response><Message>hi</Message><Message>you</Message></Response>", "application/xml", ["hi", "you"]),
    (
        "<Response><Message><Body>hi &amp; bye</Body></Message></Response>",
        "text/html; charset=utf-8",
        ["hi & bye"],
    ),
    ("hello", "text/plain", ["hello"]),
    ("", "", []),
]


@pytest.mark.parametrize(("body", "content_type", "expected"), REPLIES)
def test_replies(body: str, content_type: str, expected: list[str]) -> None:
    """TwiML sends its messages, plain text sends itself, an empty answer sends nothing."""
    assert [Reply(text) for text in expected] == replies_in(answered(body, content_type))


BAD_ANSWERS = [
    ("OK", "text/html", 12100),
    ("<Answer/>", "text/xml", 12200),
    ('<!DOCTYPE a [<!ENTITY b "c">]><Response/>', "text/xml", 12100),
    ('{"ok": true}', "application/json", 12300),
    ("hello", "", 12300),
]


@pytest.mark.parametrize(("body", "content_type", "code"), BAD_ANSWERS)
def test_bad_answers(body: str, content_type: str, code: int) -> None:
    """An answer Twilio cannot read gives its debugger's code and sends nothing."""
    with pytest.raises(BadAnswer) as caught:
        replies_in(answered(body, content_type))

    assert code == caught.value.code


ADDRESSES = [
    ("+1234567890", True),
    ("whatsapp:+1234567890", True),
    ("whatsapp:US.13491208655302741918", True),
    ("US.13491208655302741918", False),
    ("1234567890", False),
    ("+0123456789", False),
    ("+1555\n", False),
    ("", False),
]


@pytest.mark.parametrize(("address", "valid"), ADDRESSES)
def test_valid_address(address: str, valid: bool) -> None:
    """An address is E.164, or on WhatsApp also a business-scoped id."""
    assert valid == valid_address(address)


CALLBACKS = [
    ("http://127.0.0.1:8000/status?ob=1&a=2", True),
    ("https://bot.example.com/status", True),
    ("http://bad_host/status", False),
    ("http://a.test:port/", False),
    ("/status", False),
    ("http://a.test/a b", False),
]


@pytest.mark.parametrize(("url", "valid"), CALLBACKS)
def test_valid_callback(url: str, valid: bool) -> None:
    """A status callback is an absolute http(s) URL without an underscore in its host."""
    assert valid == valid_callback(url)


def test_message_survives_the_file() -> None:
    """A message read back from the file equals the one written, its raw requests included."""
    exchange = answered("<Response/>", "text/xml")
    message = Message(
        "SM1", "inbound", "+1", "+2", "Olá 👋", "received", 1, 2, media=(("u", "k"),), exchanges=(exchange,)
    )

    assert message == from_json(to_json(message))


MOVES = [
    ("queued", "sent", "sent"),
    ("delivered", "sent", "delivered"),
    ("delivered", "read", "read"),
    ("failed", "delivered", "failed"),
]


@pytest.mark.parametrize(("before", "to", "after"), MOVES)
def test_moved(before: str, to: str, after: str) -> None:
    """A message only ever moves forward."""
    assert after == Message("SM1", "outbound-api", "+1", "+2", "", before, 1, 1).moved(to, 2).status
