"""How we talk HTTP to Twilio: bounded, to a configurable origin, keeping the answer's headers.

twilio-python has no time-out of its own, mounts its adapter on https only, and its
exceptions carry no headers, of which 429's ``Retry-After`` is one.
"""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response

BODY_BYTES_MAX = 4 * 1024 * 1024
CONNECT_SECONDS = 5.0


class NotConnected(Exception):
    """The request never left: nobody answered at that address. Sending again is safe."""


class OutcomeUnknown(Exception):
    """The request was written and no whole answer came; Twilio may have done it."""


class Transport(TwilioHttpClient):
    """The HTTP client under ``twilio.rest.Client``. Safe for threads.

    ``origin`` replaces Twilio's own scheme and host; paths stay. Raises ``NotConnected``
    or ``OutcomeUnknown``, never a requests exception: those print URLs and numbers.
    """

    def __init__(self, origin: str, timeout_seconds: float, connections: int) -> None:
        super().__init__(timeout=timeout_seconds)
        self._origin = urlsplit(origin) if origin else None
        self._last = threading.local()
        session = requests.Session()
        session.trust_env = False  # no proxy, no netrc: the address and the password are ours to choose
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0))
        self.session = session

    @property
    def headers(self) -> dict[str, str]:
        """Headers of this thread's last answer."""
        return getattr(self._last, "headers", {})

    def request(
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        self._last.headers = {}
        if self._origin:
            url = urlunsplit(urlsplit(url)._replace(scheme=self._origin.scheme, netloc=self._origin.netloc))
        limit = timeout or self.timeout or 10.0
        try:
            answer = self.session.request(
                method.upper(), url, params=params, data=data, headers=headers, auth=auth,
                timeout=(min(CONNECT_SECONDS, limit), limit), allow_redirects=False, stream=True,
            )  # fmt: skip
            with answer:
                text = self._read(answer, time.monotonic() + limit)
        except requests.ConnectTimeout:
            raise NotConnected from None
        except requests.ConnectionError as error:
            raise (NotConnected() if _never_left(error) else OutcomeUnknown()) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            raise OutcomeUnknown from None
        self._last.headers = dict(answer.headers)
        return Response(answer.status_code, text, answer.headers)

    @staticmethod
    def _read(answer: requests.Response, deadline: float) -> str:
        """The body, within a bound for all of it: a time-out of requests only bounds each read."""
        body = bytearray()
        while chunk := answer.raw.read1(65536, decode_content=True):
            body += chunk
            if time.monotonic() > deadline or len(body) > BODY_BYTES_MAX:
                raise OutcomeUnknown
        return body.decode("utf-8", "replace")


def _never_left(error: Any) -> bool:
    """Whether a connection failed before a byte was written: refused, no route, no such name.

    Not TLS: its errors come after the request as well as before it.
    """
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError))
