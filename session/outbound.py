"""What a program says to a customer, in writing or on the telephone: it goes on with their conversation, or begins one.

It is sent as written, like an operator's answer, and stands in the history as one (role agent); but nobody takes the
conversation over: whoever had it has it still, so the assistant answers what the customer says to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from config import agent_templates
from config.agents import Agent, Template
from config.settings import Settings
from session import calling, course, events, optout, replies, whatsapp
from session.claims import OptedOut, until_written
from session.machine import Event
from session.model import Channel, Customer, Direction, Lane, Message, Role, Session, State
from session.operators import Done, NotSendable, check_body
from session.policy import Decision, judge, scope_of
from session.splitting import split

if TYPE_CHECKING:
    from session.manager import SessionManager

LOOK_BACK = 50  # messages looked at for the customer's last

_log = structlog.get_logger("session")


@dataclass(frozen=True, slots=True)
class DraftTemplate:
    """A template by its name in the agent's file, or by Twilio's SID; ``variables``: name to text."""

    name: str = ""
    content_sid: str = ""
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a program wants said: ``body``, or a template. ``ours``: from which number (E.164), '' to choose."""

    to: str  # as people type it
    channel: Channel
    body: str = ""
    template: DraftTemplate | None = None
    ours: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A message's text as it is recorded, the parts it is sent in, and of a template SID and variables."""

    text: str
    parts: tuple[str, ...]
    content_sid: str = ""
    variables: str = ""
    name: str = ""


