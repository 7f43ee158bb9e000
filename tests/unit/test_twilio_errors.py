"""Twilio's error codes: one table, the same as on docs/twilio.md; what is in doubt is never called a refusal.

``python -m tests.unit.test_twilio_errors`` writes the table in docs/twilio.md anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from session import optout
from workers.twilio_account import Breaker
from workers.twilio_errors import TABLE, Kind, classify

PAGE = Path(__file__).resolve().parents[2] / "docs/twilio.md"
BEGIN, END = "<!-- codes -->\n", "\n<!-- end of codes -->"


def codes_table() -> str:
    """Every code as Markdown."""
    rows = ["| code | means | class |", "| --- | --- | --- |"]
    for code, fault in sorted(TABLE.items()):
        rows.append(f"| {code} | {fault.meaning} | {fault.kind}{', account' if fault.account else ''} |")
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("code", "status", "kind", "account"),
    [
        (21211, 400, Kind.PERMANENT, False),
        (21610, 400, Kind.OPT_OUT, False),
        (63014, 400, Kind.OPT_OUT, False),
        (21611, 400, Kind.LATER, False),
        (63038, 400, Kind.LATER, False),
        (20003, 401, Kind.CONFIGURATION, True),
        (21606, 400, Kind.CONFIGURATION, False),
        (21408, 403, Kind.CONFIGURATION, False),
        # what no code says, the status does
        (401, 401, Kind.CONFIGURATION, True),
        (99999, 403, Kind.CONFIGURATION, False),
        (99999, 400, Kind.PERMANENT, False),
        (404, 404, Kind.PERMANENT, False),
        (0, 418, Kind.PERMANENT, False),
        # and sometimes over the code's head
        (20429, 429, Kind.LATER, False),
        (21211, 429, Kind.LATER, False),
        (21211, 500, Kind.UNKNOWN, False),
        (20503, 503, Kind.UNKNOWN, False),
        (301, 301, Kind.UNKNOWN, False),
        (408, 408, Kind.UNKNOWN, False),
    ],
)
def test_what_a_refusal_means(code: int, status: int, kind: Kind, account: bool) -> None:
    """The code decides, but 429 was never processed and a 5xx may have been, whatever code they carry."""
    fault = classify(code, status)

    assert (fault.kind, fault.account) == (kind, account)


def test_what_nobody_knows_is_permanent_and_told() -> None:
    """A 4xx that is not in the table is not sent again, and is marked so that somebody hears of it."""
    assert not classify(29999, 400).known
    assert classify(21211, 400).known


def test_opt_outs_are_the_ones_that_callbacks_are_read_for() -> None:
    """The codes learnt as opt-outs from a refusal are those learnt from a callback."""
    assert {c for c, fault in TABLE.items() if fault.kind is Kind.OPT_OUT} == optout.LEARNT_FROM


def test_the_page_is_the_table() -> None:
    """docs/twilio.md holds the table of workers/twilio_errors.py."""
    assert codes_table() == PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def test_the_breaker_lets_one_try() -> None:
    """Closed it stops nobody; open it lets one through in each period, until one is admitted."""
    now = [100.0]
    breaker = Breaker(5.0, lambda: now[0])
    assert [breaker.wait_s(), breaker.wait_s()] == [0.0, 0.0]

    breaker.refused()
    assert [breaker.wait_s(), breaker.wait_s()] == [5.0, 5.0]
    now[0] += 5.0
    assert [breaker.wait_s(), breaker.wait_s()] == [0.0, 5.0]
    breaker.refused()
    now[0] += 4.0
    assert breaker.wait_s() == 1.0
    breaker.admitted()
    assert [breaker.wait_s(), breaker.wait_s()] == [0.0, 0.0]


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + codes_table() + END + rest.partition(END)[2], encoding="utf-8")
