"""What a customer told us: merged, added up, remembered, and carried into the next session."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.memory import (
    CONFIDENCE_FLOOR,
    HALF_LIFE_MS,
    bridge,
    merge_entities,
    order_details,
    remember,
    strength,
)
from config.agents import Agent, EntityField, MemoryRules, OrderRule
from session.model import (
    Channel,
    Direction,
    Entity,
    HandledBy,
    MemoryChange,
    MemoryItem,
    Message,
    Role,
    Session,
    State,
)

NOW = 1_795_200_000_000
DAY = 24 * 3_600_000
RULES = MemoryRules()
FIRST = {"order": Entity("111", "m1", 10)}
PARTS = tuple(EntityField(name, "string", "D") for name in ("name", "quantity", "price"))
SHOP = Agent(
    "shop",
    "Shop",
    "I",
    "",
    (EntityField("items", "items", "D", fields=PARTS),),
    order=OrderRule("items", "quantity", "price"),
)


@pytest.mark.parametrize(
    ("known", "reported", "expected"),
    [
        ({}, {"order": "111"}, {"order": Entity("111", "m2", 20)}),
        (FIRST, {}, FIRST),
        (FIRST, {"order": "222"}, {"order": Entity("222", "m2", 20, (("111", "m1", 10),))}),
        (FIRST, {"order": "111"}, FIRST),
        (FIRST, {"order": 111}, {"order": Entity(111, "m2", 20, (("111", "m1", 10),))}),
        ({"n": Entity(1, "m1", 10)}, {"n": True}, {"n": Entity(True, "m2", 20, ((1, "m1", 10),))}),
        ({"n": Entity(2, "m1", 10)}, {"n": 2.0}, {"n": Entity(2, "m1", 10)}),
        ({"l": Entity([{"a": 1}], "m1", 10)}, {"l": [{"a": 1}]}, {"l": Entity([{"a": 1}], "m1", 10)}),
        (FIRST, {"name": "Ann"}, FIRST | {"name": Entity("Ann", "m2", 20)}),
    ],
)
def test_merge(known: dict[str, Entity], reported: dict[str, Any], expected: dict[str, Entity]) -> None:
    """A later value replaces an earlier one and keeps it in its record; a repeated one keeps its first message."""
    assert merge_entities(known, reported, "m2", 20) == expected


def test_merge_leaves_its_arguments() -> None:
    """Merging makes a new mapping and changes none."""
    known = dict(FIRST)

    merge_entities(known, {"order": "222"}, "m2", 20)

    assert known == FIRST


def test_earlier_values_are_bounded() -> None:
    """The five values before the last stay, the newest first."""
    known: dict[str, Entity] = {}
    for n in range(9):
        known = merge_entities(known, {"order": str(n)}, f"m{n}", n)

    assert known["order"].value == "8"
    assert known["order"].earlier == tuple((str(n), f"m{n}", n) for n in (7, 6, 5, 4, 3))


@pytest.mark.parametrize(
    ("items", "total"),
    [
        ([{"name": "Pizza", "quantity": 2, "price": 12.5}, {"name": "Cola", "price": 3}], {"total": 28.0}),
        ([{"quantity": 3, "price": 0.1}], {"total": 0.3}),
        ([{"quantity": 1, "price": 1.005}], {"total": 1.0}),
        ([{"quantity": 2, "price": 5}, {"name": "Cola"}], {"total": None}),
        ([{"price": {"amount": 4.5, "currency": "EUR"}, "quantity": 2}], {"total": 9.0, "currency": "EUR"}),
        (
            [{"price": {"amount": 4, "currency": "EUR"}}, {"price": {"amount": 4, "currency": "USD"}}],
            {"total": None},
        ),
        ([{"price": 2**53, "quantity": 2**53}] * 50, {"total": float(50 * 2**106)}),
        ([{"price": 5e-324, "quantity": 1}], {"total": 0.0}),
        ([{"price": 1e300, "quantity": 1e300}], {"total": None}),  # as a program may put it there
    ],
)
def test_order_total(items: list[dict[str, Any]], total: dict[str, Any]) -> None:
    """The total is computed to the cent, and is not there until every price is known in one currency."""
    assert order_details(SHOP, {"items": Entity(items, "m1", 1)}) == {"items": items} | total


@pytest.mark.parametrize("value", [None, "", [], [5], "two pizzas", {"name": "Pizza"}])
def test_no_order(value: Any) -> None:
    """Without items, or without a rule, there is no order."""
    assert order_details(SHOP, {"items": Entity(value, "m1", 1)}) is None
    assert order_details(SHOP, {}) is None
    assert order_details(dataclasses.replace(SHOP, order=None), {"items": Entity([{}], "m1", 1)}) is None


def told(content: str, about: str = "", confidence: float = 0.9, kind: str = "fact") -> MemoryChange:
    return MemoryChange("remember", kind, about, content, confidence)


def forget(about: str = "", content: str = "") -> MemoryChange:
    return MemoryChange("forget", "fact", about, content)


def known_after(*turns: list[MemoryChange], rules: MemoryRules = RULES) -> tuple[MemoryItem, ...]:
    """What is remembered after some turns, a day apart, the last of them now."""
    items: tuple[MemoryItem, ...] = ()
    for n, changes in enumerate(turns):
        items = remember(items, changes, f"m{n}", NOW - (len(turns) - 1 - n) * DAY, rules)
    return items


def contents(items: tuple[MemoryItem, ...]) -> list[str]:
    return [item.content for item in items]


@pytest.mark.parametrize(
    ("turns", "left"),
    [
        ([[told("mornings", "delivery time")]], ["mornings"]),
        ([[told("mornings", "delivery time")], [told("evenings", "Delivery  Time:")]], ["evenings"]),
        ([[told("mornings", "delivery time"), told("evenings", "delivery time")]], ["evenings"]),
        ([[told("mornings", "delivery time")], [told("by text", "contact")]], ["mornings", "by text"]),
        ([[told("likes tea")], [told("Likes tea.")]], ["likes tea"]),
        ([[told("likes tea")], [told("likes coffee")]], ["likes tea", "likes coffee"]),
        ([[told("mornings", "délai")], [told("evenings", "de\u0301lai")]], ["evenings"]),
        ([[told("صباحا", "وقت التوصيل")], [told("مساء", "وقت التوصيل")]], ["مساء"]),
        ([[told("mornings", "delivery time")], [forget("Delivery time")]], []),
        ([[told("likes tea")], [forget(content="LIKES TEA")]], []),
        ([[told("likes tea", "drink")], [forget(content="likes tea")]], []),
        ([[told("likes tea")], [forget("likes tea")]], []),
        ([[told("mornings", "delivery time")], [forget("name")]], ["mornings"]),
        ([[told("mornings", "delivery time")], [forget(content="evenings")]], ["mornings"]),
        ([[told("mornings", "time"), forget("time")]], []),
        ([[told("mornings", "time")], [forget("time"), told("evenings", "time")]], ["evenings"]),
        ([[told("mornings", "time")], [told("evenings", "time", 0.1)]], ["mornings"]),
        ([[told("rumour", confidence=0.1)]], []),
        ([[told("  ", "time")]], []),
        ([[told("!?")]], []),
        ([[MemoryChange("none", "fact", "time", "mornings")]], []),
    ],
)
def test_remember(turns: list[list[MemoryChange]], left: list[str]) -> None:
    """A new item supersedes the one of its slot, what is forgotten goes, and what says nothing changes nothing."""
    assert contents(known_after(*turns)) == left


def test_source_and_times() -> None:
    """An item tells its message and when; told again it is fresh and still from where it was told first."""
    first, again = [told("by text", "contact", 0.6)], [told("By text!", "contact", 0.9)]

    (item,) = known_after(first, again)
    assert (item.content, item.source, item.at, item.used) == ("by text", "m0", NOW - DAY, NOW)
    assert item.confidence == 0.9

    (item,) = known_after(again, first)
    assert item.confidence == pytest.approx(0.9, abs=0.01)  # said less surely, it is no less true

    (item,) = known_after(first, again, [told("by call", "contact", 0.5)])
    assert (item.content, item.source, item.at, item.confidence) == ("by call", "m2", NOW, 0.5)


@pytest.mark.parametrize(
    ("idle", "expected"), [(0, 0.8), (HALF_LIFE_MS, 0.4), (2 * HALF_LIFE_MS, 0.2), (-DAY, 0.8)]
)
def test_confidence_fades(idle: int, expected: float) -> None:
    """Confidence halves with every ninety days unused; a clock that went back makes nothing stronger."""
    item = MemoryItem("k", "fact", "", "likes tea", 0.8, "m", NOW - idle - DAY, used=NOW - idle)

    assert strength(item, NOW) == pytest.approx(expected)


def test_what_faded_goes() -> None:
    """Below the floor an item is gone at the next turn, whatever that turn tells."""
    item = MemoryItem("k", "fact", "", "likes tea", 0.8, "m", NOW)

    assert remember([item], [], "m2", NOW + 2 * HALF_LIFE_MS, RULES) == (item,)
    assert remember([item], [], "m2", NOW + 2 * HALF_LIFE_MS + DAY, RULES) == ()


def test_cap_keeps_the_most_useful() -> None:
    """Over the cap the least believed go, the longest untold first where equal."""
    changes = [told("a", confidence=0.5), told("b", confidence=0.9), told("c", confidence=0.5)]

    assert contents(known_after(changes, rules=MemoryRules(items_max=2))) == ["b", "c"]
    assert contents(known_after(changes, rules=MemoryRules(items_max=1))) == ["b"]


@pytest.mark.parametrize(
    "change",
    [
        told("4111 1111 1111 1111", "card"),
        told("is hunter2", "password"),
        told("hunter2", "Mot de passe"),
        told("is pregnant"),
    ],
)
def test_nothing_sensitive_is_kept(change: MemoryChange) -> None:
    """Whether its slot says so or its content."""
    assert known_after([change, told("likes tea")], [change]) == known_after([told("likes tea")], [])


def test_health_is_kept_where_it_may_be() -> None:
    """A clinic's file may say that it keeps health; secrets it may not."""
    changes = [told("allergic to latex"), told("1234", "PIN")]

    assert contents(known_after(changes, rules=MemoryRules(sensitive=True))) == ["allergic to latex"]


