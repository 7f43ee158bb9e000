"""One way to reach a Redis, whatever its URL says: plain, TLS, a socket, or found through Sentinel.

``redis+sentinel://[:password@]host:26379[,host:26379...]/service[/db]`` asks the sentinels for the
primary of ``service``; ``rediss+sentinel`` does so over TLS. The password is the primary's and the sentinels'.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple
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
        pool = BlockingPool.from_url(url, timeout=timeout_seconds, **bounds)
        return Client.from_pool(pool)
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


class Script(NamedTuple):
    """A Lua script and the name that Redis knows it by."""

    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> Script:
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def run(client: redis.Redis, script: Script, call: Sequence[Any]) -> Any:
    """One run of ``script``; one that the server has forgotten is sent whole. Raises ``redis.RedisError``.

    ``call`` is what follows the script in EVALSHA: the number of keys, keys, arguments.
    """
    try:
        return client.evalsha(script.sha, *call)
    except redis.exceptions.NoScriptError:
        return client.eval(script.text, *call)


class Client(redis.Redis):
    """redis-py's client, with a shorter way for scripts: each webhook and each step of a turn is one.

    Its own costs half as much again: it measures for an observer that we do not have, looks whether the connection
    still lives, and then has the answer changed by the command's name, which leaves a script's as it is.
    """

    connection_pool: BlockingPool

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:
        """One command over a connection of the pool, retried as any other would be."""
        connection = self.connection_pool.take()

        def exchange() -> Any:
            connection.send_command("EVALSHA", sha, numkeys, *keys_and_args)
            return connection.read_response()

        try:
            return connection.retry.call_with_retry(exchange, lambda _: connection.disconnect())
        finally:
            self.connection_pool.give(connection)


class BlockingPool(redis.BlockingConnectionPool):
    """redis-py's pool, in which more threads than connections wait for one, a moment, instead of failing.

    ``take`` and ``give`` are its ``get_connection`` and ``release`` for a caller that retries: whether the
    connection still lives shows when it is used. One that failed was disconnected, so none has an old answer in it.
    """

    def take(self) -> Any:
        self._checkpid()
        try:
            connection = self.pool.get(timeout=self.timeout)
        except queue.Empty:
            raise redis.ConnectionError("No connection available.") from None
        connection = connection or self.make_connection()
        try:
            if not connection.is_connected:
                connection.connect()
        except BaseException:
            self.release(connection)
            raise
        return connection

    def give(self, connection: Any) -> None:
        if self.owns_connection(connection) and not connection.should_reconnect():
            self.pool.put_nowait(connection)
        else:
            self.release(connection)


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
