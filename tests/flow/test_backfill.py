"""What Twilio could not deliver to us is fetched from its list: once, and not what is none of ours."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from session import address, keys
from session.ledger import Ledger
from tests.flow.system import ACCOUNT, ID_KEY, OURS, System, wait_for
from tests.flow.test_signed_vectors import new_sid

ANOTHER = "+15550002222"  # of the account, but named in no setting and no agent's file


@pytest.fixture(scope="module")
def fetching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that fetches every second; old is what is older than ten seconds."""
    running = System(tmp_path_factory.mktemp("fetching"), BACKFILL_SECONDS="1", BACKFILL_LATE_SECONDS="10")
    try:
        running.start()
        wait_for(lambda: running.redis.get(keys.STARTED), "the first look")
        time.sleep(1)  # Twilio's dates are whole seconds: what comes now is after the first start
        yield running
    finally:
        running.stop()


def cid_of(customer: str) -> str:
    return address.customer_id(ID_KEY, customer)


def web_is_dead(system: System) -> None:
    if "web" in system.processes:
        system.kill("web", signal.SIGTERM)  # gunicorn, killed, leaves its children behind for a while


def web_is_back(system: System) -> None:
    system.spawn("web")
    system.ready("web")


def fetched(system: System, customer: str) -> list[dict[str, Any]]:
    return [e for e in system.events("message_fetched", "worker") if e["customer"] == cid_of(customer)[:6]]


def heard(system: System, customer: str) -> list[str]:
    """What became of this customer's webhooks, once there are two."""
    mine = [e for e in system.events("message_received", "web") if e["customer"] == cid_of(customer)[:6]]
    return [e["outcome"] for e in mine] if len(mine) >= 2 else []


def test_a_message_of_a_dead_web_is_answered_once(fetching: System) -> None:
    """Its webhook reached nobody; it is answered all the same, and its late webhook is a repeat."""
    customer = "+15550690001"
    web_is_dead(fetching)
    said = fetching.says(customer, "Hi, I'm having trouble with my order #12345")
    assert not said["accepted"]
    reply = fetching.reply(customer)
    web_is_back(fetching)
    late = [
        ("MessageSid", said["message_sid"]), ("AccountSid", ACCOUNT), ("From", customer), ("To", OURS),
        ("Body", "Hi, I'm having trouble with my order #12345"), ("NumMedia", "0"),
    ]  # fmt: skip
    status, _ = fetching.signed("/sms", late)
    fetching.says(customer, "Thank you")
    fetching.reply(customer, 2)

    assert "12345" in reply
    assert status == 200
    assert wait_for(lambda: heard(fetching, customer), "the log of web") == ["dup", "new"]
    assert len(fetching.replies(customer)) == 2
    assert len(fetched(fetching, customer)) == 1


def test_what_is_too_old_goes_to_a_person(fetching: System) -> None:
    """Fetched late it is kept with its text, not answered; a STOP among it counts."""
    customer, stopper = "+15550690002", "+15550690003"
    fetching.kill("worker")
    web_is_dead(fetching)
    fetching.says(customer, "Is anybody there?")
    fetching.says(stopper, "STOP")
    time.sleep(11.5)
    web_is_back(fetching)
    fetching.spawn("worker")
    [event] = wait_for(lambda: fetched(fetching, customer), "the message")
    wait_for(lambda: fetched(fetching, stopper), "the STOP")

    assert (event["outcome"], event["reason"]) == ("buried", "fetched_late")
    assert "fetched_late" in str(fetching.redis.hgetall(keys.customer_key("failures", cid_of(customer))))
    assert "Is anybody there?" in str(fetching.redis.hgetall(keys.customer_key("failures", cid_of(customer))))
    assert fetching.redis.hexists(keys.customer_key("customer", cid_of(stopper)), f"optout:sms|{OURS}")
    assert fetching.replies(customer) == fetching.replies(stopper) == []


def test_what_is_none_of_ours_is_left(fetching: System) -> None:
    """Another program's number, a deleted customer, and what came before the first start are not fetched."""
    other, deleted, known = "+15550690004", "+15550690005", "+15550690006"
    Ledger(fetching.redis).forget(cid_of(deleted))
    web_is_dead(fetching)
    fetching.says(other, "Hello, other program", to=ANOTHER)
    fetching.says(deleted, "Hello again")
    fetching.says(known, "Hello")
    fetching.reply(known)
    web_is_back(fetching)

    assert fetched(fetching, other) == fetched(fetching, deleted) == []
    assert not list(fetching.redis.scan_iter(f"*{cid_of(other)}*"))
    assert list(fetching.redis.scan_iter(f"*{cid_of(deleted)}*")) == [
        keys.customer_key("erased", cid_of(deleted))
    ]


def test_nothing_from_before_the_first_start(fetching: System) -> None:
    """A number that somebody answered before us has messages that are not ours to answer."""
    early, later = "+15550690007", "+15550690008"
    fetching.kill("worker")
    web_is_dead(fetching)
    fetching.says(early, "Hello")
    time.sleep(1.5)
    fetching.redis.set(keys.STARTED, int(time.time() * 1000))
    time.sleep(1)
    fetching.says(later, "Hello")
    fetching.spawn("worker")
    fetching.reply(later)
    web_is_back(fetching)

    assert fetched(fetching, early) == []


def test_a_list_that_cannot_be_read_is_read_the_next_time(fetching: System) -> None:
    """Twilio is away for the list: a line in the log, without a word of its answer, and the message comes later."""
    customer = "+15550690009"
    web_is_dead(fetching)
    fetching.fault("503", 2, on="list")
    fetching.says(customer, "Hello")
    fetching.reply(customer)
    web_is_back(fetching)

    assert {e["code"] for e in fetching.events("backfill_failed", "worker")} == {20503}


def test_pictures_come_along(fetching: System) -> None:
    """A fetched picture is known as one, with its address."""
    customer = "+15550690010"
    web_is_dead(fetching)
    fetching.says(customer, "", media=[{"url": "https://api.twilio.com/x", "content_type": "image/png"}])
    fetching.reply(customer)
    web_is_back(fetching)
    first = fetching.session(customer)["conversation_history"][0]

    assert first["message_type"] == "image"


def test_nothing_new_costs_a_list_and_a_round_trip(fetching: System) -> None:
    """With every message seen, a look writes nothing and rings for nobody."""
    customer = "+15550690011"
    fetching.says(customer, "Hello", message_sid=new_sid())
    fetching.reply(customer)
    before = len(fetching.events("message_fetched", "worker"))
    slot = f"{keys.PREFIX}clock:fetch_missed:*"
    looks = set(fetching.redis.scan_iter(slot))
    wait_for(lambda: len(set(fetching.redis.scan_iter(slot)) - looks) >= 3, "three looks")

    assert len(fetching.events("message_fetched", "worker")) == before
    assert len(fetching.replies(customer)) == 1
