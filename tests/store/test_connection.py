"""Reaching a Redis by every kind of URL."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
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


SAYS = connection.Script.of("return ARGV[1]")


@pytest.fixture
def client(redis_server: EmbeddedServer) -> Iterator[redis.Redis]:
    """Over one connection, so that each test meets the one it has harmed."""
    one = connection.connect(redis_server.url, 1.0, 1, decode_responses=True)
    yield one
    one.close()


class Server:
    """Listens, and answers each command by what ``answer`` says: bytes, b"" to hang up, or None to stay silent."""

    def __init__(self, answer: Callable[[int], bytes | None]) -> None:
        self._answer, self.commands = answer, 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}/0?protocol=2&lib_name=&lib_version="
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listening.accept()[:1], daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            while data := sock.recv(65536):
                if b"EVALSHA" not in data:
                    sock.sendall(b"+OK\r\n" * data.count(b"\r\n$6\r\nCLIENT\r\n") or b"+OK\r\n")
                    continue
                self.commands += 1
                answer = self._answer(self.commands)
                if answer == b"":
                    return
                if answer is not None:
                    sock.sendall(answer)


@pytest.fixture
def server() -> Iterator[Callable[[Callable[[int], bytes | None]], Server]]:
    started: list[Server] = []

    def start(answer: Callable[[int], bytes | None]) -> Server:
        started.append(Server(answer))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_a_script_that_was_forgotten_runs(client: redis.Redis) -> None:
    """A server that has lost its scripts is sent the text, and knows it from then on."""
    client.script_flush()

    assert connection.run(client, SAYS, [0, "one"]) == "one"
    assert client.script_exists(SAYS.sha) == [True]
    assert connection.run(client, SAYS, [0, "two"]) == "two"


def test_a_connection_that_was_closed_meanwhile_is_replaced(client: redis.Redis) -> None:
    """The server hung up while nobody looked, as at a restart: the script runs over another connection."""
    connection.run(client, SAYS, [0, "before"])
    other = redis.Redis.from_pool(redis.ConnectionPool(**client.connection_pool.connection_kwargs))
    other.client_kill_filter(_type="normal", skipme=True)

    assert connection.run(client, SAYS, [0, "after"]) == "after"


def test_a_broken_connection_is_tried_once_more(server: Any) -> None:
    """A server that hangs up on every command gets it twice, and the caller is told."""
    hangs_up = server(lambda _: b"")
    client = connection.connect(hangs_up.url, 1.0)

    with pytest.raises(redis.ConnectionError):
        connection.run(client, SAYS, [0, "x"])
    assert hangs_up.commands == 2


def test_a_slow_server_is_not_asked_again(server: Any) -> None:
    """A time-out is an answer: the budget of a webhook is for one wait. What comes late is nobody's answer."""
    slow = server(lambda command: None if command == 1 else b"$4\r\nmine\r\n")
    client = connection.connect(slow.url, 0.2, 1, decode_responses=True)

    with pytest.raises(redis.TimeoutError):
        connection.run(client, SAYS, [0, "x"])
    assert slow.commands == 1
    assert connection.run(client, SAYS, [0, "x"]) == "mine"


def test_nobody_listens() -> None:
    """Refused is a connection error, again and again: no place in the pool is lost to it."""
    client = connection.connect(f"redis://127.0.0.1:{free_port()}/0", 0.2, 1)

    for _ in range(3):
        with pytest.raises(redis.ConnectionError, match="refused"):
            connection.run(client, SAYS, [0, "x"])


def test_an_error_of_the_script_leaves_the_connection(client: redis.Redis) -> None:
    """What a script raises comes to its caller; the next one finds the connection as it was."""
    with pytest.raises(redis.ResponseError, match="of its own"):
        connection.run(client, connection.Script.of("return redis.error_reply('of its own')"), [0])

    assert connection.run(client, SAYS, [0, "next"]) == "next"
    assert len(client.connection_pool._connections) == 1


def test_threads_wait_for_a_connection(redis_server: EmbeddedServer) -> None:
    """Fifty threads run scripts over two connections: each gets its own answer."""
    client = connection.connect(redis_server.url, 5.0, 2)
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda n: connection.run(client, SAYS, [0, n]), range(500)))

    assert [int(a) for a in answers] == list(range(500))


def test_no_connection_comes_free(server: Any) -> None:
    """Whoever waits for a connection longer than the time-out is told that there is none."""
    silent = server(lambda _: None)
    client = connection.connect(silent.url, 0.3, 1)
    client.connection_pool.get_connection()

    with pytest.raises(redis.ConnectionError, match="No connection available"):
        connection.run(client, SAYS, [0, "x"])


def test_a_script_runs_through_sentinel(sentinel: int, redis_server: EmbeddedServer) -> None:
    """Scripts go to the primary that the sentinels name, over the pool that asks them."""
    password = urlsplit(redis_server.url).password
    client = connection.connect(f"redis+sentinel://:{password}@127.0.0.1:{sentinel}/primary/2", 2.0, 1)
    wait_for(lambda: _pings(client), "the sentinel")
    other = redis.Redis.from_url(redis_server.url)
    assert connection.run(client, SAYS, [0, "one"]) == b"one"
    other.client_kill_filter(_type="normal", skipme=True)

    assert connection.run(client, SAYS, [0, "two"]) == b"two"
