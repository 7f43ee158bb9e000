"""How we log: one line per event, JSON or, on a terminal, words; never a phone number, a text or a secret.

Our own code says nothing private in the first place. What stands here is the last
line of defence, and what other libraries say: only warnings, without their arguments.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from config.log_writer import LineWriter
from config.redaction import Redaction, frames_of, without_texts
from config.settings import Settings

# Libraries that set up handlers or levels of their own; ours is the only one.
_OUTSPOKEN = (
    "gunicorn.error", "gunicorn.access", "werkzeug", "rq", "rq.worker", "rq.scheduler",
    "twilio.http_client", "openai", "httpx2", "httpcore2", "urllib3",
)  # fmt: skip

# The methods of a logger that are no level's name.
_LEVELS = {"warn": "warning", "exception": "error"}

_encode = json.JSONEncoder(default=str, ensure_ascii=False).encode

# The steps that the seeds log, in the seeds' words.
_WORDS = {
    "message_received": "{channel} message received",
    "session_created": "Created new {channel} session: {session_id} ({because})",
    "session_reused": "Reusing existing session {session_id} (last message {last_message_ago_s}s ago)",
    "time_gap_detected": "Time gap of {gap_s}s detected. Creating new session.",
    "state_transitioned": "Session state transitioned: {from} → {to}",
    "message_added_to_history": "Message added to session history (total messages: {total_messages})",
    "reply_generated": "Reply generated",
}


def configure(settings: Settings | tuple[str, str], process: str, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging for this process; may be called again.

    ``settings`` is the whole of them, or ``(level, format)`` where there are none yet.
    ``process`` (web, worker, clock, tool, ...) is on every line. Lines go to stdout, but
    those of a tool to stderr: its stdout is its answer.
    """
    level, form, secrets = _wanted(settings)
    # Web answers in milliseconds and logs a line each time; the others have the time.
    apart = process == "web" and stream is None
    stream = stream or (sys.stderr if process == "tool" else sys.stdout)
    pretty = form == "pretty" or (form is None and stream.isatty())
    shared: list[Processor] = [
        _stamped(process),
        frames_of,
        Redaction(secrets),
    ]
    renderer = _renderer(pretty, stream)
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=LineWriter(stream) if apart else structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,  # module-level loggers exist before the settings do
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[without_texts, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        # The arguments hold the numbers and texts; without_texts fills in what is harmless.
        use_get_message=False,
        pass_foreign_args=True,
    )
    _route_standard_logging(formatter, stream, max(level, logging.WARNING))
    if process != "tool":
        _log_what_nobody_caught()


def mask(customer_id: str) -> str:
    """A customer in a log line: the first 6 characters of their id, enough to follow one conversation."""
    return customer_id[:6]


def _wanted(settings: Settings | tuple[str, str]) -> tuple[int, str | None, Iterable[str]]:
    if isinstance(settings, tuple):
        return _level(settings[0]), settings[1] or None, ()
    return _level(settings.log_level), settings.log_format, settings.secret_values


def _level(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]


def _stamped(process: str) -> Processor:
    """What every line tells: its level, its moment in UTC, its process. One step, for each request makes it."""

    def stamp(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["level"] = _LEVELS.get(method, method)
        event["timestamp"] = datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
        event.setdefault("process", process)
        return event

    return stamp


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return _encode(event)


def _renderer(pretty: bool, stream: TextIO) -> list[Processor]:
    if not pretty:
        return [_as_json]
    return [in_the_seeds_words, structlog.dev.ConsoleRenderer(colors=stream.isatty())]


def in_the_seeds_words(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The step events as sentences; an event that lacks a value keeps its name."""
    words = _WORDS.get(str(event.get("event")))
    if words is None:
        return event
    channel = {"sms": "SMS", "whatsapp": "WhatsApp", "voice": "Voice"}.get(str(event.get("channel")), "")
    values = {"because": "first message", **event, "channel": channel}
    try:
        sentence = " ".join(words.format_map(values).split())
    except KeyError:
        return event
    said = {name for name in event if "{" + name + "}" in words}
    return {**{name: value for name, value in event.items() if name not in said}, "event": sentence}


def _route_standard_logging(formatter: logging.Formatter, stream: TextIO, level: int) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.setLevel(level)  # on the handler: a library may lower its own logger's level later
    root = logging.getLogger()
    for old in root.handlers[:]:
        # pytest's own handlers stay; they belong to whoever runs us.
        if type(old) is logging.StreamHandler:
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _OUTSPOKEN:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(level)
    logging.captureWarnings(True)


def _log_what_nobody_caught() -> None:
    """Python would print the exception's own words, which may be a customer's."""
    log = structlog.get_logger()

    def uncaught(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("uncaught_exception", exc_info=error)

    def uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            name = args.thread.name if args.thread else ""
            log.critical("uncaught_exception", thread=name, exc_info=args.exc_value)

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
