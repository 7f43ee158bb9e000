"""SessionManager: the door to sessions, for programs, operators and the sweep.

The method names are the seeds'. A turn of the assistant goes through ``ledger`` (claim,
open, commit) and uses only the reading half of this. Methods that write are checked
against the session's version: ``LedgerConflict`` says that somebody was faster.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from config.agent_table import AgentFault, Source
from config.agents import Agent, Agents
from config.settings import Settings
from session import address, course, events, keys, records, retries
from session.claims import Change, LedgerConflict, opened_as, until_written
from session.failures import Failure, Failures
from session.indexes import Indexes
from session.ledger import ERASED_MS, Ledger
from session.machine import AIMS, Event, IllegalTransition, advance
from session.model import (
    Channel,
    Customer,
    Direction,
    Entity,
    Message,
    MessageType,
    Role,
    Session,
    State,
)
from session.policy import Policy, next_check, policy_for, scope_of
from session.timers import Timers

ALIAS = "alias:"  # field of the customer's hash for each WhatsApp id that leads to them
SUMMARY_MESSAGES_MIN = 4  # a shorter conversation says itself what it was about


class SessionOpen(Exception):
    """The customer has an open session with this agent already; ``session`` is it."""

    def __init__(self, session: Session) -> None:
        super().__init__("a session with this customer is open")
        self.session = session


class NotANumber(ValueError):
    """What was given is no phone number in any reading."""


class NoSuchSession(LookupError):
    """There is no session of this id, or no more."""


class SessionManager:
    """Sessions of customers. Safe for threads."""

    def __init__(self, ledger: Ledger, settings: Settings, agents: Agents) -> None:
        self.ledger = ledger
        self.indexes = Indexes(ledger)
        self.failures = Failures(ledger)
        self.timers = Timers(self)
        self.agents = agents
        self._settings = settings
        self._id_key = settings.customer_id_key.get_secret_value()
        self._policies = policies_or_exit(agents, settings)
        self._log = structlog.get_logger("session")

    # Who

    def customer_id(self, address_value: str) -> str:
        return address.customer_id(self._id_key, address_value)

    def resolve(self, address_value: str) -> str:
        """The customer of an address; of a WhatsApp id whose number we were told, the number's customer."""
        cid = self.customer_id(address_value)
        if address_value.startswith("+"):
            return cid
        return str(self.ledger.redis.get(keys.customer_key("alias", cid)) or cid)

    def remember_alias(self, scoped_id: str, cid: str) -> None:
        """Keep that messages from this WhatsApp id are this customer's."""
        alias = keys.customer_key("alias", self.customer_id(scoped_id))
        self.ledger.redis.set(alias, cid, px=self.ledger.timing.retention_ms)

    def find_customer(self, phone: str) -> tuple[str, str]:
        """(customer id, address) of a number as people type it; a known customer is preferred."""
        readings = address.candidates(phone, self._settings.default_region)
        if not readings:
            raise NotANumber(phone)
        if not readings[0].startswith("+"):
            return self.resolve(readings[0]), readings[0]
        if len(readings) == 1:
            return self.customer_id(readings[0]), readings[0]
        best = next((reading for reading in readings if self._known(reading)), readings[0])
        return self.customer_id(best), best

    def _known(self, value: str) -> bool:
        return bool(self.ledger.redis.exists(keys.customer_key("customer", self.customer_id(value))))

    def policy(self, agent_id: str) -> Policy:
        """The session policy of an agent; of the default agent when that file is gone."""
        return self._policies.get(agent_id) or self._policies[self.agents.default.id]

    def change(self, session: Session, events: tuple[dict[str, Any], ...] = ()) -> Change:
        """The session ready to be stored, with the time at which the sweep must look at it, and what happens by it."""
        return Change(session, next_check(session, self.policy(session.agent_id)), events)

    def outgrown(self, session: Session) -> bool:
        """Whether there is so much in a session that its summary does not say, that a new one is worth a request."""
        new = session.message_count - session.summary_upto
        if session.state in (State.IDLE, State.CLOSED):
            return new >= SUMMARY_MESSAGES_MIN
        window = self.policy(session.agent_id).history_window
        return session.message_count > window and new > window // 2

    # Reading

    def read(self, phone: str, last: int = -1) -> tuple[Customer, Session | None, list[Message]]:
        """The customer, the open session last active (else the latest), its ``last`` messages (-1: all)."""
        return self.ledger.read(self.find_customer(phone)[0], None, last)

    def read_session(self, session_id: str, last: int = -1) -> tuple[Customer, Session, list[Message]]:
        """The same for one session. Raises ``NoSuchSession``."""
        found = keys.parse_id(session_id)
        if not found or found.letter != "s":
            raise NoSuchSession(session_id)
        customer, session, messages = self.ledger.read(found.cid, found.number, last)
        if session is None:
            raise NoSuchSession(session_id)
        return customer, session, messages

    def get_session_by_phone(self, phone: str) -> Session | None:
        """The customer's open session, or None."""
        session = self.read(phone, 0)[1]
        return session if session and session.state is not State.CLOSED else None

    def get_session_by_id(self, session_id: str) -> Session:
        """One session. Raises ``NoSuchSession``."""
        return self.read_session(session_id, 0)[1]

    def sessions_of(self, cid: str) -> list[Session]:
        """Every session of a customer that is still kept, oldest first."""
        stored: Any = self.ledger.redis.hgetall(keys.customer_key("sessions", cid))
        return [records.decode_session(cid, number, stored[number]) for number in sorted(stored, key=int)]

    def get_conversation_history(self, phone: str, limit: int | None = None) -> list[Message]:
        """Messages of the customer's session, oldest first; the newest ``limit``, or all."""
        return self.read(phone, -1 if limit is None else limit)[2]

    def get_session_summary(self, session_id: str) -> dict[str, Any]:
        """What a session came to, in numbers and words."""
        customer, s, _ = self.read_session(session_id, 0)
        return {
            "session_id": s.id,
            "phone_number": customer.address,
            "status": s.status,
            "state": str(s.state),
            "created_at": s.created_at,
            "ended_at": s.ended_at,
            "duration_s": ((s.ended_at or s.last_activity) - s.created_at) / 1000,
            "message_count": s.message_count,
            "inbound_count": s.inbound_count,
            "outbound_count": s.outbound_count,
            "intent": s.intent,
            "summary": s.summary,
            "extracted_entities": {name: e.value for name, e in s.entities.items()},
            "order_details": s.order_details,
        }

    def get_active_sessions_count(self) -> int:
        """How many sessions are not closed."""
        return self.indexes.active_count()

    def get_all_sessions(self, limit: int = 1000) -> list[tuple[Customer, Session]]:
        """Every session that is not closed, newest activity first, ``limit`` at most."""
        return self.indexes.active(limit)

    # Writing

    def create_session(
        self, phone: str, *, agent_id: str = "", channel: Channel = Channel.SMS,
        initial_message: str = "", context: Mapping[str, Any] | None = None,
    ) -> Session:  # fmt: skip
        """Open a session by program, in the state NEW. Raises ``SessionOpen``."""
        cid, value = self.find_customer(phone)
        agent = self.agents.known_or_default(agent_id)
        scope = scope_of(self.policy(agent.id), channel)
        open_now = self.open_session(cid, agent, scope)
        if open_now:
            raise SessionOpen(open_now)
        now = self.ledger.now()
        ours = agent.numbers[0] if agent.numbers else self._settings.twilio_phone_number
        session = course.begin(agent.id, channel, scope, value, ours, "opened by a program", now)
        session = replace(session, context=dict(context or {}))
        messages = []
        if initial_message:
            messages = [
                self._message(value, ours, channel, initial_message, Direction.INBOUND, MessageType.TEXT, now)
            ]
            session = course.add(session, messages[0])
        try:
            began = events.event("session_started", channel=str(channel), because=session.opened_because)
            change = self.change(session, (began,))
            stored = self.ledger.write(cid, change, messages, {"address": value}).session
        except LedgerConflict:
            raise SessionOpen(self.open_session(cid, agent, scope) or session) from None
        self._log.info(
            "session_created", customer=cid[:6], session_id=stored.id, because=stored.opened_because
        )
        return stored

    def get_session(self, phone: str) -> Session:
        """The customer's open session; a NEW one when there is none."""
        session = self.get_session_by_phone(phone)
        if session:
            return session
        try:
            return self.create_session(phone)
        except SessionOpen as faster:
            return faster.session

    def add_message(
        self, phone: str, content: str, message_type: MessageType = MessageType.TEXT,
        direction: Direction = Direction.INBOUND, *, metadata: Mapping[str, Any] | None = None,
    ) -> Session:  # fmt: skip
        """Record a message in the customer's session, opening one when there is none. Sends and answers nothing."""
        session = self.get_session(phone)
        _cid, value = self.find_customer(phone)

        def added(s: Session) -> tuple[Session, list[Message]]:
            message = self._message(
                value, s.ours, s.channel, content, direction, message_type, self.ledger.now(), metadata
            )
            if direction is Direction.INBOUND:
                s = course.move(s, Event.CUSTOMER_WROTE, message.at)
                if s.state is State.NEW:
                    s = course.move(s, Event.WORKED_ON, message.at)
            return course.add(s, message), [message]

        stored = self._rewrite(session.id, added)
        self._log.info("message_added_to_history", session_id=stored.id, total_messages=stored.message_count)
        return stored

    def update_session(
        self, session: str | Session, *, context: Mapping[str, Any] | None = None,
        order_details: Mapping[str, Any] | None = None, extracted_entities: Mapping[str, Any] | None = None,
    ) -> Session:  # fmt: skip
        """Merge what is given into a session. With a ``Session`` its version is checked: ``LedgerConflict``."""

        def merged(s: Session) -> tuple[Session, list[Message]]:
            now = self.ledger.now()
            entities = dict(s.entities)
            for name, value in (extracted_entities or {}).items():
                before = entities.pop(name, None)
                if value is not None:  # null takes a value away
                    entities[name] = Entity(value, "", now, before.replaced() if before else ())
            details = {**(s.order_details or {}), **order_details} if order_details else s.order_details
            return replace(
                s, context={**s.context, **(context or {})}, order_details=details, entities=entities
            ), []

        if isinstance(session, str):
            return self._rewrite(session, merged)
        found = keys.parse_id(session.id)
        if not found:
            raise NoSuchSession(session.id)
        return self.ledger.write(found.cid, self.change(merged(session)[0])).session

    def note_summary(self, session: Session, summary: str, matter: str) -> Session:
        """Keep what ``session`` as it was read comes to. Raises ``NoSuchSession``, ``LedgerConflict``."""

        def noted(s: Session) -> tuple[Session, list[Message]]:
            if s.forgotten_upto != session.forgotten_upto:  # the summary tells what is to be forgotten
                raise LedgerConflict
            return replace(
                s, summary=summary, summary_upto=session.message_count, intent=s.intent or matter
            ), []

        return self._rewrite(session.id, noted)

    def update_extracted_info(self, session: str | Session, info: Mapping[str, Any]) -> Session:
        """Merge entities, name to plain value, into a session."""
        return self.update_session(session, extracted_entities=info)

    def update_state(self, session: str | Session, state: State) -> Session:
        """Move a session to ``state`` by whichever event leads there. Raises ``IllegalTransition``."""
        session_id = session if isinstance(session, str) else session.id
        return self._rewrite(session_id, lambda s: (self._step_to(s, state), []))

    def complete_session(self, session_id: str) -> Session:
        """CLOSED, completed: what was being thought for it is not sent. Raises ``IllegalTransition``."""
        return self._end(session_id, Event.COMPLETED)

    close_session = complete_session  # S4's word for the same

    def expire_session(self, session_id: str) -> Session:
        """CLOSED, expired. Raises ``IllegalTransition``."""
        return self._end(session_id, Event.EXPIRED)

    def destroy_session(self, phone: str) -> int:
        """Forget the customer of this number, everywhere in Redis; gives how many records went."""
        return self.forget(self.find_customer(phone)[0])

    def forget(self, cid: str) -> int:
        """Forget a customer, everywhere in Redis; gives how many records went."""
        facts = self.ledger.redis.hkeys(keys.customer_key("customer", cid))
        for name in facts:
            if str(name).startswith(ALIAS):
                alias = str(name).removeprefix(ALIAS)
                self.ledger.redis.delete(keys.customer_key("alias", alias))
                self.ledger.redis.set(keys.customer_key("erased", alias), 1, px=ERASED_MS)
        return self.ledger.forget(cid)

    def retry_failure(self, failure_id: str) -> Failure:
        """Try a failure again, once; ring for its customer then. Raises ``NoSuchFailure``, ``NotRetried``."""
        return retries.retry(self, failure_id, self._settings.twilio_messaging_service_sid)

    # The scheduled jobs

    def check_idle_sessions(self) -> int:
        """ACTIVE to IDLE for every session that has been quiet long enough; gives how many."""
        return len(self.timers.idle())

    def cleanup_expired_sessions(self) -> int:
        """CLOSED for every session whose time is over; gives how many."""
        return len(self.timers.expire())

    # Inside

    def open_session(self, cid: str, agent: Agent, scope: str) -> Session | None:
        """The customer's open session with this agent, in a scope of ``policy.scope_of``."""
        field = records.OPEN + opened_as(agent.id, scope)
        number = self.ledger.redis.hget(keys.customer_key("customer", cid), field)
        return self.ledger.read(cid, int(str(number)), 0)[1] if number else None

    def _rewrite(
        self, session_id: str, change: Callable[[Session], tuple[Session, list[Message]]]
    ) -> Session:
        """Read, change, write; again when somebody was faster, for the change is the same whatever they wrote."""

        def rewritten() -> Session:
            before = self.get_session_by_id(session_id)
            found = keys.parse_id(session_id)
            assert found is not None
            after, messages = change(before)
            told = self.change(after, events.of_move(before, after))
            resolves = before.state is State.WAITING_AGENT and after.state is not before.state
            stored = self.ledger.write(found.cid, told, messages, resolves=resolves).session
            self.log_move(found.cid, before, stored)
            return stored

        return until_written(rewritten)

    def _end(self, session_id: str, event: Event) -> Session:
        def ended(s: Session) -> tuple[Session, list[Message]]:
            return replace(course.move(s, event, self.ledger.now()), epoch=s.epoch + 1), []

        return self._rewrite(session_id, ended)

    def _step_to(self, session: Session, state: State) -> Session:
        if session.state is state:
            return session
        for event in _PLAIN_EVENTS.get(state, ()):
            try:
                aim, _ = advance(session.state, session.handled_by, event)
            except IllegalTransition:
                continue
            if aim is state:
                return course.move(session, event, self.ledger.now())
        aimed_at = next((e for e, aim in AIMS.items() if aim is state), None)
        raise IllegalTransition(session.state, session.handled_by, aimed_at)

    def _message(
        self, theirs: str, ours: str, channel: Channel, content: str, direction: Direction,
        kind: MessageType, now: int, metadata: Mapping[str, Any] | None = None,
    ) -> Message:  # fmt: skip
        inbound = direction is Direction.INBOUND
        role = Role.USER if inbound else Role.ASSISTANT
        return Message(
            direction=direction,
            role=Role.SYSTEM if kind is MessageType.SYSTEM else role,
            content=content,
            channel=channel,
            from_number=theirs if inbound else ours,
            to_number=ours if inbound else theirs,
            message_type=kind,
            at=now,
            extra=dict(metadata or {}),
        )

    def log_move(self, cid: str, before: Session, after: Session) -> None:
        if before.state is not after.state:
            self._log.info(
                "state_transitioned",
                customer=cid[:6], session_id=after.id, **{"from": str(before.state), "to": str(after.state)},
            )  # fmt: skip


