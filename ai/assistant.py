"""One turn's answer from a language model: one request, more only for tools, checked against the agent's schema."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from ai import schema as answer_schema
from ai import standin, usage
from ai.dialect import Asking, Round, Said, ToolCall, parse_arguments
from ai.model_errors import ModelError, ModelFault, ModelUnavailable
from ai.prompt import Item
from ai.tools import Toolbox
from config.agents import Agent
from session.model import Answer, ToolUse, Usage

# A tool leaves this part of the time to the answer that is to be made of its result.
TOOL_SHARE = 0.5

__all__ = ["Assistant", "ModelError", "ModelFault", "ModelUnavailable"]


class Model(Protocol):
    """Whom the assistant asks."""

    def ask(self, model: str, asking: Asking, seconds: float) -> tuple[Said, Usage]: ...

    def close(self) -> None: ...


class StandIn:
    """The stand-in model, in process: rules, and no network."""

    def __init__(self, latency_seconds: float) -> None:
        self._latency_seconds = latency_seconds

    def ask(self, model: str, asking: Asking, seconds: float) -> tuple[Said, Usage]:
        time.sleep(self._latency_seconds)
        items = [{"role": item.role, "content": item.content} for item in asking.items]
        for past in asking.rounds:
            items += [
                {"role": "tool", "name": call.name, "content": result}
                for call, result in zip(past.calls, past.results, strict=True)
            ]
        tools = {"tools": asking.tools} if asking.tools and asking.may_call else {}
        answer = standin.respond(items, asking.schema, **tools)
        calls = tuple(
            ToolCall(f"call_{place}", call["name"], json.dumps(call["arguments"]))
            for place, call in enumerate(answer.get("tool_calls", ()) if tools else ())
        )
        return Said("" if calls else json.dumps(answer), calls), Usage(model=standin.MODEL_NAME)

    def close(self) -> None:
        """Nothing is open."""


class Assistant:
    """Asks the model. Build one per process; its methods may be called from many threads at once."""

    def __init__(
        self,
        provider: str,
        api_key: str = "",
        base_url: str | None = None,
        model: str = "",
        timeout_seconds: float = 20.0,
        standin_latency_seconds: float = 0.0,
    ) -> None:
        """``provider`` is "openai" (Responses), "openai-compatible" (Chat Completions) or "mock" (no HTTP).

        A key that no header can carry is a ``ValueError``; nothing is connected yet.
        """
        if provider not in ("openai", "openai-compatible", "mock"):
            raise ValueError(f"unknown AI_PROVIDER {provider!r}")
        self._default_model = model
        self._timeout_seconds = timeout_seconds
        self._model: Model
        if provider == "mock":
            self._model = StandIn(standin_latency_seconds)
        else:
            self._model = _http_model(provider, api_key, base_url)

    def answer(
        self,
        agent: Agent,
        items: Sequence[Item],
        *,
        schema: dict[str, Any] | None = None,
        deadline_seconds: float | None = None,
        metadata: Mapping[str, str] | None = None,
        toolbox: Toolbox | None = None,
    ) -> Answer:
        """The model's answer to a prompt, after the tools of ``toolbox`` that it asks for.

        No call to the model takes more than ``timeout_seconds``, and everything together not more than
        ``deadline_seconds``. When the agent's model is away or refuses for good, its fallback model is asked
        once. ``schema`` is the agent's own unless given; the answer is checked against the agent either way.
        ``metadata`` goes to the Responses API alone. Raises ``ModelUnavailable`` or ``ModelFault``.
        """
        started = time.monotonic()
        ends_at = math.inf if deadline_seconds is None else started + deadline_seconds
        models = [agent.model or self._default_model, *filter(None, [agent.fallback_model])]
        asking = Asking(
            items, schema or answer_schema.json_schema(agent), toolbox.definitions if toolbox else (),
            may_call=agent.limits.tool_rounds > 0, metadata=metadata,
        )  # fmt: skip
        usages: list[Usage] = []
        uses: list[ToolUse] = []
        while True:
            said, usage_of_call = self._ask(models, asking, ends_at)
            usages.append(usage_of_call)
            if not said.calls:
                break
            if toolbox is None or not asking.may_call:
                reason = "the model asks for tools where it was to answer"
                raise ModelFault(reason, code="tools_without_end", retryable=True)
            used = [toolbox.call(call.name, call.arguments, _share(ends_at)) for call in said.calls]
            uses += used
            rounds = (*asking.rounds, Round(said.calls, tuple(use.result for use in used)))
            asking = replace(asking, rounds=rounds, may_call=len(rounds) < agent.limits.tool_rounds)
        duration_ms = round((time.monotonic() - started) * 1000)
        return _answer(agent, said.text, usage.total(usages, duration_ms), tuple(uses))

    def summarise(
        self, items: Sequence[Item], schema: dict[str, Any], deadline_seconds: float, model: str = ""
    ) -> dict[str, Any]:
        """A background request's answer, a JSON object, not checked further. Raises as ``answer`` does."""
        asking = Asking(items, schema, name="summary")
        said, _ = self._ask([model or self._default_model], asking, time.monotonic() + deadline_seconds)
        summary = None if said.calls else parse_arguments(said.text)
        if summary is None:
            raise ModelFault("the model's summary is not JSON", code="answer_does_not_fit", retryable=True)
        return summary

    def close(self) -> None:
        """Close the pooled connections; the assistant is not used afterwards."""
        self._model.close()

    def _ask(self, models: list[str], asking: Asking, ends_at: float) -> tuple[Said, Usage]:
        """The first of the models; when it is of no use, the next, which then stays the first."""
        try:
            return self._model.ask(models[0], asking, self._seconds(ends_at))
        except ModelError as error:
            whim = isinstance(error, ModelFault) and error.retryable
            if len(models) == 1 or whim or ends_at <= time.monotonic():
                raise
            first = error
        del models[0]
        try:
            return self._model.ask(models[0], asking, self._seconds(ends_at))
        except ModelError as second:
            # What can be mended by asking again is told, for then it is worth asking again.
            raise (second if second.retryable and not first.retryable else first) from None

    def _seconds(self, ends_at: float) -> float:
        seconds = min(self._timeout_seconds, ends_at - time.monotonic())
        if seconds <= 0:
            raise ModelUnavailable("no time is left to ask the model", code="model_timeout")
        return seconds


def _share(ends_at: float) -> float:
    return (ends_at - time.monotonic()) * TOOL_SHARE


def _answer(agent: Agent, text: str, used: Usage, tools: tuple[ToolUse, ...]) -> Answer:
    try:
        checked = answer_schema.check(agent, text)
    except answer_schema.DoesNotFit as misfit:
        reason = f"the model's answer does not fit: {misfit.reason}"
        raise ModelFault(reason, code="answer_does_not_fit", retryable=True) from None
    return Answer(
        reply=checked.reply,
        entities=checked.entities,
        intent=checked.intent,
        language=checked.language,
        usage=used,
        memory=checked.memory,
        handoff=checked.handoff,
        ends=checked.ends,
        satisfaction=checked.satisfaction,
        tools=tools,
        rejected=checked.rejected,
    )


def _http_model(provider: str, api_key: str, base_url: str | None) -> Model:
    from ai.model_http import HttpModel

    return HttpModel(provider, api_key, base_url)
