"""What people do in a conversation: take it over, answer in it, hand it back.

Each step is one write, checked against the session's version and tried again when somebody was faster, for it is
the same whatever they wrote. A step that takes the conversation away from the assistant moves the epoch: what the
assistant decided before is not sent any more. What a person wrote stays in force when the next step follows at once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from config.agents import Agent
from session import calls, course, events, keys, optout, replies, whatsapp, wishes
from session.claims import until_written
from session.machine import Event
from session.model import (
    Channel,
    Customer,
    Direction,
    HandledBy,
    Keyword,
    Message,
    Role,
    Session,
    State,
)
from session.splitting import PART_UNITS_MAX, PARTS_MAX, split, units

if TYPE_CHECKING:
    from session.manager import SessionManager

LOOK_BACK = 50  # messages looked at for what nobody has answered
BODY_UNITS_MAX = PART_UNITS_MAX * PARTS_MAX
NOTE_CHARS_MAX = 2000

_log = structlog.get_logger("session")


class NotSendable(ValueError):
    """An answer that cannot be sent; ``code`` for programs, the text is a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def check_body(body: str) -> None:
    """Raises ``NotSendable`` where a person's or a program's words cannot be sent."""
    # Blanks, controls, zero-width characters and their kin (Unicode Z and C) show nothing on a phone.
    if all(unicodedata.category(character)[0] in "ZC" for character in body):
        raise NotSendable("empty_body", "body must hold the words to send.")
    if units(body) > BODY_UNITS_MAX:
        raise NotSendable("body_too_long", f"body must be at most {BODY_UNITS_MAX} characters.")


