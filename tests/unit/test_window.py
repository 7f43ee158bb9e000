"""How much of a history is shown, and how much it is thought to cost."""

from __future__ import annotations

import pytest

from ai.window import Window, fit, tokens
from session.model import Channel, Direction, Message, Role


def user(words: str) -> Message:
    return Message(Direction.INBOUND, Role.USER, words, Channel.SMS)


def ours(words: str, role: Role = Role.ASSISTANT, status: str = "sent", by: str = "ai") -> Message:
    return Message(Direction.OUTBOUND, role, words, Channel.SMS, status=status, generated_by=by)


def cost(message: Message) -> int:
    return 100


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("ääää", 1), ("مرحبا", 5), ("日本語 ok", 4), ("😀😀", 2)],
)
def test_tokens(text: str, count: int) -> None:
    """Four Latin letters are a token, of any other script each character is."""
    assert tokens(text) == count


Q1, A1, Q2, A2 = user("one"), ours("first?"), user("two"), ours("second")
NOTICE, FAILED = ours("notice", Role.SYSTEM, by="system"), ours("lost", status="failed")


@pytest.mark.parametrize(
    ("history", "budget", "messages", "asked"),
    [
        ([], 0, (), ""),
        ([Q1, A1, Q2, A2], 400, (Q1, A1, Q2, A2), ""),
        ([Q1, A1, Q2, A2], 399, (Q2, A2), "first?"),
        ([Q1, A1, Q2, A2], 299, (), "second"),
        ([Q1, A1, Q2, A2], -500, (), "second"),
        ([Q1, Q1, A1, A2, Q2], 499, (Q2,), ""),
        ([Q1, Q1, A2, A1, Q2], 499, (Q2,), "first?"),
        ([Q1, A1, NOTICE, Q2], 399, (Q2,), "first?"),
        ([Q1, NOTICE, Q2, A2], 399, (), "second"),
        ([Q1, A1, FAILED, Q2], 399, (Q2,), ""),
        ([A1, Q2, A2], 1000, (Q2, A2), "first?"),
        ([NOTICE, A1, Q2, A2], 1000, (Q2, A2), "first?"),
        ([NOTICE, Q2, A2], 1000, (NOTICE, Q2, A2), ""),
        ([A2], 1000, (), "second"),
    ],
)
def test_fit(history: list[Message], budget: int, messages: tuple[Message, ...], asked: str) -> None:
    """Whole exchanges fit or go, the newest stay, and the question before the cut is known."""
    window = fit(history, budget, cost)

    assert (window.messages, window.asked) == (messages, asked)
    assert window.room == budget - 100 * len(messages)


def test_nothing_is_cut_from_what_fits() -> None:
    """A history within the budget is shown as it is."""
    assert fit([Q1], 100, cost) == Window((Q1,))
