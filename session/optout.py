"""The carriers' opt-out words (DECISIONS 25). A word counts only when it is the whole message.

Whether START ends anything, and what a STOP closes, is the ledger's to say; here is
only what the words mean.
"""

from __future__ import annotations

import unicodedata

from session.model import Channel, Keyword, Lane

STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
STOP_WORDS_WHATSAPP = frozenset({"stop", "stopall", "unsubscribe"})
# Carriers do not match these two; a person who says please means it all the same.
STOP_PHRASES = frozenset({"stop please", "please stop"})
START_WORDS = frozenset({"start", "unstop", "yes"})
HELP_WORDS = frozenset({"help", "info"})

# Twilio's error codes that tell of an opt-out we did not see: unsubscribed there, or blocked on WhatsApp.
LEARNT_FROM = frozenset({21610, 63014})

# What `_readings` makes of punctuation (P), symbols (S) and control characters (C), for ASCII alone.
_KINDS = {code: unicodedata.category(chr(code))[0] for code in range(128)}
_DROPPED = {code: "" for code, kind in _KINDS.items() if kind in "PS"}
_BLANKED = {code: " " for code, kind in _KINDS.items() if kind in "PSC"}

# No keyword is longer, even with an accent on every letter and a full stop after each.
_BODY_LENGTH_MAX = 2000


def keyword(channel: Channel, body: str, opt_out_type: str = "") -> Keyword:
    """What ``body`` means as an opt-out word; ``opt_out_type`` is Twilio's own ``OptOutType``, if any.

    HELP is Twilio's to answer on SMS alone, so elsewhere it is an ordinary text. Calls have no keywords.
    """
    if channel is Channel.VOICE:
        return Keyword.NONE
    meant = _as_twilio_says(opt_out_type) or _as_written(channel, body)
    return Keyword.NONE if meant is Keyword.HELP and channel is not Channel.SMS else meant


def _as_twilio_says(opt_out_type: str) -> Keyword | None:
    said = opt_out_type.strip().lower()
    return Keyword(said) if said in ("stop", "start", "help") else None


def _as_written(channel: Channel, body: str) -> Keyword:
    readings = _readings(body) if len(body) <= _BODY_LENGTH_MAX else set()
    stop_words = STOP_WORDS_WHATSAPP if channel is Channel.WHATSAPP else STOP_WORDS
    if readings & (stop_words | STOP_PHRASES):
        return Keyword.STOP
    if readings & START_WORDS:
        return Keyword.START
    if readings & HELP_WORDS:
        return Keyword.HELP
    return Keyword.NONE


def _readings(body: str) -> set[str]:
    """``body`` folded twice: punctuation within words dropped ("opt-out"), or read as a blank ("stop,please").

    Decomposed after NFKC, so that full-width letters fold and stray accents fall away.
    """
    if body.isascii():
        folded = body.lower()
        return {" ".join(folded.translate(table).split()) for table in (_DROPPED, _BLANKED)}
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", body).casefold())
    kinds = [(letter, unicodedata.category(letter)) for letter in letters]
    # Marks and invisible formatting (zero-width, right-to-left overrides) are no part of a word.
    visible = [(letter, kind) for letter, kind in kinds if kind not in ("Mn", "Me", "Cf")]
    dropped = "".join(letter if kind[0] not in "PS" else "" for letter, kind in visible)
    blanked = "".join(letter if kind[0] not in "PSC" else " " for letter, kind in visible)
    return {" ".join(dropped.split()), " ".join(blanked.split())}


def field(lane: Lane, messaging_service_sid: str | None = None) -> str:
    """Where a customer's opt-out from this sender is kept: per channel, and per service where one sends."""
    return f"optout:{lane.channel}|{messaging_service_sid or lane.ours}"