def test_nothing_is_remembered_where_memory_is_off() -> None:
    """Switched off, memory keeps nothing, not even what was there."""
    items = known_after([told("likes tea")])

    assert remember(items, [told("likes milk")], "m", NOW, MemoryRules(enabled=False)) == ()


CHANGES = st.lists(
    st.builds(
        MemoryChange,
        st.sampled_from(["remember", "remember", "forget", "none"]),
        st.sampled_from(["fact", "preference"]),
        st.sampled_from(["", "a", "A.", "b", "c", "pin"]),
        st.sampled_from(["", "x", "X!", "y", "z", "ill", "a"]),
        st.sampled_from([0.0, 0.2, 0.5, 0.5, 1.0]),
    ),
    max_size=8,
)


@given(st.lists(st.tuples(CHANGES, st.integers(0, 200 * DAY)), max_size=6), CHANGES, st.integers(0, 4))
def test_remembering_is_bounded_and_safe_to_repeat(
    turns: list[tuple[list[MemoryChange], int]], changes: list[MemoryChange], items_max: int
) -> None:
    """Whatever is told: one item a slot, at most the cap, all above the floor, and told twice is told once."""
    rules, now, items = MemoryRules(items_max=items_max), NOW, ()
    for n, (earlier, later_ms) in enumerate(turns):
        items = remember(items, earlier, f"m{n}", now, rules)
        now += later_ms

    once = remember(items, changes, "m", now, rules)

    assert remember(once, changes, "m", now, rules) == once
    assert len(once) <= items_max
    assert all(strength(item, now) >= CONFIDENCE_FLOOR for item in once)
    slots = [(item.about or item.content).rstrip(".!").lower() for item in once]
    assert len(set(slots)) == len(slots) == len({item.id for item in once})
    assert "pin" not in slots


