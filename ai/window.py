"""Pure: which part of a history is shown, within a budget of tokens. Whole exchanges, the newest first.

An exchange is what the customer wrote and what answered it; it is shown as a whole or not at all. Where the
cut falls between a question of ours and the customer's answer to it, ``asked`` keeps the question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from session.model import Direction, Message, Role

# What each message costs beside its text.
ITEM_TOKENS = 4
# Kept free for the question right before the cut.
ASKED_TOKENS = 100

# Four Latin letters are about one token; of every other script (and of emoji) each character counts as one.
_LATIN_PER_TOKEN = 4
_NOT_LATIN = re.compile("[^\x00-\u024f]")
_QUESTION_MARK = re.compile("[?？؟]")


@dataclass(frozen=True)
class Window:
    """The newest messages that fit, and the question or answer of ours that stood right before them, if any."""

    messages: tuple[Message, ...]
    asked: str = ""
    room: int = 0  # tokens that are left of the budget


def tokens(text: str) -> int:
    """An estimate that no tokenizer is needed for, on the safe side for other scripts than Latin."""
    wide = 0 if text.isascii() else len(_NOT_LATIN.findall(text))
    return wide + -(-(len(text) - wide) // _LATIN_PER_TOKEN)


def fit(history: Sequence[Message], budget: int, cost: Callable[[Message], int]) -> Window:
    """The end of ``history`` (oldest first) that costs at most ``budget`` tokens, ``asked`` included."""
    exchanges = _exchanges(history)
    orphan = bool(exchanges) and _is_orphan(exchanges[0])
    costs = [sum(cost(message) for message in exchange) for exchange in exchanges]
    if not orphan and sum(costs) <= budget:
        return Window(tuple(history), room=budget - sum(costs))
    first, left, oldest = len(exchanges), budget - ASKED_TOKENS, 1 if orphan else 0
    while first > oldest and costs[first - 1] <= left:
        first -= 1
        left -= costs[first]
    shown = tuple(message for exchange in exchanges[first:] for message in exchange)
    dropped = [message for exchange in exchanges[:first] for message in exchange]
    return Window(shown, _asked(dropped, last=not shown), room=left + ASKED_TOKENS)


def _exchanges(history: Sequence[Message]) -> list[list[Message]]:
    """Each begins with what the customer wrote after something of ours; notices belong to the one they stand in."""
    exchanges: list[list[Message]] = []
    answered = True
    for message in history:
        said = message.direction is Direction.INBOUND and message.role is Role.USER
        if not exchanges or (said and answered):
            exchanges.append([])
            answered = False
        answered = answered or (message.direction is Direction.OUTBOUND and message.role is not Role.SYSTEM)
        exchanges[-1].append(message)
    return exchanges


def _is_orphan(exchange: Sequence[Message]) -> bool:
    """An answer of the assistant's whose question the caller's own limit cut off."""
    first = next((message for message in exchange if message.role is not Role.SYSTEM), None)
    return first is not None and first.direction is Direction.OUTBOUND and first.generated_by == "ai"


def _asked(dropped: Sequence[Message], last: bool) -> str:
    """What of ours the customer's next words answer: a question; ``last``: whatever was said last."""
    ours = next((m for m in reversed(dropped) if m.role in (Role.ASSISTANT, Role.AGENT) and m.content), None)
    if ours is None or ours.status in ("failed", "undelivered"):
        return ""
    return ours.content if last or _QUESTION_MARK.search(ours.content) else ""
