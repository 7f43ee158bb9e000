"""HTTP calls of the command line: one at a time, each with a time-out, redirects shown and not followed."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

ANSWER_BYTES_MAX = 20_000_000
FORM = "application/x-www-form-urlencoded"


class Unreachable(Exception):
    """No answer came; the message continues "Ringback ..." or "Twilio ..." and says why."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        """The decoded body; None when it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Twilio's signature covers the URL: where a redirect leads matters more than what stands there."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


def call(
    url: str, timeout_s: float, *, method: str = "GET", headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:  # fmt: skip
    """One request. Any status is an answer; raises ``Unreachable`` without one."""
    opener = urllib.request.build_opener(_NoRedirect, *_proxies(url))
    request = urllib.request.Request(url, body, {"User-Agent": "ringback", **(headers or {})}, method=method)
    try:
        with opener.open(request, timeout=timeout_s) as response:
            return _answer(response.status, response.headers, response)
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error)
    except urllib.error.URLError as error:
        raise Unreachable(_reason(error.reason, timeout_s)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(_reason(error, timeout_s)) from None


def post_form(
    url: str, fields: Iterable[tuple[str, str]], timeout_s: float, headers: Mapping[str, str]
) -> Answer:
    body = urlencode(list(fields)).encode()
    return call(url, timeout_s, method="POST", headers={"Content-Type": FORM, **headers}, body=body)


def post_json(url: str, value: Any, timeout_s: float) -> Answer:
    sent = json.dumps(value).encode()
    return call(url, timeout_s, method="POST", headers={"Content-Type": "application/json"}, body=sent)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _proxies(url: str) -> list[urllib.request.BaseHandler]:
    """The environment's proxies, but none on the way to ourselves."""
    return [urllib.request.ProxyHandler({})] if is_loopback(url) else []


def _answer(status: int, headers: Any, stream: IO[bytes]) -> Answer:
    return Answer(status, {k.lower(): v for k, v in headers.items()}, stream.read(ANSWER_BYTES_MAX))


def _reason(error: object, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"does not answer within {timeout_s:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "does not answer (connection refused)"
    name = getattr(error, "strerror", None) or type(error).__name__
    return f"cannot be reached ({name})"
