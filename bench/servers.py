"""The processes that are measured: an embedded Redis, and web servers from the project's own gunicorn settings."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import redis

from bench.world import World
from simulator import embedded

PROJECT = Path(__file__).resolve().parent.parent
ACCOUNT = "AC" + "0" * 31 + "1"
TOKEN = "0123456789abcdef0123456789abcdef"
OURS = "+15550001111"
PASSWORD = "bench-only"
PROCESSES, THREADS = 2, 16
START_SECONDS = 60.0
STOP_SECONDS = 30.0
PROBE_SECONDS = 2.0
INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "SSL_CERT_FILE",
)  # no setting of the user's changes what is measured


class DidNotStart(Exception):
    """A process ended or stayed silent; the message holds the end of what it said."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Servers:
    """Everything that was started, to be stopped in reverse. A context manager."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._world_port = free_port()
        self._redis = embedded.start(folder / "redis", password=PASSWORD)
        self.redis: redis.Redis = redis.Redis.from_url(self._redis.url, decode_responses=True)
        self.redis_bytes: redis.Redis = redis.Redis.from_url(self._redis.url)  # as RQ wants it
        self.project = PROJECT

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            process.terminate()
        for process in reversed(self._running):
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.redis.close()
        self.redis_bytes.close()
        self._redis.stop()

    @property
    def world_url(self) -> str:
        return f"http://127.0.0.1:{self._world_port}"

    def web(self, app: str, **settings: str) -> int:
        """Start gunicorn with ``app`` and give its port once it answers."""
        port = free_port()
        command = (
            sys.executable, "-m", "gunicorn", "--config", "ingress/gunicorn.conf.py",
            "--bind", f"127.0.0.1:{port}", app,
        )  # fmt: skip
        self._start(f"web-{port}", command, port, f"http://127.0.0.1:{port}/ready", settings)
        return port

    def world(self) -> World:
        """A model and a Twilio that answer at once."""
        command = (sys.executable, "-m", "bench.world", str(self._world_port))
        self._start("world", command, 1, f"{self.world_url}/_sent")
        return World(self.world_url)

    def worker(self, web_port: int, **settings: str) -> subprocess.Popen[bytes]:
        """One worker process of ours."""
        return self._start("worker", (sys.executable, "-m", "workers.main"), web_port, "", settings)

    def rq(self, web_port: int, *command: str) -> subprocess.Popen[bytes]:
        """``rq`` with these words: RQ's own workers."""
        words = (sys.executable, "-m", "rq.cli", command[0], "-u", self._redis.url, *command[1:])
        return self._start("rq", words, web_port, "")

    def stop(self, process: subprocess.Popen[bytes], kill: bool = False) -> None:
        """End one process before the others; ``kill``: with all it has forked, at once."""
        self._running.remove(process)
        if kill:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(
        self,
        name: str,
        command: tuple[str, ...],
        web_port: int,
        url: str,
        settings: dict[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        path = self._folder / f"{name}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                command, cwd=PROJECT, env=self.environment(web_port) | (settings or {}), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._running.append(process)
        deadline = time.monotonic() + START_SECONDS
        while url and not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise DidNotStart(f"{name} did not start: {path.read_text('utf-8', 'replace')[-2000:]}")
            time.sleep(0.05)
        return process

    def environment(self, web_port: int) -> dict[str, str]:
        """What every process is told."""
        bare = {name: os.environ[name] for name in INHERITED if name in os.environ}
        base = f"http://127.0.0.1:{web_port}"
        return bare | {
            "PORT": str(web_port),
            "WEB_CONCURRENCY": str(PROCESSES),
            "WEB_THREADS": str(THREADS),
            "REDIS_URL": self._redis.url,
            "PUBLIC_BASE_URL": base,
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_PHONE_NUMBER": OURS,
            "TWILIO_API_BASE_URL": self.world_url,
            "OPENAI_API_KEY": "sk-of-the-stand-in",
            "OPENAI_BASE_URL": f"{self.world_url}/v1",
            "ADMIN_API_KEY": "bench-admin-key-0123456789",
            "CUSTOMER_ID_KEY": "bench-customer-key-0123456789",
            "CONSOLE_PASSWORD": "bench-console-password",
            "SECRET_KEY": "bench-secret-key-0123456789",
            "LOG_FORMAT": "json",
        }


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
