"""Twilio's routes for the telephone: greet, hear, hold the line until the answer is there, say goodbye.

What a caller says is taken in as a message of theirs and answered by a worker; see ``session.calls``. Nothing is
thought of here, and every answer is TwiML at once.
"""

from __future__ import annotations

from dataclasses import replace

import redis
import structlog
from flask import Blueprint, Response, g, request

from config.agents import Agent
from config.notices import notice
from config.notices_voice import HOLDS
from config.settings import Settings
from ingress import fields
from ingress.webhooks import Webhooks
from session import address, hours, keys, languages, twiml
from session.calls import SPOKEN, Call, Calls, Word
from session.claims import LedgerConflict, Received
from session.ledger import Ledger
from session.machine import IllegalTransition
from session.manager import NoSuchSession, SessionManager
from session.model import Channel, Customer, Lane, State
from session.operators import Operators
from session.unheard import end_call
from workers import crash
from workers.bell import Ringer

ENDED = ("completed", "busy", "failed", "no-answer", "canceled")  # a CallStatus that is the last
PUT_THROUGH = ("completed", "answered", "bridged")  # a DialCallStatus or QueueResult: a person was there
# The delivery that a call of ours has come to, in the words of a message's.
DELIVERY = {
    "queued": "queued", "initiated": "sent", "ringing": "sent", "in-progress": "delivered", "answered": "delivered",
    "completed": "delivered", "busy": "undelivered", "no-answer": "undelivered", "canceled": "undelivered",
    "failed": "failed",
}  # fmt: skip
AWAY_MAX = 10  # times in a row that a waiting call holds on while Redis is away
STILL_EVERY = 2  # polls: then the caller hears that we are still there
NUMBER_MAX = 9999  # of a question or a poll; our own addresses hold no greater one
HANDED_BACK = "The caller was put through to a person of the team by telephone."

_log = structlog.get_logger("ingress")


def create_blueprint(phone: Telephone, hooks: Webhooks) -> Blueprint:
    """The routes of calls."""
    return hooks.blueprint("voice", {
        "ring": (phone.ring, ("/voice", "/api/webhooks/voice")),
        "turn": (phone.turn, ("/voice/turn",)),
        "wait": (phone.wait, ("/voice/wait",)),
        "status": (phone.status, ("/voice/status",)),
    })  # fmt: skip


