"""How records are written in Redis. Every record tells its kind or its version, so that two releases can run side by side:
a reader takes what it knows and ignores the rest. What equals its default is not written.

A message is a line, ``at:head:ours:theirs:sid:rest`` (its *tail*); behind ``session:number:`` it is an element of the
history, behind ``number keyword lane `` an entry of the inbox.

- at      when it was recorded, ms, in base 36
- head    letter of the kind (``_KINDS``), letter of the channel, and for what came in a letter of its keyword, for what
          went out the number of its parts. A kind that is not known is a later release's: the message is left out.
- ours, theirs  the two addresses; empty where they are the customer's first number of ours, and the customer's own
- sid     Twilio's SID, packed; for what went out the number of the last message that it answers
- rest    ``t`` and the text, or ``j`` and JSON of all that has no place above

A reply part is JSON while it is owed or given up. Once Twilio took it, it is ``sid:delivery:sent:error:attempts``
(see ``_part.lua``), empty fields at the end left out. A session is JSON with short names.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from session import course, keys
from session.model import (
    Channel,
    Customer,
    Direction,
    EndReason,
    Entity,
    HandledBy,
    Keyword,
    Media,
    MemoryItem,
    Message,
    MessageType,
    Role,
    Session,
    State,
)

VERSION = 1
FIRST_MESSAGE = "first message"  # why most sessions are opened
OPEN = "open:"  # field of the customer's hash, with "agent|scope" behind it


# Half a character, as JSON may carry it ("\ud800"): no store and no carrier takes one.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def dump(record: dict[str, Any]) -> str:
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return _LONE_SURROGATE.sub("\ufffd", text)


def _present(record: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in record.items() if v not in ("", None, 0, [], {}, ()) or k == "v"}


# Letter of the head -> direction, role and author. Others are written as "i" or "p" with theirs in the JSON.
_KINDS = {
    "i": (Direction.INBOUND, Role.USER, ""),
    "a": (Direction.OUTBOUND, Role.ASSISTANT, "ai"),
    "o": (Direction.OUTBOUND, Role.AGENT, "operator"),
    "s": (Direction.OUTBOUND, Role.SYSTEM, "system"),
    "p": (Direction.OUTBOUND, Role.ASSISTANT, ""),
}
_KIND_LETTERS = {kind: letter for letter, kind in _KINDS.items()}
_CHANNELS = {str(c)[0]: c for c in Channel}
_KEYWORDS = {"x": Keyword.STOP, "s": Keyword.START, "h": Keyword.HELP}
_KEYWORD_LETTERS = {keyword: letter for letter, keyword in _KEYWORDS.items()}
_TYPES = {str(t): t for t in MessageType}
_CHANNEL_NAMES = {str(c): c for c in Channel}
_STATES = {str(state): state for state in State}

# What of a SID is kept: a letter and 128 bits.
_SIDS = {"SM": "S", "MM": "M", "CA": "C"}
_SID_HEADS = {letter: head for head, letter in _SIDS.items()}
_SID = re.compile("(?:SM|MM|CA)[0-9a-f]{32}")

STATUS_LETTERS = {
    "accepted": "a", "scheduled": "c", "queued": "q", "sending": "g", "sent": "t",
    "delivered": "d", "undelivered": "u", "failed": "f", "canceled": "x", "read": "r",
}  # fmt: skip
_STATUSES = {letter: status for status, letter in STATUS_LETTERS.items()}


def pack_sid(sid: str) -> str:
    """A SID in 23 characters; anything else as it is, behind ``=``. Never with a colon."""
    if _SID.fullmatch(sid):
        return _SIDS[sid[:2]] + binascii.b2a_base64(bytes.fromhex(sid[2:]))[:22].decode()
    return "=" + _escape(sid) if sid else ""


def unpack_sid(packed: str) -> str:
    """The SID that ``pack_sid`` was given."""
    head = _SID_HEADS.get(packed[:1])
    return head + binascii.a2b_base64(packed[1:] + "==").hex() if head else _unescape(packed[1:])


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace(":", "%3A") if text else "%"


def _unescape(text: str) -> str:
    return "" if text == "%" else text.replace("%3A", ":").replace("%25", "%")


def encode_message(message: Message, parts: int = 0, answers: int = 0) -> str:
    """``head:ours:theirs:sid:rest`` with all addresses; the scripts put the time before it and leave out what the
    customer's hash tells. ``parts``: in how many it is sent; ``answers``: number of the last message it answers."""
    inbound = message.direction is Direction.INBOUND
    kind = (message.direction, message.role, message.generated_by)
    letter = _KIND_LETTERS.get(kind, "i" if inbound else "p")
    lane = _KEYWORD_LETTERS.get(message.keyword, "") if inbound else str(parts or "")
    ours, theirs = message.to_number, message.from_number
    if not inbound:
        ours, theirs = theirs, ours
    sid = pack_sid(message.twilio_sid) if inbound else str(answers or "")
    rest = _rest(message, _KINDS[letter], sid)
    return f"{letter}{message.channel[0]}{lane}:{_escape(ours)}:{_escape(theirs)}:{sid}:{rest}"


