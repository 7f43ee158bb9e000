"""Reading how an agent answers the telephone: ``[voice]`` of its file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from config.agent import VoiceRules
from config.agent_table import Table
from config.kinds import is_e164

GREETING_CHARS_MAX = 600
HINTS_MAX = 100
# Hints go with every question, and a question that is pushed into a call has 4000 characters in all.
HINTS_CHARS_MAX = 1000
HOLD_WORDS = "words"

_KEYS = (
    "greeting", "hold", "transfer", "queue", "answer_by_text", "voices", "languages", "hints", "min_confidence",
)  # fmt: skip
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.IGNORECASE)
_VOICE = re.compile(r"[A-Za-z0-9._-]{1,60}")
_QUEUE = re.compile(r"[^\x00-\x1f<>&]{1,64}")
_HINT = re.compile(r"[^\x00-\x1f,]{1,100}")
_URL_CHARS_MAX = 500


def read_voice(table: Table | None, languages: Sequence[str], numbers: Sequence[str]) -> VoiceRules:
    """``[voice]``. ``languages`` and ``numbers``: the agent's."""
    if table is None:
        return VoiceRules()
    table.only(*_KEYS)
    transfer, queue = table.text("transfer"), table.text("queue")
    if transfer and not is_e164(transfer):
        table.fault("transfer must be a phone number in quotation marks: + and 7 to 15 digits.", "transfer")
    if transfer and transfer in numbers:
        table.fault("transfer is a number that this agent answers itself; write a person's.", "transfer")
    if queue and not _QUEUE.fullmatch(queue):
        table.fault("queue must be a queue's name of at most 64 characters.", "queue")
    if transfer and queue:
        table.fault("transfer and queue cannot both be there; keep one.", "queue")
    return VoiceRules(
        greeting=_greeting(table, languages),
        hold=_hold(table),
        transfer=transfer,
        queue=queue,
        answer_by_text=table.flag("answer_by_text", VoiceRules.answer_by_text),
        voices=_by_language(table, "voices", _VOICE, 'a voice like "Polly.Joanna-Neural"'),
        languages=_by_language(table, "languages", _TAG, 'a language with its country like "en-GB"'),
        hints=_hints(table),
        min_confidence=_confidence(table),
    )


def _greeting(table: Table, languages: Sequence[str]) -> dict[str, str]:
    """By language; a text alone is in the agent's first."""
    said = table.values.get("greeting")
    if isinstance(said, dict):
        texts = table.words("greeting")
    else:
        text = table.text("greeting", chars_max=GREETING_CHARS_MAX)
        return {languages[0]: text} if text else {}
    for language, text in texts.items():
        if not _LANGUAGE.fullmatch(language):
            table.fault(
                f'"{language}" is not a language; write a code like en or pt-BR.', f"greeting.{language}"
            )
        if not text or len(text) > GREETING_CHARS_MAX:
            table.fault(
                f"greeting must have 1 to {GREETING_CHARS_MAX} characters in each language.",
                f"greeting.{language}",
            )
    return texts


def _hold(table: Table) -> str:
    """Empty for words."""
    hold = table.text("hold") or HOLD_WORDS
    if hold == HOLD_WORDS:
        return ""
    try:
        parts = urlsplit(hold)
        fits = parts.scheme == "https" and bool(parts.hostname) and len(hold) <= _URL_CHARS_MAX
    except ValueError:
        fits = False
    if not fits or re.search(r"\s", hold):
        table.fault('hold must be "words", or an https address of music.', "hold")
    return hold


def _by_language(table: Table, key: str, fits: re.Pattern[str], what: str) -> dict[str, str]:
    texts = table.words(key)
    for language, text in texts.items():
        if not _LANGUAGE.fullmatch(language):
            table.fault(
                f'"{language}" is not a language; write a code like en or pt-BR.', f"{key}.{language}"
            )
        if not fits.fullmatch(text):
            table.fault(f"{key} must name {what} for each language.", f"{key}.{language}")
    return texts


def _hints(table: Table) -> tuple[str, ...]:
    hints = table.texts(
        "hints", _HINT.fullmatch, 'a list of words that callers say, like ["derailleur", "Ringback"].'
    )
    if len(hints) > HINTS_MAX or len(",".join(hints)) > HINTS_CHARS_MAX:
        table.fault(
            f"hints has too many; have {HINTS_MAX} and {HINTS_CHARS_MAX} characters at most.", "hints"
        )
    return hints


def _confidence(table: Table) -> float:
    given = table.number("min_confidence")
    if given is None:
        return VoiceRules.min_confidence
    if not 0 <= given <= 1:
        table.fault("min_confidence must be a number from 0 to 1.", "min_confidence")
    return float(given)
