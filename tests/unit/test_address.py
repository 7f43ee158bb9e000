"""Who is who: DECISIONS 1-4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.address import WITHHELD, Address, candidates, customer_id, parse
from session.model import Channel

SMS, WHATSAPP = Channel.SMS, Channel.WHATSAPP


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("+1234567", Address(SMS, "+1234567")),  # seven digits, in no numbering plan
        ("+1234567890", Address(SMS, "+1234567890")),  # the seeds' own
        ("+123456789012345", Address(SMS, "+123456789012345")),
        ("whatsapp:+5511999990000", Address(WHATSAPP, "+5511999990000")),
        ("whatsapp:US.13491208655302741918", Address(WHATSAPP, "US.13491208655302741918")),
        ("whatsapp:US.ENT.11815799212886844830", Address(WHATSAPP, "US.ENT.11815799212886844830")),
        ("+123456", None),
        ("+1234567890123456", None),
        ("+0123456789", None),
        ("15551234567", None),
        ("0044 20 7946 0958", None),
        ("+1 555 123 4567", None),
        ("+1555123456\n", None),
        ("+١٢٣٤٥٦٧٨٩٠", None),
        ("12345", None),
        ("ACME", None),
        ("US.134", None),
        ("", None),
        (" ", None),
        ("whatsapp:", None),
        ("whatsapp:12345", None),
        ("messenger:12345678", None),
    ],
)
def test_only_what_could_be_answered_is_an_address(raw: str, expected: Address | None) -> None:
    """An address is + and 7 to 15 digits, or WhatsApp's own id; anything else is nobody."""
    assert expected == parse(raw)


@pytest.mark.parametrize("raw", sorted(WITHHELD))
def test_a_withheld_number_is_nobody(raw: str) -> None:
    """The placeholders of withheld numbers are shared by many people, so they are no customer."""
    assert parse(raw) is None
    assert parse(f"whatsapp:{raw}") is None


@pytest.mark.parametrize("raw", ["+15551234567", "whatsapp:+15551234567", "whatsapp:US.134"])
def test_an_address_prints_as_twilio_wrote_it(raw: str) -> None:
    """Reading an address and writing it again changes nothing."""
    assert raw == str(parse(raw))


def test_a_scoped_id_is_no_number() -> None:
    """WhatsApp's business-scoped id is told apart from a phone number."""
    assert not Address(WHATSAPP, "US.134").e164
    assert Address(WHATSAPP, "+15551234567").e164


def test_one_person_is_one_customer_on_every_channel() -> None:
    """The customer id hashes the address alone: channel and our number are not in it."""
    by_text, by_whatsapp = parse("+15551234567"), parse("whatsapp:+15551234567")
    assert by_text and by_whatsapp

    assert customer_id("key", by_text.value) == customer_id("key", by_whatsapp.value)


def test_the_customer_id_is_a_keyed_hash() -> None:
    """HMAC-SHA256, cut to 128 bits, as hex; the number cannot be read from it, and another key gives another id."""
    # Computed with: printf +15551234567 | openssl dgst -sha256 -hmac key
    assert customer_id("key", "+15551234567") == OPENSSL
    assert customer_id("other", "+15551234567") != OPENSSL


OPENSSL = "99fbd7f267fb1750b7d90af3b4068823"


@pytest.mark.parametrize(
    ("typed", "region", "expected"),
    [
        ("+15551234567", "US", ["+15551234567"]),
        ("+1 (555) 123-4567", "US", ["+15551234567"]),
        ("%2B15551234567", "US", ["+15551234567"]),
        (" 15551234567", "US", ["+15551234567"]),
        ("  1 555 123 4567", "US", ["+15551234567"]),
        ("whatsapp:+15551234567", "US", ["+15551234567"]),
        ("whatsapp: 15551234567", "US", ["+15551234567"]),
        ("whatsapp:%2B15551234567", "US", ["+15551234567"]),
        ("(555) 123-4567", "US", ["+15551234567", "+5551234567"]),
        ("555.123.4567", "US", ["+15551234567", "+5551234567"]),
        ("15551234567", "US", ["+15551234567"]),
        ("1234567890", "US", ["+11234567890", "+1234567890"]),
        ("020 7946 0958", "GB", ["+442079460958"]),
        ("+44 (0)20 7946 0958", "GB", ["+442079460958", "+4402079460958"]),
        ("0044 20 7946 0958", "GB", ["+442079460958"]),
        ("0044 20 7946 0958", "US", ["+442079460958"]),
        ("442079460958", "US", ["+442079460958"]),
        ("５５５１２３４５６７", "US", ["+15551234567", "+5551234567"]),
        ("555\u2011123\u20114567", "US", ["+15551234567", "+5551234567"]),
        ("US.134abc", "US", ["US.134abc"]),
        ("whatsapp:US.134abc", "US", ["US.134abc"]),
        ("+1234567890", "US", ["+1234567890"]),
        ("", "US", []),
        ("+", "US", []),
        (" ", "US", []),
        ("12", "US", []),
        ("hello", "US", []),
        ("p07-1f0a2b3c4d5e", "US", []),
        ("+1555123456789012345", "US", []),
        ("1" * 65, "US", []),
    ],
)
def test_a_typed_number_is_read_in_any_format(typed: str, region: str, expected: list[str]) -> None:
    """Digits alone are read in the region, then as +digits; a leading blank counts as +."""
    assert expected == candidates(typed, region)


@given(st.text())
def test_nothing_typed_breaks_the_reader(typed: str) -> None:
    """Whatever is typed, each candidate is an address value, and no candidate stands twice."""
    found = candidates(typed, "US")

    assert len(found) == len(set(found))
    assert all(parse(f"whatsapp:{value}") or value in WITHHELD for value in found)


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_an_e164_number_is_its_own_first_candidate(number: str) -> None:
    """A number typed with + means itself, whatever the numbering plans say."""
    assert [number] == candidates(number, "US")
