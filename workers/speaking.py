"""Speaking a word into a live call: pushed by REST as soon as it stands in the ledger.

The call's own poll (``/voice/wait``) is the second way: whichever takes the word speaks it, and a push whose outcome
nobody knows is left to the poll once its time is over. So a worker may die here at any line.
"""

from __future__ import annotations

import time
from typing import Any

import redis
import structlog

from config.settings import Settings
from session import twiml, unheard
from session.calls import READY, SPOKEN, UNHEARD, Call, Calls, Then, Word
from session.claims import Claim, Part
from session.manager import SessionManager
from workers import crash
from workers.twilio_account import OVER, Outcome, TwilioAccount
from workers.twilio_errors import Kind

SECOND_MS = 1000
DAWDLED = (
    0.2  # of a push's time: more between the taking and the request, and the poll will have the word instead
)

# What the word's message is then, as ``Delivery`` tells of a part; of LATER the poll makes SENT.
SENT, LATER, FAILED = "sent", "later", "failed"

_log = structlog.get_logger("delivery")


class Speaker:
    """Pushes words into live calls. Safe for threads."""

    def __init__(
        self, settings: Settings, manager: SessionManager, calls: Calls, account: TwilioAccount
    ) -> None:
        self._settings = settings
        self._manager = manager
        self._calls = calls
        self._account = account

    def speak(self, claim: Claim, part: Part) -> str:
        """Bring a word as far as it gets now: ``sent``, ``later`` (the poll speaks it) or ``failed``. ``part``: see ``lines``.

        A Redis error leaves the word to the poll.
        """
        try:
            return self._push(claim, part)
        except redis.RedisError:
            raise
        except Exception:  # noqa: BLE001  whatever it is, the poll has the word in a moment
            _log.exception("word_failed", customer=claim.cid[:6])
            return LATER

    def _push(self, claim: Claim, part: Part) -> str:
        call_sid, turn = str(part.record["call"]), int(part.record["word"])
        crash.at("before_word")
        verdict, word = self._calls.take(claim.cid, call_sid, turn, "push")
        if word is None:
            return self._not_taken(claim.cid, turn, verdict)
        taken_at = time.monotonic()
        call = self._calls.find(claim.cid, call_sid)
        if call is None:
            return FAILED  # the customer was forgotten
        said = self._twiml(call, word)
        crash.at("before_push")
        if time.monotonic() - taken_at > self._settings.word_push_seconds * DAWDLED:
            return LATER
        outcome = self._account.update_call(call_sid, said)
        crash.at("after_push")
        told: dict[str, Any] = {"customer": claim.cid[:6], "turn": turn, "outcome": str(outcome.kind)}
        took_ms = round((time.monotonic() - taken_at) * SECOND_MS)
        _log.info("word_pushed", **told, code=outcome.code, duration_ms=took_ms)
        return self._note(claim.cid, word, outcome)

    def _twiml(self, call: Call, word: Word) -> str:
        agent = self._manager.agents.for_number(call.lane.ours)
        voice, routes = twiml.voice_for(agent, call.language), twiml.Routes(self._settings.public_base_url)
        return twiml.speak(word, voice, agent, routes, call.lane.ours)

    def _not_taken(self, cid: str, turn: int, verdict: str) -> str:
        """The poll was faster, the call is over, or the caller has gone on: then the next turn says it, or a text."""
        _log.info("word_not_pushed", customer=cid[:6], turn=turn, reason=verdict.lower())
        return {"SPOKEN": SENT, "WAIT": LATER}.get(verdict, FAILED)

    def _note(self, cid: str, word: Word, outcome: Outcome) -> str:
        if outcome.kind == SENT:
            self._calls.settle(cid, word.call_sid, word.turn, SPOKEN)
            self._replace(cid, word)
            return SENT
        if outcome.kind != Kind.UNKNOWN:
            self._calls.settle(cid, word.call_sid, word.turn, READY)
        if outcome.kind == OVER:
            self._over(cid, word.call_sid)
            return FAILED
        return LATER

    def _replace(self, cid: str, word: Word) -> None:
        """What the caller went on without is told by an answer that came later: it is no text's any more."""
        if word.then is Then.LISTEN and word.turn > 1:
            for earlier in self._calls.words(cid, word.call_sid):
                if earlier.turn < word.turn and earlier.state == READY:
                    self._calls.settle(cid, word.call_sid, earlier.turn, UNHEARD)

    def _over(self, cid: str, call_sid: str) -> None:
        """Twilio knows before us that the caller has hung up."""
        service_sid = self._settings.twilio_messaging_service_sid
        unheard.end_call(self._manager, cid, call_sid, "completed", service_sid)
