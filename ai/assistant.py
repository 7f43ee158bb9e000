"""One turn's answer from a language model: one HTTP request, bounded, checked against the agent's schema.

The only file that imports openai, and only when a provider is reached over HTTP: the import costs a second.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ai import schema as answer_schema
from ai import standin
from ai.dialect import (
    ModelError,
    ModelFault,
    ModelUnavailable,
    chat_request,
    from_status,
    parse_body,
    read_body,
    responses_request,
    usage_of,
)
from ai.prompt import Item
from config.agents import Agent
from session.model import Answer

if TYPE_CHECKING:
    import openai

    from ai.bounded_http import BoundedTransport

OPENAI_ORIGIN = "https://api.openai.com/v1"
# A worker holds one connection per turn in flight, 50 unless told otherwise; waiting for one costs time.
CONNECTIONS = 256
# Compatible servers without keys still want a header that is not empty.
NO_KEY = "none"


__all__ = ["Assistant", "ModelError", "ModelFault", "ModelUnavailable"]


class Assistant:
    """Asks the model. Build one per process; ``answer`` may be called from many threads at once."""

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
        self._provider = provider
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._standin_latency_seconds = standin_latency_seconds
        if provider != "mock":
            self._transport, self._client = _connect(api_key, base_url or OPENAI_ORIGIN)
            # Looked up here: the SDK imports an endpoint's code at first use, which costs half a second.
            endpoint = self._client.responses if provider == "openai" else self._client.chat.completions
            self._create = endpoint.with_raw_response.create

    def answer(
        self,
        agent: Agent,
        items: Sequence[Item],
        schema: dict[str, Any] | None = None,
        deadline_seconds: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call to the model, over after ``timeout_seconds`` or ``deadline_seconds``, the shorter.

        ``schema`` is the agent's own unless given; the answer is checked against the agent either way.
        ``metadata`` goes to the Responses API alone. Raises ``ModelUnavailable`` or ``ModelFault``.
        """
        started = time.monotonic()
        bound = self._timeout_seconds
        if deadline_seconds is not None:
            bound = min(bound, deadline_seconds)
        if bound <= 0:
            raise ModelUnavailable("no time is left to ask the model", code="model_timeout")
        schema = schema or answer_schema.json_schema(agent)
        if self._provider == "mock":
            text, body = self._ask_standin(items, schema)
        else:
            body = self._ask(agent.model or self._model, items, schema, bound, metadata)
            text = read_body(body)
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
            usage=usage_of(body, duration_ms=round((time.monotonic() - started) * 1000)),
        )

    def close(self) -> None:
        """Close the pooled connections; the assistant is not used afterwards."""
        if self._provider != "mock":
            self._client.close()

    def _ask_standin(self, items: Sequence[Item], schema: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        time.sleep(self._standin_latency_seconds)
        answer = standin.respond([{"role": item.role, "content": item.content} for item in items], schema)
        return json.dumps(answer), {"model": standin.MODEL_NAME}

    def _ask(
        self,
        model: str,
        items: Sequence[Item],
        schema: dict[str, Any],
        bound: float,
        metadata: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        import openai

        if self._provider == "openai":
            request = responses_request(model, items, schema, metadata)
        else:
            request = chat_request(model, items, schema)
        try:
            with self._transport.within(bound):
                content = self._create(**request, timeout=bound).http_response.content
        # Without causes ("from None"): they carry requests, and with them prompts and keys.
        except openai.APITimeoutError:
            reason = f"the model did not answer within {bound:g} seconds"
            raise ModelUnavailable(reason, code="model_timeout") from None
        except openai.APIConnectionError:
            reason = "the connection to the model failed; check OPENAI_BASE_URL and the network"
            raise ModelUnavailable(reason, code="model_unreachable") from None
        except openai.APIStatusError as error:
            raise from_status(error.status_code, error.code, error.response.headers) from None
        except openai.OpenAIError as error:
            raise ModelFault(f"the model's answer cannot be used ({type(error).__name__})") from None
        return parse_body(content)


def _connect(api_key: str, base_url: str) -> tuple[BoundedTransport, openai.OpenAI]:
    if not (api_key.isascii() and api_key.isprintable()):
        raise ValueError("OPENAI_API_KEY holds characters that no header can carry")
    import httpx2
    import openai

    from ai.bounded_http import BoundedTransport

    transport = BoundedTransport(CONNECTIONS)
    http_client = httpx2.Client(transport=transport, trust_env=False, follow_redirects=False)
    client = openai.OpenAI(
        api_key=api_key or NO_KEY,
        base_url=base_url,
        max_retries=0,  # the tries are ours: two layers of them multiply
        http_client=http_client,
        default_headers={"Accept-Encoding": "identity"},  # so that the bound on bytes is one on memory
    )
    return transport, client
