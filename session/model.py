"""What a conversation is made of: plain frozen values, no I/O, no clock.

Times are integers, milliseconds since 1970 (UTC), as Redis tells them. Ids are
opaque strings made by ``session.keys``; each carries its customer and partition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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


@dataclass(frozen=True, slots=True)
class Message:
    """One inbound or outbound item. Immutable once stored; what changes (delivery) is in its parts.

    ``status`` and ``error_code`` are filled in on reading: inbound is always ``received``.
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
    extra: dict[str, Any] = field(default_factory=dict)  # location, button payload, ...

    @property
    def lane(self) -> Lane:
        ours = self.to_number if self.direction is Direction.INBOUND else self.from_number
        return Lane(self.channel, ours)


@dataclass(frozen=True, slots=True)
class Entity:
    """A value the customer told us, and which message told it."""

    value: Any
    message_id: str
    at: int


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

    @property
    def message_count(self) -> int:
        return self.inbound_count + self.outbound_count

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


@dataclass(frozen=True, slots=True)
class Usage:
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: int = 0
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model gave for one turn, checked against the agent's schema."""

    reply: str
    entities: dict[str, Any]  # only what was reported: name -> plain value
    intent: str = ""
    language: str = ""
    usage: Usage = Usage()
