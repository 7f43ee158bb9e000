"""Fetching what Twilio could not deliver: the inbound messages of the last day that we have not seen.

Twilio tries a webhook once or a few times and then gives up; the message stays in its list. Also what a Redis
lost that forgot its last second is found there.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog
from twilio.rest.api.v2010.account.message import MessageInstance

from session import address, keys, optout
from session.address import Address
from session.inbound import BODY_MAX, clean, kind_of, why_not_answered
from session.model import Direction, Keyword, Message, Role
from workers.runtime import Runtime
from workers.twilio_account import NotListed

REACH = timedelta(hours=24)
LOOKED_AT_MAX = 20_000  # messages of one look, of both directions; what is older is left
BATCH = 1000
TAKEN_MAX = 500  # in one run; the next goes on
SECONDS_MAX = 60.0  # of one run
SETTLING_S = 30.0  # a message so young may have its webhook under way; no more than a tenth of the period
SECOND_MS = 1000
LATE = "fetched_late"

_log = structlog.get_logger("backfill")


@dataclass(frozen=True, slots=True)
class Listed:
    """An inbound message of Twilio's list. ``at`` is Twilio's time for it, ms, cut to the second."""

    instance: MessageInstance
    theirs: Address | None
    ours: Address
    customer: str  # the address value the customer is known by
    cid: str
    at: int

    @property
    def sid(self) -> str:
        return str(self.instance.sid)


class Backfill:
    """One look at Twilio's list, and what is taken in from it. Raises ``redis.RedisError``."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self._ledger = rt.ledger
        agents = (number for agent in rt.agents for number in agent.numbers)
        # Not every number of the account: another program may answer the others.
        self._ours = frozenset((*rt.settings.our_numbers, *agents))

    def run(self) -> int:
        """Take in what was missed, oldest first; gives how many. A list that cannot be read is left for the next run."""
        began, now = time.monotonic(), self._ledger.now()
        try:
            missed = self._unseen(self._listed(now))
        except NotListed as error:
            _log.warning("backfill_failed", code=error.code)
            return 0
        taken = 0
        for listed in missed[:TAKEN_MAX]:
            if self._rt.stopping.is_set() or time.monotonic() - began > SECONDS_MAX:
                break
            try:
                taken += self._take(listed, now)
            except NotListed as error:
                _log.warning("media_not_fetched", customer=listed.cid[:6], code=error.code)
        if len(missed) > taken:
            _log.info("backfill_goes_on", count=len(missed) - taken)
        return taken

    def _listed(self, now: int) -> list[Listed]:
        """Inbound messages to our numbers that are old enough, and not older than our first start."""
        started = self._first_start(now)
        period_s = self._rt.settings.backfill_seconds
        youngest = now - min(SETTLING_S, period_s / 10) * SECOND_MS
        since = max(datetime.fromtimestamp(now / SECOND_MS, UTC) - REACH, _moment(started))
        found = []
        for instance in self._rt.delivery.account.inbound(since, LOOKED_AT_MAX):
            sent = instance.date_sent or instance.date_created
            at = round(sent.timestamp() * SECOND_MS) if sent else now
            ours = address.parse(str(instance.to or ""))
            if not instance.sid or ours is None or ours.value not in self._ours:
                continue
            if at + SECOND_MS <= started or at > youngest:
                continue
            theirs = address.parse(str(instance.from_ or ""))
            customer = theirs.value if theirs else clean(str(instance.from_ or ""))[:100]
            found.append(Listed(instance, theirs, ours, customer, self._rt.manager.resolve(customer), at))
        return found

    def _first_start(self, now: int) -> int:
        """When we first ran, ms: a number that somebody else answered before us has messages that are not ours."""
        self._ledger.redis.set(keys.STARTED, now, nx=True)
        return int(str(self._ledger.redis.get(keys.STARTED) or now))

    def _unseen(self, listed: Iterable[Listed]) -> list[Listed]:
        """Those nobody has taken in and whose customer was not deleted, oldest first. A round trip for a thousand."""
        rows, fresh = iter(listed), []
        while batch := list(itertools.islice(rows, BATCH)):
            pipe = self._ledger.redis.pipeline(transaction=False)
            for each in batch:
                pipe.exists(keys.seen(each.cid, each.sid), keys.customer_key("erased", each.cid))
            fresh += [each for each, known in zip(batch, pipe.execute(), strict=True) if not known]
        return sorted(fresh, key=lambda each: each.at)

    def _take(self, listed: Listed, now: int) -> int:
        """Take one message in as its webhook would have been; 1, or 0 when somebody was faster."""
        rt = self._rt
        message = self._message(listed)
        late = now - listed.at > rt.settings.backfill_late_seconds * SECOND_MS
        bury = why_not_answered(listed.theirs, listed.ours, self._ours) or (LATE if late else "")
        own = listed.cid == rt.manager.customer_id(
            listed.customer
        )  # not an id that leads to a number's customer
        received = self._ledger.receive(
            listed.cid, message, profile={"address": listed.customer} if own else {},
            optout="" if self._outdated(listed, message) else self._optout(message), quiet_ms=rt.settings.ai_response_delay, bury=bury,
            opens_window=not late,
        )  # fmt: skip
        if received.outcome == "DUP":
            return 0  # its webhook, or another worker's look, was faster
        _log.warning(
            "message_fetched", customer=listed.cid[:6], channel=str(message.channel), outcome=received.outcome.lower(),
            message_id=received.message_id, age_s=(now - listed.at) // SECOND_MS, **({"reason": bury} if bury else {}),
        )  # fmt: skip
        if received.outcome == "BURIED":
            _log.error(
                "message_buried", customer=listed.cid[:6], message=received.message_id, reason=bury or "flood"
            )
        if received.ring:
            self._ring(listed.cid)
        return 1

    def _ring(self, cid: str) -> None:
        try:
            self._rt.bell.ring(cid)
        except redis.RedisError as error:
            _log.warning("ring_failed", customer=cid[:6], error=type(error).__name__)

    def _message(self, listed: Listed) -> Message:
        instance = listed.instance
        media = self._rt.delivery.account.media(instance) if _count(instance.num_media) else ()
        channel = listed.theirs.channel if listed.theirs else listed.ours.channel
        body = clean(str(instance.body or ""))
        extra: dict[str, Any] = {"sent_at": _moment(listed.at).isoformat().replace("+00:00", "Z")}
        if len(body) > BODY_MAX:
            body, extra["truncated"] = body[:BODY_MAX], True
        return Message(
            direction=Direction.INBOUND, role=Role.USER, content=body, channel=channel,
            from_number=listed.customer, to_number=listed.ours.value, message_type=kind_of(media),
            twilio_sid=listed.sid, keyword=optout.keyword(channel, body), media=media, extra=extra,
        )  # fmt: skip

    def _outdated(self, listed: Listed, message: Message) -> bool:
        """Whether an opt-out word fetched late is older than another that counts already, and changes nothing."""
        if message.keyword is Keyword.START:
            stopped = self._ledger.redis.hget(
                keys.customer_key("customer", listed.cid), self._optout(message)
            )
            return stopped is not None and int(str(stopped)) > listed.at
        # A START leaves no trace but itself. Twilio's time is cut to the second; where in doubt, they stay opted out.
        return message.keyword is Keyword.STOP and any(
            heard.keyword is Keyword.START
            and self._optout(heard) == self._optout(message)
            and _said_at(heard) > listed.at + SECOND_MS
            for heard in self._ledger.heard_since(listed.cid, listed.at)
        )

    def _optout(self, message: Message) -> str:
        return optout.field(message.lane, self._rt.settings.twilio_messaging_service_sid)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at // SECOND_MS, UTC)


def _said_at(message: Message) -> int:
    """When the customer wrote it, ms: of a fetched message Twilio's time, else ours."""
    sent = str(message.extra.get("sent_at") or "")
    return round(datetime.fromisoformat(sent).timestamp() * SECOND_MS) if sent else message.at


def _count(text: Any) -> int:
    return int(text) if str(text or "").isdecimal() else 0