class Telephone:
    """The handlers. Safe for threads. Each may raise ``fields.Malformed`` and ``redis.RedisError``."""

    def __init__(self, settings: Settings, manager: SessionManager, ringer: Ringer) -> None:
        self._settings = settings
        self._manager = manager
        self._ledger: Ledger = manager.ledger
        self._calls = Calls(manager.ledger)
        self._ringer = ringer
        self._routes = twiml.Routes(settings.public_base_url)
        claimed = (number for agent in manager.agents for number in agent.numbers)
        self._our_numbers = frozenset((*settings.our_numbers, *claimed))

    # What Twilio tells

    def ring(self, pairs: fields.Pairs) -> Response:
        """A call begins: the greeting, which is the first question."""
        caller = self._caller(pairs)
        if self._refuses(caller):
            g.outcome = "rejected"
            return _answer(twiml.reject())
        cid = self._cid(caller)
        call, customer, new = self._begin(cid, caller)
        g.outcome = "new" if new else "known"
        if not call.live:
            return _answer(twiml.hangup())
        agent, voice = self._agent(call), self._voice(call)
        closed = agent.hours is not None and not hours.is_open(agent.hours, call.began)
        words = []
        if agent.hours and closed and agent.hours.after_hours != "answer":
            opens = hours.opens_words(agent.hours, call.began, call.language or agent.languages[0])
            words.append(notice(agent, "after_hours", call.language, opens=opens))
            if agent.hours.after_hours == "notice_only":
                words.append(self._said(call, "voice_goodbye"))
                return _answer(twiml.goodbye(" ".join(words), voice))
        own = _greeting(agent, call.language)
        if call.turn == 0 and _is_known(customer):
            words.append(self._said(call, "voice_back"))
        elif not own:
            words.append(self._said(call, "voice_hello"))
        words.append(own or self._said(call, "voice_greeting"))
        # Asked again in mid-call, after a fault, the answer to the last question may be on its way still.
        url = self._routes.turn(call.turn + 1, late=call.turn > 0)
        return _answer(twiml.ask(" ".join(words), voice, url))

    def turn(self, pairs: fields.Pairs) -> Response:
        """What the caller said to a question, or how calling a person ended."""
        caller = self._caller(pairs)
        if self._refuses(caller):
            return _answer(twiml.hangup())
        cid, call, _ = self._met(caller)
        if not call.began:
            return self._end(call, "voice_goodbye")
        if "dialled" in request.args:
            return self._dialled(cid, call, caller)
        said = fields.heard(caller.values)
        question = _number("n", call.turn + 1)
        if not said.text:
            return self._silence(cid, call, question)
        agent, live = self._agent(call), call.live
        badly = said.confidence is not None and said.confidence < agent.voice.min_confidence
        if live and badly and not call.unsure:
            g.outcome = "unsure"
            self._calls.heard(cid, replace(call, unsure=1))
            return self._ask(call, "voice_unsure", question, late="late" in request.args)
        received = self._take(cid, caller, question, said)
        if not live:
            return _answer(twiml.hangup())
        if received.outcome == "BURIED":
            return self._end(call, "voice_noted")
        if question > self._settings.call_turns_max:
            return self._end(call, "voice_enough")
        language = _language(agent, call.language, said.text)
        call = self._calls.heard(
            cid, replace(call, turn=max(question, call.turn), silences=0, unsure=0, language=language)
        )
        words = self._said(call, HOLDS[(question - 1) % len(HOLDS)])
        return self._hold(call, words, self._routes.wait(question, 1))

    def wait(self, pairs: fields.Pairs) -> Response:
        """The waiting call asks for its answer itself."""
        caller = self._caller(pairs)
        if self._refuses(caller):
            return _answer(twiml.hangup())
        try:
            return self._polled(caller)
        except redis.RedisError as error:
            # A 503 would end the call, and there is nothing to lose by holding on. The same poll asks again, for it
            # may have taken the word.
            again = _number("away", 0, least=0) + 1
            if again > AWAY_MAX:
                raise
            g.outcome = "redis_away"
            _log.error("redis_away", error=type(error).__name__)
            url = self._routes.wait(_number("n", 1), _number("t", 1), again)
            return self._hold(self._call(caller), "", url)

    def _polled(self, caller: fields.Caller) -> Response:
        cid, call, new = self._met(caller)
        if not call.began:
            return self._end(call, "voice_goodbye")
        question, poll = _number("n", max(1, call.turn)), _number("t", 1)
        outcome, word = self._calls.take(cid, call.sid, question, f"poll:{poll}")
        g.outcome = outcome.lower()
        if word:
            return self._speak(call, word)
        if outcome == "OVER":
            return _answer(twiml.hangup())
        if outcome == "GIVEN_UP":  # a person has the conversation now
            return self._to_person(call, question)
        if outcome == "SPOKEN" or new:  # nobody thinks about a question of a call that we did not know
            return self._ask(call, "voice_unheard", question + 1)
        if poll * self._settings.call_poll_seconds >= self._settings.call_hold_seconds:
            return self._ask(call, "voice_too_long", question + 1, late=True)
        words = self._said(call, "voice_still") if poll % STILL_EVERY == 0 else ""
        return self._hold(call, words, self._routes.wait(question, poll + 1))

    def status(self, pairs: fields.Pairs) -> Response:
        """News of a call: of one that we made how far it got, of any that it is over."""
        caller = self._caller(pairs)
        status = caller.values.get("CallStatus", "").lower()
        cid = self._cid(caller)
        g.outcome = "ignored"
        if about := keys.parse_id(request.args.get("ob", "")):
            self._deliver(about, caller, status)
        if status in ENDED:
            ended = end_call(
                self._manager, cid, caller.sid, status, self._settings.twilio_messaging_service_sid
            )
            g.outcome = ended.outcome.lower()
            if ended.waits:
                self._ringer.ring(cid)
        return _answer(twiml.nothing())

    # Who calls

    def _caller(self, pairs: fields.Pairs) -> fields.Caller:
        return fields.call(pairs, self._settings.twilio_phone_number)

    def _refuses(self, caller: fields.Caller) -> bool:
        """Whether a call is not taken: from ourselves, which would never end, or from a country that is not served."""
        countries = self._settings.allowed_countries
        return (
            caller.theirs in self._our_numbers
            or caller.theirs == caller.ours
            or bool(countries and not address.served(caller.theirs, countries))
        )

    def _cid(self, caller: fields.Caller) -> str:
        if caller.theirs.startswith(address.ANONYMOUS):
            return self._manager.customer_id(caller.theirs)
        return self._manager.resolve(caller.theirs)

    def _begin(self, cid: str, caller: fields.Caller) -> tuple[Call, Customer, bool]:
        # Known by their number, a customer stays known by it.
        known = cid != self._manager.customer_id(caller.theirs)
        return self._calls.begin(cid, self._call(caller), {} if known else {"address": caller.theirs})

    def _call(self, caller: fields.Caller) -> Call:
        """The call as it begins."""
        verified = caller.outbound and caller.ours not in self._our_numbers  # a caller ID, or nobody knows
        return Call(
            caller.sid, Lane(Channel.VOICE, caller.ours), caller.theirs,
            self._manager.agents.for_number(caller.ours).id, outbound=caller.outbound,
            sms_from=self._settings.twilio_phone_number if verified else "",
        )  # fmt: skip

    def _met(self, caller: fields.Caller) -> tuple[str, Call, bool]:
        """The customer and the call; begun, and new, where we know nothing of it. One that never ``began``: the
        customer was deleted in mid-call, and nothing of them is kept."""
        cid = self._cid(caller)
        if call := self._calls.find(cid, caller.sid):
            return cid, call, False
        if self._calls.is_forgotten(cid):
            return cid, self._call(caller), True
        return cid, self._begin(cid, caller)[0], True

    def _agent(self, call: Call) -> Agent:
        return self._manager.agents.known_or_default(call.agent_id)

    # What is done about it

    def _take(self, cid: str, caller: fields.Caller, question: int, said: fields.Heard) -> Received:
        """Store what was said, and ring. Opt-out words are none on the telephone, and a call waits for no more words."""
        message = fields.utterance(caller, question, said)
        crash.at("before_receive")
        received = self._ledger.receive(cid, message, profile={}, optout="", opens_window=False)
        crash.at("after_receive")
        g.outcome = received.outcome.lower()
        g.message = {
            "customer": cid[:6],
            "channel": Channel.VOICE.value,
            "message_id": received.message_id,
            "question": question,
        }
        if received.ring:
            self._ringer.ring(cid)
        crash.at("after_ring")
        return received

    def _silence(self, cid: str, call: Call, question: int) -> Response:
        """Nothing was heard. The address tells how often before, so that a repeated webhook counts once."""
        g.outcome = "silence"
        if not call.live:
            return _answer(twiml.hangup())
        again = _number("again", 0 if "n" in request.args else call.silences, least=0) + 1
        late = "late" in request.args
        if not late:  # the question stood behind the word before: a push that nobody knows of has spoken it
            self._calls.settle(cid, call.sid, question - 1, SPOKEN)
        # The answer to the question before may have come while the caller was asked whether there is anything else.
        word = self._calls.take(cid, call.sid, question - 1, f"poll:again:{again}")[1]
        if word:
            return self._speak(call, word)
        call = self._calls.heard(cid, replace(call, silences=again))
        if again >= self._settings.call_silences_max:
            return self._end(call, "voice_goodbye")
        return self._ask(call, "voice_unheard", question, again, late=late)

    def _dialled(self, cid: str, call: Call, caller: fields.Caller) -> Response:
        """A person was called: they have spoken, or nobody was there and the customer goes on waiting for one."""
        result = caller.values.get("DialCallStatus") or caller.values.get("QueueResult", "")
        g.outcome = "dialled"
        if result not in PUT_THROUGH:
            return self._end(call, "voice_noted" if call.anonymous else "voice_no_answer")
        # Over, before the assistant may answer what is left: nobody would hear it.
        service = self._settings.twilio_messaging_service_sid
        waits = end_call(self._manager, cid, call.sid, "completed", service).waits
        session = self._ledger.read(cid, None, 0)[1]
        if session and session.state is State.WAITING_AGENT:
            try:
                done = Operators(self._manager, service).hand_back(session.id, HANDED_BACK)
                waits = waits or done.waits
            except (NoSuchSession, LedgerConflict, IllegalTransition) as error:
                # It goes on waiting for a person, who sees the call in it.
                _log.warning("call_not_handed_back", customer=cid[:6], error=type(error).__name__)
        if waits:
            self._ringer.ring(cid)
        return _answer(twiml.hangup())

    def _deliver(self, about: keys.Id, caller: fields.Caller, status: str) -> None:
        """How far the call got that speaks a part of a message of ours."""
        number = f"{about.number}.{about.part}" if about.part else ""
        if status not in DELIVERY or not number:
            return
        outcome, ring = self._ledger.status(
            about.cid, number, caller.sid, DELIVERY[status], "", caller.values["To"]
        )
        if outcome in ("DOUBLE", "FOREIGN"):
            _log.error("callback_not_applied", customer=about.cid[:6], reason=outcome.lower())
        if ring:
            self._ringer.ring(about.cid)

    # What is said

    def _said(self, call: Call, name: str) -> str:
        return notice(self._agent(call), name, call.language)

    def _voice(self, call: Call) -> twiml.Voice:
        return twiml.voice_for(self._agent(call), call.language)

    def _ask(self, call: Call, name: str, question: int, again: int = 0, *, late: bool = False) -> Response:
        url = self._routes.turn(question, again, late=late)
        return _answer(twiml.ask(self._said(call, name), self._voice(call), url))

    def _end(self, call: Call, name: str) -> Response:
        return _answer(twiml.goodbye(self._said(call, name), self._voice(call)))

    def _to_person(self, call: Call, question: int) -> Response:
        """The caller is put through, where somebody is there; else it is noted for who has the conversation."""
        agent = self._agent(call)
        there = agent.hours is None or hours.is_open(agent.hours, self._ledger.now())
        if not there or not (agent.voice.transfer or agent.voice.queue):
            return self._end(call, "voice_noted")
        said, after = self._said(call, "voice_transfer"), self._routes.dialled(question + 1)
        return _answer(twiml.dial(said, self._voice(call), agent, after, call.lane.ours))

    def _hold(self, call: Call, words: str, url: str) -> Response:
        music, pause = self._agent(call).voice.hold, self._settings.call_poll_seconds
        return _answer(twiml.hold(words, music, self._voice(call), url, pause))

    def _speak(self, call: Call, word: Word) -> Response:
        agent, voice = self._agent(call), self._voice(call)
        return _answer(twiml.speak(word, voice, agent, self._routes, call.lane.ours))


def _answer(document: str) -> Response:
    return Response(document, 200, content_type="text/xml")


def _number(name: str, default: int, least: int = 1) -> int:
    """A number of the address, as we wrote it there; ``default`` for any other text."""
    text = request.args.get(name, "")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else -1
    return number if least <= number <= NUMBER_MAX else max(least, min(default, NUMBER_MAX))


def _is_known(customer: Customer) -> bool:
    """Whether the customer has said something before, on any channel."""
    return any(customer.channel_counts.get(channel) for channel in Channel)


def _greeting(agent: Agent, language: str) -> str:
    """The agent's own, where it has one in the call's language."""
    tag = (language or agent.languages[0]).replace("_", "-")
    own = agent.voice.greeting
    return own.get(tag) or own.get(tag.partition("-")[0].lower()) or ""


def _language(agent: Agent, known: str, text: str) -> str:
    """The language to go on in: that of a sentence in another one that the agent speaks, else the call's."""
    found = languages.detect(text)
    speaks = {language.lower().partition("-")[0] for language in agent.languages}
    long_enough = len(text.split()) >= languages.WORDS_TO_CHANGE
    return found if found in speaks and found != languages.code(known) and long_enough else known
