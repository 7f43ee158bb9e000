"""What ``ringback doctor`` finds, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PROBE_SECONDS = 5.0  # for one look


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    verdict: Verdict
    about: str
    sentence: str


def ok(about: str, sentence: str) -> Finding:
    return Finding(Verdict.OK, about, sentence)


def warning(about: str, sentence: str) -> Finding:
    return Finding(Verdict.WARNING, about, sentence)


def wrong(about: str, sentence: str) -> Finding:
    return Finding(Verdict.WRONG, about, sentence)
