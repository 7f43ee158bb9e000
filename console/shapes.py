"""What the JSON API says: sessions, messages and customers in the contract's words. Pure.

Times are RFC 3339 in UTC with milliseconds, null for never; what is not known is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from session import media
from session.media import Attachment
from session.model import Channel, Customer, Lane, MemoryItem, Message, Session, legible

JSON = dict[str, Any]


def time_of(ms: int) -> str | None:
    """``2026-11-20T10:00:00.000Z``; None for 0, which stands for never."""
    if not ms:
        return None
    return datetime.fromtimestamp(ms // 1000, UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{ms % 1000:03d}Z")


def message_json(message: Message) -> JSON:
    """One message of a conversation."""
    return {
        "id": message.id,
        "session_id": message.session_id,
        "direction": str(message.direction),
        "role": str(message.role),
        "message_type": str(message.message_type),
        "content": message.content,
        "channel": str(message.channel),
        "timestamp": time_of(message.at),
        "status": message.status or None,
        "error_code": message.error_code,
        "metadata": _message_metadata(message),
    }


def _message_metadata(message: Message) -> JSON:
    """Our own facts, over whatever a program or Twilio said beside the text."""
    facts = {
        "from_number": legible(message.from_number),
        "to_number": legible(message.to_number),
        "twilio_message_sid": message.twilio_sid,
        "in_response_to": message.in_response_to,
        "generated_by": message.generated_by,
    }
    extra = {name: value for name, value in message.extra.items() if name != media.READ}
    came = _media(message)
    known = {name: value for name, value in facts.items() if value} | ({"media": came} if came else {})
    return {**dict.fromkeys(facts), **extra, **known}


def _media(message: Message) -> list[JSON]:
    """What came with it: where it is at Twilio, and in ``read`` what was made of it, if anything was."""
    read = media.attachments(message)
    return [
        {"url": each.url, "content_type": each.content_type}
        | ({"read": attachment_json(read[place])} if place < len(read) else {})
        for place, each in enumerate(message.media)
    ]


def attachment_json(read: Attachment) -> JSON:
    """``error``: a word for programs why it could not be read; ``reason`` says it for people."""
    told: JSON = {
        "kind": str(read.kind), "content_type": read.type or None, "bytes": read.bytes or None, "name": read.name or None,
        "text": read.text or None, "language": read.language or None,
    }  # fmt: skip
    return told | {"error": str(read.error) or None, "reason": read.why if read.error else None}


def session_json(
    customer: Customer,
    session: Session,
    messages: Sequence[Message] = (),
    window: int = 0,
    memory: Sequence[MemoryItem] = (),
) -> JSON:
    """One session. ``messages``: all of its own, oldest first, of which the model is shown ``window``; ``memory``:
    what its agent remembers of the customer.

    Without a window (in lists) ``context`` has neither ``message_history`` nor ``memory``.
    """
    return {
        "session_id": session.id,
        "phone_number": customer.legible,
        "status": session.status,
        "state": str(session.state),
        "handled_by": str(session.handled_by),
        "agent_id": session.agent_id,
        "channel": str(session.channel),
        "current_modality": str(session.channel),
        "title": session.title,
        "created_at": time_of(session.created_at),
        "last_activity": time_of(session.last_activity),
        "last_message_at": time_of(session.last_message_at),
        "ended_at": time_of(session.ended_at),
        "end_reason": str(session.end_reason) if session.end_reason else None,
        "opened_because": session.opened_because or None,
        "message_count": session.message_count,
        "channel_counts": _counts(session.channel_counts),
        "intent": session.intent or None,
        "language": session.language or None,
        "summary": session.summary or None,
        "extracted_entities": plain_entities(session),
        "entity_details": {
            name: _told(entity.value, entity.message_id, entity.at)
            | ({"earlier": [_told(*before) for before in entity.earlier]} if entity.earlier else {})
            for name, entity in session.entities.items()
        },
        "order_details": session.order_details,
        "metadata": {
            "from_number": legible(session.first_from) or customer.legible,
            "first_message_at": time_of(session.first_message_at),
        },
        "context": _context(session, messages, window, memory),
    }


def _told(value: Any, message_id: str, at: int) -> JSON:
    return {"value": value, "message_id": message_id or None, "at": time_of(at)}


def memory_json(item: MemoryItem) -> JSON:
    """Something that an agent remembers; ``confidence`` as it was told."""
    return {"type": item.type, "content": item.content, "confidence": item.confidence}


def plain_entities(session: Session) -> JSON:
    return {name: entity.value for name, entity in session.entities.items()}


def _context(
    session: Session, messages: Sequence[Message], window: int, memory: Sequence[MemoryItem]
) -> JSON:
    """What the next turn starts from; what a program put there stands beside it and cannot replace it."""
    put = {
        name: value for name, value in session.context.items() if name not in ("message_history", "memory")
    }
    shown: JSON = {}
    if window:
        shown["message_history"] = [message_json(m) for m in messages[-window:]]
        shown["memory"] = [memory_json(item) for item in memory]
    return {
        **put,
        **shown,
        "extracted_entities": plain_entities(session),
        "summary": session.summary or None,
        "last_activity": time_of(session.last_activity),
    }


def customer_json(customer: Customer) -> JSON:
    """The person behind the number, across channels and sessions."""
    return {
        "phone_number": customer.legible,
        "name": customer.name or None,
        "language": customer.language or None,
        "first_seen": time_of(customer.first_seen),
        "last_seen": time_of(customer.last_seen),
        "channel_counts": _counts(customer.channel_counts),
        "opted_out": [_sender(field) for field in sorted(customer.opted_out)],
    }


def _counts(counts: dict[str, int]) -> JSON:
    return {str(channel): counts.get(channel, 0) for channel in Channel}


def _sender(field: str) -> JSON:
    """Of whom a customer wants no more messages: a number of ours, or a Messaging Service."""
    lane = Lane.parse(field)
    return {"channel": str(lane.channel), "sender": lane.ours}


def conversation_json(
    customer: Customer,
    session: Session,
    messages: Sequence[Message],
    window: int,
    limit: int | None = None,
    memory: Sequence[MemoryItem] = (),
) -> JSON:
    """A session with its customer and its messages, oldest first; with ``limit`` the newest so many."""
    kept = messages if limit is None else messages[-limit:]
    return {
        "session": session_json(customer, session, messages, window, memory),
        "customer": customer_json(customer),
        "conversation_history": [message_json(message) for message in kept],
        "message_count": session.message_count,
    }


def error_json(code: str, message: str, details: Any = None) -> JSON:
    """``code`` for programs (snake_case), ``message`` a sentence for people that says what to do."""
    error: JSON = {"code": code, "message": message}
    if details is not None:
        error["details"] = details
    return {"error": error}
