"""What a conversation is made of: plain frozen values, no I/O, no clock.

Times are integers, milliseconds since 1970 (UTC), as Redis tells them. Ids are
opaque strings made by ``session.keys``; each carries its customer and partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

MEDIA_MAX = 10  # files of one message, Twilio's own bound
EARLIER_MAX = 5  # values kept that an entity had before
# Before the CallSid, an address: of a caller whose number is withheld, a customer of their own for each call.
ANONYMOUS = "anonymous:"


def legible(address_value: str) -> str:
    """An address as people read it: that of a withheld number is a word."""
    return ANONYMOUS.rstrip(":") if address_value.startswith(ANONYMOUS) else address_value


class State(StrEnum):
    NEW = "NEW"
    ACTIVE = "ACTIVE"
    IDLE = "IDLE"
    WAITING_AGENT = "WAITING_AGENT"
    CLOSED = "CLOSED"


class HandledBy(StrEnum):
    ASSISTANT = "assistant"
    OPERATOR = "operator"


class Channel(StrEnum):
    SMS = "sms"
    WHATSAPP = "whatsapp"
    VOICE = "voice"


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    AGENT = "agent"  # the seeds' word for a human operator, kept in data
    SYSTEM = "system"


class MessageType(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    DOCUMENT = "document"
    LOCATION = "location"
    SYSTEM = "system"


class EndReason(StrEnum):
    COMPLETED = "completed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    OPTED_OUT = "opted_out"


class Keyword(StrEnum):
    """What a whole message means to the carriers' opt-out rules (``session.optout``)."""

    NONE = "-"
    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Lane:
    """One customer's line to one of our numbers on one channel; order is promised per lane."""

    channel: Channel
    ours: str  # our number, E.164

    def __str__(self) -> str:
        return f"{self.channel}|{self.ours}"

    @classmethod
    def parse(cls, text: str) -> Lane:
        channel, ours = text.split("|", 1)
        return cls(Channel(channel), ours)


@dataclass(frozen=True, slots=True)
class Media:
    url: str
    content_type: str


class Message(NamedTuple):
    """One inbound or outbound item. Immutable once stored; what changes (delivery) is in its parts.

    ``status`` and ``error_code`` are filled in on reading: inbound is always ``received``.
    A tuple, because a session is read with all of its messages, and nothing else is made as fast.
    """

    direction: Direction
    role: Role
    content: str
    channel: Channel
    from_number: str = ""
    to_number: str = ""
    message_type: MessageType = MessageType.TEXT
    twilio_sid: str = ""
    at: int = 0
    id: str = ""
    session_id: str = ""
    status: str = ""
    error_code: int | None = None
    in_response_to: str = ""  # Twilio's SID of the last message it answers
    generated_by: str = ""  # "ai", "operator", or "system" for a notice
    keyword: Keyword = Keyword.NONE
    media: tuple[Media, ...] = ()
    extra: Mapping[str, Any] = MappingProxyType({})  # location, button payload, ...
    sent_at: int = 0  # when Twilio took its first part, ms

    @property
    def lane(self) -> Lane:
        ours = self.to_number if self.direction is Direction.INBOUND else self.from_number
        return Lane(self.channel, ours)


@dataclass(frozen=True, slots=True)
class Entity:
    """A value the customer told us, and which message told it; what it replaced stays in ``earlier``."""

    value: Any
    message_id: str
    at: int
    earlier: tuple[tuple[Any, str, int], ...] = ()  # (value, message id, ms), newest first

    def replaced(self) -> tuple[tuple[Any, str, int], ...]:
        """``earlier`` of the value that takes this one's place; older ones say nothing that the messages do not."""
        return ((self.value, self.message_id, self.at), *self.earlier)[:EARLIER_MAX]


@dataclass(frozen=True, slots=True)
class MemoryItem:
    """Something known about a customer beyond one session, by one agent."""

    id: str
    type: str  # "fact" or "preference"
    about: str  # the slot it fills ("delivery time"): a new item for the same slot supersedes it
    content: str
    confidence: float  # 0 to 1, as told; it fades while unused (``ai.memory``)
    source: str  # id of the message it was learnt from
    at: int
    used: int = 0  # when it was last told again


