"""What a turn asks of the model: tokens of its prompt, and calls, for every shipped agent.

Tokens are the prompt's own estimate (four characters each), beside the answer's schema and the tools' in the same
measure. Calls are counted while the shipped dialogues are played against the stand-in model, each customer's line a turn.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ai import prompt, schema
from ai.tools import definition
from ai.window import tokens
from config import logging
from config.agents import Agent, load_agents
from console import dialogues
from console.evaluation import play
from console.evaluation_system import House, own_redis, settings_for
from session import course
from session.model import Channel, Customer, Direction, MemoryItem, Message, Role

PROJECT = Path(__file__).resolve().parents[1]
DIALOGUES = PROJECT / "examples" / "evaluations"
NOW = 1_790_000_000_000
MEMORIES = 40
TEXT = "A hundred characters of a customer's own words, as long as a text message of two sentences may be ok."


class Asked(NamedTuple):
    """One agent. ``calls`` of the model in ``lines`` of customers."""

    agent: str
    first: int
    long: int
    remembering: int
    beside: int  # schema and tools
    calls: int
    lines: int


def measure() -> list[Asked]:
    """Every shipped agent that has dialogues."""
    agents = load_agents(PROJECT / "config" / "agents", "default-agent")
    played = dict(_played())
    return [_asked(agent, *played[agent.id]) for agent in agents if agent.id in played]


def _asked(agent: Agent, calls: int, lines: int) -> Asked:
    customer = Customer("0" * 32, "+12025550100", name="Dana")
    session = course.begin(agent.id, Channel.SMS, "*", customer.address, "+15550001111", "first message", NOW)
    waiting = [_message(99, Direction.INBOUND)]
    history = [_message(n, Direction.INBOUND if n % 2 else Direction.OUTBOUND) for n in range(1, 20)]
    items = [MemoryItem(str(n), "fact", f"matter {n}", TEXT[:60], 0.9, "", NOW, NOW) for n in range(MEMORIES)]

    def cost(past: list[Message], known: list[MemoryItem]) -> int:
        return prompt.build(agent, customer, session, past, waiting, NOW, memory=known).tokens

    told = json.dumps(schema.json_schema(agent)) + "".join(json.dumps(definition(t)) for t in agent.tools)
    return Asked(agent.id, cost([], []), cost(history, []), cost(history, items), tokens(told), calls, lines)


def _message(number: int, direction: Direction) -> Message:
    role = Role.USER if direction is Direction.INBOUND else Role.ASSISTANT
    return Message(
        direction, role, TEXT[:100], Channel.SMS, at=NOW - 60_000 * (100 - number), id=f"m{number}"
    )


def _played() -> Iterator[tuple[str, tuple[int, int]]]:
    """(agent, (calls, lines)) of the shipped dialogues."""
    found = dialogues.read_all(dialogues.find(DIALOGUES))
    with own_redis() as url, open(os.devnull, "w", encoding="utf-8") as nowhere:
        settings = settings_for(url, {}, real_model=False)
        logging.configure(settings, "worker", nowhere)
        house = House(settings)
        results = [play(house, dialogue) for dialogue in found]
    for agent in sorted({dialogue.agent for dialogue in found}):
        mine = [result for result in results if result.dialogue.agent == agent]
        lines = sum(step.action == "customer" for result in mine for step in result.dialogue.steps)
        yield agent, (sum(result.calls for result in mine), lines)


def table(rows: list[Asked]) -> str:
    """As Markdown."""
    head = (
        f"| agent | first turn | 20 messages of 100 characters | and {MEMORIES} memories | schema and tools | "
        "model calls a turn, in its dialogues |\n| --- | ---: | ---: | ---: | ---: | ---: |\n"
    )
    return head + "\n".join(
        f"| {r.agent} | {r.first} | {r.long} | {r.remembering} | {r.beside} | "
        f"{r.calls / max(1, r.lines):.2f} ({r.calls} in {r.lines}) |"
        for r in rows
    )


if __name__ == "__main__":
    print(table(measure()))
