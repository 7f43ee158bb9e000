"""The account's senders as Twilio's lists tell them, from a server that plays Twilio."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from config.settings import Settings, load_settings
from console.commands_senders import listed
from console.senders import KEPT_SECONDS, Senders, TwilioAway
from session.model import Channel

ACCOUNT = "AC" + "0" * 32
ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"
MAIN, SECOND, CALLS_ALONE, VERIFIED = "+15550001111", "+15550002222", "+15550003333", "+15557654321"
ENVIRONMENT = {
    "REDIS_URL": "redis://127.0.0.1:1/0", "PUBLIC_BASE_URL": "https://bot.example.com", "AI_PROVIDER": "mock",
    "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": "0" * 32, "TWILIO_PHONE_NUMBER": MAIN,
    "ADMIN_API_KEY": "k" * 16, "CUSTOMER_ID_KEY": "k" * 16, "CONSOLE_PASSWORD": "k" * 16, "SECRET_KEY": "k" * 16,
}  # fmt: skip


class Lists(ThreadingHTTPServer):
    """Answers by path and query; what is not there is 404."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Any] = {}
        self.asked: list[str] = []
        self.status = 200

    def settings(self, **more: str) -> Settings:
        origin = f"http://127.0.0.1:{self.server_port}"
        return load_settings(ENVIRONMENT | {"TWILIO_API_BASE_URL": origin} | more, env_file=None)


class _Handler(BaseHTTPRequestHandler):
    server: Lists

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        page = self.server.pages.get(self.path)
        body = json.dumps(page).encode() if not isinstance(page, bytes) else page
        self.send_response(self.server.status if page is not None else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def number(value: str, name: str = "", **able: bool) -> dict[str, Any]:
    return {
        "phone_number": value, "friendly_name": name or value,
        "capabilities": {"sms": True, "voice": True, **able},
    }  # fmt: skip


@pytest.fixture
def lists() -> Iterator[Lists]:
    server = Lists()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    first = f"{ROOT}/IncomingPhoneNumbers.json?PageSize=1000"
    second = f"{ROOT}/IncomingPhoneNumbers.json?PageSize=1000&Page=1"
    server.pages = {
        first: {"incoming_phone_numbers": [number(MAIN, "Front desk")], "next_page_uri": second},
        second: {
            "incoming_phone_numbers": [number(SECOND, voice=False), number(CALLS_ALONE, sms=False), {"odd": 1}],
            "next_page_uri": None,
        },
        f"{ROOT}/OutgoingCallerIds.json?PageSize=1000": {
            "outgoing_caller_ids": [number(VERIFIED, "Owner's phone"), number(MAIN)], "next_page_uri": None,
        },
    }  # fmt: skip
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def test_each_number_is_what_twilio_says_it_can(lists: Lists) -> None:
    """Capabilities decide, WhatsApp is the settings', all pages count, and a verified caller ID is for calls alone."""
    found = {sender.number: sender for sender in Senders(lists.settings()).all()}

    assert {
        MAIN: {Channel.SMS, Channel.VOICE, Channel.WHATSAPP},
        SECOND: {Channel.SMS},
        CALLS_ALONE: {Channel.VOICE},
        VERIFIED: {Channel.VOICE},
    } == {value: set(sender.uses) for value, sender in found.items()}
    assert [VERIFIED] == [value for value, sender in found.items() if sender.verified_alone]


def test_a_messaging_services_numbers_send_texts(lists: Lists) -> None:
    """Where a service sends, its numbers alone are senders of texts; the next page's host is ours to choose."""
    service, extra = "MG" + "1" * 32, ["+15550004444", "+15550005555"]
    path = f"/v1/Services/{service}/PhoneNumbers?PageSize=1000"
    following = path + "&Page=1"
    lists.pages[path] = {
        "phone_numbers": [{"phone_number": extra[0]}],
        "meta": {"next_page_url": f"https://messaging.twilio.com{following}"},
    }
    lists.pages[following] = {
        "phone_numbers": [{"phone_number": extra[1]}],
        "meta": {"next_page_url": None},
    }
    senders = Senders(lists.settings(TWILIO_MESSAGING_SERVICE_SID=service))

    assert [{Channel.SMS}, {Channel.SMS}] == [
        set(sender.uses) for value in extra if (sender := senders.find(value))
    ]
    assert [] == [s.number for s in senders.all() if Channel.SMS in s.uses and s.number not in extra]


def test_the_lists_are_kept_for_minutes(lists: Lists) -> None:
    """Twilio is asked once in five minutes, however often somebody wants to know."""
    now = [1000.0]
    senders = Senders(lists.settings(), clock=lambda: now[0])
    for _ in range(3):
        assert senders.find(MAIN)
    asked = len(lists.asked)
    assert 3 == asked

    now[0] += KEPT_SECONDS
    assert senders.find(MAIN)
    assert 2 * asked == len(lists.asked)


@pytest.mark.parametrize(("status", "word"), [(401, "account"), (500, "500"), (429, "429")])
def test_a_refusal_says_what_it_is(lists: Lists, status: int, word: str) -> None:
    """An answer that is none is an error, never an empty list; the next question asks again."""
    lists.status = status
    senders = Senders(lists.settings())
    with pytest.raises(TwilioAway, match=word):
        senders.all()
    lists.status = 200

    assert senders.find(MAIN)


def test_nobody_there_is_an_error_too(lists: Lists) -> None:
    """No answer within the time is said as such."""
    with pytest.raises(TwilioAway, match="refused"):
        Senders(lists.settings(TWILIO_API_BASE_URL="http://127.0.0.1:9")).all()


def test_pages_without_end_are_left(lists: Lists) -> None:
    """A list whose next page is itself is read for so many pages and no more."""
    first = f"{ROOT}/IncomingPhoneNumbers.json?PageSize=1000"
    lists.pages[first]["next_page_uri"] = first

    assert Senders(lists.settings()).find(MAIN)
    assert len(lists.asked) < 20


def test_the_list_says_what_each_is_for(lists: Lists) -> None:
    """The table names every use in words."""
    rows = {line.split()[0]: line for line in listed(Senders(lists.settings()).all())}

    assert "Front desk" in rows[MAIN]
    assert "texts, WhatsApp, calls" in rows[MAIN]
    assert rows[VERIFIED].endswith("calls                   verified caller ID")
