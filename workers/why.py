"""Why this reply: what a turn saw, by reference, and what it decided, step by step. Kept with the turn.

Of the conversation it holds numbers of messages, and of the tools what they were asked and said; all of it goes when
the customer is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ai.prompt import Prompt
from ai.usage import cost_usd
from config.agents import Agent
from session import keys
from session.model import Answer, ToolUse

DECISIONS_MAX = 20
RESULT_CHARS_MAX = 500


@dataclass(slots=True)
class Why:
    """Filled in as the turn goes."""

    decisions: list[str] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)  # numbers of messages
    memory: list[str] = field(default_factory=list)  # ids of memory items
    prompt_tokens: int = 0  # as estimated
    tools: list[dict[str, Any]] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)

    def decide(self, what: str) -> None:
        """Note one decision, in a few words of ours."""
        if len(self.decisions) < DECISIONS_MAX:
            self.decisions.append(what)

    def saw(self, prompt: Prompt) -> None:
        """What the model was shown last."""
        found = [keys.parse_id(name) for name in prompt.messages]
        self.shown = [one.number for one in found if one]
        self.memory = list(prompt.memory)
        self.prompt_tokens = prompt.tokens

    def heard(self, agent: Agent, answer: Answer) -> None:
        """What the model's answer took. A turn that asked again adds up."""
        usage, before = answer.usage, self.model
        self.model = {
            "model": usage.model,
            "tokens": _added(before.get("tokens"), (usage.input_tokens, usage.output_tokens)),
            "cached": before.get("cached", 0) + usage.cached_tokens,
            "model_ms": before.get("model_ms", 0) + usage.duration_ms,
            "calls": before.get("calls", 0) + usage.calls,
            "tries": before.get("tries", 0) + usage.tries,
            "cost": round(before.get("cost", 0.0) + cost_usd(usage, agent.prices), 6),
        }
        self.tools += [_tool(use) for use in answer.tools]

    def record(self) -> dict[str, Any]:
        """As it is stored; what is empty is left out."""
        told = {
            "why": self.decisions, "shown": self.shown, "memory": self.memory, "prompt": self.prompt_tokens,
            "tools": self.tools, **self.model,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value}


def _added(before: Sequence[int] | None, now: tuple[int, int]) -> list[int]:
    earlier = before or (0, 0)
    return [earlier[0] + now[0], earlier[1] + now[1]]


def _tool(use: ToolUse) -> dict[str, Any]:
    return {
        "name": use.name, "arguments": use.arguments, "result": use.result[:RESULT_CHARS_MAX],
        "ok": use.ok, "ms": use.duration_ms,
    }  # fmt: skip
