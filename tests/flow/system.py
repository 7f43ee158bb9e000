"""A whole Ringback of real processes on free ports of this machine, with the local Twilio as its world."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from simulator import embedded

PROJECT = Path(__file__).resolve().parents[2]
ACCOUNT = "AC" + "0" * 31 + "1"
TOKEN = "0123456789abcdef0123456789abcdef"
OURS = "+15550001111"
API_KEY = "tests-admin-key-0123456789"
ID_KEY = "tests-customer-key-0123456789"
PATIENCE_S = 30.0  # a loaded machine is slow; a test that passes does not wait


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(look: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """The first true thing that ``look`` gives."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


def call(method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """(status, JSON or text). ``body``: bytes as they are, anything else as JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    kind = {} if body is None or isinstance(body, bytes) else {"Content-Type": "application/json"}
    req = urllib.request.Request(url, data, {**kind, **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(req, timeout=20) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, raw = error.code, error.read()
    text = raw.decode("utf-8", "replace")
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


class System:
    """Redis, the local Twilio and our processes. ``settings`` overrides the environment of ours."""

    def __init__(self, folder: Path, **settings: str):
        self.folder = folder
        self.web_port, self.simulator_port = free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.web_port}"
        self.simulator = f"http://127.0.0.1:{self.simulator_port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.redis_server = embedded.start(folder, password="tests-only")
        self.redis: redis.Redis = redis.Redis.from_url(self.redis_server.url, decode_responses=True)
        bare = {
            k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
        }
        self.env = (
            bare
            | {
                "PYTHONUNBUFFERED": "1",
                "PORT": str(self.web_port),
                "RINGBACK_BIND": f"127.0.0.1:{self.web_port}",
                "WEB_CONCURRENCY": "1",
                "REDIS_URL": self.redis_server.url,
                "PUBLIC_BASE_URL": self.base,
                "TWILIO_ACCOUNT_SID": ACCOUNT,
                "TWILIO_AUTH_TOKEN": TOKEN,
                "TWILIO_PHONE_NUMBER": OURS,
                "TWILIO_API_BASE_URL": self.simulator,
                "OPENAI_API_KEY": "sk-of-the-stand-in",
                "OPENAI_BASE_URL": f"{self.simulator}/v1",
                "ADMIN_API_KEY": API_KEY,
                "CUSTOMER_ID_KEY": ID_KEY,
                "CONSOLE_PASSWORD": "tests-console-password",
                "SECRET_KEY": "tests-secret-key-0123456789",
                "LOG_FORMAT": "json",
                "SWEEP_INTERVAL_SECONDS": "1",
                "SIMULATOR_WEBHOOK_BASE": self.base,
                "SIMULATOR_NUMBERS": f"{OURS},+15550002222",
            }
            | settings
        )

    # Processes

    def start(self, *names: str) -> System:
        """Start all that is named (default: simulator, web, worker, clock) and wait until it works."""
        for name in names or ("simulator", "web", "worker", "clock"):
            self.spawn(name)
        self.ready(*(names or ("simulator", "web", "worker")))
        return self

    def spawn(self, name: str, label: str = "", **settings: str) -> subprocess.Popen[bytes]:
        commands = {
            "simulator": [sys.executable, "-m", "simulator", "--port", str(self.simulator_port)],
            "web": [sys.executable, "-m", "gunicorn", "--config", "ingress/gunicorn.conf.py"],
            "worker": [sys.executable, "-m", "workers.main"],
            "clock": [sys.executable, "-m", "workers.clock"],
        }  # fmt: skip
        with (self.folder / f"{label or name}.log").open("ab") as log:
            process = subprocess.Popen(
                commands[name], cwd=PROJECT, env=self.env | settings, stdout=log, stderr=subprocess.STDOUT
            )
        self.processes[label or name] = process
        return process

    def ready(self, *names: str) -> None:
        if "simulator" in names:
            wait_for(lambda: self._answers(f"{self.simulator}/_control/faults"), "the simulator")
        if "web" in names:
            wait_for(lambda: self._answers(f"{self.base}/ready"), "web")
        if "worker" in names:
            wait_for(lambda: self.redis.smembers("rq:workers"), "the worker")

    def _answers(self, url: str) -> bool:
        try:
            return call("GET", url)[0] == 200
        except OSError:
            return False

    def restart_redis(self) -> None:
        """The server again, on its port and its file, after it was killed."""
        plan_env = os.environ.copy()
        process = subprocess.Popen(
            self.redis_server.process.args, env=plan_env,  # type: ignore[arg-type]
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.redis_server = embedded.EmbeddedServer(process, self.redis_server.url)
        wait_for(self._pings, "Redis")

    def _pings(self) -> bool:
        try:
            return bool(self.redis.ping())
        except redis.RedisError:
            return False

    def kill(self, name: str, sig: int = signal.SIGKILL) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        process = self.processes.pop(name)
        process.send_signal(sig)
        return process.wait(40)

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        self.redis.close()
        self.redis_server.stop()

    def logs(self, *names: str) -> list[dict[str, Any]]:
        """Every JSON line that these processes logged (default: ours)."""
        time.sleep(0.05)  # web writes its lines a moment later
        lines = []
        for name in names or ("web", "worker", "clock"):
            path = self.folder / f"{name}.log"
            for line in path.read_text("utf-8", "replace").splitlines() if path.exists() else ():
                if line.startswith("{"):
                    lines.append(json.loads(line))
        return lines

    def events(self, event: str, *names: str) -> list[dict[str, Any]]:
        return [line for line in self.logs(*names) if line["event"] == event]

    # The world

    def says(
        self, customer: str, body: str, channel: str = "sms", to: str = OURS, **more: Any
    ) -> dict[str, Any]:
        """A customer sends a message; the answer of the webhook."""
        message = {"from": customer, "to": to, "body": body, "channel": channel, **more}
        return dict(call("POST", f"{self.simulator}/_control/inbound", message)[1])

    def messages(self, customer: str = "", direction: str = "") -> list[dict[str, Any]]:
        """What Twilio has, oldest first."""
        found = call("GET", f"{self.simulator}/_control/messages")[1]["messages"]
        return [
            m for m in found
            if (not customer or m["customer"] == customer) and m["direction"].startswith(direction)
        ]  # fmt: skip

    def replies(self, customer: str) -> list[str]:
        """Texts that reached the customer by REST, oldest first."""
        return [m["body"] for m in self.messages(customer, "outbound-api")]

    def reply(self, customer: str, number: int = 1) -> str:
        """The ``number``-th reply to a customer, waited for."""
        return wait_for(lambda: self.replies(customer)[number - 1 :], f"reply {number}")[0]

    def fault(self, kind: str, count: int = 1, **more: Any) -> None:
        """The next ``count`` sends meet this fault at Twilio."""
        status, answer = call(
            "POST", f"{self.simulator}/_control/faults", {"kind": kind, "count": count, **more}
        )
        assert status in (200, 201), answer

    def model(self, **settings: Any) -> None:
        """Latency and faults of the model server."""
        status, answer = call("POST", f"{self.simulator}/_control/model", settings)
        assert status in (200, 201), answer

    def model_requests(self) -> list[dict[str, Any]]:
        answer = call("GET", f"{self.simulator}/_control/model/requests")[1]
        return list(answer["requests"])

    def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return call(method, self.base + path, body, {"Authorization": f"Bearer {API_KEY}"})

    def session(self, customer: str) -> dict[str, Any]:
        return dict(self.api("GET", f"/session/{urllib.parse.quote(customer)}")[1])

    def signed(self, path: str, pairs: list[tuple[str, str]], token: str = TOKEN) -> tuple[int, Any]:
        """Post a form as Twilio would."""
        from ingress.signature import compute

        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": compute(token, self.base + path, pairs),
        }
        return call("POST", self.base + path, urllib.parse.urlencode(pairs).encode(), headers)

    def exchange(self, request: bytes, ended: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Send these very bytes to web, and with ``ended`` hang up; gives status, headers (lower case), body."""
        with socket.create_connection(("127.0.0.1", self.web_port), 20) as wire:
            wire.sendall(request)
            if ended:
                wire.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(wire, method=request.split(b" ", 1)[0].decode("latin-1"))
            answer.begin()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers, answer.read()
