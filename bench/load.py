"""The load: prepared requests over keep-alive connections, as fast as they are answered.

One thread and one selector, so that of two cores it takes as little as it can; everything that
can be made before the clock starts (signatures too) is made before.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

ANSWER_BYTES = 65_536
# Of all connections one gunicorn process may take most, and would then be measured alone: new ones deal anew.
REQUESTS_A_CONNECTION = 25
SILENCE_S = 10.0  # a server that says nothing for so long is stuck, and the bench ends


class BadAnswer(Exception):
    """The server did not accept a request of ours: what was measured would mean nothing."""


@dataclass
class Measured:
    """One window of load."""

    requests: int = 0
    seconds: float = 0.0
    load_cpu_seconds: float = 0.0  # our own share: near `seconds` the load would be the bottleneck
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


@dataclass(eq=False)
class _Connection:
    sock: socket.socket
    sent_at: float = 0.0
    answer: bytes = b""
    requests: int = 0


def run(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Measured:
    """Send ``requests`` in order until all are answered or the time is over, one in flight for each connection.

    Raises ``BadAnswer`` for anything but a 200.
    """
    with selectors.DefaultSelector() as selector:
        return _Load(port, iter(requests), selector).run(connections, seconds)


class _Load:
    def __init__(self, port: int, waiting: Iterator[bytes], selector: selectors.BaseSelector):
        self._port, self._waiting, self._selector = port, waiting, selector

    def run(self, connections: int, seconds: float) -> Measured:
        measured = Measured()
        opened = [self._connect() for _ in range(connections)]
        cpu, began = time.process_time(), time.perf_counter()
        busy = sum(self._send(connection) for connection in opened)
        while busy:
            ready = self._selector.select(SILENCE_S)
            if not ready:
                raise BadAnswer(f"no answer within {SILENCE_S:.0f} s")
            for key, _ in ready:
                connection: _Connection = key.data
                if not _answered(connection):
                    continue
                now = time.perf_counter()
                measured.requests += 1
                measured.latencies_ms.append((now - connection.sent_at) * 1000)
                if now - began >= seconds or not self._send(self._renewed(connection)):
                    busy -= 1
        measured.seconds = time.perf_counter() - began
        measured.load_cpu_seconds = time.process_time() - cpu
        for key in list(self._selector.get_map().values()):
            key.data.sock.close()
        return measured

    def _connect(self) -> _Connection:
        sock = socket.create_connection(("127.0.0.1", self._port), SILENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(sock)
        self._selector.register(sock, selectors.EVENT_READ, connection)
        return connection

    def _renewed(self, connection: _Connection) -> _Connection:
        """The connection, or a new one when it has had its share of requests."""
        if connection.requests < REQUESTS_A_CONNECTION:
            return connection
        self._selector.unregister(connection.sock)
        connection.sock.close()
        return self._connect()

    def _send(self, connection: _Connection) -> bool:
        """The next request, which fits the socket's buffer; False when there is none left."""
        request = next(self._waiting, None)
        if request is None:
            return False
        connection.requests += 1
        connection.sent_at = time.perf_counter()
        connection.answer = b""
        connection.sock.sendall(request)
        return True


def _answered(connection: _Connection) -> bool:
    """Whether a whole answer is there; almost always it comes in one piece."""
    chunk = connection.sock.recv(ANSWER_BYTES)
    if not chunk:
        raise BadAnswer("the server closed the connection")
    connection.answer += chunk
    head, end, body = connection.answer.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise BadAnswer(head.split(b"\r\n", 1)[0].decode("latin-1"))
    at = head.lower().find(b"content-length:")
    return len(body) >= int(head[at + 15 :].split(b"\r\n", 1)[0])
