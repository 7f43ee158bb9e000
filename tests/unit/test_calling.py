"""Calls that we make: what Twilio is asked, what its list tells, and what the called person hears first."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest

from config.agent import VoiceRules
from config.agents import Agent
from config.settings import load_settings
from session import calling
from workers.twilio_account import RING_S, NotListed, TwilioAccount
from workers.twilio_errors import Kind

ACCOUNT, BASE = "AC" + "0" * 32, "https://bot.example.com"
OURS, THEIRS = "+15550001111", "+15557030001"
SID = "CA" + "a" * 32
CALLBACK = f"{BASE}/voice/status?ob=x&a=1"
RECORD = {"to": THEIRS, "from": OURS}
NOW = datetime(2026, 3, 10, 10, 0, tzinfo=UTC)
# As many hints as a file may have: they go with the question.
RULES = VoiceRules(hints=tuple(f"derailleur{n:04d}" for n in range(66)))
AGENT = Agent("default-agent", "Riley", "Help.", "", (), languages=("en", "es"), voice=RULES)


class Twilio(ThreadingHTTPServer):
    """Answers every request with (status, JSON), and keeps what was asked: (path, fields)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: tuple[int, dict[str, Any]] = (201, {"sid": SID})
        self.asked: list[tuple[str, dict[str, list[str]]]] = []

    def account(self) -> TwilioAccount:
        environment = {
            "REDIS_URL": "redis://127.0.0.1:1/0", "PUBLIC_BASE_URL": BASE, "AI_PROVIDER": "mock",
            "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": "0" * 32, "TWILIO_PHONE_NUMBER": OURS,
            "TWILIO_API_BASE_URL": f"http://127.0.0.1:{self.server_port}",
            **dict.fromkeys(("ADMIN_API_KEY", "CUSTOMER_ID_KEY", "CONSOLE_PASSWORD", "SECRET_KEY"), "k" * 16),
        }  # fmt: skip
        return TwilioAccount(load_settings(environment, env_file=None))


class _Handler(BaseHTTPRequestHandler):
    server: Twilio

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._tell(parse_qs(body))

    def do_GET(self) -> None:
        self._tell(parse_qs(urlsplit(self.path).query))

    def _tell(self, fields: dict[str, list[str]]) -> None:
        self.server.asked.append((urlsplit(self.path).path, fields))
        status, said = self.server.answer
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    server = Twilio()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def test_a_call_is_asked_for_with_its_words_and_every_event(twilio: Twilio) -> None:
    """One POST: from whom to whom, the TwiML, how long it rings, and the address of the status with its four events."""
    outcome = twilio.account().create_call(RECORD, "<Response/>", CALLBACK)

    assert ("sent", SID) == (outcome.kind, outcome.sid)
    assert [
        (
            f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json",
            {
                "To": [THEIRS], "From": [OURS], "Twiml": ["<Response/>"], "Timeout": [str(RING_S)],
                "StatusCallback": [CALLBACK], "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
            },
        )
    ] == twilio.asked  # fmt: skip


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (21201, 400, Kind.PERMANENT), (21214, 400, Kind.PERMANENT), (21217, 400, Kind.PERMANENT),
        (13224, 400, Kind.PERMANENT), (32018, 400, Kind.PERMANENT), (21210, 400, Kind.CONFIGURATION),
        (21215, 400, Kind.CONFIGURATION), (21219, 400, Kind.CONFIGURATION), (10004, 400, Kind.LATER),
        (20429, 429, Kind.LATER), (20500, 500, Kind.UNKNOWN), (29999, 400, Kind.PERMANENT),
    ],
)  # fmt: skip
def test_what_a_refused_call_means(twilio: Twilio, code: int, status: int, kind: Kind) -> None:
    """A number that cannot be called is final, what is ours to mend is kept, too many calls wait, a 5xx is looked up."""
    twilio.answer = (status, {"code": code, "message": "no", "status": status})
    outcome = twilio.account().create_call(RECORD, "<Response/>", CALLBACK)

    assert (kind, code) == (outcome.kind, outcome.code)


def row(sid: str, age_s: float, **more: Any) -> dict[str, Any]:
    created = format_datetime(NOW - timedelta(seconds=age_s))
    return {"sid": sid * 32, "date_created": created, "direction": "outbound-api"} | more


def test_our_calls_are_found_in_twilios_list(twilio: Twilio) -> None:
    """Those we made on this lane since then; not what came in or passed a caller on. What a row does not say does not speak against it."""
    calls = [
        row("1", 1), row("2", 2, direction="inbound"), row("3", 3, direction="outbound-dial"),
        row("4", 4, date_created=None), row("5", 5, direction=None), row("6", 61), row("7", 600), row("8", 5),
    ]  # fmt: skip
    twilio.answer = (200, {"calls": calls, "next_page_uri": None})
    found = twilio.account().outbound_calls(THEIRS, OURS, NOW - timedelta(seconds=60))

    assert ["1", "4", "5"] == [str(call.sid)[0] for call in found]
    assert ([THEIRS], [OURS]) == (twilio.asked[0][1]["To"], twilio.asked[0][1]["From"])


def test_a_list_that_cannot_be_read_is_no_empty_list(twilio: Twilio) -> None:
    """A refusal of the list is an error: an empty one would make a second call."""
    twilio.answer = (503, {})
    with pytest.raises(NotListed):
        list(twilio.account().outbound_calls(THEIRS, OURS, NOW))


@pytest.mark.parametrize("character", ["a", "&", "ñ", "好", "👋"])
def test_all_that_fits_is_spoken(character: str) -> None:
    """Every text that is let through stays whole, and under the 4,000 characters that Twilio takes."""
    longest = calling.SPOKEN_MAX // (5 if character == "&" else 1)
    assert calling.fits(character * longest)
    assert not calling.fits(character * (longest + 1))
    spoken = calling.spoken(character * longest, AGENT, "", BASE)

    assert 4000 >= len(spoken)
    assert character * longest == ET.fromstring(spoken)[0].text


def test_the_words_come_first_and_then_a_question() -> None:
    """A Say that nothing interrupts, then a Gather with an absolute address."""
    said, asked = ET.fromstring(calling.spoken("Your order <12345> & more", AGENT, "", BASE))

    assert ("Say", "Your order <12345> & more", "en-US") == (said.tag, said.text, said.get("language"))
    assert ("Gather", f"{BASE}/voice/turn?n=1", "en-US") == (
        asked.tag, asked.get("action"), asked.get("language")
    )  # fmt: skip
    assert [] == list(asked.iter("Say"))


@pytest.mark.parametrize(
    ("body", "known", "expected"),
    [
        ("Hola, su pedido ha llegado y puede recogerlo mañana", "en", "es"), ("12345", "es", "es"),
        ("12345", "", "en"), ("12345", "Klingon", "en"), ("Your order has shipped", "es", "en"),
    ],
)  # fmt: skip
def test_the_voice_is_of_the_words_language(body: str, known: str, expected: str) -> None:
    """What is said decides; where that tells nothing the customer's language, else the agent's first."""
    (language,) = {e.get("language", "")[:2] for e in ET.fromstring(calling.spoken(body, AGENT, known, BASE))}

    assert expected == language
