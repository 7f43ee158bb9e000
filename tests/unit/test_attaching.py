"""What files customers can be sent: the channels' limits, and where a look at a file may lead."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ai.tool_media import Offered
from config.settings import Settings, load_settings
from session.model import Channel, Lane
from workers.attaching import LINK_CHARS_MAX, MB, ON_A_CALL, Attaching, Seen, Unfit, check

OURS = "+15550001111"


def settings(**more: str) -> Settings:
    given = {
        "REDIS_URL": "redis://127.0.0.1:1/0", "PUBLIC_BASE_URL": "https://bot.example.com", "AI_PROVIDER": "mock",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t" * 32, "TWILIO_PHONE_NUMBER": OURS,
        "ADMIN_API_KEY": "k" * 16, "CUSTOMER_ID_KEY": "k" * 16, "CONSOLE_PASSWORD": "k" * 16, "SECRET_KEY": "k" * 16,
    }  # fmt: skip
    return load_settings(given | more, None, "worker")


LIMITS = [
    (Channel.SMS, "+15551234567", "image/jpeg", 5 * MB, 0, ""),
    (Channel.SMS, "+15551234567", "image/jpeg", 5 * MB + 1, 0, "it is too large"),
    (Channel.SMS, "+15551234567", "image/png", 3 * MB, 3 * MB, "it is too large"),
    (Channel.SMS, "+15551234567", "application/pdf", 500 * 1024, 0, ""),
    (Channel.SMS, "+15551234567", "application/pdf", 500 * 1024 + 1, 0, "it is too large"),
    (Channel.SMS, "+15551234567", "application/pdf", 500 * 1024, 5 * MB - 1, "it is too large"),
    (Channel.SMS, "+15551234567", "text/html", 1, 0, "text messages carry no files of this type"),
    (Channel.SMS, "+15551234567", "image/svg+xml", 1, 0, "text messages carry no files of this type"),
    (Channel.SMS, "+15551234567", "", 1, 0, "text messages carry no files of this type"),
    (Channel.SMS, "+15551234567", "image/png", -1, 0, "its server does not say how large it is"),
    (Channel.SMS, "+15551234567", "image/png", 0, 0, "it is empty"),
    (Channel.SMS, "+61491570156", "image/png", 1, 0, ""),
    (Channel.SMS, "+18765550123", "image/png", 1, 0, "text messages to this country carry no files"),
    (Channel.SMS, "+447700900123", "image/png", 1, 0, "text messages to this country carry no files"),
    (Channel.WHATSAPP, "+447700900123", "image/png", 5 * MB, 0, ""),
    (Channel.WHATSAPP, "US.13491208655302741918", "image/png", 5 * MB + 1, 0, "it is too large"),
    (Channel.WHATSAPP, "+447700900123", "application/pdf", 16 * MB, 9 * MB, ""),
    (Channel.WHATSAPP, "+447700900123", "application/pdf", 16 * MB + 1, 0, "it is too large"),
    (Channel.WHATSAPP, "+447700900123", "image/gif", 1, 0, "WhatsApp takes no files of this type"),
]


@pytest.mark.parametrize(("channel", "customer", "kind", "size", "others", "why"), LIMITS)
def test_limits(channel: Channel, customer: str, kind: str, size: int, others: int, why: str) -> None:
    """Each channel's own: types, sizes, and for text messages the country."""
    try:
        check(channel, customer, Seen(kind, size), others)
        found = ""
    except Unfit as unfit:
        found = str(unfit)

    assert why == found


def test_on_a_call_nothing_goes() -> None:
    """Nothing is even looked at."""
    attach = Attaching(settings(), _never).to(Lane(Channel.VOICE, OURS), "+15551234567", ())

    assert [ON_A_CALL] == attach([Offered("https://a.example.com/b.jpg")], 1.0)


def _never(host: str, port: int) -> Sequence[str]:
    raise AssertionError("nobody is to be looked up")


INWARD = [
    "127.0.0.1",
    "10.0.0.8",
    "169.254.169.254",
    "192.168.1.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "0.0.0.0",
]


@pytest.mark.parametrize("number", INWARD)
def test_a_name_that_leads_inward(number: str) -> None:
    """A host of any name whose number is not a public one is not asked."""
    attaching = Attaching(settings(), lambda host, port: [number])

    with pytest.raises(Unfit, match="its address may not be used"):
        attaching.seen("https://pictures.example.com/a.jpg", 1.0)


FORBIDDEN = [
    "http://pictures.example.com/a.jpg",
    "http://127.0.0.1/a.jpg",
    "https://u:p@a.example.com/x",
    "https:///x",
]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_addresses_that_are_not_asked(url: str) -> None:
    """Nothing but https, without credentials, is asked; of this machine nothing where Twilio is not the local one."""
    with pytest.raises(Unfit):
        Attaching(settings(), _never).seen(url, 1.0)


def test_a_link_in_its_place() -> None:
    """What cannot be sent becomes a link where the agent may link to that host, and is not to be promised where not."""
    attaching = Attaching(settings(), lambda host, port: ["10.0.0.1"])
    files = [Offered("https://shop.example.com/a.jpg"), Offered("https://elsewhere.example.org/b.jpg")]
    linked, lost = attaching.to(Lane(Channel.SMS, OURS), "+15551234567", ("shop.example.com",))(files, 2.0)

    assert ("https://shop.example.com/a.jpg", None) == (linked.link, linked.media)
    assert ("", None, True) == (lost.link, lost.media, "do not promise it" in lost.told)


@pytest.mark.parametrize("more", [0, 1])
def test_a_link_too_long_to_be_read(more: int) -> None:
    """A link that would be cut between two messages is not put under the reply."""
    attach = Attaching(settings(), lambda host, port: ["10.0.0.1"])
    start = "https://shop.example.com/"
    url = start + "x" * (LINK_CHARS_MAX - len(start) + more)
    [found] = attach.to(Lane(Channel.SMS, OURS), "+15551234567", ("shop.example.com",))([Offered(url)], 2.0)

    assert ("" if more else url) == found.link


def test_no_time_left() -> None:
    """Without time nothing is looked at, and nothing unknown is sent."""
    attach = Attaching(settings(), _never).to(Lane(Channel.SMS, OURS), "+15551234567", ())

    assert "there was no time to look at it" in attach([Offered("https://a.example.com/b.jpg")], 0.0)[0].told
