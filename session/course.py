"""How a session changes as messages come and go. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from session import keys
from session.machine import END_REASONS, Event, advance
from session.model import Channel, Direction, HandledBy, Message, MessageType, Role, Session, State, legible

CHANNEL_WORDS = {Channel.SMS: "SMS", Channel.WHATSAPP: "WhatsApp", Channel.VOICE: "Call"}


def title(channel: Channel, address: str) -> str:
    """The title of a session that nobody named; ``address`` is the one that opened it."""
    return f"{CHANNEL_WORDS[channel]} from {legible(address)}"


def begin(
    agent_id: str, channel: Channel, scope: str, address: str, ours: str, because: str, now: int
) -> Session:
    """A session in the state NEW. ``scope`` is ``policy.scope_of``; ``address`` the customer's."""
    return Session(
        id="",
        agent_id=agent_id,
        channel=channel,
        state=State.NEW,
        handled_by=HandledBy.ASSISTANT,
        title=title(channel, address),
        created_at=now,
        last_activity=now,
        opened_because=because,
        scope=scope,
        first_from=address,
        ours=ours,
    )


def move(session: Session, event: Event, now: int) -> Session:
    """The session after ``event``. Raises ``IllegalTransition``."""
    state, handled_by = advance(session.state, session.handled_by, event)
    after = replace(session, state=state, handled_by=handled_by)
    if state is State.CLOSED:
        after = replace(after, ended_at=now, end_reason=END_REASONS[event])
    if state is session.state:
        return after
    # Whoever begins to wait waits from now; the alert is about this wait alone.
    return replace(after, waiting_since=now if state is State.WAITING_AGENT else 0, alerted_at=0)


def carry(session: Session, previous: Session, bridge: dict[str, Any] | None) -> Session:
    """A new session that takes over what was known at the end of the one before; ``bridge`` says what that was about."""
    return replace(
        session,
        entities=dict(previous.entities),
        order_details=previous.order_details,
        language=session.language or previous.language,
        bridge=bridge,
    )


def hear(session: Session, messages: Sequence[Message], *, switch: bool = True) -> Session:
    """The session with inbound ``messages`` counted in. ``switch``: it moves to their channel and number."""
    for message in messages:
        counts = dict(session.channel_counts)
        counts[message.channel] = counts.get(message.channel, 0) + 1
        session = replace(
            session,
            inbound_count=session.inbound_count + 1,
            first_message_at=session.first_message_at or message.at,
            channel_counts=counts,
            last_inbound_at=max(session.last_inbound_at, message.at),
            last_message_at=max(session.last_message_at, message.at),
            last_activity=max(session.last_activity, message.at),
        )
    if messages and switch:
        last = messages[-1]
        session = replace(session, channel=last.channel, ours=last.to_number)
    return session


def unhear(session: Session, message: Message) -> Session:
    """The session without a message that was shown in it and moves to another."""
    counts = dict(session.channel_counts)
    counts[message.channel] = max(0, counts.get(message.channel, 0) - 1)
    return replace(
        session,
        inbound_count=max(0, session.inbound_count - 1),
        channel_counts={k: n for k, n in counts.items() if n},
    )


def shown(session: Session, messages: Sequence[Message]) -> list[Message]:
    """Those of its messages that a model may be shown: the ones since the customer wished to be forgotten."""
    if not session.forgotten_upto:
        return list(messages)
    return [m for m in messages if not (id_ := keys.parse_id(m.id)) or id_.number > session.forgotten_upto]


def say(session: Session, now: int, *, counted: bool = True) -> Session:
    """The session with one outbound message. System notices are not counted among its messages."""
    return replace(
        session,
        outbound_count=session.outbound_count + (1 if counted else 0),
        first_message_at=session.first_message_at or now,
        last_message_at=max(session.last_message_at, now),
        last_activity=max(session.last_activity, now),
    )


def is_notice(message: Message) -> bool:
    return message.role is Role.SYSTEM or message.message_type is MessageType.SYSTEM


def add(session: Session, message: Message) -> Session:
    """The session with a message that a program put into it, either direction."""
    if is_notice(message):
        return say(session, message.at, counted=False)
    if message.direction is Direction.INBOUND:
        return hear(session, [message])
    return say(session, message.at)
