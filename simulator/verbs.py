"""What TwiML can ask of a call: its verbs as values, in the order of a document."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Say:
    """``loop`` is how often it is said."""

    text: str
    language: str = ""
    voice: str = ""
    loop: int = 1
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Play:
    """A sound by its URL, or ``digits`` as tones."""

    url: str
    digits: str = ""
    loop: int = 1
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float = 1.0
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Gather:
    """A question. ``action`` None: the document's own URL. ``timeout`` in seconds; ``num_digits`` 0: any number."""

    prompt: tuple[Say | Play | Pause, ...] = ()
    speech: bool = False
    digits: bool = True
    action: str | None = None
    method: str = "POST"
    timeout: float = 5.0
    finish_on_key: str = "#"
    num_digits: int = 0
    on_empty: bool = False
    barge_in: bool = True
    language: str = "en-US"
    hints: tuple[str, ...] = ()
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str
    method: str = "POST"
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Dial:
    """``targets`` are numbers or names of what else is dialled; they ring together."""

    targets: tuple[str, ...]
    action: str | None = None
    method: str = "POST"
    timeout: float = 30.0
    caller_id: str = ""
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Hangup:
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Reject:
    reason: str = "rejected"
    raw: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Enqueue:
    queue: str
    action: str | None = None
    method: str = "POST"
    raw: str = field(default="", compare=False)


Verb = Say | Play | Pause | Gather | Redirect | Dial | Hangup | Reject | Enqueue


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that Twilio's debugger would list, and the call goes on."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    verbs: tuple[Verb, ...] = ()
    warnings: tuple[Warned, ...] = ()
