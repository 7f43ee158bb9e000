"""From where media may be fetched: Twilio's hosts by https, never inward, and credentials to the API alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.media import CannotRead, Unread
from workers.media_addresses import Addresses, Forbidden, Place, inward
from workers.media_fetch import Fetcher, file_name

TWILIO = Addresses()
LOCAL = Addresses("http://127.0.0.1:8081", local=True)
API = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
CDN = "https://mms.twiliocdn.com/AC1/abc"

INWARD_NAMES = [
    "http://127.0.0.1/x", "http://localhost/x", "http://169.254.169.254/latest/meta-data/", "http://[::1]/x",
    "https://[::ffff:127.0.0.1]/x", "http://2130706433/x", "http://0x7f000001/x", "http://0177.0.0.1/x", "http://127.1/x",
    "https://10.0.0.5/x", "https://metadata.google.internal/x",
]  # fmt: skip
FOREIGN = [
    "https://example.com/x.jpg", "https://twilio.com.evil.example/x", "https://eviltwilio.com/x", "https://api.twilio.com@evil.example/x",
    "https://api.twilio.com.@evil.example/x", "https://evil.example/#.twilio.com", "https://evil.example\\.twilio.com/x",
    "https://evil.example%2f.twilio.com/x", "https://mms.twiliocdn.com./x", "https://mms.twiliocdn.com:8443/x",
    "http://mms.twiliocdn.com/x", "https://s3-external-1.amazonaws.com/another-bucket/x",
    "https://s3-external-1.amazonaws.com/media.twiliocdn.com/../another-bucket/x",
    "https://s3-external-1.amazonaws.com/media.twiliocdn.com/%2E%2e/another-bucket/x", "https://user:pw@mms.twiliocdn.com/x",
]  # fmt: skip
NO_ADDRESSES = [
    "", "file:///etc/passwd", "ftp://mms.twiliocdn.com/x", "gopher://127.0.0.1/", "data:image/png;base64,AA", "//mms.twiliocdn.com/x",
    "https://mms.twiliocdn.com:0/x", "https://mms.twiliocdn.com:99999/x", "https://mms.twiliocdn.com/a b",
    "https://mms.twiliocdn.com/\r\nHost: evil", "https://[::1", "https://mms.twiliocdn.com/" + "x" * 5000, "javascript:alert(1)",
]  # fmt: skip


@pytest.mark.parametrize("url", INWARD_NAMES + FOREIGN + NO_ADDRESSES)
def test_what_is_not_twilios_is_refused(url: str) -> None:
    """Neither as the first address nor as where a redirect leads, whoever Twilio is."""
    for addresses in (TWILIO, LOCAL):
        with pytest.raises(Forbidden):
            addresses.first(url)
    with pytest.raises(Forbidden):
        TWILIO.after(API, url if "://" in url else f"data:{url}")


def test_credentials_go_to_the_api_alone() -> None:
    """The first address may have them when it is the API's; what it leads to never has, the API itself included."""
    assert Place(API, True) == TWILIO.first(API)
    assert Place(CDN) == TWILIO.first(CDN) == TWILIO.after(API, CDN)
    assert Place(API) == TWILIO.after(CDN, API)
    assert Place("https://s3-external-1.amazonaws.com/media.twiliocdn.com/x?sig=1") == TWILIO.after(
        API, "https://s3-external-1.amazonaws.com/media.twiliocdn.com/x?sig=1"
    )
    assert Place(API + "/y") == TWILIO.after(API + "/x", "y")


def test_the_api_is_where_the_settings_say() -> None:
    """Twilio's own address is asked for at the origin that stands in for it; then nothing else is Twilio's."""
    assert Place("http://127.0.0.1:8081/2010-04-01/x?y=1", True) == LOCAL.first(
        "https://api.twilio.com/2010-04-01/x?y=1"
    )
    assert Place("http://127.0.0.1:8081/cdn/x") == LOCAL.after("http://127.0.0.1:8081/x", "/cdn/x")
    for elsewhere in (CDN, "http://127.0.0.1:8082/x", "http://localhost:8081/x", "https://127.0.0.1:8081/x"):
        with pytest.raises(Forbidden):
            LOCAL.after("http://127.0.0.1:8081/x", elsewhere)


