"""A language model over HTTP, in either dialect: one request, one answer, bounded as a whole.

The only file that imports openai, and only when it is used: the import costs a second.
"""

from __future__ import annotations

import json

import httpx2
import openai

from ai import usage
from ai.bounded_http import BoundedTransport
from ai.dialect import JSON, Asking, Said, chat_request, parse_body, read_body, responses_request
from ai.model_errors import ModelFault, ModelUnavailable, from_status
from session.model import Usage

OPENAI_ORIGIN = "https://api.openai.com/v1"
# A worker holds one connection per turn in flight, 50 unless told otherwise; waiting for one costs time.
CONNECTIONS = 256
# Compatible servers without keys still want a header that is not empty.
NO_KEY = "none"

_DIALECTS = {
    "openai": ("/responses", responses_request),
    "openai-compatible": ("/chat/completions", chat_request),
}


class HttpModel:
    """Pooled connections to one server; ``ask`` may be called from many threads at once."""

    def __init__(self, provider: str, api_key: str, base_url: str | None) -> None:
        """Connects to nothing yet. A key that no header can carry is a ``ValueError``."""
        if not (api_key.isascii() and api_key.isprintable()):
            raise ValueError("OPENAI_API_KEY holds characters that no header can carry")
        self._path, self._request = _DIALECTS[provider]
        self._transport = BoundedTransport(CONNECTIONS)
        self._client = openai.OpenAI(
            api_key=api_key or NO_KEY,
            base_url=base_url or OPENAI_ORIGIN,
            max_retries=0,  # the tries are ours: two layers of them multiply
            http_client=httpx2.Client(transport=self._transport, trust_env=False, follow_redirects=False),
            default_headers={"Accept-Encoding": "identity"},  # so that the bound on bytes is one on memory
        )

    def ask(self, model: str, asking: Asking, seconds: float) -> tuple[Said, Usage]:
        """Over after ``seconds``. Raises ``ModelUnavailable`` or ``ModelFault``."""
        body = parse_body(self._post(_written(self._request(model, asking)), seconds))
        return read_body(body), usage.of_body(body)

    def close(self) -> None:
        self._client.close()

    def _post(self, request: bytes, seconds: float) -> bytes:
        try:
            with self._transport.within(seconds):
                # Not ``responses.create``: it walks through the whole body to rename what needs no renaming,
                # and builds types of an answer that is checked here anyway: ten times the work of the rest.
                response = self._client.post(
                    self._path, content=request, cast_to=httpx2.Response, options={"timeout": seconds}
                )
                return response.content
        # Without causes ("from None"): they carry requests, and with them prompts and keys.
        except openai.APITimeoutError:
            reason = f"the model did not answer within {seconds:.3g} seconds"
            raise ModelUnavailable(reason, code="model_timeout") from None
        except openai.APIConnectionError:
            reason = "the connection to the model failed; check OPENAI_BASE_URL and the network"
            raise ModelUnavailable(reason, code="model_unreachable") from None
        except openai.APIStatusError as error:
            raise from_status(error.status_code, error.code, error.response.headers) from None
        except openai.OpenAIError as error:
            raise ModelFault(f"the model's answer cannot be used ({type(error).__name__})") from None


def _written(request: JSON) -> bytes:
    """As it is sent. Written here, so that while the model thinks a picture is not held as text beside."""
    return json.dumps(request, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
