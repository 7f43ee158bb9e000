"""Pages of sessions: every session once, newest activity first, however many share a moment or a partition."""

from __future__ import annotations

import pytest
import redis

from session.claims import Change
from session.indexes import Indexes
from session.model import Channel, Customer, HandledBy, Session, State
from tests.store.desk import Desk

AT = 1_795_168_800_000
BOTH = ("active", "closed")


def cid_of_first_partition(number: int) -> str:
    return f"{number:032x}"


@pytest.fixture
def pages(desk: Desk) -> Indexes:
    """Sixty sessions of one partition: ten moments, each of six sessions, every third one closed."""
    for n in range(60):
        at = AT + n // 6
        session = Session(
            "", "a", Channel.SMS, State.CLOSED if n % 3 == 0 else State.ACTIVE, HandledBy.ASSISTANT, "t", at, at
        )  # fmt: skip
        desk.ledger.write(
            cid_of_first_partition(n), Change(session, None), (), {"address": f"+1500555{n:04d}"}
        )
    return Indexes(desk.ledger)


def everything(_: Customer, __: Session) -> bool:
    return True


@pytest.mark.parametrize("limit", [1, 4, 6, 7, 59, 60, 500])
@pytest.mark.parametrize(("indexes", "count"), [(BOTH, 60), (("active",), 40), (("closed",), 20)])
def test_pages_hold_each_session_once(
    pages: Indexes, limit: int, indexes: tuple[str, ...], count: int
) -> None:
    """Page after page gives each session once, newest first, and the last page has no cursor."""
    cursor, found = "", list[tuple[Customer, Session]]()
    for _ in range(count + 1):
        rows, cursor = pages.page(limit, cursor, indexes, everything)
        assert len(rows) == limit or not cursor
        found += rows
        if not cursor:
            break

    assert not cursor
    assert count == len(found) == len({s.id + c.id for c, s in found})
    assert [s.last_activity for _, s in found] == sorted((s.last_activity for _, s in found), reverse=True)


def test_what_is_not_wanted_is_passed_over(pages: Indexes) -> None:
    """A filter counts what it keeps: the page is full though most of what was looked at is left out."""
    rows, cursor = pages.page(3, "", BOTH, lambda c, _: c.address.endswith("5"))

    assert ["+15005550055", "+15005550045", "+15005550035"] == [c.address for c, _ in rows]
    assert ["+15005550025", "+15005550015", "+15005550005"] == [
        c.address for c, _ in pages.page(3, cursor, BOTH, lambda c, _: c.address.endswith("5"))[0]
    ]


def test_sessions_whose_time_is_over_are_taken_off(pages: Indexes, store: redis.Redis) -> None:
    """An entry whose session is kept no more is no row, and is off its index afterwards."""
    gone = cid_of_first_partition(59)
    store.delete(*list(store.scan_iter(f"*{gone}")))

    rows, _ = pages.page(500, "", BOTH, everything)

    assert 59 == len(rows)
    assert not [
        m for name in BOTH for m in store.zrange(f"ringback:{{p00}}:{name}", 0, -1) if m.startswith(gone)
    ]


@pytest.mark.parametrize("cursor", ["x", "12", f"-{'0' * 32}:1", f"1-{'g' * 32}:1", f"1-{'0' * 32}:1\n"])
def test_a_cursor_that_is_none(pages: Indexes, cursor: str) -> None:
    """What no page ended with is refused."""
    with pytest.raises(ValueError, match="cursor"):
        pages.page(5, cursor, BOTH, everything)
