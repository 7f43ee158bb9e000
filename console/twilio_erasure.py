"""Deleting at Twilio what our record names of a customer: messages with their media, and calls. Bounded in time.

Only what our own record names: the account may serve other programs. A repeat is safe, what is gone is gone. What
Twilio keeps in spite of it is told by its SID, for afterwards nobody else knows it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog

from config.settings import Settings
from console import wire
from session import customers
from session.customers import NoSuchCustomer
from session.manager import SessionManager

# Below gunicorn's time-out, with our own deletion beside it.
SECONDS_MAX = 18.0
CALL_SECONDS = 5.0  # each request
THREADS = 8  # Twilio's bound on requests at once is unpublished
AGAIN_SECONDS = 1.0  # a message on its way cannot be deleted; a moment later most can
TRIALS = 3  # so many refusals in a row are Twilio's, not of one message
GONE_CODE = 20404  # with status 404, which anybody may answer whom a wrong address leads to

_SID = re.compile(r"(?:SM|MM|CA)[0-9a-f]{32}")
_MEDIUM = re.compile(
    r"/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})/Messages/((?:SM|MM)[0-9a-f]{32})/Media/(ME[0-9a-f]{32})"
)
_KINDS = {"ME": "media", "CA": "calls"}

_log = structlog.get_logger("console")


class TwilioAway(Exception):
    """Twilio takes no deletion at all; the text continues "Twilio ..."."""


@dataclass(frozen=True, slots=True)
class Record:
    """Something that Twilio keeps: its SID, and its path under the account, without ``.json``."""

    sid: str
    path: str

    @property
    def kind(self) -> str:
        return _KINDS.get(self.sid[:2], "messages")


@dataclass(slots=True)
class Report:
    """``deleted``: how many by kind, those that were gone already among them; ``left``: SID -> why it is still there."""

    deleted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("messages", "media", "calls"), 0))
    left: dict[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        left = [{"sid": sid, "reason": reason} for sid, reason in self.left.items()]
        return {"deleted": self.deleted, "not_deleted": len(left), "left": left}


def named(manager: SessionManager, settings: Settings, cid: str) -> list[Record]:
    """All that our record names of a customer, media before the messages that they came with."""
    try:
        held = customers.holding(manager, cid)
    except NoSuchCustomer:
        return []
    said = [message for _, messages in held.conversations for message in messages] + list(held.waiting)
    media = [_medium(each.url, settings) for message in said for each in message.media]
    sids = [message.twilio_sid for message in said] + list(manager.ledger.bound(cid))
    sids += [call.sid for call in held.calls]
    records = [record for record in media if record]
    records += [_record(found[0]) for sid in sids if (found := _SID.match(sid))]
    return list({record.sid: record for record in records}.values())


def _record(sid: str) -> Record:
    return Record(sid, f"{'Calls' if sid.startswith('CA') else 'Messages'}/{sid}")


def _medium(url: str, settings: Settings) -> Record | None:
    """A file that came in; what we sent lies where a tool said, and Twilio's copy goes with its message."""
    found = _MEDIUM.fullmatch(urlsplit(url).path)
    if found is None or found[1] != settings.twilio_account_sid:
        return None
    return Record(found[3], f"Messages/{found[2]}/Media/{found[3]}")


class TwilioErasure:
    """One customer's deletion at Twilio. ``report`` grows with each step."""

    def __init__(self, settings: Settings, seconds: float = SECONDS_MAX) -> None:
        account = f"{settings.twilio_rest_origin}/2010-04-01/Accounts/{settings.twilio_account_sid}"
        user, password = settings.twilio_account_sid, settings.twilio_auth_token
        if settings.twilio_api_key_sid and settings.twilio_api_key_secret:
            user, password = settings.twilio_api_key_sid, settings.twilio_api_key_secret
        self._account = account
        self._headers = wire.basic(user, password.get_secret_value())
        self._ends_at = time.monotonic() + seconds
        self._tried: dict[str, Record] = {}
        self.report = Report()

    def begin(self, records: Sequence[Record]) -> None:
        """As a trial the first few, until one is taken: an account that is refused, or a Twilio that is away, deletes
        nothing at all. Raises ``TwilioAway`` then."""
        status = 0
        for record in records[:TRIALS]:
            try:
                status = self._asked(record)
            except wire.Unreachable as error:
                raise TwilioAway(str(error)) from None
            if status in (401, 403):
                raise TwilioAway("refuses our account; ringback doctor says more")
            self._note(record, _why(status))
            if 200 <= status < 300 or status in (400, 409):  # Twilio's own answers about one message or call
                return
        if status:
            raise TwilioAway(f"answers {status}")

    def delete(self, records: Sequence[Record]) -> None:
        """Delete what was not tried before. Raises nothing."""
        fresh = [record for record in records if record.sid not in self._tried]
        # What goes with its message is deleted before it.
        for kind in ("media", "messages", "calls"):
            self._each([record for record in fresh if record.kind == kind])

    def again(self) -> None:
        """Once more what was left, a moment later."""
        left = [self._tried[sid] for sid in self.report.left]
        if left and time.monotonic() + AGAIN_SECONDS < self._ends_at:
            time.sleep(AGAIN_SECONDS)
            self._each(left)

    def _each(self, records: Sequence[Record]) -> None:
        if records:
            with ThreadPoolExecutor(min(THREADS, len(records)), "erasure") as pool:
                for record, why in zip(records, pool.map(self._one, records), strict=True):
                    self._note(record, why)

    def _one(self, record: Record) -> str:
        """'' when it is gone, else why not."""
        if time.monotonic() >= self._ends_at:
            return "there was no time left"
        try:
            return _why(self._asked(record))
        except wire.Unreachable as error:
            return f"Twilio {error}"

    def _asked(self, record: Record) -> int:
        """The status of Twilio's answer; 204 also where it says that there is no such thing."""
        left = min(CALL_SECONDS, max(0.1, self._ends_at - time.monotonic()))
        url = f"{self._account}/{record.path}.json"
        answer = wire.call(url, left, method="DELETE", headers=self._headers)
        said = answer.json() if answer.status == 404 else None
        return 204 if isinstance(said, dict) and said.get("code") == GONE_CODE else answer.status

    def _note(self, record: Record, why: str) -> None:
        self._tried[record.sid] = record
        if why:
            self.report.left[record.sid] = why
            return
        self.report.left.pop(record.sid, None)
        self.report.deleted[record.kind] += 1


def _why(status: int) -> str:
    """Why it is still there, by the status of the answer; '' when it is gone."""
    if 200 <= status < 300:
        return ""
    if status == 409:
        return "it is still on its way"
    if status == 429:
        return "too many requests at once"
    return f"Twilio answers {status}"


def told(report: Report, cid: str) -> None:
    """One line in the log."""
    _log.info("forgotten_at_twilio", customer=cid[:6], **report.deleted, not_deleted=len(report.left))
