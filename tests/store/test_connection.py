"""Reaching a Redis by every kind of URL."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from session import connection
from simulator import embedded
from simulator.embedded import EmbeddedServer
from tests.flow.system import free_port, wait_for


@pytest.fixture
def sentinel(redis_server: EmbeddedServer, tmp_path: Path) -> Iterator[int]:
    """A sentinel that watches the test's server; gives its port."""
    port, server = free_port(), urlsplit(redis_server.url)
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\nrequirepass {server.password}\n"
        f"sentinel monitor primary 127.0.0.1 {server.port} 1\nsentinel auth-pass primary {server.password}\n"
    )
    process = subprocess.Popen(
        [str(embedded.find_binary()), str(configuration), "--sentinel"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield port
    process.kill()
    process.wait()


def test_the_primary_is_found_through_sentinel(sentinel: int, redis_server: EmbeddedServer) -> None:
    """A Sentinel URL leads to the primary that the sentinels name, with the password of the URL."""
    password = urlsplit(redis_server.url).password
    url = f"redis+sentinel://:{password}@127.0.0.1:{free_port()},127.0.0.1:{sentinel}/primary/2"
    client = connection.connect(url, 1.0, decode_responses=True)

    def pings() -> bool:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False

    wait_for(pings, "the sentinel")
    client.set("ringback-test:sentinel", "found")

    assert client.get("ringback-test:sentinel") == "found"
    assert client.connection_pool.connection_kwargs["db"] == 2
    client.flushdb()


def test_a_sentinel_url_without_its_service_says_what_is_missing() -> None:
    """The service's name is needed, and the sentence says where."""
    with pytest.raises(ValueError, match="names its service"):
        connection.connect("redis+sentinel://127.0.0.1:26379", 1.0)


def test_a_plain_url_is_bounded() -> None:
    """Every client has its time-outs and one retry, so that nobody waits for a minute on a hung Redis."""
    client = connection.connect("redis://127.0.0.1:1/0", 0.5)
    options = client.connection_pool.connection_kwargs

    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (0.5, 0.5)
    assert options["retry"].get_retries() == 1


def test_threads_wait_for_a_sentinels_connection(sentinel: int, redis_server: EmbeddedServer) -> None:
    """Fifty threads share two connections through Sentinel as they do without: they wait, none fails."""
    password = urlsplit(redis_server.url).password
    client = connection.connect(f"redis+sentinel://:{password}@127.0.0.1:{sentinel}/primary/2", 5.0, 2)
    wait_for(lambda: _pings(client), "the sentinel")
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda n: client.eval("return ARGV[1]", 0, n), range(500)))

    assert [int(a) for a in answers] == list(range(500))


def _pings(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
