"""What an operator's step leaves to the assistant: which messages nobody has answered."""

from __future__ import annotations

import pytest

from config.agents import Agent, Handoff
from session.model import Channel, Direction, Keyword, Message, MessageType, Role
from session.operators import unanswered

CID = "c" * 32
AGENT = Agent(
    id="support", name="Support", instructions="", style="", entities=(), languages=("en", "es"), handoff=Handoff(words={"en": ("caretaker",)})
)  # fmt: skip


def asked(number: int, text: str = "Where is it?", keyword: Keyword = Keyword.NONE) -> Message:
    return Message(
        Direction.INBOUND, Role.USER, text, Channel.SMS, id=f"p12-{CID}-m{number}", keyword=keyword
    )


def said(role: Role) -> Message:
    return Message(Direction.OUTBOUND, role, "Hello", Channel.SMS, id=f"p12-{CID}-m99")


NOTICE = said(Role.SYSTEM)._replace(message_type=MessageType.SYSTEM)


@pytest.mark.parametrize(
    ("messages", "numbers"),
    [
        ([], []),
        ([asked(1)], [1]),
        ([asked(1), asked(2)], [1, 2]),
        ([asked(1), said(Role.ASSISTANT)], []),
        ([asked(1), said(Role.AGENT)], []),
        ([asked(1), said(Role.AGENT), asked(2)], [2]),
        ([asked(1), NOTICE], [1]),
        ([asked(1), NOTICE, asked(2), said(Role.AGENT), asked(3), NOTICE], [3]),
        ([said(Role.AGENT)], []),
        ([asked(1, "STOP", Keyword.STOP), asked(2)], [2]),
        ([asked(1), asked(2, "I want to talk to a human")], [1]),
        ([asked(1, "Quiero hablar con una persona")], []),
        ([asked(1, "Let me speak to the caretaker")], []),
        ([asked(1, "Is the caretaker's flat for rent?")], [1]),
    ],
)
def test_what_nobody_has_answered_is_what_came_after_the_last_answer(
    messages: list[Message], numbers: list[int]
) -> None:
    """An answer of either answers all before it; notices answer nothing; opt-out words and wishes for a person want none."""
    assert numbers == [int(m.id.rpartition("m")[2]) for m in unanswered(messages, AGENT)]
