"""What an operator is told of what came with a message."""

from __future__ import annotations

import pytest

from console.came import Came, described
from session import media
from session.media import Attachment, Kind
from session.model import Media
from tests.unit.prompts import inbound

API, ORIGIN = "https://api.twilio.com", "http://127.0.0.1:8081"


@pytest.mark.parametrize(
    ("url", "link"),
    [
        (f"{API}/x", f"{API}/x"),
        (f"{ORIGIN}/x", f"{ORIGIN}/x"),
        ("https://api.twilio.com.evil.example/x", ""),
        ("javascript:alert(1)", ""),
        ("https://[bad", ""),
        ("", ""),
    ],
)
def test_only_twilio_is_linked_to(url: str, link: str) -> None:
    """An address that is nobody's we know is not one to click on."""
    message = inbound("look", media=(Media(url, "image/png"),))

    assert [Came("Attached: image/png", link=link)] == described(message, ORIGIN)


def test_what_was_read_is_told() -> None:
    """Name, type and size; words where there are any; the reason where there is none."""
    read = (
        Attachment(Kind.DOCUMENT, "application/pdf", 80_000, "bill.pdf", "Total 42.50"),
        Attachment(Kind.IMAGE, "image/jpeg", error="too_large"),
    )
    message = inbound("look", media=(Media(f"{API}/1", "application/pdf"), Media(f"{API}/2", "image/jpeg")))

    assert [
        Came("Document: bill.pdf, application/pdf, 80 kB", "Total 42.50", f"{API}/1"),
        Came("Picture: image/jpeg; not read: it is too large", "", f"{API}/2"),
    ] == described(media.with_attachments(message, read), ORIGIN)


def test_places_and_choices_are_told() -> None:
    """What a phone shows beside words, an operator reads."""
    extra = {
        "latitude": "52.5",
        "longitude": "13.4",
        "label": "Office",
        "button_text": "Yes",
        "forwarded": True,
    }

    assert [
        Came("Tapped “Yes”"),
        Came("Place: Office, 52.5, 13.4"),
        Came("Forwarded from elsewhere"),
    ] == described(inbound("", extra=extra), ORIGIN)
