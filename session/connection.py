"""One way to reach a Redis, whatever its URL says: plain, TLS, a socket, or found through Sentinel.

``redis+sentinel://[:password@]host:26379[,host:26379...]/service[/db]`` asks the sentinels for the
primary of ``service``; ``rediss+sentinel`` does so over TLS. The password is the primary's and the sentinels'.
"""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

SENTINEL_PORT = 26379
_SENTINELS = ("redis+sentinel", "rediss+sentinel", "sentinel")


def connect(url: str, timeout_seconds: float, max_connections: int = 20, **options: Any) -> redis.Redis:
    """A client with bounded waits: one immediate retry of a broken connection, none of a slow one.

    Connects to nothing yet. ``options`` are redis-py's. Raises ``ValueError`` for a URL it cannot read.
    """
    bounds = {
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        "max_connections": max_connections,
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        **options,
    }
    if urlsplit(url).scheme not in _SENTINELS:
        # Blocking: more threads than connections wait for one, a moment, instead of failing.
        pool = redis.BlockingConnectionPool.from_url(url, timeout=timeout_seconds, **bounds)
        return redis.Redis.from_pool(pool)
    return _through_sentinel(url, bounds)


def _through_sentinel(url: str, bounds: dict[str, Any]) -> redis.Redis:
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("a Sentinel URL names its service: redis+sentinel://host:26379/service")
    secrets: dict[str, Any] = {"password": unquote(password)} if password else {}
    if user:
        secrets["username"] = unquote(user)
    if parts.scheme.startswith("rediss"):
        secrets["ssl"] = True
    if "none" in parse_qs(parts.query).get("ssl_cert_reqs", []):
        secrets["ssl_cert_reqs"] = "none"
    sentinels = [_address(host) for host in hosts.split(",")]
    waits = {k: bounds[k] for k in ("socket_timeout", "socket_connect_timeout")}
    found = Sentinel(sentinels, sentinel_kwargs={**waits, **secrets}, **bounds, **secrets)
    return found.master_for(service, db=int(db or 0), connection_pool_class=BlockingSentinelPool)


class BlockingSentinelPool(SentinelConnectionPool):
    """Sentinel's pool, in which more threads than connections wait for one, a moment, instead of failing."""

    def __init__(self, service_name: str, sentinel_manager: Sentinel, **kwargs: Any) -> None:
        self._free = threading.BoundedSemaphore(kwargs.pop("max_connections"))
        self._patience_s = kwargs["socket_timeout"]
        super().__init__(service_name, sentinel_manager, **kwargs)

    def get_connection(self, *args: Any, **kwargs: Any) -> Any:
        if not self._free.acquire(timeout=self._patience_s):
            raise redis.ConnectionError("No connection available.")
        try:
            return super().get_connection(*args, **kwargs)
        except BaseException:
            self._free.release()
            raise

    def release(self, connection: Any) -> None:
        try:
            super().release(connection)
        finally:
            self._free.release()


def _address(host: str) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    return (name.strip("[]"), int(port)) if colon else (host, SENTINEL_PORT)