def _rest(message: Message, kind: tuple[Direction, Role, str], sid: str) -> str:
    inbound = message.direction is Direction.INBOUND
    usual = MessageType.SYSTEM if kind[1] is Role.SYSTEM else MessageType.TEXT
    record = {
        "y": "" if message.message_type is usual else message.message_type,
        "r": "" if message.role is kind[1] else message.role,
        "g": [message.generated_by] if message.generated_by != kind[2] else [],
        "s": "" if inbound else message.twilio_sid,
        "k": "" if inbound or message.keyword is Keyword.NONE else message.keyword,
        "re": message.in_response_to if inbound or not sid else "",
        "m": [[m.url, m.content_type] for m in message.media],
        "e": message.extra,
    }
    record = {name: value for name, value in record.items() if value}
    if record:
        return "j" + dump({"x": message.content, **record})
    return "t" + _LONE_SURROGATE.sub("\ufffd", message.content)


_new = tuple.__new__
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Head(NamedTuple):
    """What a message's head says."""

    direction: Direction
    role: Role
    author: str
    channel: Channel
    keyword: Keyword
    parts: int
    message_type: MessageType  # unless it says otherwise


@lru_cache(maxsize=256)
def _head(head: str) -> Head | None:
    """None for a later release's."""
    kind, channel, more = _KINDS.get(head[:1]), _CHANNELS.get(head[1:2]), head[2:]
    if kind is None or channel is None:
        return None
    inbound = kind[0] is Direction.INBOUND
    keyword = _KEYWORDS.get(more, Keyword.NONE) if inbound else Keyword.NONE
    parts = int(more) if not inbound and more.isdecimal() else 0
    return Head(
        *kind, channel, keyword, parts, MessageType.SYSTEM if kind[1] is Role.SYSTEM else MessageType.TEXT
    )


def _message(
    prefix: str, session_id: str, number: str, fields: Sequence[str], facts: Mapping[str, str], sids: dict[str, str],
    status: str = "", error: int | None = None, sid: str = "", sent_at: int = 0,
) -> Message | None:  # fmt: skip
    """``fields`` are the tail's. ``sids``: of what came in, by number; filled, and asked for what went out."""
    at, head, ours, theirs, packed, rest = fields
    told = _head(head)
    if told is None or rest[:1] not in ("t", "j"):
        return None  # a later release's
    ours = _address(ours) if ours else facts.get("ours", "")
    theirs = _address(theirs) if theirs else facts.get("address", "")
    if told.direction is Direction.INBOUND:
        sid = sids[number] = unpack_sid(packed) if packed else ""
        sender, receiver, status, answered = theirs, ours, "received", ""
    else:
        sender, receiver, status, answered = ours, theirs, status or "sent", sids.get(packed, "")
    # In the order of the fields, and past the named constructor: this is the inner loop of every load.
    message = _new(Message, (
        told.direction, told.role, rest[1:], told.channel, sender, receiver, told.message_type, sid, int(at, 36),
        prefix + number, session_id, status, error, answered, told.author, told.keyword, (), _NOTHING, sent_at,
    ))  # fmt: skip
    return message if rest[0] == "t" else _unusual(message, json.loads(rest[1:]))


def _unusual(message: Message, record: dict[str, Any]) -> Message:
    """A message with what has no place in its line."""
    return message._replace(
        content=record.get("x", ""),
        role=Role(record["r"]) if "r" in record else message.role,
        generated_by=record["g"][0] if "g" in record else message.generated_by,
        message_type=_TYPES[record["y"]] if "y" in record else message.message_type,
        twilio_sid=message.twilio_sid or record.get("s", ""),
        in_response_to=message.in_response_to or record.get("re", ""),
        keyword=Keyword(record["k"]) if "k" in record else message.keyword,
        media=tuple(Media(*m) for m in record.get("m", ())),
        extra=record.get("e") or {},
    )


