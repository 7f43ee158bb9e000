"""What goes wrong with a model, in sentences without prompts, answers or keys.

ModelError                what went wrong
├── ModelUnavailable      an outage of the model's side: the same call may succeed later
└── ModelFault            the answer cannot be used, or the request was refused
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_TRY_LATER_STATUS = frozenset({408, 409, 429})
_PLAIN_CODE = re.compile(r"[a-z0-9_.\-]{1,64}")
_REMEDIES = {
    400: "it did not accept the request; check OPENAI_MODEL and that it supports JSON schemas",
    401: "check OPENAI_API_KEY",
    403: "the key may not use this model; check OPENAI_API_KEY and OPENAI_MODEL",
    404: "check OPENAI_MODEL and OPENAI_BASE_URL",
}


class ModelError(Exception):
    """``code`` is a word for logs; ``retryable``: the same call may succeed when it is made again."""

    def __init__(self, reason: str, *, code: str, retryable: bool, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after


class ModelUnavailable(ModelError):
    """No connection, a time-out, 408, 409, 429 or 5xx. ``retry_after``: seconds the server asks for."""

    def __init__(
        self, reason: str, retry_after: float | None = None, *, code: str = "model_unavailable"
    ) -> None:
        super().__init__(reason, code=code, retryable=True, retry_after=retry_after)


class ModelFault(ModelError):
    """A refusal, an answer that does not fit, or a request the server does not accept.

    ``retryable`` tells the model's whims (another try may fit) from faults of the configuration.
    """

    def __init__(self, reason: str, *, code: str = "model_fault", retryable: bool = False) -> None:
        super().__init__(reason, code=code, retryable=retryable)


def from_status(status: int, code: str | None, headers: Mapping[str, str]) -> ModelError:
    """The server's own words are left out: they may repeat the prompt or the key."""
    word = f", {code}" if code and _PLAIN_CODE.fullmatch(code) else ""
    if status in _TRY_LATER_STATUS or status >= 500:
        reason = f"the model's server answered {status}{word}"
        return ModelUnavailable(reason, _retry_after(headers), code=f"model_http_{status}")
    remedy = _REMEDIES.get(status, "check OPENAI_BASE_URL")
    return ModelFault(f"the model's server answered {status}{word}: {remedy}", code=f"model_http_{status}")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from ``Retry-After``, given as a number or a date; None when absent or odd."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, IndexError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
