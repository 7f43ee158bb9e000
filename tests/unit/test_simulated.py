"""Simulated messages where the answer goes to a real phone: only from whom Twilio knows to be the account's own."""

from __future__ import annotations

from typing import Any

import fakeredis
import pytest
from flask import Flask

from config.agents import load_agents
from config.settings import Settings, load_settings
from console import api
from console.senders import OWN, VERIFIED, Sender, Senders, TwilioAway
from ingress import simulated
from ingress.webhooks import Webhooks
from session.claims import Timing
from session.ledger import Ledger
from session.manager import SessionManager
from session.model import Channel
from tests.unit.test_senders import ENVIRONMENT, MAIN, SECOND

OWNER, STRANGER = "+15557654321", "+15551234567"


class Known(Senders):
    """Senders of a test's own; ``away``: Twilio does not answer."""

    def __init__(self, settings: Settings, away: str = "") -> None:
        super().__init__(settings)
        self._away = away

    def all(self) -> tuple[Sender, ...]:
        if self._away:
            raise TwilioAway(self._away)
        calls = frozenset({Channel.VOICE})
        return (Sender(SECOND, "", calls | {Channel.SMS}, OWN), Sender(OWNER, "", calls, VERIFIED))


class Nobody:
    """A bell that nobody hears; who was rung for is kept."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    def ring(self, cid: str) -> None:
        self.rung.append(cid)


def asked(given: dict[str, Any], away: str = "", **env: str) -> tuple[int, Any, SessionManager]:
    """(status, answer, manager) of one request."""
    settings = load_settings(ENVIRONMENT | env, env_file=None)
    client = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
    agents = load_agents(settings.agents_path, settings.default_agent_id)
    manager = SessionManager(Ledger(client, Timing()), settings, agents)
    routes = api.create_blueprint(manager, settings)
    hooks = Webhooks(settings, manager, Nobody())  # type: ignore[arg-type]
    simulated.add_routes(routes, hooks, settings, manager, Known(settings, away))
    app = Flask("simulated-under-test")
    app.register_blueprint(routes)
    key = {"Authorization": f"Bearer {settings.admin_keys[0]}"}
    answer = app.test_client().post("/simulate/inbound", json=given, headers=key)
    return answer.status_code, answer.get_json(), manager


@pytest.mark.parametrize(
    ("given", "away", "expected"),
    [
        ({"from": OWNER}, "", (202, None)),
        ({"from": OWNER, "to": SECOND}, "", (202, None)),
        ({"from": STRANGER}, "", (422, "not_verified")),
        ({"from": SECOND}, "", (422, "not_verified")),
        ({"from": OWNER, "to": "+15559999999"}, "", (422, "not_our_number")),
        ({"from": OWNER, "to": OWNER}, "", (422, "not_our_number")),
        ({"from": OWNER}, "does not answer", (503, "twilio_unavailable")),
    ],
)
def test_only_a_verified_caller_id_is_played(
    given: dict[str, str], away: str, expected: tuple[int, str | None]
) -> None:
    """With the real Twilio nobody is answered who has not shown that the phone is theirs."""
    status, answer, manager = asked({"body": "Hello", **given}, away)

    assert expected == (status, answer.get("error", {}).get("code"))
    assert bool(manager.ledger.redis.keys("ringback:*:inbox:*")) == (status == 202)


def test_it_opens_no_window_of_the_real_whatsapp() -> None:
    """WhatsApp did not hear it: our record must not say that free text may go."""
    status, answer, manager = asked({"from": OWNER, "body": "Hello", "channel": "whatsapp"})

    assert (202, True) == (status, answer["metadata"]["simulated"])
    assert {} == manager.ledger.read(manager.customer_id(OWNER))[0].heard


def test_a_stand_in_for_twilio_that_is_not_ours_need_not_know() -> None:
    """On loopback anybody may be played, whether what answers there has a phone page or not."""
    status, _, manager = asked(
        {"from": STRANGER, "to": MAIN, "body": "Hello", "channel": "whatsapp"},
        "does not answer",
        TWILIO_API_BASE_URL="http://127.0.0.1:9",
    )

    assert 202 == status
    assert [f"whatsapp|{MAIN}"] == list(manager.ledger.read(manager.customer_id(STRANGER))[0].heard)