@dataclass(frozen=True, slots=True)
class MemoryChange:
    """What a turn wants remembered or forgotten; ``ai.memory.remember`` decides."""

    op: str  # "remember" or "forget"
    type: str = "fact"
    about: str = ""
    content: str = ""
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation with a customer. ``version`` and ``epoch`` are the ledger's, see ``ledger``."""

    id: str
    agent_id: str
    channel: Channel
    state: State
    handled_by: HandledBy
    title: str
    created_at: int
    last_activity: int
    version: int = 0
    epoch: int = 0  # moves when a person steps in: what was decided before is not sent
    first_message_at: int = 0
    last_inbound_at: int = 0
    last_message_at: int = 0
    ended_at: int = 0
    end_reason: EndReason | None = None
    opened_because: str = ""
    inbound_count: int = 0
    outbound_count: int = 0
    channel_counts: dict[str, int] = field(default_factory=dict)
    intent: str = ""
    language: str = ""
    summary: str = ""
    entities: dict[str, Entity] = field(default_factory=dict)
    order_details: dict[str, Any] | None = None
    context: dict[str, Any] = field(default_factory=dict)
    scope: str = "*"  # "*", or the channel when the agent keeps sessions per channel
    first_from: str = ""  # the address that opened it, as Twilio wrote it
    ours: str = ""  # our number, last used
    waiting_since: int = 0  # when it began to wait for a person, ms; 0 while it does not
    alerted_at: int = 0  # when somebody was told that nobody had answered
    note: str = ""  # what the person who handed back left for the assistant
    bridge: dict[str, Any] | None = None  # of the session before, see ``ai.memory.bridge``
    rejected: tuple[str, ...] = ()  # entities whose last value failed its check: to be asked for again
    misses: int = 0  # turns in a row that came to no answer of use
    rating: int = 0  # 1 to 5, the customer's answer to the closing question
    rating_asked: int = 0  # ``outbound_count`` when the closing question had gone out; 0: it was not asked
    summary_upto: int = 0  # number of the last message that ``summary`` covers
    forgotten_upto: int = 0  # number of the last message that no model is shown any more

    @property
    def message_count(self) -> int:
        return self.inbound_count + self.outbound_count

    @property
    def awaits_rating(self) -> bool:
        """Whether the closing question is the last that was said: later on a number answers something else."""
        return bool(self.rating_asked) and not self.rating and self.rating_asked == self.outbound_count

    @property
    def status(self) -> str:
        """The seeds' simpler word: active, completed or expired."""
        if self.state is not State.CLOSED:
            return "active"
        ended_by_time = self.end_reason in (EndReason.EXPIRED, EndReason.SUPERSEDED)
        return "expired" if ended_by_time else "completed"


@dataclass(frozen=True, slots=True)
class Customer:
    """The person behind one address; known across channels, numbers and agents."""

    id: str
    address: str  # E.164, or WhatsApp's business-scoped id where there is no number
    name: str = ""
    language: str = ""
    first_seen: int = 0
    last_seen: int = 0
    channel_counts: dict[str, int] = field(default_factory=dict)
    opted_out: frozenset[str] = frozenset()  # lanes, as "channel|our number or service"
    heard: dict[str, int] = field(default_factory=dict)  # WhatsApp lane -> last message, ms; 0: closed

    @property
    def legible(self) -> str:
        """The address as people read it."""
        return legible(self.address)


@dataclass(frozen=True, slots=True)
class Usage:
    """What one turn's calls to the model took, added up; times in ms."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: int = 0
    tries: int = 1
    calls: int = 1
    cached_tokens: int = 0  # of the input tokens, those the provider had cached


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One call of a tool within a turn."""

    name: str
    arguments: dict[str, Any]
    result: str  # as the model saw it, cut
    ok: bool
    duration_ms: int
    media: tuple[Media, ...] = ()  # files that go along with the reply
    links: tuple[str, ...] = ()  # addresses of those that do not, to stand in its text


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model gave for one turn, checked against the agent's schema."""

    reply: str
    entities: dict[str, Any]  # only what was reported: name -> plain value
    intent: str = ""
    language: str = ""
    usage: Usage = Usage()
    memory: tuple[MemoryChange, ...] = ()
    handoff: str = ""  # why a person is needed, in a few words; empty: none is
    ends: bool = False  # the conversation is over, says the model
    satisfaction: int | None = None  # 1 to 5, when the customer was asked
    tools: tuple[ToolUse, ...] = ()
    rejected: tuple[str, ...] = ()  # entities whose value failed its check: to be asked for again

    @property
    def media(self) -> tuple[Media, ...]:
        """Files that its tools gave along, each once."""
        return tuple(dict.fromkeys(each for use in self.tools for each in use.media))[:MEDIA_MAX]

    @property
    def links(self) -> tuple[str, ...]:
        """Addresses that its tools gave along, each once."""
        return tuple(dict.fromkeys(link for use in self.tools for link in use.links))[:MEDIA_MAX]
