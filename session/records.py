"""How records are written in Redis: compact JSON, each with a version field ``v``.

A reader takes any version it knows and ignores fields it does not, so that two releases
can run side by side. What equals its default is not written.
"""

from __future__ import annotations

import json
import re
from typing import Any

from session import keys
from session.model import (
    Channel,
    Customer,
    Direction,
    EndReason,
    Entity,
    HandledBy,
    Keyword,
    Media,
    Message,
    MessageType,
    Role,
    Session,
    State,
)

VERSION = 1


# Half a character, as JSON may carry it ("\ud800"): no store and no carrier takes one.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def dump(record: dict[str, Any]) -> str:
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return _LONE_SURROGATE.sub("\ufffd", text)


def _present(record: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in record.items() if v not in ("", None, 0, [], {}, ()) or k == "v"}


def encode_message(message: Message, texts: tuple[str, ...] = ()) -> str:
    """``texts`` are the parts a reply is sent in, kept when they are not the content itself."""
    return dump(
        _present(
            {
                "v": VERSION,
                "d": message.direction[0],
                "r": message.role,
                "x": message.content,
                "c": message.channel,
                "f": message.from_number,
                "t": message.to_number,
                "y": "" if message.message_type is MessageType.TEXT else message.message_type,
                "s": message.twilio_sid,
                "k": "" if message.keyword is Keyword.NONE else message.keyword,
                "re": message.in_response_to,
                "g": message.generated_by,
                "m": [[m.url, m.content_type] for m in message.media],
                "e": message.extra,
                "p": list(texts) if texts != (message.content,) else [],
            }
        )
    )


def decode_message(cid: str, number: str | int, value: str, session_no: str | int = "") -> Message:
    """``value`` is "ms:record" as the scripts store it."""
    at, _, text = value.partition(":")
    r = json.loads(text)
    inbound = r["d"] == "i"
    return Message(
        id=keys.make_id("m", cid, number),
        session_id=keys.make_id("s", cid, session_no) if session_no else "",
        direction=Direction.INBOUND if inbound else Direction.OUTBOUND,
        role=Role(r["r"]),
        content=r.get("x", ""),
        channel=Channel(r["c"]),
        from_number=r.get("f", ""),
        to_number=r.get("t", ""),
        message_type=MessageType(r.get("y", "text")),
        twilio_sid=r.get("s", ""),
        at=int(at),
        keyword=Keyword(r.get("k", "-")),
        in_response_to=r.get("re", ""),
        generated_by=r.get("g", ""),
        media=tuple(Media(*m) for m in r.get("m", ())),
        extra=r.get("e", {}),
        status="received" if inbound else "sent",
    )


def texts_of(value: str) -> list[str]:
    """The texts of a reply's parts, from its stored message."""
    r = json.loads(value.partition(":")[2])
    return r.get("p") or [r.get("x", "")]


def encode_session(s: Session) -> str:
    record = {
        "v": VERSION,
        "agent": s.agent_id,
        "channel": s.channel,
        "state": s.state,
        "by": "" if s.handled_by is HandledBy.ASSISTANT else s.handled_by,
        "title": s.title,
        "created": s.created_at,
        "active": s.last_activity,
        "first": s.first_message_at,
        "inbound": s.last_inbound_at,
        "message": s.last_message_at,
        "ended": s.ended_at,
        "end": s.end_reason,
        "because": s.opened_because,
        "in": s.inbound_count,
        "out": s.outbound_count,
        "counts": s.channel_counts,
        "intent": s.intent,
        "language": s.language,
        "summary": s.summary,
        "entities": {name: [e.value, e.message_id, e.at] for name, e in s.entities.items()},
        "order": s.order_details,
        "context": s.context,
        "scope": "" if s.scope == "*" else s.scope,
        "from": s.first_from,
        "ours": s.ours,
    }
    return dump(_present(record))


def decode_session(cid: str, number: str | int, value: str) -> Session:
    """``value`` is "version:epoch:write:record" as the scripts store it."""
    version, epoch, _, text = value.split(":", 3)
    r = json.loads(text)
    return Session(
        id=keys.make_id("s", cid, number),
        version=int(version),
        epoch=int(epoch),
        agent_id=r["agent"],
        channel=Channel(r["channel"]),
        state=State(r["state"]),
        handled_by=HandledBy(r.get("by", "assistant")),
        title=r.get("title", ""),
        created_at=r["created"],
        last_activity=r["active"],
        first_message_at=r.get("first", 0),
        last_inbound_at=r.get("inbound", 0),
        last_message_at=r.get("message", 0),
        ended_at=r.get("ended", 0),
        end_reason=EndReason(r["end"]) if r.get("end") else None,
        opened_because=r.get("because", ""),
        inbound_count=r.get("in", 0),
        outbound_count=r.get("out", 0),
        channel_counts=r.get("counts", {}),
        intent=r.get("intent", ""),
        language=r.get("language", ""),
        summary=r.get("summary", ""),
        entities={name: Entity(*e) for name, e in r.get("entities", {}).items()},
        order_details=r.get("order"),
        context=r.get("context", {}),
        scope=r.get("scope", "*"),
        first_from=r.get("from", ""),
        ours=r.get("ours", ""),
    )


def decode_customer(cid: str, facts: dict[str, str]) -> Customer:
    """``facts`` is the customer's hash."""
    return Customer(
        id=cid,
        address=facts.get("address", ""),
        name=facts.get("name", ""),
        language=facts.get("language", ""),
        first_seen=int(facts.get("first_seen", 0)),
        last_seen=int(facts.get("last_seen", 0)),
        channel_counts={k[6:]: int(v) for k, v in facts.items() if k.startswith("count:")},
        opted_out=frozenset(k[7:] for k in facts if k.startswith("optout:")),
    )


def delivery_status(parts: list[dict[str, Any]]) -> tuple[str, int | None]:
    """What a message of these parts is, as the API says it: the part that is worst off decides."""
    if not parts:
        return "sent", None
    ranked = min(parts, key=lambda p: _progress(_word(p)))
    return _word(ranked), ranked.get("error")


def _word(part: dict[str, Any]) -> str:
    if part["state"] in ("failed", "dead"):
        return "failed"
    if part["state"] == "sent":
        return part.get("delivery") or "sent"
    return "queued" if part["state"] == "pending" else "sending"


def _progress(word: str) -> int:
    order = ("failed", "undelivered", "queued", "sending", "sent", "delivered", "read")
    return order.index(word) if word in order else 4