def _address(text: str) -> str:
    return _unescape(text) if "%" in text else text


def decode_messages(
    cid: str, session_no: str | int, elements: Sequence[str], parts: Sequence[str | None], facts: Mapping[str, str]
) -> list[Message]:  # fmt: skip
    """Messages of one session from elements of the history and the parts of all of them, one after another.

    ``facts``: the customer's hash. What a later release wrote is left out.
    """
    found, sids, at = [], {}, 0  # type: tuple[list[Message], dict[str, str], int]
    prefix, session_id = keys.make_id("m", cid, ""), keys.make_id("s", cid, session_no)
    for element in elements:
        _, number, *fields = element.split(":", 7)
        told = _head(fields[1])
        count = told.parts if told else 0
        status, error, sid, sent_at = "", None, "", 0
        if count:
            status, error, sid, sent_at = _delivered(parts[at : at + count], int(fields[0], 36))
            at += count
        message = _message(prefix, session_id, number, fields, facts, sids, status, error, sid, sent_at)
        if message:
            found.append(message)
    return found


def _delivered(parts: Sequence[str | None], at: int) -> tuple[str, int | None, str, int]:
    """Status and error of a message that was recorded at ``at``, and SID and time of its first part."""
    if len(parts) == 1 and parts[0] and parts[0].count(":") == 2:
        # Nearly every message: one part that Twilio took, without error, at the first request.
        packed, delivery, after = parts[0].split(":")
        return _STATUSES.get(delivery[1:], "sent"), None, unpack_sid(packed), at + int(after or 0)
    own = [decode_part(part, at) for part in parts if part]
    status, error = delivery_status(own)
    first = own[0] if own else {}
    return status, error, first.get("sid", ""), first.get("sent_at", 0)


def decode_entry(cid: str, entry: str, facts: Mapping[str, str]) -> Message | None:
    """The message of an entry of the inbox, ``number keyword lane tail``; None for a later release's."""
    number, _, _, tail = entry.split(" ", 3)
    return decode_tail(cid, number, tail, facts)


def recorded_at(tail: str) -> int:
    """When a message was recorded, ms."""
    return int(tail.split(":", 1)[0], 36)


def decode_tail(cid: str, number: str, tail: str, facts: Mapping[str, str]) -> Message | None:
    """One message from its tail; None for a later release's."""
    return _message(keys.make_id("m", cid, ""), "", number, tail.split(":", 5), facts, {})


def decode_part(value: str, at: int = 0) -> dict[str, Any]:
    """A reply part by names, whatever it is written as. Times are ms; ``at``: when its message was recorded."""
    if value[0] == "{":
        return dict(json.loads(value))
    sid, *more = value.split(":")
    delivery, sent, error, attempts = more if len(more) == 4 else (more + [""] * 4)[:4]
    part: dict[str, Any] = {
        "state": "sent", "sid": unpack_sid(sid), "rank": int(delivery[:1] or 0), "sent_at": at + int(sent or 0),
        "attempt": int(attempts or 1),
    }  # fmt: skip
    if delivery[1:]:
        part["delivery"] = _STATUSES.get(delivery[1:], "")
    if error:
        part["error"] = int(error)
    return part


# Fields that few sessions have.
_MORE = {
    "ws": "waiting_since", "al": "alerted_at", "no": "note", "br": "bridge", "re": "rejected", "mi": "misses",
    "ra": "rating", "rq": "rating_asked", "su": "summary_upto",
    "fu": "forgotten_upto",
}  # fmt: skip
_TIMES = ("last_activity", "first_message_at", "last_inbound_at", "last_message_at", "ended_at")


