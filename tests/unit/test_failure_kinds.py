"""Every reason of failing has a cause and an effect of a retry, in code and on docs/failures.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from session.failures import EFFECTS, KINDS, Act
from session.retries import SENTENCES

PROJECT = Path(__file__).resolve().parents[2]
# Where a reason is written down: a literal in a script, in a failure's record, or given to what writes one.
WRITTEN = {
    "session/scripts/*.lua": (r"reason = '(\w+)'", r"bury = '(\w+)'"),
    "workers/*.py": (
        r'failure=\{"reason": "(\w+)"', r'_give_up\(claim, part, "(\w+)"', r'bury="(\w+)"', r' reason = "(\w+)"',
        r'(?:DAY|BUDGET) = "(\w+)"',
    ),
    "session/inbound.py": (r'\n +return "(\w+)"',),
}  # fmt: skip


def reasons() -> set[str]:
    """The reasons that the code knows."""
    return {
        reason
        for places, patterns in WRITTEN.items()
        for path in PROJECT.glob(places)
        for pattern in patterns
        for reason in re.findall(pattern, path.read_text(encoding="utf-8"))
    }


def test_every_reason_has_a_cause_and_an_effect() -> None:
    """What is written down as a failure's reason is in the table that explains it."""
    found = reasons()

    assert {"attempts", "flood", "model_away", "expired", "own_number", "refused_by_twilio"} <= found
    assert found - set(KINDS) == set()
    assert set(EFFECTS) == set(Act)


@pytest.mark.parametrize("name", [*KINDS, *(code for code in SENTENCES)])
def test_every_reason_and_refusal_is_explained(name: str) -> None:
    """Each reason, and each code with which a retry is refused, stands on docs/failures.md."""
    assert f"`{name}`" in (PROJECT / "docs" / "failures.md").read_text(encoding="utf-8")
