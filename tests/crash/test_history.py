"""The checker checked: each way to break a promise, given to it as a history, is found, and nothing else."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tests.crash.history import Taken, Verdict, Window, Written, judge


def wrote(*names: str, lost: tuple[str, ...] = ()) -> list[Written]:
    """Written in this order; those in ``lost`` were not acknowledged."""
    return [Written((p := n.rpartition("-"))[0], int(p[2]), n not in lost) for n in names]


def took(*texts: str, at: tuple[float, ...] = ()) -> list[Taken]:
    """Twilio took these, on the lane of the first name, or before a colon."""
    taken = []
    for place, text in enumerate(texts):
        lane, colon, rest = text.partition(": ")
        when = at[place] if at else float(place)
        taken.append(Taken(lane, rest, when) if colon else Taken(text.partition("-")[0], text, when))
    return taken


CASES = [
    ("one answer each", wrote("A-1", "A-2", "B-1"), took("A-1", "B-1", "A-2"), {}),
    ("several in one answer", wrote("A-1", "A-2"), took("A-1 A-2"), {}),
    ("a notice answers nothing", wrote("A-1"), took("A: Sorry, later", "A-1"), {}),
    ("never answered", wrote("A-1", "A-2"), took("A-1"), {"lost": ["A-2"]}),
    ("only a notice", wrote("A-1"), took("A: Sorry"), {"lost": ["A-1"]}),
    ("answered twice", wrote("A-1", "A-2"), took("A-1", "A-1 A-2"), {"doubled": ["A-1"]}),
    ("named twice in one answer", wrote("A-1"), took("A-1 A-1"), {"doubled": ["A-1"]}),
    ("the wrong way round", wrote("A-1", "A-2"), took("A-2", "A-1"), {"overtaken": ["A-1"]}),
    ("wrong way round in one answer", wrote("A-1", "A-2"), took("A-2 A-1"), {"overtaken": ["A-1"]}),
    ("another lane is no order", wrote("A-1", "B-1"), took("B-1", "A-1"), {}),
    ("on a foreign lane", wrote("A-1", "B-1"), took("A-1", "A: B-1"), {"astray": ["B-1"]}),
    ("never written", wrote("A-1"), took("A-1", "A-7"), {"invented": ["A-7"]}),
    ("not acknowledged, not answered", wrote("A-1", "A-2", lost=("A-1",)), took("A-2"),
     {"unacknowledged": ["A-1"]}),
    ("not acknowledged, fetched late", wrote("A-1", "A-2", lost=("A-1",)), took("A-2", "A-1"),
     {"unacknowledged": ["A-1"], "recovered": ["A-1"]}),
    ("not acknowledged, answered twice", wrote("A-1", lost=("A-1",)), took("A-1", "A-1"),
     {"unacknowledged": ["A-1"], "recovered": ["A-1"], "doubled": ["A-1"]}),
]  # fmt: skip


@pytest.mark.parametrize(("written", "taken", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_each_violation_is_found_and_nothing_else(
    written: list[Written], taken: list[Taken], expected: dict[str, list[str]]
) -> None:
    """A history gives exactly these findings, and holds only when none of them breaks a promise."""
    verdict = judge(written, taken)

    assert {f.name: getattr(verdict, f.name) for f in fields(Verdict) if getattr(verdict, f.name)} == expected
    assert verdict.holds == (not expected.keys() & {"lost", "doubled", "overtaken", "astray", "invented"})


def test_what_a_person_is_asked_about_is_not_lost() -> None:
    """An accepted message that stands among the failures is said apart; another one is lost as ever."""
    verdict = judge(wrote("A-1", "A-2"), [], failures=["A-1"])

    assert (verdict.to_person, verdict.lost) == (["A-1"], ["A-2"])


@pytest.mark.parametrize(("start", "end", "second", "excused"), [
    (10.0, 14.0, 14.1, True),  # it woke and wrote what it was about to write
    (10.0, 14.0, 15.0, False),  # long awake
    (10.0, 12.0, 12.1, False),  # frozen too shortly for anybody to have sent again
    (10.0, 14.0, 11.0, False),  # while it was frozen
])  # fmt: skip
def test_row_12_excuses_nothing_but_its_window(
    start: float, end: float, second: float, excused: bool
) -> None:
    """A second answer right after a long freeze is named apart; any other is doubled."""
    taken = took("A-1", "A-1", at=(5.0, second))
    verdict = judge(wrote("A-1"), taken, windows=[Window(start, end)], resend_after=2.5)

    assert (verdict.frozen, verdict.doubled) == ((["A-1"], []) if excused else ([], ["A-1"]))
