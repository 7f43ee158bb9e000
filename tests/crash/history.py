"""The history checker: what customers wrote and what Twilio took, held against what we promise.

It knows nothing of how Ringback works. Customers number their messages, ``A-17`` is the seventeenth on lane A,
and the model's reply names the numbers that it answers; so each message Twilio accepted says what it answers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

NAMED = re.compile(r"\b([A-Z]{1,3})-(\d{1,6})\b")


@dataclass(frozen=True, slots=True)
class Written:
    """A message of a customer. ``accepted``: a webhook that told of it was answered 200."""

    lane: str
    number: int
    accepted: bool

    @property
    def name(self) -> str:
        return f"{self.lane}-{self.number}"


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that Twilio accepted from us: where it goes, its text, when (s, monotonic or since 1970)."""

    lane: str
    text: str
    at: float = 0.0

    @property
    def names(self) -> list[str]:
        return [f"{lane}-{number}" for lane, number in NAMED.findall(self.text)]


@dataclass(frozen=True, slots=True)
class Window:
    """A process was frozen from ``start`` to ``end``; row 12 of the crash table may strike as it wakes."""

    start: float
    end: float


@dataclass(slots=True)
class Verdict:
    """What the promises say to a history. Each list holds names of messages, in a history's order."""

    lost: list[str] = field(default_factory=list)  # accepted, never answered, and no person was asked
    doubled: list[str] = field(default_factory=list)  # answered twice
    overtaken: list[str] = field(default_factory=list)  # answered before one that was accepted earlier
    astray: list[str] = field(default_factory=list)  # answered on another lane than it was written on
    invented: list[str] = field(default_factory=list)  # answered, and never written
    # Not held against us, and said apart:
    frozen: list[str] = field(default_factory=list)  # doubled within the window of row 12
    to_person: list[str] = field(default_factory=list)  # accepted, and kept as a failure for a person
    unacknowledged: list[str] = field(default_factory=list)  # no 200: Twilio knows that we have not got it
    recovered: list[str] = field(default_factory=list)  # of these, answered all the same

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.overtaken or self.astray or self.invented)


def judge(
    written: Sequence[Written],
    taken: Sequence[Taken],
    *,
    failures: Iterable[str] = (),
    windows: Sequence[Window] = (),
    resend_after: float = 0.0,
) -> Verdict:
    """Hold a history against the promises. Both sequences are in the order of acceptance.

    On a lane a customer writes the next message when the webhook of the last is answered, so a lane's accepted
    messages have one order. One that was not acknowledged may come in late by another way and is not held
    to it. ``failures``: names that stand in the ledger as work for a person. ``resend_after``: seconds after
    which a part may be sent again; only a freeze that lasted so long can double one (row 12).
    """
    verdict, kept = Verdict(), set(failures)
    accepted = {w.name: w.accepted for w in written}
    answers: dict[str, list[Taken]] = defaultdict(list)
    for each in taken:
        for name in each.names:
            answers[name].append(each)
            if name not in accepted:
                verdict.invented.append(name)
            elif name.rpartition("-")[0] != each.lane:
                verdict.astray.append(name)
    for name, was_accepted in accepted.items():
        got = answers.get(name, [])
        if not was_accepted:
            verdict.unacknowledged.append(name)
            verdict.recovered += [name] if got else []
        elif not got:
            (verdict.to_person if name in kept else verdict.lost).append(name)
        if len(got) > 1:
            excused = sum(_within(each.at, windows, resend_after) for each in got) >= len(got) - 1
            (verdict.frozen if excused else verdict.doubled).append(name)
    verdict.overtaken = _overtaken(accepted, taken)
    return verdict


def _within(at: float, windows: Sequence[Window], resend_after: float) -> bool:
    """Whether this came from a process just woken from a freeze longer than the wait before a resend."""
    return resend_after > 0 and any(
        w.end - w.start > resend_after and w.end <= at <= w.end + AWAKE_S for w in windows
    )


AWAKE_S = 0.5  # what a woken process needs to finish the write it was frozen in


def _overtaken(accepted: Mapping[str, bool], taken: Sequence[Taken]) -> list[str]:
    """Accepted messages whose first answer came before that of one accepted earlier on their lane, or beside
    it in one reply but named the wrong way round."""
    found, seen, highest = [], set[str](), dict[str, int]()
    for each in taken:
        for name in each.names:
            if name in seen or not accepted.get(name):
                continue
            seen.add(name)
            lane, _, number = name.rpartition("-")
            if int(number) < highest.get(lane, 0):
                found.append(name)
            highest[lane] = max(highest.get(lane, 0), int(number))
    return found