@dataclass(frozen=True, slots=True)
class Step:
    """What an operator's step writes. ``owed``: a reply to send, to the message of number ``answers``; ``again``:
    messages to be answered by the assistant."""

    session: Session
    owed: Message | None = None
    answers: int = 0
    again: tuple[Message, ...] = ()
    told: tuple[events.JSON, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The session as stored, the message that was owed, and whether the customer waits for a worker now."""

    session: Session
    message: Message | None = None
    waits: bool = False


class Operators:
    """The steps, for the API and the console. Safe for threads."""

    def __init__(self, manager: SessionManager, service_sid: str | None) -> None:
        self._manager = manager
        self._service_sid = service_sid

    def hand_off(self, session_id: str, note: str = "") -> Done:
        """To a person, with a note for whom it reaches; again when it waits for one already.

        Raises ``NoSuchSession``, ``IllegalTransition``.
        """

        def taken(s: Session, _: Sequence[Message], __: Customer) -> Step:
            context = {**s.context, "handoff_note": note[:NOTE_CHARS_MAX]} if note else s.context
            if s.state is State.WAITING_AGENT:
                return Step(replace(s, context=context) if context != s.context else s)
            moved = course.move(s, Event.HANDED_OFF, self._manager.ledger.now())
            moved = _taken_over(s, replace(moved, context=context))
            return Step(moved, told=events.of_move(s, moved, "operator"))

        return self._do(session_id, taken)

    def hand_back(self, session_id: str, note: str = "") -> Done:
        """To the assistant, which answers what nobody answered; ``note`` is for its eyes alone."""

        def given(s: Session, messages: Sequence[Message], _: Customer) -> Step:
            moved = course.move(s, Event.HANDED_BACK, self._manager.ledger.now())
            already = s.handled_by is HandledBy.ASSISTANT and s.state is not State.WAITING_AGENT
            if already and note[:NOTE_CHARS_MAX] in ("", s.note):
                return Step(s)
            moved = replace(moved, note=note[:NOTE_CHARS_MAX] or s.note)
            if already:
                return Step(moved)
            again = unanswered(messages, self._manager.agents.known_or_default(s.agent_id))
            return Step(moved, again=again, told=(events.event("handed_back"),))

        return self._do(session_id, given)

    def complete(self, session_id: str) -> Done:
        """CLOSED, completed. Raises ``NoSuchSession``, ``IllegalTransition``."""

        def ended(s: Session, _: Sequence[Message], __: Customer) -> Step:
            moved = course.move(s, Event.COMPLETED, self._manager.ledger.now())
            return Step(_taken_over(s, moved), told=events.ended(moved))

        return self._do(session_id, ended)

    def answer(self, session_id: str, body: str, seen: str | None = None) -> Done:
        """A person's words to the customer, sent as written on the session's channel.

        With ``seen``, the newest message they had read ('' for none), nothing is done when they have said this since:
        a button was pressed twice. Raises ``NotSendable`` and ``OptedOut`` too.
        """
        check_body(body)

        def said(s: Session, messages: Sequence[Message], customer: Customer) -> Step:
            if seen is not None and _said_since(messages, body.strip(), seen):
                return Step(s)
            now = self._manager.ledger.now()
            moved = course.move(s, Event.OPERATOR_ANSWERED, now)
            heard = next((m for m in reversed(messages) if _heard_on(m, s.channel)), None)
            owed = _reply(s, heard, body.strip())
            if s.channel is Channel.VOICE and heard:
                owed = owed._replace(from_number=self._texts_from(customer.id, heard))
            if owed.channel is Channel.SMS and not owed.to_number.startswith("+"):
                raise NotSendable(
                    "cannot_speak", "The caller's number is withheld, so nothing can be sent to it."
                )
            if not whatsapp.may_say(customer, owed.lane, now, messages):
                raise NotSendable(
                    "outside_window",
                    "WhatsApp lets nobody write freely a day after the last message; send a template.",
                )
            return Step(
                _taken_over(s, course.say(moved, now)),
                owed=owed,
                answers=_number(heard) if heard else 0,
                told=(events.event("operator_answered"),),
            )

        return self._do(session_id, said)

    # Inside

    def _texts_from(self, cid: str, heard: Message) -> str:
        """Our number that a text about the call goes from in which this was heard."""
        utterance = calls.utterance_of(heard.twilio_sid)
        call = calls.Calls(self._manager.ledger).find(cid, utterance[0]) if utterance else None
        return call.texts_from if call else heard.to_number

    def _do(self, session_id: str, decide: Callable[[Session, Sequence[Message], Customer], Step]) -> Done:
        def done() -> Done:
            customer, before, messages = self._manager.read_session(session_id, last=LOOK_BACK)
            step = decide(before, messages, customer)
            return Done(before) if step.session is before else self._write(customer, before, step)

        return until_written(done)

    def _write(self, customer: Customer, before: Session, step: Step) -> Done:
        manager, owed = self._manager, step.owed
        texts = split(owed.content) if owed else []
        written = manager.ledger.write(
            customer.id,
            manager.change(step.session, step.told),
            owed=replies.owed(owed, texts, step.session.epoch, step.answers) if owed else None,
            optout=optout.field(owed.lane, self._service_sid) if owed else "",
            entries=self._entries(customer.id, step.again),
            # Whoever was called because nobody answered has come.
            resolves=before.state is State.WAITING_AGENT and step.session.state is not State.WAITING_AGENT,
        )
        stored = written.session
        manager.log_move(customer.id, before, stored)
        return Done(stored, replies.queued(owed, written) if owed else None, written.waits)

    def _entries(self, cid: str, messages: Sequence[Message]) -> list[str]:
        """Messages of the history as entries of the inbox."""
        again = {_number(message): message for message in messages}
        stored = self._manager.ledger.recorded(cid, list(again)) if again else {}
        return [f"{n} {again[n].keyword} {again[n].lane} {record}" for n, record in sorted(stored.items())]


def _taken_over(before: Session, after: Session) -> Session:
    """With the epoch moved where the assistant may be thinking; where a person has it, nothing of its is on the way."""
    persons = before.handled_by is HandledBy.OPERATOR or before.state is State.WAITING_AGENT
    return after if persons else replace(after, epoch=before.epoch + 1)


def _reply(session: Session, heard: Message | None, body: str) -> Message:
    """To the address that the customer wrote from last on the session's channel; to who called, by text to their number."""
    # Calls are short and people write slowly: whoever is still on the line hears that a person will see it.
    channel = Channel.SMS if session.channel is Channel.VOICE else session.channel
    return Message(
        direction=Direction.OUTBOUND,
        role=Role.AGENT,
        content=body,
        channel=channel,
        from_number=heard.to_number if heard else session.ours,
        to_number=heard.from_number if heard else session.first_from,
        generated_by="operator",
        in_response_to=heard.twilio_sid if heard else "",
    )


def _said_since(messages: Sequence[Message], body: str, seen: str) -> bool:
    """Whether a person has said this after the message of the id ``seen``."""
    for message in reversed(messages):
        if message.id == seen:
            return False
        if message.role is Role.AGENT and message.content == body:
            return True
    return False


def _heard_on(message: Message, channel: Channel) -> bool:
    return message.direction is Direction.INBOUND and message.channel is channel


def _number(message: Message) -> int:
    found = keys.parse_id(message.id)
    assert found is not None
    return found.number


def unanswered(messages: Sequence[Message], agent: Agent) -> tuple[Message, ...]:
    """The customer's messages after the last answer, that the assistant has to answer. Pure.

    A wish for a person is not among them: a person has seen it, and it would only be handed over again.
    """
    words = agent.handoff.every_word
    left: list[Message] = []
    for message in messages:
        if message.direction is Direction.INBOUND:
            left.append(message)
        elif not course.is_notice(message):
            left.clear()
    return tuple(
        m for m in left
        if m.keyword is Keyword.NONE
        and not (wishes.keys_person(m) or wishes.wants_person(m.content, agent.languages, words))
    )  # fmt: skip
