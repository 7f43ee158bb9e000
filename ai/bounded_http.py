"""An HTTP transport whose bounds hold for the whole exchange, not for each read.

An HTTP client's time-out starts again with every byte, so a server that dribbles holds a worker for ever.
Here one deadline and one allowance of bytes cover connecting, TLS, headers and body. Both belong to the
thread that makes the call: a synchronous client does all of it in the caller's thread. Looking up the host's
name is the system's own affair and is not covered.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2

# Trying a host that does not answer must leave time for another try within the turn.
CONNECT_SECONDS_MAX = 5.0
# An answer has some ten thousand bytes; this much is no answer, and no memory is spent on it.
RESPONSE_BYTES_MAX = 8 * 1024 * 1024


class _Bounds(threading.local):
    """Of the exchange that this thread is in; outside of one, nothing is left."""

    deadline: float = 0.0
    bytes_left: int = 0

    def seconds(self, timeout: float | None) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the deadline of the whole exchange has passed")
        return left if timeout is None else min(left, timeout)

    def spend(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise httpcore2.ReadError("the response is larger than any answer")


class BoundedTransport(httpx2.BaseTransport):
    """Pooled connections under ``within``. Knows no proxy and reads nothing from the environment."""

    def __init__(self, connections: int, network: httpcore2.NetworkBackend | None = None) -> None:
        """``network`` makes the connections; the system's own unless given."""
        self._bounds = _Bounds()
        self._inner = httpx2.HTTPTransport(
            trust_env=False,
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        )
        # httpx2 offers no parameter for it; the test with dribbled bytes fails when this stops to work.
        self._inner._pool._network_backend = _Backend(self._bounds, network or httpcore2.SyncBackend())

    @contextmanager
    def within(self, seconds: float, bytes_max: int = RESPONSE_BYTES_MAX) -> Iterator[None]:
        """Everything this thread sends and reads inside ends after ``seconds`` with a time-out error.

        More than ``bytes_max`` bytes, headers included, are a read error.
        """
        self._bounds.deadline = time.monotonic() + seconds
        self._bounds.bytes_left = bytes_max
        try:
            yield
        finally:
            self._bounds.deadline = 0.0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, bounds: _Bounds, inner: httpcore2.NetworkBackend) -> None:
        self._bounds = bounds
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        seconds = min(self._bounds.seconds(timeout), CONNECT_SECONDS_MAX)
        stream = self._inner.connect_tcp(host, port, seconds, local_address, socket_options)
        return _Stream(stream, self._bounds)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream, bounds: _Bounds) -> None:
        self._inner = inner
        self._bounds = bounds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, self._bounds.seconds(timeout))
        self._bounds.spend(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._bounds.seconds(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._bounds.seconds(timeout))
        return _Stream(inner, self._bounds)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