def _policy(agent: Agent, settings: Settings) -> Policy:
    """The agent's policy; a window may stand beside the table too."""
    policy = policy_for(agent.policy, settings)
    if agent.history_window and "history_window" not in agent.policy:
        return replace(policy, history_window=agent.history_window)
    return policy


def policies_of(agents: Iterable[Agent], settings: Settings) -> tuple[dict[str, Policy], list[AgentFault]]:
    """Each agent's policy by the agent's id, and what is wrong in their files."""
    policies: dict[str, Policy] = {}
    faults: list[AgentFault] = []
    for agent in agents:
        try:
            policies[agent.id] = _policy(agent, settings)
        except ValueError as error:
            # "policy: idle_after must be ...": the second word is the key, which has a line.
            source = Source(f"{agent.id}.toml", agent.lines)
            source.fault(f"policy.{str(error).split()[1]}", f"{error}.")
            faults += source.faults
    return policies, faults


def policies_or_exit(agents: Agents, settings: Settings) -> dict[str, Policy]:
    """Each agent's policy; or what is wrong in their files on stderr and exit status 2."""
    policies, faults = policies_of(agents, settings)
    if faults:
        print("\n".join(map(str, faults)), file=sys.stderr)
        raise SystemExit(2)
    return policies


_PLAIN_EVENTS: dict[State, Sequence[Event]] = {
    State.ACTIVE: (Event.WORKED_ON, Event.CUSTOMER_WROTE, Event.HANDED_BACK),
    State.IDLE: (Event.WENT_QUIET,),
    State.WAITING_AGENT: (Event.HANDED_OFF,),
    State.CLOSED: (Event.COMPLETED,),
}

__all__ = ["NoSuchSession", "NotANumber", "SessionManager", "SessionOpen", "policies_of", "policies_or_exit"]
