"""A Redis that may have forgotten what was sent: Twilio's list is looked at before each send (DECISIONS 13)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import fakeredis
import pytest
import redis
import structlog

from session import keys, records
from session.claims import Timing
from session.ledger import connect
from tests.flow.system import call
from tests.store.conftest import CLOCKED_PRELUDE, START_MS
from tests.store.desk import SMS, Clock, ClockedLedger, number_of, part
from tests.store.test_turns import Workshop, make_workshop, twilio  # noqa: F401  twilio: a fixture
from workers.quarantine import LOOK_S, Quarantine

DATABASE = 2
SECOND = 1_000


@pytest.fixture
def server(redis_server: Any) -> Iterator[redis.Redis]:
    """An empty database of a real server: only that one has a ``run_id``."""
    client = connect(redis_server.url.removesuffix("/0") + f"/{DATABASE}", 10.0)
    client.flushdb()
    yield client
    client.close()


def another_server(server: redis.Redis) -> None:
    """As if the data had moved to another server since it was last looked at."""
    server.set(keys.RUN_ID, "0" * 40)


def test_the_first_server_is_taken_as_it_is(server: redis.Redis) -> None:
    """Where no server is known yet, this one is; there is nothing it could have forgotten."""
    assert not Quarantine(server, 120).active()
    assert server.get(keys.RUN_ID) == server.info("server")["run_id"]
    assert not Quarantine(server, 120).active()


def test_another_server_is_a_quarantine_for_every_process(server: redis.Redis) -> None:
    """Who sees it first says so in Redis; others see the quarantine there, and all see it end."""
    another_server(server)
    now = [50.0]
    with structlog.testing.capture_logs() as lines:
        first = Quarantine(server, 120, lambda: now[0])
        assert first.active()
        second = Quarantine(server, 120, lambda: now[0])
        assert second.active()

    assert [line["event"] for line in lines] == ["redis_is_another"]
    assert 0 < int(str(server.pttl(keys.QUARANTINE))) <= 120 * SECOND
    server.delete(keys.QUARANTINE)  # its time is over
    now[0] += 121
    assert not first.active()
    assert not second.active()


def test_a_process_looks_again_after_a_while(server: redis.Redis) -> None:
    """A server that changed while the process ran is noticed; in between nothing is asked."""
    now = [0.0]
    quarantine = Quarantine(server, 120, lambda: now[0])
    assert not quarantine.active()
    another_server(server)
    now[0] = LOOK_S - 0.1
    assert not quarantine.active()
    now[0] = LOOK_S
    assert quarantine.active()


def test_a_server_that_does_not_tell_is_no_other() -> None:
    """A managed Redis that keeps INFO to itself is never in quarantine, and nothing fails."""
    silent = fakeredis.FakeRedis(decode_responses=True)
    with pytest.raises(redis.ResponseError):
        silent.info("server")
    silent.set(keys.RUN_ID, "0" * 40)

    assert not Quarantine(silent, 120).active()


A = "+1234567890"


@pytest.fixture
def workshop(server: redis.Redis, twilio: str) -> Workshop:  # noqa: F811
    """A worker on the real server and the local Twilio, which has nothing yet."""
    call("POST", f"{twilio}/_control/reset", {})
    Clock(server).set(START_MS)
    return make_workshop(ClockedLedger(server, Timing(), CLOCKED_PRELUDE), Clock(server), twilio)


def another_process(workshop: Workshop) -> Workshop:
    """A worker that knows only what Redis and Twilio know."""
    ledger = ClockedLedger(workshop.rt.ledger.redis, Timing(), CLOCKED_PRELUDE)
    again = make_workshop(ledger, workshop.clock, str(workshop.rt.settings.twilio_api_base_url))
    again.sids = workshop.sids
    return again


def sent(workshop: Workshop) -> list[str]:
    """What Twilio was asked to send, oldest first."""
    messages = call("GET", f"{workshop.rt.settings.twilio_api_base_url}/_control/messages")[1]["messages"]
    return [m["body"] for m in messages if m["direction"] == "outbound-api"]


@pytest.mark.parametrize(("is_another", "messages"), [(True, 1), (False, 2)])
def test_a_turn_that_redis_forgot_is_not_sent_twice(
    server: redis.Redis, workshop: Workshop, redis_server: Any, is_another: bool, messages: int
) -> None:
    """The turn is done again on an older copy of the data: its reply is found at Twilio, and marked as sent."""
    raw = redis.Redis.from_url(redis_server.url.removesuffix("/0") + f"/{DATABASE}")
    workshop.receive(A, "Hello")
    copy = {name: raw.dump(name) for name in raw.scan_iter()}
    workshop.work(A)
    assert len(sent(workshop)) == 1

    server.flushdb()
    for name, value in copy.items():
        raw.restore(name, 0, value)
    raw.close()
    if is_another:
        another_server(server)
    again = another_process(workshop)
    again.work(A)

    assert len(sent(again)) == messages
    states = [
        records.decode_part(str(v))["state"] for v in server.hvals(keys.customer_key("parts", again.cid(A)))
    ]
    assert states == ["sent"]
    assert not server.exists(keys.customer_key("outbox", again.cid(A)))


@pytest.mark.parametrize(("age_s", "messages"), [(61, 1), (60, 2)])
def test_a_part_that_waited_long_is_looked_for_first(
    server: redis.Redis, workshop: Workshop, age_s: int, messages: int
) -> None:
    """A part that stands unsent for more than a minute may have been sent by somebody whose mark was lost."""
    workshop.at(0, A, "Hello")
    cid = workshop.cid(A)
    name = keys.customer_key("parts", cid)
    [(number, _value)] = server.hgetall(name).items()
    _, session, said = workshop.rt.ledger.read(cid)
    assert session
    number, created = str(number), said[-1].at
    record = part(SMS, 0, A, said[-1].content) | {
        "message": 1,
        "session": number_of(session),
        "created": created,
    }
    server.hset(name, number, json.dumps(record))
    server.rpush(keys.customer_key("outbox", cid), number)
    workshop.clock.advance(age_s * SECOND)
    workshop.work(A)

    assert len(sent(workshop)) == messages
    assert records.decode_part(str(server.hget(name, number)))["state"] == "sent"


def test_in_quarantine_what_is_not_found_is_sent(server: redis.Redis, workshop: Workshop) -> None:
    """A quarantine holds up nothing that Twilio does not have, though the same text was sent before."""
    workshop.at(0, A, "Hello")
    another_server(server)
    again = another_process(workshop)
    again.at(1, A, "Hello")

    assert len(sent(again)) == 2


def test_in_quarantine_nothing_goes_out_unlooked(server: redis.Redis, workshop: Workshop) -> None:
    """While Twilio's list cannot be read, the part waits; it goes when the list is back."""
    another_server(server)
    call("POST", f"{workshop.rt.settings.twilio_api_base_url}/_control/faults", {"kind": "503", "on": "list"})
    workshop.at(0, A, "Hello")
    assert sent(workshop) == []

    workshop.clock.advance(4 * SECOND)
    workshop.work(A)

    assert len(sent(workshop)) == 1
