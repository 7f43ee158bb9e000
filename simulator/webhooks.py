"""Requests the local Twilio makes: signed form POSTs, with Twilio's patience and no more."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from simulator.account import Account
from simulator.messages import Exchange, now_ms

Params = list[tuple[str, str]]

ANSWER_LIMIT = 64 * 1024  # bytes; Twilio's error 11750 beyond
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Patience:
    """Twilio's connection overrides: seconds to connect, to read, in all, and what is tried again.

    The defaults are Twilio's own: one retry, and only when no connection came about.
    """

    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 15.0
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})

    def again(self, exchange: Exchange) -> bool:
        """Whether this outcome is one of those the override says to retry."""
        outcome = {11205: "ct", 11200: "rt", 11206: "broken"}.get(exchange.error_code, "")
        if exchange.status >= 400:
            outcome = f"{exchange.status // 100}xx"
        return bool(outcome) and bool({outcome, "all"} & self.retry_on)


def patience_of(url: str) -> Patience:
    """Reads ``#rc=3&rp=ct,5xx&ct=500&rt=...&tt=...``; what is out of range or unknown is ignored."""
    given = dict(parse_qsl(urlsplit(url).fragment))
    times = {"ct": (100, 10_000), "rt": (100, 15_000), "tt": (100, 15_000)}
    seconds = {
        key: int(given[key]) / 1000
        for key, (least, most) in times.items()
        if given.get(key, "").isdigit() and least <= int(given[key]) <= most
    }
    patience = Patience(seconds.get("ct", 5.0), seconds.get("rt", 15.0), seconds.get("tt", 15.0))
    if given.get("rc", "") in list("012345"):
        patience = replace(patience, retries=int(given["rc"]))
    if given.get("rp"):
        patience = replace(patience, retry_on=frozenset(given["rp"].split(",")))
    return patience


def sign(token: str, url: str, params: Iterable[tuple[str, str]]) -> str:
    """``X-Twilio-Signature``: HMAC-SHA1 over the URL and the sorted parameters, repeated values once."""
    values: dict[str, set[str]] = {}
    for name, value in params:
        values.setdefault(name, set()).add(value)
    text = url + "".join(name + value for name in sorted(values) for value in sorted(values[name]))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


class Caller:
    """Posts signed forms on behalf of one account, to addresses of this machine only."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def post(
        self, kind: str, url: str, params: Params, idempotency_token: str = "", method: str = "POST"
    ) -> tuple[Exchange, ...]:
        """Every attempt with its answer, the last one last. Never raises; at most 15 s in all.

        The token stays the same over the attempts of one event, which is how a receiver knows a retry.
        With ``method`` GET the parameters stand in the query, and the URL alone is signed.
        """
        patience = patience_of(url)
        target, _, _ = url.partition("#")
        token = idempotency_token or str(uuid.uuid4())
        deadline = time.monotonic() + patience.total_s
        attempts: list[Exchange] = []
        while len(attempts) <= patience.retries:
            exchange = self._request(kind, method, target, params, token, len(attempts) + 1)
            attempts.append(self._answered(exchange, patience, deadline))
            if not patience.again(attempts[-1]) or time.monotonic() >= deadline:
                break
        return tuple(attempts)

    def _request(
        self, kind: str, method: str, url: str, params: Params, token: str, attempt: int
    ) -> Exchange:
        if method == "GET":
            url, params = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}", []
        parts = urlsplit(url)
        signed_url = url.replace(f"{parts.netloc}", parts.netloc.rpartition("@")[2], 1)
        headers = (
            ("Host", parts.netloc.rpartition("@")[2]),
            ("User-Agent", "TwilioProxy/1.1"),
            ("Accept", "*/*"),
            ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"),
            ("I-Twilio-Idempotency-Token", token),
            ("X-Home-Region", "us1"),
            ("X-Twilio-Signature", sign(self._account.auth_token, signed_url, params)),
        )
        return Exchange(kind, method, signed_url, headers, urlencode(params), at=now_ms(), attempt=attempt)

    def _answered(self, exchange: Exchange, patience: Patience, deadline: float) -> Exchange:
        began = time.monotonic()
        try:
            answered = self._exchange(exchange, patience, deadline)
        except ConnectFailed as failure:
            answered = replace(exchange, error=str(failure), error_code=11205)
        except TimeoutError:
            answered = replace(exchange, error="no answer in time", error_code=11200)
        except (OSError, http.client.HTTPException) as failure:
            reason = f"the connection broke before an answer came ({type(failure).__name__})"
            answered = replace(exchange, error=reason, error_code=11206)
        return replace(answered, duration_ms=round((time.monotonic() - began) * 1000))

    def _exchange(self, exchange: Exchange, patience: Patience, deadline: float) -> Exchange:
        connection = self._connect(exchange.url, patience, deadline)
        try:
            parts = urlsplit(exchange.url)
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            assert connection.sock is not None
            connection.sock.settimeout(_remaining(patience.read_s, deadline))
            body = exchange.body.encode("ascii")
            connection.putrequest(exchange.method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in (*exchange.headers, ("Content-Length", str(len(body)))):
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            connection.sock and connection.sock.settimeout(_remaining(patience.read_s, deadline))
            text = answer.read(ANSWER_LIMIT + 1)
        finally:
            connection.close()
        got = replace(
            exchange,
            status=answer.status,
            answer_headers=tuple(answer.getheaders()),
            answer=text[:ANSWER_LIMIT].decode("utf-8", "replace"),
        )
        if len(text) > ANSWER_LIMIT:
            return replace(got, error="the answer is over 64 kB", error_code=11750)
        if answer.status >= 300:
            return replace(got, error=f"answered {answer.status}", error_code=11200)
        return got

    def _connect(self, url: str, patience: Patience, deadline: float) -> http.client.HTTPConnection:
        origin = self._origin(url)
        host = origin.hostname or ""
        if host not in LOOPBACK:
            raise ConnectFailed(f"the local Twilio only calls this machine, not {host}")
        if origin.scheme != "http":
            raise ConnectFailed("the local Twilio calls plain http only")
        connection = http.client.HTTPConnection(
            host, origin.port or 80, timeout=_remaining(patience.connect_s, deadline)
        )
        try:
            connection.connect()
        except OSError as failure:
            connection.close()
            raise ConnectFailed(f"nothing answers at {origin.netloc}") from failure
        return connection

    def _origin(self, url: str) -> SplitResult:
        """Where to connect: the public origin is reached at the webhook base, all others as written."""
        public = self._account.signed_base
        at_public = url == public or url.startswith((public + "/", public + "?"))
        return urlsplit(self._account.webhook_base if at_public else url)


class ConnectFailed(Exception):
    """No connection came about, so the other side cannot have seen the request."""


def _remaining(limit: float, deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(limit, left)
