"""One typed value: of an entity, where neutral values mean nothing, and of a tool, where 0 and false are said."""

from __future__ import annotations

from typing import Any

import pytest

from ai.values import Rejected, WrongShape, checked, described, json_schema, reported
from config.agents import EntityField

ROOMS = EntityField("rooms", "integer", "D", minimum=1, maximum=9)
CODE = EntityField("code", "string", "D", pattern="[A-Z]{2}[0-9]+")
PRICE = EntityField("price", "money", "D", minimum=10, maximum=20)
URGENT = EntityField("urgent", "boolean", "D")
SHARE = EntityField("share", "number", "D")


@pytest.mark.parametrize(
    ("field", "value", "plain"),
    [
        (SHARE, 0, 0),
        (SHARE, 0.0, 0.0),
        (URGENT, False, False),
        (URGENT, True, True),
        (ROOMS, 9.0, 9),
        (CODE, " AB1 ", "AB1"),
        (CODE, "", None),
        (CODE, None, None),
        (PRICE, {"amount": 10, "currency": "EUR"}, {"amount": 10, "currency": "EUR"}),
    ],
)
def test_an_argument_may_be_zero(field: EntityField, value: Any, plain: Any) -> None:
    """A tool's argument of 0 or false is what was said."""
    assert checked(field, value, "place") == plain


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (ROOMS, 0),
        (ROOMS, 10),
        (ROOMS, -1),
        (CODE, "AB"),
        (CODE, "ab1"),
        (CODE, "AB1 and more"),
        (PRICE, {"amount": 9.99, "currency": "EUR"}),
        (PRICE, {"amount": 21, "currency": "EUR"}),
        (PRICE, {"amount": 15, "currency": "EURO"}),
    ],
)
def test_bounds_are_kept(field: EntityField, value: Any) -> None:
    """A value beyond its bounds, or not matching, is rejected with its place and what it must be."""
    with pytest.raises(Rejected, match=r"^place (must|needs)"):
        checked(field, value, "place")


@pytest.mark.parametrize("value", [0, 0.0, None])
def test_nothing_to_report_is_no_fault(value: Any) -> None:
    """An entity's neutral value is within any bounds."""
    assert reported(ROOMS, value, "place") is None


@pytest.mark.parametrize(
    ("field", "value"), [(ROOMS, False), (URGENT, 0), (CODE, 0), (PRICE, []), (PRICE, 0), (SHARE, "")]
)
def test_neutral_of_another_type(field: EntityField, value: Any) -> None:
    """What is empty in another type is of the wrong type."""
    with pytest.raises(WrongShape):
        reported(field, value, "place")


def test_bounds_are_told_in_words() -> None:
    """Not in the schema, where 0 must be allowed: the description tells them."""
    assert described(ROOMS) == "D At least 1. At most 9."
    assert "[A-Z]{2}[0-9]+" in described(CODE)
    assert json_schema(ROOMS) == {"type": ["integer", "null"], "description": described(ROOMS)}
