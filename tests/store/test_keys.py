"""Every key of ours is in the tables, in one slot per customer, and has its end."""

from __future__ import annotations

import re

import pytest
import redis

from session import keys, scripts
from tests.store.desk import CLOCK_KEY, CUSTOMER_ADDRESS, Clock, Desk, cid_of
from tests.store.test_repeat_safe import ALL_STEPS, live_through_everything

KNOWN = keys.CUSTOMER | keys.CLAIM | keys.PARTITION | keys.SINGLE
WRITES = [
    "SET",
    "DEL",
    "HSET",
    "HSETNX",
    "HDEL",
    "HINCRBY",
    "RPUSH",
    "LPUSH",
    "LREM",
    "LTRIM",
    "ZADD",
    "ZREM",
    "INCR",
    "PEXPIRE",
    "EXPIRE",
    "PERSIST",
    "SADD",
    "SREM",
    "SETEX",
    "HMSET",
    "UNLINK",
    "RENAME",
    "XADD",
]
SINGLE_KEYS = re.compile(r"ringback:\{p\d\d\}:(seen|erased|alias):")
REDIS_TYPES = {"counter": "string"}
CALL = re.compile(r"redis\.call\('([A-Z]+)',?\s*([^,)\s]*)")


@pytest.mark.parametrize("name", ALL_STEPS)
def test_a_script_names_every_key_it_touches(name: str) -> None:
    """A script calls Redis on its declared keys only, which the tables know, and never on a made-up name."""
    step = scripts.load(name)
    assert set(step.keys) <= set(KNOWN)
    touched = {key for command, key in CALL.findall(step.text) if command != "TIME"}
    # 'key' is the loop over all declared keys of the customer, in keep_alive and forget.
    assert touched - {"key"} <= set(step.keys)


@pytest.mark.parametrize("name", ALL_STEPS)
def test_the_tables_name_the_writers(name: str) -> None:
    """The tables' word on which scripts write a key is what the scripts do."""
    step = scripts.load(name)
    written = {key for command, key in CALL.findall(step.text) if command in WRITES} & set(KNOWN)
    claimed = {key for key, kind in KNOWN.items() if name in kind.writer.split()}
    claimed |= {"sequence"} & set(step.keys)  # "all that make one"
    if name == "forget":  # deletes whatever there is
        assert {"erased", "claim"} <= written
        return
    assert written == claimed & set(step.keys) == claimed


@pytest.mark.parametrize("name", ALL_STEPS)
def test_a_steps_keys_share_one_slot(name: str) -> None:
    """All keys of one call carry the same hash tag, so that Redis Cluster takes the call."""
    cid = cid_of(CUSTOMER_ADDRESS)
    tags = {re.search(r"\{(.*?)\}", keys.key(key, cid, "SM1"))[1] for key in scripts.load(name).keys}  # type: ignore[index]
    assert tags == {keys.partition(cid)}


def test_an_unlisted_key_is_refused(tmp_path: object) -> None:
    """Every script there is can be loaded, and loading checks its keys against the tables."""
    assert len(ALL_STEPS) >= 14
    for name in ALL_STEPS:
        assert scripts.load(name).name == name
    with pytest.raises(FileNotFoundError):
        scripts.load("no_such_step")


def test_every_key_is_in_the_tables_with_its_type_and_end(desk: Desk, store: redis.Redis) -> None:
    """After a whole life each key found is one of the tables', of that type, and ends when they say it does."""
    live_through_everything(desk)
    desk.text("to be answered")
    desk.claim()

    found = {str(name) for name in store.scan_iter(count=1000)} - {CLOCK_KEY}
    known = {keys.key(name, desk.cid): (name, kind) for name, kind in KNOWN.items()}
    names = set()
    for key in found:
        if SINGLE_KEYS.match(key):
            assert int(str(store.pttl(key))) > 0
            continue
        name, kind = known[key]
        names.add(name)
        assert store.type(key) == REDIS_TYPES.get(kind.type, kind.type)
        ends = int(str(store.pttl(key)))
        assert (ends == -1) == (kind.lifetime == "for ever"), name
        if kind.lifetime == "retention":
            assert ends > desk.ledger.timing.retention_ms - 60_000, name
    expected = set(keys.CUSTOMER | keys.CLAIM | keys.PARTITION)
    assert expected - names <= {"rings", "outbox", "placed"}


def test_no_key_or_index_holds_a_number_or_text(desk: Desk, store: redis.Redis) -> None:
    """Key names, members of indexes and ids hold neither an address nor a word of the customer's."""
    live_through_everything(desk)
    names = [str(name) for name in store.scan_iter(count=1000)]
    for name in keys.PARTITION:
        key = keys.key(name, desk.cid)
        if store.type(key) == "zset":
            names += map(str, store.zrange(key, 0, -1))
        elif store.type(key) == "hash":
            names += map(str, store.hkeys(key))

    assert not [name for name in names if "500555" in name or "there" in name]
    assert any(desk.cid in name for name in names)


@pytest.mark.parametrize("number", ["1", "21", "999999999999999"])
@pytest.mark.parametrize("letter", ["s", "m", "t", "f"])
def test_ids_find_their_customer(letter: str, number: str) -> None:
    """An id made is an id understood, with the customer and number in it."""
    cid = cid_of(CUSTOMER_ADDRESS)
    assert keys.parse_id(keys.make_id(letter, cid, number)) == (cid, letter, int(number), 0)
    assert keys.parse_id(keys.part_id(cid, f"{number}.5")) == (cid, "m", int(number), 5)


CID = cid_of(CUSTOMER_ADDRESS)
GOOD = keys.make_id("s", CID, 1)


@pytest.mark.parametrize(
    "text",
    [
        "", "p", GOOD + "\n", " " + GOOD, GOOD.upper(), GOOD + "-0", GOOD + "-10", GOOD[:-1] + "0", GOOD[:-1] + "01",
        GOOD[:-1] + "١", GOOD.replace("-s", "-x"), GOOD.replace(GOOD[:3], "p64"), "../" + GOOD, GOOD + "/..",
        GOOD.replace(GOOD[:3], "p00" if GOOD[:3] != "p00" else "p01"), GOOD + "9" * 60, "\0" + GOOD, "x" * 10_000,
        keys.make_id("s", CID[:-1], 1), keys.make_id("s", CID, -1), keys.make_id("s", CID, "9" * 17),
    ],
)  # fmt: skip
def test_what_is_no_id_of_ours(text: str) -> None:
    """Anything else is no id: another partition's, another letter's, decorated, too long, or made up."""
    assert keys.parse_id(text) is None


def test_the_real_clock_is_the_servers(store: redis.Redis, clock: Clock) -> None:
    """Outside tests the scripts tell the time of the server that runs them."""
    from session.ledger import Ledger

    ledger = Ledger(store)
    before = ledger.now()
    desk = Desk(ledger, clock)  # type: ignore[arg-type]
    desk.text()
    assert before <= desk.claim().taken_at <= ledger.now()