class Outbound:
    """Messages by program. Safe for threads."""

    def __init__(self, manager: SessionManager, settings: Settings) -> None:
        self._manager = manager
        self._settings = settings
        self._service_sid = settings.twilio_messaging_service_sid

    def default_sender(self, to: str, channel: Channel) -> str:
        """Our number of the customer's open conversation on this channel, else the default one. Raises ``NotANumber``."""
        latest = self._manager.get_session_by_phone(to)
        # Who called a number may be texted from it, and who texted it be called.
        same = latest and (latest.channel is channel or Channel.WHATSAPP not in (latest.channel, channel))
        if latest and same and latest.ours:
            return latest.ours
        if channel is Channel.WHATSAPP:
            return self._settings.whatsapp_number
        numbers = self._manager.agents.default.numbers
        return numbers[0] if numbers else self._settings.twilio_phone_number

    def send(self, draft: Draft) -> Done:
        """Store it to be sent. Raises ``NotANumber``, ``NotSendable``, ``OptedOut``, ``LedgerConflict``."""
        if draft.template is None:
            check_body(draft.body)
        cid, value = self._manager.find_customer(draft.to)
        if draft.channel is not Channel.WHATSAPP and not value.startswith("+"):
            raise NotSendable("invalid_phone_number", "This WhatsApp id has no number; send it on whatsapp.")
        if value in self._settings.our_numbers or value == draft.ours:
            raise NotSendable("own_number", "to is a number of ours; give a customer's.")
        lane = Lane(draft.channel, draft.ours or self.default_sender(draft.to, draft.channel))
        return until_written(lambda: self._try(cid, value, lane, draft))

    # Inside

    def _try(self, cid: str, value: str, lane: Lane, draft: Draft) -> Done:
        manager, now = self._manager, self._manager.ledger.now()
        customer, latest, messages = manager.ledger.read(cid, None, LOOK_BACK)
        forbidden = optout.field(lane, self._service_sid)
        if forbidden.removeprefix("optout:") in customer.opted_out:
            raise OptedOut
        agent = manager.agents.for_number(lane.ours)
        said = self._said(agent, customer, draft)
        if not said.content_sid and not whatsapp.may_say(customer, lane, now, messages):
            raise NotSendable("outside_window", "WhatsApp's 24 hours are over here; send a template.")
        session = self._session(cid, value, lane, agent, latest, now)
        message = _message(value, lane, said)
        written = manager.ledger.write(
            cid,
            manager.change(course.say(session, now), _told(session)),
            facts={} if customer.address else {"address": value},
            owed=replies.owed(
                message, said.parts, session.epoch, content_sid=said.content_sid, variables=said.variables
            ),
            optout=forbidden,
        )
        stored = written.session
        if not session.id:
            _log.info(
                "session_created", customer=cid[:6], session_id=stored.id, because=session.opened_because
            )
        return Done(stored, replies.queued(message, written), written.waits)

    def _session(
        self, cid: str, value: str, lane: Lane, agent: Agent, latest: Session | None, now: int
    ) -> Session:
        """The open session, ended by now if its time is over; else a new one, with what the last one knew."""
        manager, policy = self._manager, self._manager.policy(agent.id)
        scope = scope_of(policy, lane.channel)
        found = manager.open_session(cid, agent, scope)
        verdict = judge(found, policy, lane.channel, now)
        if found and not verdict.opens:
            return course.move(found, Event.WORKED_ON, now) if found.state is State.NEW else found
        if found:
            expired = verdict.decision is Decision.EXPIRED_THEN_NEW
            ended = course.move(found, Event.EXPIRED if expired else Event.SUPERSEDED, now)
            latest = manager.ledger.write(cid, manager.change(ended, events.ended(ended))).session
        begun = course.begin(agent.id, lane.channel, scope, value, lane.ours, "a message by a program", now)
        if latest and latest.agent_id == agent.id:
            begun = course.carry(begun, latest, None)
        return course.move(begun, Event.WORKED_ON, now)

    def _said(self, agent: Agent, customer: Customer, draft: Draft) -> Said:
        asked = draft.template
        if asked is None:
            body = draft.body.strip()
            return Said(body, (_speakable(body),) if draft.channel is Channel.VOICE else split(body))
        if draft.channel is not Channel.WHATSAPP:
            raise NotSendable(
                "invalid_template", "Templates are WhatsApp's; give channel whatsapp, or a body."
            )
        template = self._template(agent, customer, asked)
        try:
            variables = agent_templates.content_variables(
                asked.variables, template.variables if template else None
            )
        except agent_templates.UnfitVariables as fault:
            raise NotSendable("invalid_template", f"template: {fault}") from None
        sid = template.content_sid if template else asked.content_sid
        text = agent_templates.said(template, sid, variables)
        return Said(text, (text,), sid, variables, template.name if template else "")

    @staticmethod
    def _template(agent: Agent, customer: Customer, asked: DraftTemplate) -> Template | None:
        """As the agent's file has it; None for a SID that stands in no file, which Twilio judges."""
        languages = (customer.language, *agent.languages)
        found = agent_templates.choose(agent.templates, asked.name, languages, asked.content_sid)
        if found is None and asked.name:
            names = ", ".join(sorted({t.name for t in agent.templates})) or "none"
            raise NotSendable(
                "unknown_template", f"The agent {agent.id} has no such template; it has {names}."
            )
        if found is None and not agent_templates.CONTENT_SID.fullmatch(asked.content_sid):
            raise NotSendable("invalid_template", "content_sid must be HX and 32 hexadecimal digits.")
        return found


def _speakable(body: str) -> str:
    """What a call says, in one part. Raises ``NotSendable``."""
    if not calling.fits(body):
        raise NotSendable(
            "body_too_long", f"A call says at most {calling.SPOKEN_MAX} characters; put the rest in a text."
        )
    return body


def _message(value: str, lane: Lane, said: Said) -> Message:
    told = {"template": said.name or said.content_sid, "content_sid": said.content_sid}
    return Message(
        direction=Direction.OUTBOUND,
        role=Role.AGENT,
        content=said.text,
        channel=lane.channel,
        from_number=lane.ours,
        to_number=value,
        generated_by="operator",
        extra=told if said.content_sid else {},
    )


def _told(session: Session) -> tuple[events.JSON, ...]:
    """The events of saying it."""
    if session.id:
        return ()
    return (events.event("session_started", channel=str(session.channel), because=session.opened_because),)