def encode_session(s: Session) -> str:
    """Times but the first are ms since then; None is never."""
    times = [at - s.created_at if at else None for at in (getattr(s, name) for name in _TIMES)]
    while times and times[-1] is None:
        times.pop()
    record = {
        "v": VERSION,
        "a": s.agent_id,
        "c": "" if s.channel is Channel.SMS else s.channel,
        "s": s.state,
        "by": "" if s.handled_by is HandledBy.ASSISTANT else s.handled_by,
        "at": s.created_at,
        "t": times,
        "end": s.end_reason,
        "i": s.inbound_count,
        "o": s.outbound_count,
        "in": s.intent,
        "l": s.language,
        "sum": s.summary,
        "e": {name: _entity(e) for name, e in s.entities.items()},
        "d": s.order_details,
        "x": s.context,
        "sc": "" if s.scope == "*" else s.scope,
        "f": s.first_from,
        "u": s.ours,
        **{short: getattr(s, name) for short, name in _MORE.items()},
    }
    record = _present(record)
    if s.opened_because != FIRST_MESSAGE:
        record["b"] = s.opened_because
    if s.title != course.title(s.channel, s.first_from):
        record["n"] = s.title
    if s.channel_counts != _counts(s.channel, s.inbound_count):
        record["n#"] = s.channel_counts
    return dump(record)


def _entity(e: Entity) -> list[Any]:
    return [e.value, e.message_id, e.at, *([e.earlier] if e.earlier else [])]


def _told(value: Any, message_id: str, at: int, earlier: Sequence[Sequence[Any]] = ()) -> Entity:
    return Entity(value, message_id, at, tuple((old, told_by, when) for old, told_by, when in earlier))


def _counts(channel: str, inbound: int) -> dict[str, int]:
    """What came in on each channel, where that is only one."""
    return {str(channel): inbound} if inbound else {}


def decode_session(cid: str, number: str | int, value: str) -> Session:
    """``value`` is "version:epoch:write:record" as the scripts store it."""
    version, epoch, _, text = value.split(":", 3)
    r = json.loads(text)
    created, channel = r["at"], _CHANNEL_NAMES[r.get("c", Channel.SMS)]
    times = [0 if after is None else created + after for after in r.get("t", ())]
    active, first, heard, said, ended = (times + [0] * 5)[:5]
    return Session(
        id=keys.make_id("s", cid, number),
        version=int(version),
        epoch=int(epoch),
        agent_id=r["a"],
        channel=channel,
        state=_STATES[r["s"]],
        handled_by=HandledBy(r["by"]) if "by" in r else HandledBy.ASSISTANT,
        title=r["n"] if "n" in r else course.title(channel, r.get("f", "")),
        created_at=created,
        last_activity=active,
        first_message_at=first,
        last_inbound_at=heard,
        last_message_at=said,
        ended_at=ended,
        end_reason=EndReason(r["end"]) if r.get("end") else None,
        opened_because=r.get("b", FIRST_MESSAGE),
        inbound_count=r.get("i", 0),
        outbound_count=r.get("o", 0),
        channel_counts=r["n#"] if "n#" in r else _counts(channel, r.get("i", 0)),
        intent=r.get("in", ""),
        language=r.get("l", ""),
        summary=r.get("sum", ""),
        entities={name: _told(*e) for name, e in r["e"].items()} if "e" in r else {},
        order_details=r.get("d"),
        context=r.get("x", {}),
        scope=r.get("sc", "*"),
        first_from=r.get("f", ""),
        ours=r.get("u", ""),
        **{name: _frozen(r[short]) for short, name in _MORE.items() if short in r},
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def readable_session(s: Session) -> dict[str, Any]:
    """A session with its names written out, for people."""
    return _present(asdict(s))


def encode_memory(items: Sequence[MemoryItem]) -> str:
    """What an agent remembers of a customer, each item as a list in the order of its fields."""
    return dump({"v": VERSION, "items": [list(astuple(item)) for item in items]})


def decode_memory(value: str) -> tuple[MemoryItem, ...]:
    """What ``encode_memory`` was given; nothing for ''."""
    return tuple(MemoryItem(*item) for item in json.loads(value)["items"]) if value else ()


def open_sessions(facts: Mapping[str, str]) -> dict[str, int]:
    """ "agent|scope" -> number of the open session, from the customer's hash."""
    return {name[len(OPEN) :]: int(number) for name, number in facts.items() if name.startswith(OPEN)}


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
        heard={k[6:]: int(v) for k, v in facts.items() if k.startswith("heard:")},
    )


def delivery_status(parts: list[dict[str, Any]]) -> tuple[str, int | None]:
    """What a message of these parts is, as the API says it: the part that is worst off decides."""
    if not parts:
        return "sent", None
    if len(parts) == 1:
        return _word(parts[0]), parts[0].get("error")
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
