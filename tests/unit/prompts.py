"""A small agent, a customer and a session, and what the model is shown of them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from ai.prompt import (
    Item,
    Prompt,
    build,
)
from config.agents import Agent, EntityField, Limits
from session.model import (
    Channel,
    Customer,
    Direction,
    HandledBy,
    MemoryItem,
    Message,
    MessageType,
    Role,
    Session,
    State,
)

NOW = 1_795_200_000_000
HOUR = 3_600_000
AGENT = Agent("shop", "Shop", "Be kind.", "Warm.", (EntityField("order_number", "string", "D"),))
CUSTOMER = Customer("c1", "+15550001111", name="Ann")
SESSION = Session(
    "s1", "shop", Channel.SMS, State.ACTIVE, HandledBy.ASSISTANT, "SMS from +15550001111", NOW, NOW
)


def inbound(words: str, at: int = NOW, kind: MessageType = MessageType.TEXT, **more: Any) -> Message:
    return Message(
        Direction.INBOUND,
        Role.USER,
        words,
        Channel.SMS,
        at=at,
        message_type=kind,
        from_number="+15550001111",
        **more,
    )


def outbound(
    words: str, role: Role = Role.ASSISTANT, status: str = "sent", at: int = NOW, **more: Any
) -> Message:
    return Message(Direction.OUTBOUND, role, words, Channel.SMS, status=status, at=at, **more)


def shown(
    history: list[Message], waiting: list[Message], session: Session = SESSION, customer: Customer = CUSTOMER
) -> list[Item]:
    return list(build(AGENT, customer, session, history, waiting, NOW).items)


def talk(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.role, item.content) for item in items if item.role != "developer"]


def notes(items: list[Item]) -> str:
    return "\n".join(item.content for item in items if item.role == "developer")


def prompt(history: list[Message], agent: Agent = AGENT, session: Session = SESSION, **more: Any) -> Prompt:
    """What is shown for one new message, "Hi", after ``history``."""
    return build(agent, CUSTOMER, session, history, [inbound("Hi", id="w")], NOW, **more)


def line(shown: Prompt, heading: str) -> Any:
    """The JSON behind a heading; None when the heading is not there."""
    found = [i.content.removeprefix(heading) for i in shown.items if i.content.startswith(heading)]
    assert all(item.role == "developer" for item in shown.items if item.content.startswith(heading))
    return json.loads(found[0]) if found else None


def budgeted(prompt_tokens: int) -> Agent:
    return dataclasses.replace(AGENT, limits=Limits(prompt_tokens=prompt_tokens))


TEA = MemoryItem("k1", "preference", "drink", "likes tea", 0.5, "m1", NOW)
NAME = MemoryItem("k2", "fact", "name", "is called Ann", 0.9, "m1", NOW)
