"""What an agent is: the values that a file of ``AGENTS_DIR`` is read into. Frozen, checked by ``config.agent_file``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

PLAIN_TYPES = ("string", "number", "integer", "boolean", "enum", "money", "date", "list")
ENTITY_TYPES = (*PLAIN_TYPES, "items")

# The languages in which everything that Ringback itself says is written.
LANGUAGES = ("en", "es", "ar", "fr", "de", "pt")

# The word that stands first in every enum shown to the model and means "nothing to report".
NEUTRAL_ENUM_VALUE = "unknown"

# A handoff rule's name for the computed total of [order].
ORDER_TOTAL = "order_total"

AfterHours = Literal["answer", "notice_first", "notice_only"]


@dataclass(frozen=True)
class EntityField:
    """One thing an agent finds out, or one argument of a tool.

    Values: money ``{"amount": 12.5, "currency": "USD"}``; date "2026-11-20"; list of short texts; items is a list
    of objects of ``fields``, which are of plain types.
    """

    name: str
    type: str
    description: str
    values: tuple[str, ...] = ()  # of an enum
    fields: tuple[EntityField, ...] = ()  # of items
    minimum: float | None = None  # of a number, an integer or the amount of money; inclusive
    maximum: float | None = None
    pattern: str = ""  # a regular expression that the whole of a string must match
    required: bool = False  # the agent must find it out; a tool must be given it


@dataclass(frozen=True)
class Hours:
    """When people are there, in the zone's wall-clock time."""

    zone: str  # "Europe/Berlin"
    # Monday first; each day's spans as (opens, closes) in minutes after midnight, in order, closes at most 1440.
    week: tuple[tuple[tuple[int, int], ...], ...]
    holidays: frozenset[date] = frozenset()
    after_hours: AfterHours = "answer"


@dataclass(frozen=True)
class HandoffRule:
    """Calls a person when all that is set here holds: a value found out, or what the conversation is about."""

    entity: str = ""  # the name of an entity, or ORDER_TOTAL
    equals: str = ""  # compared without regard to case
    above: float | None = None  # of a number, or of the amount of money
    intent: str = ""  # words that the session's intent holds


@dataclass(frozen=True)
class Handoff:
    """When a person takes over, and who is told."""

    words: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # language to words beside the built-in ones
    when: tuple[HandoffRule, ...] = ()
    after_failures: int = 3  # turns in a row that could not be answered; 0 never
    notify: tuple[str, ...] = ()  # operators' numbers (E.164), texted a link
    by_model: bool = True  # the model may ask for a person

    @property
    def every_word(self) -> tuple[str, ...]:
        """The words of all languages."""
        return tuple(word for said in self.words.values() for word in said)


@dataclass(frozen=True)
class Tool:
    """A function or a web service that the model may use. Templates hold parameters as ``{name}``."""

    name: str
    description: str
    kind: Literal["python", "http"]
    target: str  # "package.module:function" or "https://host/path/{order_number}"
    parameters: tuple[EntityField, ...] = ()
    timeout_seconds: float = 5.0
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)  # "${NAME}" is read from the environment
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(
        default_factory=dict
    )  # of a JSON object; a lone "{name}" keeps its JSON type


@dataclass(frozen=True)
class MemoryRules:
    """What is remembered of a customer beyond a session."""

    enabled: bool = True
    items_max: int = 40
    sensitive: bool = False  # True: what concerns health may be kept


@dataclass(frozen=True)
class Limits:
    """Bounds of one turn."""

    reply_chars: int = 0  # 0: none of the agent's own
    prompt_tokens: int = 6000
    tool_rounds: int = 3


@dataclass(frozen=True)
class OrderRule:
    """Which entity of the type items is an order, and by which of its fields its total is computed."""

    items: str
    quantity: str
    price: str


@dataclass(frozen=True)
class Template:
    """One of WhatsApp's approved templates, see ``config.agent_templates``."""

    name: str
    content_sid: str  # "HX..."
    language: str = "en"
    variables: tuple[str, ...] = ()  # names that must be given with it: "1", "2"
    text: str = ""  # what it says, for our own record; {{1}} stands for a variable


@dataclass(frozen=True)
class VoiceRules:
    """How an agent answers the telephone."""

    greeting: Mapping[str, str] = field(default_factory=dict)  # language to its first words
    hold: str = ""  # an https address of music for the wait; words when empty
    transfer: str = ""  # a person's number (E.164) that a call is handed over to
    queue: str = ""  # or the name of a Twilio queue
    answer_by_text: bool = False  # an answer that nobody heard goes by SMS
    voices: Mapping[str, str] = field(default_factory=dict)  # language to Twilio's name of a voice
    languages: Mapping[str, str] = field(default_factory=dict)  # language to its kind: "en-GB"
    hints: tuple[str, ...] = ()  # words that callers are likely to say
    min_confidence: float = 0.4  # what is heard less surely is asked again


@dataclass(frozen=True)
class Agent:
    """A configured persona; an empty model, history window or policy leaves it to the environment."""

    id: str
    name: str
    instructions: str
    style: str
    entities: tuple[EntityField, ...]
    numbers: tuple[str, ...] = ()
    policy: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    history_window: int | None = None
    languages: tuple[str, ...] = ("en",)  # the first answers when the customer's is not known
    greeting: str = ""
    hours: Hours | None = None
    handoff: Handoff = field(default_factory=Handoff)
    tools: tuple[Tool, ...] = ()
    limits: Limits = field(default_factory=Limits)
    memory: MemoryRules = field(default_factory=MemoryRules)
    order: OrderRule | None = None
    links: tuple[str, ...] = ()  # hosts that replies may name
    fallback_model: str = ""
    closing_question: bool = False  # asks for 1 to 5 at the end
    notices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # name, language, text
    templates: tuple[Template, ...] = ()
    voice: VoiceRules = field(default_factory=VoiceRules)
    prices: tuple[float, float] = (0.0, 0.0)  # USD per million tokens in and out; zero: cost is not known
    # Where each table and key stands in the file: "policy.scope" to its line, for faults found later.
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
