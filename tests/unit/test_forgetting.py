"""After "forget everything": what was said before stands in the record, and no model is shown it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ai import memory
from session import course, keys
from session.model import Channel, Direction, Message, Role, Session

CID = "0123456789abcdef" * 2
SESSION = course.begin("agent", Channel.SMS, "*", "+15550000001", "+15550000002", "first message", 1)


def said(number: int, text: str = "", role: Role = Role.USER) -> Message:
    """A message of this number."""
    direction = Direction.INBOUND if role is Role.USER else Direction.OUTBOUND
    return Message(direction, role, text or f"words {number}", Channel.SMS, id=keys.make_id("m", CID, number))


def forgot(upto: int) -> Session:
    return replace(SESSION, forgotten_upto=upto)


@given(st.lists(st.integers(1, 50), unique=True, max_size=12).map(sorted), st.integers(0, 50))
def test_what_came_after_the_wish_is_shown(numbers: list[int], upto: int) -> None:
    """Messages up to the wish are left out, all later ones stay, in their order."""
    shown = course.shown(forgot(upto), [said(number) for number in numbers])

    assert [said(number) for number in numbers if number > upto] == shown


def test_a_message_that_has_no_number_yet_is_shown() -> None:
    """What is not stored yet is new."""
    new = said(1)._replace(id="")

    assert [new] == course.shown(forgot(9), [new])


def test_the_bridge_carries_nothing_that_was_forgotten() -> None:
    """The next session takes over the words after the wish; without any there is no bridge."""
    before, after = said(3, "the green gate"), said(5, "hello again")
    bridge = memory.bridge(replace(forgot(4), id="s"), [before, after], 10)

    assert bridge is not None
    assert "customer: hello again" == bridge["summary"]
    assert memory.bridge(replace(forgot(4), id="s"), [before], 10) is None