SESSION = Session(
    "s1", "shop", Channel.VOICE, State.CLOSED, HandledBy.ASSISTANT, "T", NOW - 5 * DAY, NOW - 3 * DAY,
    intent="late parcel", summary="Parcel 12345 is late.",
)  # fmt: skip


def said(words: str, role: Role = Role.USER, status: str = "sent") -> Message:
    direction = Direction.INBOUND if role is Role.USER else Direction.OUTBOUND
    return Message(direction, role, words, Channel.SMS, status=status)


def test_bridge() -> None:
    """A new session takes over what the last was about, from where and how long ago."""
    assert bridge(SESSION, [said("Hi")], NOW) == {
        "from": "s1",
        "ago_ms": 3 * DAY,
        "channel": "voice",
        "matter": "late parcel",
        "summary": "Parcel 12345 is late.",
    }


def test_bridge_without_summary() -> None:
    """Where none was made, the last words stand for a summary: cut, without numbers of cards, only what arrived."""
    tail = [
        said("lost to the cut"),
        said("My card is 4111 1111 1111 1111"),
        said("A notice", Role.SYSTEM),
        said("Never sent", Role.ASSISTANT, "failed"),
        said("Don't send me that.", Role.ASSISTANT),
        said("I'll look.", Role.AGENT),
        said("x" * 500),
        said(" "),
        said("thanks\nbye"),
        said("Bye", Role.ASSISTANT),
    ]

    carried = bridge(dataclasses.replace(SESSION, summary=""), tail, NOW - 10 * DAY)

    assert carried is not None
    assert carried["ago_ms"] == 0
    assert carried["summary"].split("\n") == [
        "customer: My card is [removed]",
        "assistant: Don't send me that.",
        "person of the team: I'll look.",
        f"customer: {'x' * 159}…",
        "customer: thanks bye",
        "assistant: Bye",
    ]


def test_nothing_to_bridge() -> None:
    """A session in which nothing was said leaves nothing."""
    assert bridge(dataclasses.replace(SESSION, intent="", summary=""), [], NOW) is None
