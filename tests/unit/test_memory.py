"""What a customer told us, merged."""

from __future__ import annotations

from typing import Any

import pytest

from ai.memory import merge_entities
from session.model import Entity

FIRST = {"order": Entity("111", "m1", 10)}


@pytest.mark.parametrize(
    ("known", "reported", "expected"),
    [
        ({}, {"order": "111"}, {"order": Entity("111", "m2", 20)}),
        (FIRST, {}, FIRST),
        (FIRST, {"order": "222"}, {"order": Entity("222", "m2", 20)}),
        (FIRST, {"order": "111"}, FIRST),
        (FIRST, {"order": 111}, {"order": Entity(111, "m2", 20)}),
        ({"n": Entity(1, "m1", 10)}, {"n": True}, {"n": Entity(True, "m2", 20)}),
        (FIRST, {"name": "Ann"}, FIRST | {"name": Entity("Ann", "m2", 20)}),
    ],
)
def test_merge(known: dict[str, Entity], reported: dict[str, Any], expected: dict[str, Entity]) -> None:
    """A later value replaces an earlier one, a repeated one keeps its first message, the rest stays."""
    assert merge_entities(known, reported, "m2", 20) == expected


def test_merge_leaves_its_arguments() -> None:
    """Merging makes a new mapping and changes none."""
    known = dict(FIRST)

    merge_entities(known, {"order": "222"}, "m2", 20)

    assert known == FIRST
