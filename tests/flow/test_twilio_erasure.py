"""Deleting at Twilio, against a server that answers deletions as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

import pytest

from config.settings import Settings
from console.twilio_erasure import Record, TwilioAway, TwilioErasure
from tests.flow.own_server import hosted
from tests.unit.test_attaching import settings

GONE = b'{"code": 20404, "message": "not found", "status": 404}'


class Door(BaseHTTPRequestHandler):
    """Answers every deletion alike."""

    protocol_version = "HTTP/1.1"
    answer: ClassVar[tuple[int, bytes]] = (204, b"")

    def do_DELETE(self) -> None:
        status, body = Door.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def account() -> Iterator[Settings]:
    with hosted(Door) as origin:
        yield settings(TWILIO_API_BASE_URL=origin)


def records(count: int) -> list[Record]:
    return [Record(f"SM{n:032x}", f"Messages/SM{n:032x}") for n in range(count)]


@pytest.mark.parametrize(
    "answer", [(404, b"<html>Not here</html>"), (404, b'{"error": "x"}'), (302, b""), (429, b"{}")]
)
def test_what_is_no_deletion_of_twilios(account: Settings, answer: tuple[int, bytes]) -> None:
    """A server that deletes nothing, or is none of Twilio's, is not taken for one that has deleted."""
    Door.answer = answer
    erasure = TwilioErasure(account)

    with pytest.raises(TwilioAway, match=f"answers {answer[0]}"):
        erasure.begin(records(5))
    assert 0 == erasure.report.deleted["messages"]


@pytest.mark.parametrize("answer", [(204, b""), (404, GONE)])
def test_what_is_gone_counts_as_deleted(account: Settings, answer: tuple[int, bytes]) -> None:
    """What Twilio deletes, and what it says is not there, is gone; each counts once."""
    Door.answer = answer
    erasure = TwilioErasure(account)
    erasure.begin(records(5))
    erasure.delete(records(5))

    assert (5, {}) == (erasure.report.deleted["messages"], erasure.report.left)


def test_what_came_in_between_stops_nothing(account: Settings) -> None:
    """Where nothing was known at first, a refusal afterwards is told by SID: ours is deleted by then."""
    Door.answer = (401, b"{}")
    erasure = TwilioErasure(account)
    erasure.begin([])
    erasure.delete(records(1))

    assert {records(1)[0].sid: "Twilio answers 401"} == erasure.report.left


def test_what_was_on_its_way_is_tried_again(account: Settings) -> None:
    """A moment later all that was left is tried once more, whatever our record still names by then."""
    Door.answer = (409, b"{}")
    erasure = TwilioErasure(account)
    erasure.begin(records(2))
    erasure.delete(records(2))
    assert {"it is still on its way"} == set(erasure.report.left.values())
    Door.answer = (204, b"")
    erasure.again()

    assert (2, {}) == (erasure.report.deleted["messages"], erasure.report.left)


def test_all_that_is_left_is_told(account: Settings) -> None:
    """However much there was no time for, each SID is told: afterwards nobody else knows it."""
    erasure = TwilioErasure(account, seconds=0)
    erasure.delete(records(3000))

    assert 3000 == erasure.report.shown()["not_deleted"] == len(erasure.report.shown()["left"])