def test_a_configured_origin_elsewhere_leads_to_twilios_stores() -> None:
    """A gateway before Twilio may stand inside; the stores that it leads to may not."""
    gateway = Addresses("http://gateway.internal:9000")

    assert Place("http://gateway.internal:9000/x", True) == gateway.first("https://api.twilio.com/x")
    assert Place(CDN) == gateway.after("http://gateway.internal:9000/x", CDN)
    assert gateway.trusts("gateway.internal", 9000)
    assert not gateway.trusts("gateway.internal", 80)
    assert not TWILIO.trusts("api.twilio.com", 443)


@pytest.mark.parametrize(
    ("address", "is_inward"),
    [
        ("3.5.16.17", False), ("2600:1f18::1", False), ("64:ff9b::305:1011", False), ("::ffff:3.5.16.17", False),
        ("127.0.0.1", True), ("0.0.0.0", True), ("10.1.2.3", True), ("172.16.0.1", True), ("192.168.1.1", True),
        ("169.254.169.254", True), ("100.64.0.1", True), ("224.0.0.1", True), ("255.255.255.255", True), ("240.0.0.1", True),
        ("::1", True), ("::", True), ("fe80::1%eth0", True), ("fd00::1", True), ("ff02::1", True), ("fec0::1", True),
        ("::ffff:127.0.0.1", True), ("64:ff9b::7f00:1", True), ("2002:7f00:1::", True), ("2001:0:4136:e378::", True),
        ("fd00:ec2::254", True), ("", True), ("localhost", True), ("0x7f.1", True),
    ],
)  # fmt: skip
def test_which_addresses_lead_inward(address: str, is_inward: bool) -> None:
    """Anything but a public host's number, also where one number is carried within another."""
    assert is_inward is inward(address)


@given(st.ip_addresses())
def test_no_address_that_is_not_global_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Whatever the number."""
    assert inward(str(address)) or address.is_global or getattr(address, "ipv4_mapped", None)


@pytest.mark.parametrize(
    "numbers", [["127.0.0.1"], ["::1"], ["10.0.0.1"], ["3.5.16.17", "169.254.169.254"], ["0.0.0.0"]]
)
def test_a_name_of_twilios_that_leads_inward_is_not_connected_to(numbers: list[str]) -> None:
    """One number inside is enough, wherever it stands among the others."""
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return numbers

    fetcher = Fetcher(TWILIO, "user", "password", resolve)
    with pytest.raises(CannotRead) as refused:
        fetcher.fetch(CDN, 1000, 5, lambda size: None)

    assert Unread.FORBIDDEN is refused.value.why
    assert [("mms.twiliocdn.com", 443)] == asked


def test_a_name_without_an_address() -> None:
    """It may have one later."""
    with pytest.raises(CannotRead) as failed:
        Fetcher(TWILIO, "user", "password", lambda host, port: ()).fetch(CDN, 1000, 5, lambda size: None)

    assert Unread.UNAVAILABLE is failed.value.why


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", ""),
        ("inline", ""),
        ('attachment; filename="bill.pdf"', "bill.pdf"),
        ("attachment; filename=bill.pdf", "bill.pdf"),
        ("attachment; filename*=UTF-8''Rechnung%20%C3%BC.pdf; filename=x.pdf", "Rechnung ü.pdf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="..\\\\x.exe"', "x.exe"),
        ("attachment; filename*=UTF-8''a%2F..%2Fb%00%0a.pdf", "b .pdf"),
        ('attachment; filename=".."', ""),
        (f'attachment; filename="{"x" * 300}"', "x" * 100),
    ],
)
def test_a_file_has_its_last_name(header: str, name: str) -> None:
    """No folder, no control character, and not without end."""
    assert name == file_name(header)
