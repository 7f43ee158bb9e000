"""Pure: what calls to the model took, as their answers tell it, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from session.model import Usage

MODEL_CHARS_MAX = 100
# No call has as many; more would spoil the sums that readers of JSON can hold.
TOKENS_MAX = 10**9
MILLION = 1_000_000


def of_body(body: Mapping[str, Any]) -> Usage:
    """One answered call's usage, of either dialect; what a server leaves out or garbles is 0."""
    counts = _mapping(body.get("usage"))
    details = _mapping(counts.get("input_tokens_details")) or _mapping(counts.get("prompt_tokens_details"))
    model = body.get("model")
    input_tokens = _count(counts, "input_tokens", "prompt_tokens")
    return Usage(
        model=model[:MODEL_CHARS_MAX] if isinstance(model, str) else "",
        input_tokens=input_tokens,
        output_tokens=_count(counts, "output_tokens", "completion_tokens"),
        cached_tokens=min(_count(details, "cached_tokens"), input_tokens),
    )


def total(calls: Sequence[Usage], duration_ms: int) -> Usage:
    """The usage of a turn's calls, added up; ``model`` is the one that answered last."""
    return Usage(
        model=calls[-1].model,
        input_tokens=sum(call.input_tokens for call in calls),
        output_tokens=sum(call.output_tokens for call in calls),
        duration_ms=duration_ms,
        calls=len(calls),
        cached_tokens=sum(call.cached_tokens for call in calls),
    )


def cost_usd(usage: Usage, prices: tuple[float, float]) -> float:
    """US dollars at ``prices`` (in, out) per million tokens.

    Cached tokens count in full: their discount differs from model to model, and a bound must not be too low.
    """
    price_in, price_out = prices
    return (usage.input_tokens * price_in + usage.output_tokens * price_out) / MILLION


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(counts: Mapping[str, Any], *names: str) -> int:
    values = [counts[name] for name in names if type(counts.get(name)) is int]
    return min(max(0, values[0]), TOKENS_MAX) if values else 0
