"""The ledger on two stores: fakeredis, and the real server. Every store test runs on both."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

import fakeredis
import pytest
import redis

from config.agents import Agent, Agents
from config.settings import Settings, load_settings
from session.claims import Timing
from session.ledger import connect
from session.manager import SessionManager
from simulator.embedded import EmbeddedServer
from tests.store.desk import CLOCK_KEY, Clock, ClockedLedger, Desk

STORES = ("fakeredis", "server")
DATABASE = 1  # of the real server; other tests use others
START_MS = 1_790_000_000_000
ENVIRONMENT = {
    "REDIS_URL": "redis://localhost:6379/0",
    "PUBLIC_BASE_URL": "https://bot.example.com",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_PHONE_NUMBER": "+15550001111",
    "OPENAI_API_KEY": "sk-test",
    "ADMIN_API_KEY": "admin-key-0123456789",
    "CUSTOMER_ID_KEY": "customer-key-0123456789",
    "CONSOLE_PASSWORD": "console-password-0123456789",
    "SECRET_KEY": "secret-key-0123456789",
}

# The scripts' own clock, replaced by one that a test moves.
CLOCKED_PRELUDE = (
    resources.files("session.scripts").joinpath("prelude.lua").read_text(encoding="utf-8")
    + f"\nlocal function clock() return tonumber(redis.call('GET', '{CLOCK_KEY}')) end\n"
)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """An empty store."""
    if request.param == "fakeredis":
        client: redis.Redis = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
    else:
        server: EmbeddedServer = request.getfixturevalue("redis_server")
        client = connect(server.url.removesuffix("/0") + f"/{DATABASE}", 10.0)
        client.flushdb()
    yield client
    client.close()


@pytest.fixture
def clock(store: redis.Redis) -> Clock:
    """The time as the scripts see it, standing still until a test moves it."""
    clock = Clock(store)
    clock.set(START_MS)
    return clock


@pytest.fixture
def ledger(store: redis.Redis, clock: Clock) -> ClockedLedger:
    """A ledger with the design's times, on a clock of the test's."""
    return ClockedLedger(store, Timing(), CLOCKED_PRELUDE)


@pytest.fixture
def desk(ledger: ClockedLedger, clock: Clock) -> Desk:
    """One customer, and whoever answers them."""
    return Desk(ledger, clock)


@pytest.fixture
def settings() -> Settings:
    """A deployment's settings with nothing chosen that has a default."""
    return load_settings(ENVIRONMENT, env_file=None)


@pytest.fixture
def manager(ledger: ClockedLedger, settings: Settings) -> SessionManager:
    """The door to sessions, with a default agent and two that have policies of their own."""
    agents = {
        "default-agent": Agent("default-agent", "Riley", "Help.", "", ()),
        "timegap": Agent("timegap", "Gap", "Help.", "", (), policy={"name": "timegap"}),
        "patient": Agent(
            "patient", "Pat", "Help.", "", (), policy={"idle_after": "2h", "expire_after": "10d"}
        ),
    }
    return SessionManager(ledger, settings, Agents(agents, "default-agent"))
