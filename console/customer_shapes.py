"""What the JSON API says of one customer as a whole: all that is held, the customer in numbers, and single turns. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.api_failures import failure_json
from console.shapes import JSON, customer_json, memory_json, message_json, session_json, time_of
from session import keys, records
from session.calls import Call
from session.customers import Analytics, Holding, Story, TurnRecord
from session.model import Channel, MemoryItem, Message, legible


def holding_json(held: Holding) -> JSON:
    """Everything held. Messages stand with their session; what else names them says their ids."""
    return {
        "customer": customer_json(held.customer),
        "sessions": [
            {
                **session_json(held.customer, session),
                "note": session.note or None,
                "rating": session.rating or None,
                "messages": [message_json(m) for m in messages],
            }
            for session, messages in held.conversations
        ],
        "waiting_messages": [message_json(m) for m in held.waiting],
        "memory": {agent: [_item(i) for i in items] for agent, items in sorted(held.memory.items())},
        "turns": [turn_json(turn) for turn in held.turns],
        "failures": [failure_json(failure) for failure in held.failures],
        "events": list(held.events),
        "facts": dict(sorted(held.facts.items())),
        "calls": [_call(call) for call in held.calls],
        "counters": held.counters,
    }


def _call(call: Call) -> JSON:
    return {
        "call_sid": call.sid, "from_number": legible(call.theirs), "to_number": call.lane.ours,
        "outbound": call.outbound, "began_at": time_of(call.began), "ended_at": time_of(call.ended_at),
        "status": call.status or None, "questions": call.turn, "language": call.language or None,
    }  # fmt: skip


def _item(item: MemoryItem) -> JSON:
    told = {
        "about": item.about,
        "message_id": item.source,
        "at": time_of(item.at),
        "used": time_of(item.used),
    }
    return {"id": item.id, **memory_json(item), **told}


def analytics_json(counted: Analytics) -> JSON:
    """A customer in numbers; ``avg_response_time`` in seconds, from the webhook to Twilio's acceptance."""
    response_ms = counted.response_ms
    return {
        "total_calls": counted.calls,
        "total_texts": counted.by_channel.get(Channel.SMS, 0),
        "total_whatsapp": counted.by_channel.get(Channel.WHATSAPP, 0),
        "total_messages": counted.messages,
        "avg_response_time": None if response_ms is None else round(response_ms / 1000, 3),
        "satisfaction_score": None if counted.satisfaction is None else round(counted.satisfaction, 2),
        "preferred_modality": str(counted.preferred) if counted.preferred else None,
        "key_topics": list(counted.topics),
        "sessions": counted.sessions,
        "first_seen": time_of(counted.customer.first_seen),
        "last_seen": time_of(counted.customer.last_seen),
    }


def turn_json(turn: TurnRecord) -> JSON:
    """One turn; what it saw and said is told by reference."""
    r, cid = turn.record, turn.cid
    tokens = [*(r.get("tokens") or ()), 0, 0]
    began, at = int(r.get("began") or 0), int(r.get("at") or 0)
    return {
        "turn_id": turn.id,
        "session_id": keys.make_id("s", cid, int(r["session"])) if r.get("session") else None,
        "kind": r.get("kind"),
        "lane": r.get("lane"),
        "began_at": time_of(began),
        "committed_at": time_of(at),
        "duration_ms": at - began if at and began else None,
        "message_ids": [keys.make_id("m", cid, n) for n in turn.messages],
        "reply_ids": [keys.make_id("m", cid, n) for n in turn.replies],
        "decisions": list(r.get("why") or ()),
        "shown": {
            "message_ids": [keys.make_id("m", cid, int(n)) for n in r.get("shown") or ()],
            "memory_ids": list(r.get("memory") or ()),
            "estimated_tokens": r.get("prompt") or 0,
        },
        "tools": [_tool(use) for use in r.get("tools") or ()],
        "model": {
            "name": r.get("model") or None,
            "calls": r.get("calls") or 0,
            "tries": r.get("tries") or 0,
            "input_tokens": tokens[0],
            "output_tokens": tokens[1],
            "cached_tokens": r.get("cached") or 0,
            "duration_ms": r.get("model_ms") or 0,
            "cost_usd": r.get("cost") or 0.0,
        },
    }


def _tool(use: Mapping[str, Any]) -> JSON:
    told = {name: use.get(name) for name in ("name", "arguments", "result", "ok")}
    return {**told, "duration_ms": use.get("ms") or 0}


def story_json(story: Story) -> JSON:
    """Why this reply: one turn, with the messages it answered and what it said, in full."""
    replies = [{**_said(reply), "parts": _parts(story, reply)} for reply in story.replies]
    return {**turn_json(story.turn), "messages": [_said(m) for m in story.messages], "replies": replies}


def _said(message: Message | str) -> JSON:
    return {"id": message, "content": None} if isinstance(message, str) else message_json(message)


def _parts(story: Story, reply: Message | str) -> list[JSON]:
    name, at = (reply, 0) if isinstance(reply, str) else (reply.id, reply.at)
    return parts_json(story.turn.cid, story.parts[name], at)


def delivery_json(message: Message, cid: str, parts: Mapping[str, Mapping[str, Any]]) -> JSON:
    """One message with its parts; what came in has none."""
    return {**message_json(message), "parts": parts_json(cid, parts, message.at)}


def parts_json(cid: str, parts: Mapping[str, Mapping[str, Any]], at: int) -> list[JSON]:
    """The parts of a reply and how far each got. ``at``: when the reply was recorded, ms; 0 when nobody knows."""
    return [_part(cid, number, dict(part), at) for number, part in parts.items()]


def _part(cid: str, number: str, part: dict[str, Any], at: int) -> JSON:
    status, error = records.delivery_status([part])
    # Of what Twilio took, the time is kept as what passed since the reply was recorded.
    taken = part["state"] == "sent" and at
    return {
        "part_id": keys.part_id(cid, number),
        "status": status,
        "twilio_message_sid": part.get("sid") or None,
        "error_code": error,
        "attempts": int(part.get("attempt") or 0),
        "sent_at": time_of(at + int(part.get("sent_at") or 0)) if taken else None,
    }
