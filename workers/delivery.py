"""Sending replies through Twilio's REST API, once.

Twilio has no idempotency key, so a part is marked ``sending`` in the ledger before the
request and ``sent`` after it; whatever is in doubt is looked up in Twilio's own list
before it is sent again.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog

from config import agent_templates
from config.agents import Agents, Template
from config.settings import Settings
from session import calling, keys, optout, whatsapp
from session.claims import Claim, ClaimLost, Part
from session.ledger import Ledger
from session.model import Channel
from workers import crash
from workers.quarantine import Quarantine
from workers.twilio_account import NotListed, Outcome, TwilioAccount
from workers.twilio_errors import TABLE, Kind

RESENDS_MAX = 2  # after two looks at Twilio's list found nothing, each
BACKOFF_S = (1.0, 2.0, 4.0)
STUMBLES_MAX = 6  # errors of our own about one part; with the waits between them some minutes
LISTED_BEFORE_S = 30.0  # Twilio's clock and ours may differ; messages of other parts are told by their SIDs
# What Twilio says of files; the words beside them would do.
FILES_REFUSED = (11200, 11751, 12300, 21620, 21623)
TRIAL_WORDS = "Sent from your Twilio trial account"
SECOND_MS = 1000


class Delivery:
    """Hands reply parts to Twilio. Safe for threads."""

    def __init__(self, settings: Settings, ledger: Ledger, agents: Agents, connections: int = 64) -> None:
        self._settings = settings
        self._ledger = ledger
        self._agents = agents
        self.account = TwilioAccount(settings, connections)
        self.quarantine = Quarantine(ledger.redis, settings.quarantine_seconds)
        self._log = structlog.get_logger("delivery")

    def deliver(self, claim: Claim, part: Part) -> str:
        """Bring one part as far as it gets now: ``sent``, ``failed``, ``later`` or ``unknown``.

        Raises ``ClaimLost``; a Redis error leaves the part to the reconciling look.
        """
        try:
            return self._bring(claim, part)
        except (ClaimLost, redis.RedisError):
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it is not to hold up the customer for ever
            return self._stumbled(claim, part, error)

    def _bring(self, claim: Claim, part: Part) -> str:
        if part.record["state"] != "pending":
            return self._reconcile(claim, part)
        if self._age_s(claim, part) > self._settings.part_limit_seconds:
            return self._give_up(claim, part, "expired")
        if wait_s := self.account.breaker.wait_s():
            return self._put_off(claim, part, ("pending",), max(wait_s, self._fault_wait(part)))
        in_doubt = self.quarantine.active()
        return self._look_first(claim, part, in_doubt) or self._send(claim, part, in_doubt)

    # Before it is sent

    def _look_first(self, claim: Claim, part: Part, in_doubt: bool) -> str:
        """What a look at Twilio's list made of a part that may have been sent by now; '' when it is to be sent.

        In a quarantine the turn itself may be a repeat, so what was sent may be older than the part.
        """
        waited = (
            part.record.get("attempt", 0) == 0 and self._age_s(claim, part) > self._settings.unsent_seconds
        )
        if not in_doubt and not waited:
            return ""
        try:
            sid = self._look_up(claim.cid, part, self._settings.quarantine_seconds if in_doubt else 0.0)
        except NotListed as error:
            self._account_fault(part, error.code)
            return self._put_off(claim, part, ("pending",), BACKOFF_S[-1])
        if not sid:
            return ""
        self._log.info("part_found", part=keys.part_id(claim.cid, part.number), quarantine=in_doubt)
        return self._found(claim, part, sid)

    def _found(self, claim: Claim, part: Part, sid: str) -> str:
        """'sent', or '' when somebody has shown meanwhile that the SID is another part's."""
        return "" if self._ledger.sent(claim.cid, part.number, sid, listed=True) == "TAKEN" else "sent"

    # Sending

    def _send(self, claim: Claim, part: Part, looked: bool) -> str:
        started = time.monotonic()
        verdict, detail = self._ledger.begin_send(claim, part, self._optout(part))
        if verdict == "LOST" or claim.lost.is_set():
            raise ClaimLost
        if verdict == "REFUSED":
            if detail == "outside_window":
                return self._too_late(claim, part, looked)
            return self._refuse(claim, part, detail)
        if verdict == "STATE":
            return "sent" if detail == "sent" else "unknown"
        attempt = int(detail)
        crash.at("before_deadline")
        # A Redis that took the mark need not be the one that gave the part.
        forgot = not looked and self.quarantine.active()
        # A process that was frozen between the mark and the request must not send what
        # somebody may have looked up and sent meanwhile.
        if forgot or time.monotonic() - started > self._settings.send_deadline_seconds:
            self._settle(claim, part, ("sending",), "pending")
            return "later"
        crash.at("before_post")
        outcome = self._ask(claim, part, attempt)
        crash.at("after_post")
        took_ms = round((time.monotonic() - started) * SECOND_MS)
        self._log.info(
            "part_sent" if outcome.kind == "sent" else "part_not_sent",
            customer=claim.cid[:6], part=keys.part_id(claim.cid, part.number), channel=str(part.lane.channel),
            outcome=outcome.kind, code=outcome.code, attempt=attempt, duration_ms=took_ms,
        )  # fmt: skip
        return self._note(claim, part, outcome)

    def _ask(self, claim: Claim, part: Part, attempt: int) -> Outcome:
        """Have Twilio take a part: on a voice lane it is a call that we make, and what it says first."""
        base = self._settings.public_base_url
        about = f"ob={keys.part_id(claim.cid, part.number)}&a={attempt}"
        if part.lane.channel is not Channel.VOICE:
            return self.account.create(part.record, part.text, f"{base}/status?{about}")
        agent = self._agents.for_number(part.lane.ours)
        spoken = calling.spoken(part.text, agent, claim.customer.language, base)
        return self.account.create_call(part.record, spoken, f"{base}/voice/status?{about}")

    def _note(self, claim: Claim, part: Part, outcome: Outcome) -> str:
        """Write down what became of a request, and say how far the part is."""
        if outcome.kind == "sent":
            return self._note_sent(claim, part, outcome.sid)
        if outcome.kind == Kind.LATER:
            wait_s = outcome.wait_s or self._wait(part, patient=bool(outcome.fault and outcome.fault.patient))
            return self._put_off(claim, part, ("sending",), wait_s, outcome.code)
        if outcome.kind == Kind.CONFIGURATION:
            self._put_off(claim, part, ("sending",), self._fault_wait(part), outcome.code)
            self._account_fault(part, outcome.code, lane=True)
            return "later"
        if outcome.kind == Kind.OPT_OUT:
            return self._opted_out(claim, part, outcome.code)
        if outcome.kind == Kind.PERMANENT:
            if outcome.code in FILES_REFUSED and part.record.get("media") and part.text:
                # The words are worth more than the file that went with them.
                self._log.warning("files_refused", code=outcome.code, files=len(part.record["media"]))
                self._settle(claim, part, ("sending",), "pending", changes={"media": []})
                return "later"
            if outcome.code == whatsapp.CLOSED_CODE:
                self._ledger.learn_window(claim.cid, part.number, "", part.record["to"], part.lane)
                return self._give_up(claim, part, "outside_window", "failed", outcome.code)
            if outcome.fault and not outcome.fault.known:
                self._alarm("unknown_twilio_error", outcome.code, part.record["from"])
            return self._give_up(claim, part, "refused_by_twilio", "failed", outcome.code)
        wait_s = self._settings.reconcile_seconds[0]
        self._settle(claim, part, ("sending",), "unknown", wait_s, {"looks": 0})
        return "unknown"

    def _note_sent(self, claim: Claim, part: Part, sid: str) -> str:
        verdict = self._ledger.sent(claim.cid, part.number, sid)
        crash.at("after_sent")
        if verdict == "DOUBLE":  # found or called back under another SID too, so the customer has it twice
            self._log.error(
                "part_sent_twice", part=keys.part_id(claim.cid, part.number), reason=verdict.lower()
            )
        return "sent"

    # In doubt

    def _reconcile(self, claim: Claim, part: Part) -> str:
        """A part whose outcome nobody knows: look at Twilio's list, twice, before it is sent again."""
        record = part.record
        first, second = self._settings.reconcile_seconds
        age_s = (claim.now() - record.get("sending_at", 0)) / SECOND_MS
        looks = int(record.get("looks", 0))
        due_s = first if looks == 0 else second
        wait_s = due_s - age_s if age_s < due_s else self.account.breaker.wait_s()
        if wait_s > 0:
            self._settle(claim, part, ("sending", "unknown"), "unknown", wait_s, {"looks": looks})
            return "unknown"
        try:
            sid = self._look_up(claim.cid, part)
        except NotListed as error:
            self._account_fault(part, error.code)
            if self._age_s(claim, part) > self._settings.part_limit_seconds:
                return self._give_up(claim, part, "unknown_outcome")
            self._settle(claim, part, ("sending", "unknown"), "unknown", BACKOFF_S[-1], {"looks": looks})
            return "unknown"
        self._log.info(
            "part_looked_up", part=keys.part_id(claim.cid, part.number), found=bool(sid), look=looks + 1
        )
        if sid and self._found(claim, part, sid):
            return "sent"
        return self._missed(claim, part, looks + 1, second - age_s)

    def _missed(self, claim: Claim, part: Part, looks: int, wait_s: float) -> str:
        if self._age_s(claim, part) > self._settings.part_limit_seconds:
            return self._give_up(claim, part, "expired")
        if looks < 2:
            self._settle(claim, part, ("sending", "unknown"), "unknown", max(0, wait_s), {"looks": looks})
            return "unknown"
        resends = int(part.record.get("resends", 0)) + 1
        if resends > RESENDS_MAX:
            return self._give_up(claim, part, "unknown_outcome")
        self._settle(claim, part, ("sending", "unknown"), "pending", 0, {"resends": resends, "looks": 0})
        return "later"

    def _look_up(self, cid: str, part: Part, before_s: float = 0.0) -> str:
        """The SID of the message (or call) in Twilio's list that is this part, or ''. Raises ``NotListed``.

        ``before_s``: how much older than the part it may be.
        """
        record = part.record
        began = min(record.get("first_sending_at", record["created"]), record["created"])
        since = datetime.fromtimestamp(began / SECOND_MS, UTC) - timedelta(seconds=LISTED_BEFORE_S + before_s)
        bound = self._ledger.bound(cid)
        call = part.lane.channel is Channel.VOICE
        # What a template says, Twilio alone knows, and of a call it tells nobody what was said: there any message
        # (or call) that is no other part's is taken for it.
        text = "" if call or record.get("content_sid") else part.text
        file_alone = bool(record.get("media")) and not part.text
        listed = self.account.outbound_calls if call else self.account.outbound
        for taken in listed(record["to"], record["from"], since):
            # A trial account's messages begin with words of Twilio's.
            said = call or str(taken.body or "").endswith(text)
            if file_alone and str(taken.body or "").strip() and not str(taken.body).startswith(TRIAL_WORDS):
                continue
            if said and bound.get(str(taken.sid), part.number) == part.number:
                return str(taken.sid)
        return ""

    # What does not go

    def _refuse(self, claim: Claim, part: Part, reason: str) -> str:
        if reason == "expired":
            return self._give_up(claim, part, reason)
        self._end(claim, part, "failed", {"refused": reason}, None)
        self._log.info("part_refused", part=keys.part_id(claim.cid, part.number), reason=reason)
        return "failed"

    def _too_late(self, claim: Claim, part: Part, looked: bool) -> str:
        """WhatsApp takes no free text any more: the agent's template for that goes in its place, or nothing."""
        template = self._late_template(claim, part)
        if template is None:
            return self._give_up(claim, part, "outside_window", "failed")
        changes = {
            "content_sid": template.content_sid,
            "content_variables": agent_templates.late_variables(template, part.text),
        }
        self._settle(claim, part, ("pending",), "pending", changes=changes)
        self._log.info("late_template", part=keys.part_id(claim.cid, part.number), template=template.name)
        return self._send(claim, Part(part.number, part.record | changes), looked)

    def _late_template(self, claim: Claim, part: Part) -> Template | None:
        """What stands for an answer of the assistant's that comes too late: for its first part, once."""
        agent = self._agents.for_number(part.lane.ours)
        number, _, index = part.number.partition(".")
        languages = (claim.customer.language, *agent.languages)
        template = agent_templates.choose(agent.templates, agent_templates.LATE_REPLY, languages)
        if template is None or index != "1":
            return None
        message = self._ledger.find_messages(claim.cid, [int(number)]).get(int(number))
        return template if message and message.generated_by == "ai" else None

    def _opted_out(self, claim: Claim, part: Part, code: int) -> str:
        """Twilio knew before us: from now on nothing is asked or sent for this sender, until START."""
        learnt = self._ledger.learn_optout(claim.cid, part.number, "", part.record["to"], self._optout(part))
        self._log.info("optout_learnt", customer=claim.cid[:6], code=code, outcome=learnt.lower())
        self._end(claim, part, "failed", {"refused": "opted_out", "error": code}, None)
        return "failed"

    def _give_up(self, claim: Claim, part: Part, reason: str, state: str = "dead", code: int = 0) -> str:
        """A failure for a person: the part, and the rest of its reply."""
        code = code or int(part.record.get("error") or 0)
        if reason == "expired" and code in TABLE and TABLE[code].kind is Kind.CONFIGURATION:
            reason = "configuration"
        failure = {"reason": reason, "part": part.number} | ({"error": code} if code else {})
        changes = {"refused": reason} | ({"error": code} if code else {})
        self._end(claim, part, state, changes, failure)
        self._log.error("part_given_up", part=keys.part_id(claim.cid, part.number), reason=reason, code=code)
        return "failed"

    def _end(
        self, claim: Claim, part: Part, state: str, changes: dict[str, Any], failure: dict[str, Any] | None
    ) -> None:
        states = ("pending", "sending", "unknown")
        if (
            self._ledger.give_up(claim, part.number, states, state, changes=changes, failure=failure)
            == "LOST"
        ):
            raise ClaimLost

    def _stumbled(self, claim: Claim, part: Part, error: Exception) -> str:
        """An error of ours about one part: it waits, longer each time, and ends as a failure for a person."""
        count, fault = int(part.record.get("stumbles", 0)) + 1, type(error).__name__
        self._log.exception("part_failed", part=keys.part_id(claim.cid, part.number), attempt=count)
        if count >= STUMBLES_MAX:
            failure = {"reason": "our_error", "part": part.number, "error": fault}
            self._end(claim, part, "dead", {"refused": "our_error"}, failure)
            self._log.error("part_given_up", part=keys.part_id(claim.cid, part.number), reason="our_error")
            return "failed"
        wait_s = _doubled((self._settings.ring_seconds, self._settings.ring_max_seconds), count - 1)
        # Once it was marked, Twilio may have it.
        for expected, state in ((("pending",), "pending"), (("sending", "unknown"), "unknown")):
            self._settle(claim, part, expected, state, wait_s, {"stumbles": count})
        return "later"

    # Waiting

    def _put_off(
        self, claim: Claim, part: Part, expected: tuple[str, ...], wait_s: float, code: int = 0
    ) -> str:
        """Keep a part for later, but not beyond its time."""
        left_s = max(0.0, self._settings.part_limit_seconds - self._age_s(claim, part)) + 0.1
        changes = {"backoff": int(part.record.get("backoff", 0)) + 1} | ({"error": code} if code else {})
        self._settle(claim, part, expected, "pending", min(wait_s, left_s), changes)
        return "later"

    def _wait(self, part: Part, patient: bool) -> float:
        tries = int(part.record.get("backoff", 0))
        if patient:
            return _doubled(self._settings.sender_busy_seconds, tries)
        return BACKOFF_S[min(tries, len(BACKOFF_S) - 1)]

    def _fault_wait(self, part: Part) -> float:
        return _doubled(self._settings.fault_retry_seconds, int(part.record.get("backoff", 0)))

    # Small facts

    def _account_fault(self, part: Part, code: int, lane: bool = False) -> None:
        """Raise the alarm for a fault of ours: of the whole account, or (``lane``) of this sender."""
        fault = TABLE.get(code)
        # Not whether the breaker is open now: somebody's success may have closed it again in between.
        account = fault.account if fault else self.account.breaker.is_open
        if account or lane:
            self._alarm("configuration_fault", code, "" if account else part.record["from"])

    def _alarm(self, event: str, code: int, sender: str) -> None:
        """An error in the log, once per code and sender in the time that a part may wait."""
        life_ms = max(1, round(self._settings.part_limit_seconds * SECOND_MS))
        if self._ledger.redis.set(keys.alarm(code, sender), 1, nx=True, px=life_ms):
            meaning = TABLE[code].meaning if code in TABLE else ""
            self._log.error(event, code=code, account=not sender, reason=meaning)

    def _age_s(self, claim: Claim, part: Part) -> float:
        return float(claim.now() - part.record["created"]) / SECOND_MS

    def _optout(self, part: Part) -> str:
        return optout.field(part.lane, self._settings.twilio_messaging_service_sid)

    def _settle(
        self, claim: Claim, part: Part, expected: tuple[str, ...], state: str, wait_s: float = 0,
        changes: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        outcome = self._ledger.settle(
            claim, part.number, expected, state, wait_ms=round(wait_s * SECOND_MS), changes=changes
        )
        if outcome == "LOST":
            raise ClaimLost


def _doubled(bounds: tuple[float, float], tries: int) -> float:
    """Seconds to wait after so many tries: the first bound, then twice that, at most the second."""
    least, most = bounds
    return float(min(least * 2 ** min(tries, 16), most))
