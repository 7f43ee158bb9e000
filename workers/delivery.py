"""Sending replies through Twilio's REST API, once.

Twilio has no idempotency key, so a part is marked ``sending`` in the ledger before the
request and ``sent`` after it; whatever is in doubt is looked up in Twilio's own list
before it is sent again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from config.settings import Settings
from session import keys, optout
from session.claims import Claim, ClaimLost, Part
from session.ledger import Ledger
from workers.splitting import PARTS_MAX
from workers.twilio_http import NotConnected, OutcomeUnknown, Transport

RESENDS_MAX = 2  # after two looks at Twilio's list found nothing, each
BACKOFF_S = (1.0, 2.0, 4.0)
RETRY_AFTER_MAX_S = 60.0
VALIDITY_MAX_S = 36_000  # Twilio's own limit and default
LISTED_BEFORE = timedelta(
    seconds=60
)  # Twilio's clock and ours may differ; what is ours already is left out anyway
SECOND_MS = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request: ``sent``, ``failed`` for good, ``later``, or ``unknown``."""

    kind: str
    sid: str = ""
    code: int = 0
    wait_s: float = 0.0


class Delivery:
    """Hands reply parts to Twilio. Safe for threads."""

    def __init__(self, settings: Settings, ledger: Ledger, connections: int = 64) -> None:
        self._settings = settings
        self._ledger = ledger
        self._transport = Transport(
            settings.twilio_api_base_url or "", settings.send_timeout_seconds, connections
        )
        key, secret = settings.twilio_api_key_sid, settings.twilio_api_key_secret
        token = settings.twilio_auth_token.get_secret_value()
        self._client = Client(
            key or settings.twilio_account_sid,
            secret.get_secret_value() if key and secret else token,
            settings.twilio_account_sid,
            http_client=self._transport,
        )
        self._log = structlog.get_logger("delivery")

    def deliver(self, claim: Claim, part: Part) -> str:
        """Bring one part as far as it gets now: ``sent``, ``failed``, ``later`` or ``unknown``.

        Raises ``ClaimLost``; a Redis error leaves the part to the reconciling look.
        """
        pending = part.record["state"] == "pending"
        outcome = self._send(claim, part) if pending else self._reconcile(claim, part)
        if outcome == "failed":
            self._drop_rest(claim, part)
        return outcome

    def _send(self, claim: Claim, part: Part) -> str:
        started = time.monotonic()
        field = optout.field(part.lane, self._settings.twilio_messaging_service_sid)
        verdict, detail = self._ledger.begin_send(claim, part, field)
        if verdict == "LOST" or claim.lost.is_set():
            raise ClaimLost
        if verdict == "REFUSED":
            return self._refuse(claim, part, detail)
        if verdict == "STATE":
            return "unknown"
        attempt = int(detail)
        # A process that was frozen between the mark and the request must not send what
        # somebody may have looked up and sent meanwhile.
        if time.monotonic() - started > self._settings.send_deadline_seconds:
            self._settle(claim, part, ("sending",), "pending")
            return "later"
        outcome = self._post(claim.cid, part, attempt)
        took_ms = round((time.monotonic() - started) * SECOND_MS)
        self._log.info(
            "part_sent" if outcome.kind == "sent" else "part_not_sent",
            customer=claim.cid[:6], part=keys.part_id(claim.cid, part.number), channel=str(part.lane.channel),
            outcome=outcome.kind, code=outcome.code, attempt=attempt, duration_ms=took_ms,
        )  # fmt: skip
        return self._note(claim, part, outcome)

    def _note(self, claim: Claim, part: Part, outcome: Outcome) -> str:
        """Write down what became of a request."""
        if outcome.kind == "sent":
            if self._ledger.sent(claim.cid, part.number, outcome.sid) == "DOUBLE":
                self._log.error("part_sent_twice", part=keys.part_id(claim.cid, part.number))
        elif outcome.kind == "later":
            tries = int(part.record.get("backoff", 0))
            wait_s = outcome.wait_s or BACKOFF_S[min(tries, len(BACKOFF_S) - 1)]
            self._settle(
                claim, part, ("sending",), "pending", wait_s, {"backoff": tries + 1, "error": outcome.code}
            )
        elif outcome.kind == "failed":
            self._settle(
                claim, part, ("sending",), "failed", changes={"error": outcome.code},
                failure={"reason": "refused_by_twilio", "part": part.number, "error": outcome.code},
            )  # fmt: skip
        else:
            self._settle(
                claim, part, ("sending",), "unknown", self._settings.reconcile_seconds[0], {"looks": 0}
            )
        return outcome.kind

    def _post(self, cid: str, part: Part, attempt: int) -> Outcome:
        record, settings = part.record, self._settings
        sender: dict[str, Any] = {"from_": record["from"]}
        if settings.twilio_messaging_service_sid:
            sender["messaging_service_sid"] = settings.twilio_messaging_service_sid
        callback = f"{settings.public_base_url}/status?ob={keys.part_id(cid, part.number)}&a={attempt}"
        try:
            message = self._client.messages.create(
                to=record["to"], body=part.text, status_callback=callback,
                validity_period=min(max(1, round(settings.part_limit_seconds)), VALIDITY_MAX_S), **sender,
            )  # fmt: skip
        except NotConnected:
            return Outcome("later")
        except OutcomeUnknown:
            return Outcome("unknown")
        except TwilioRestException as error:
            return self._refusal(error)
        except (TwilioException, ValueError, KeyError, TypeError):
            return Outcome("unknown")  # an answer that is no answer of Twilio's
        if not message.sid:
            return Outcome("unknown")
        return Outcome("sent", sid=message.sid)

    def _refusal(self, error: TwilioRestException) -> Outcome:
        if error.status == 429:
            return Outcome("later", code=error.code or 429, wait_s=_retry_after(self._transport.headers))
        if error.status >= 500 or error.status < 400:
            return Outcome("unknown", code=error.code or error.status)
        if error.status in (401, 403):
            # Our password, not this message: keep it until somebody mends that or its time is over.
            return Outcome("later", code=error.code or error.status, wait_s=BACKOFF_S[-1])
        return Outcome("failed", code=error.code or error.status)

    def _reconcile(self, claim: Claim, part: Part) -> str:
        """A part whose outcome nobody knows: look at Twilio's list, twice, before it is sent again."""
        record = part.record
        first, second = self._settings.reconcile_seconds
        age_s = (claim.now() - record.get("sending_at", 0)) / SECOND_MS
        looks = int(record.get("looks", 0))
        due_s = first if looks == 0 else second
        if age_s < due_s:
            self._settle(claim, part, ("sending", "unknown"), "unknown", due_s - age_s, {"looks": looks})
            return "unknown"
        try:
            sid = self._look_up(claim.cid, part)
        except (NotConnected, OutcomeUnknown, TwilioException, ValueError, KeyError, TypeError):
            if claim.now() - record["created"] > self._settings.part_limit_seconds * SECOND_MS:
                return self._give_up(claim, part, "expired")
            self._settle(claim, part, ("sending", "unknown"), "unknown", BACKOFF_S[-1], {"looks": looks})
            return "unknown"
        self._log.info(
            "part_looked_up", part=keys.part_id(claim.cid, part.number), found=bool(sid), look=looks + 1
        )
        if sid:
            self._ledger.sent(claim.cid, part.number, sid)
            return "sent"
        return self._missed(claim, part, looks + 1, second - age_s)

    def _missed(self, claim: Claim, part: Part, looks: int, wait_s: float) -> str:
        record = part.record
        if claim.now() - record["created"] > self._settings.part_limit_seconds * SECOND_MS:
            return self._give_up(claim, part, "expired")
        if looks < 2:
            self._settle(claim, part, ("sending", "unknown"), "unknown", max(0, wait_s), {"looks": looks})
            return "unknown"
        resends = int(record.get("resends", 0)) + 1
        if resends > RESENDS_MAX:
            return self._give_up(claim, part, "unknown_outcome")
        self._settle(claim, part, ("sending", "unknown"), "pending", 0, {"resends": resends, "looks": 0})
        return "later"

    def _look_up(self, cid: str, part: Part) -> str:
        """The SID of the message in Twilio's list that is this part, or ''. Not by date: that is day-grained."""
        record = part.record
        bound = set(self._ledger.redis.hkeys(keys.customer_key("sids", cid)))
        since = datetime.fromtimestamp(record.get("first_sending_at", 0) / SECOND_MS, UTC) - LISTED_BEFORE
        # With a Messaging Service Twilio chooses the sender.
        sender = {} if self._settings.twilio_messaging_service_sid else {"from_": record["from"]}
        for message in self._client.messages.list(to=record["to"], limit=200, page_size=50, **sender):
            # What a row does not say does not speak against it: a second message would be worse. A trial
            # account's messages begin with words of Twilio's.
            inbound = str(message.direction or "").startswith("inbound")
            earlier = message.date_created is not None and message.date_created < since
            if (
                not inbound
                and not earlier
                and message.sid not in bound
                and (message.body or "").endswith(part.text)
            ):
                return str(message.sid)
        return ""

    def _refuse(self, claim: Claim, part: Part, reason: str) -> str:
        if reason == "expired":
            return self._give_up(claim, part, reason)
        self._settle(claim, part, ("pending",), "failed", changes={"refused": reason})
        self._log.info("part_refused", part=keys.part_id(claim.cid, part.number), reason=reason)
        return "failed"

    def _give_up(self, claim: Claim, part: Part, reason: str) -> str:
        self._settle(
            claim, part, ("pending", "sending", "unknown"), "dead", changes={"refused": reason},
            failure={"reason": reason, "part": part.number},
        )  # fmt: skip
        self._log.error("part_given_up", part=keys.part_id(claim.cid, part.number), reason=reason)
        return "failed"

    def _drop_rest(self, claim: Claim, part: Part) -> None:
        """The rest of a reply whose earlier part did not go would be half a sentence: it does not go either."""
        message, index = part.number.split(".")
        for later in range(int(index) + 1, PARTS_MAX + 1):
            changes = {"refused": "earlier_part_failed"}
            if (
                self._ledger.settle(claim, f"{message}.{later}", ("pending",), "failed", changes=changes)
                == "GONE"
            ):
                break

    def _settle(
        self, claim: Claim, part: Part, expected: tuple[str, ...], state: str, wait_s: float = 0,
        changes: dict[str, Any] | None = None, failure: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        outcome = self._ledger.settle(
            claim,
            part.number,
            expected,
            state,
            wait_ms=round(wait_s * SECOND_MS),
            changes=changes,
            failure=failure,
        )
        if outcome == "LOST":
            raise ClaimLost


def _retry_after(headers: dict[str, str]) -> float:
    """Seconds that Twilio asks us to wait, bounded; 0 when it does not say."""
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), "")
    try:
        return min(max(float(value), 0.0), RETRY_AFTER_MAX_S)
    except ValueError:
        return 0.0
