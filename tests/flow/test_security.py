"""What docs/security.md promises and no other test shows: constant answers, least rights at Redis, nothing given away."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import redis
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai.assistant import Assistant, ModelFault, ModelUnavailable
from config.settings import load_settings
from ingress.app import create_app
from tests.flow.system import ACCOUNT, ID_KEY, OURS, PROJECT, System, wait_for
from tests.flow.test_assistant_http import AGENT, ITEMS
from tests.flow.test_dashboard import Visitor
from tests.flow.test_log_scan import contents, unpacked
from tests.flow.test_signed_vectors import Post, form
from workers.twilio_http import Transport

TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
CANARY = "canaryvole"

# What a process of ours needs: its keys, its channels, no administration. INFO is for RQ and for noticing another server.
RIGHTS = "on >PASSWORD resetkeys ~ringback:* ~rq:* resetchannels &rq:* +@all -@admin -@dangerous +info"
FORBIDDEN = ["CONFIG GET *", "KEYS *", "FLUSHALL", "FLUSHDB", "DEBUG SLEEP 0", "SHUTDOWN NOSAVE", "ACL LIST", "SAVE",
             "MONITOR", "REPLICAOF NO ONE", "GET elsewhere", "SET elsewhere 1", "PUBLISH elsewhere 1"]  # fmt: skip


# Twilio is told nothing


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.text(max_size=200),
    path=st.sampled_from(["/sms", "/whatsapp", "/status"]),
    name=st.text(max_size=20),
)
def test_every_answer_is_the_same_bytes(web_alone: System, body: str, path: str, name: str) -> None:
    """Nothing of what a customer writes is in an answer, for no answer differs from another."""
    more = {"MessageStatus": "sent"} if path == "/status" else {"ProfileName": f"<Message>{name}</Message>"}
    post = Post(web_alone.base, path, form("+15550810001", f"<Message>&{body}", **more))
    status, headers, raw = web_alone.exchange(post.raw())

    assert (status, headers["content-type"], raw) == (200, "text/xml", TWIML)


# Redis


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Everything running, each process of ours signed in to Redis as a user with ``RIGHTS``."""
    running = System(tmp_path_factory.mktemp("confined"))
    try:
        running.redis.execute_command("ACL", "SETUSER", "ringback", *RIGHTS.split())
        at = urlsplit(running.redis_server.url)
        running.env["REDIS_URL"] = f"redis://ringback:PASSWORD@{at.hostname}:{at.port}{at.path}"
        yield running.start()
    finally:
        running.stop()


def test_least_rights_are_enough(confined: System) -> None:
    """With a user that may not administer, a text is answered, the clock works, the dashboard shows."""
    customer = "+15550820001"
    confined.says(customer, f"Hello {CANARY}")
    confined.reply(customer)
    wait_for(lambda: confined.redis.zcard("rq:finished:clock"), "a job of the clock")
    operator = Visitor(confined.base)

    assert operator.sign_in() == 302
    assert operator.data("/rq/0/data/queues.json")["queues"]
    assert operator.get("/rq/") == 200
    # The server's own record. CLIENT LIST: RQ would like to know its worker's address, and does without.
    log = confined.redis.execute_command("ACL", "LOG")
    assert {entry["object"] for entry in log if entry["username"] == "ringback"} <= {"client|list"}
    assert f"ACL SETUSER ringback {RIGHTS}\n" in (PROJECT / "docs/security.md").read_text("utf-8")


@pytest.mark.parametrize("command", FORBIDDEN)
def test_the_rest_is_refused(confined: System, command: str) -> None:
    """Who takes over a process of ours cannot list, empty, halt or change the server, nor touch another's keys."""
    # The server's own judgement of the user; DEBUG itself would first be refused to everybody.
    judged = str(confined.redis.execute_command("ACL", "DRYRUN", "ringback", *command.split()))

    assert "has no permissions" in judged


def test_no_secret_is_in_redis(confined: System) -> None:
    """After texts, sign-ins and use of the API, Redis holds no key, token or password, as it is, in base64 or hashed."""
    customer = "+15550820002"
    confined.says(customer, f"Hello {CANARY}")
    confined.reply(customer)
    confined.session(customer)
    visitor = Visitor(confined.base)
    assert (visitor.sign_in("wrong"), visitor.sign_in()) == (401, 302)
    visitor.post("/console/logout")
    with redis.Redis.from_url(confined.redis_server.url) as client:
        everything = "\n".join(
            name.decode() + "\n" + unpacked(value)
            for name in client.scan_iter(count=1000)
            for value in contents(client, name)
        )
    names = [
        "TWILIO_AUTH_TOKEN",
        "OPENAI_API_KEY",
        "ADMIN_API_KEY",
        "CUSTOMER_ID_KEY",
        "CONSOLE_PASSWORD",
        "SECRET_KEY",
    ]
    found = []
    for name in names:
        secret = confined.env[name].encode()
        forms = [secret, base64.b64encode(secret), hashlib.sha256(secret).hexdigest().encode()]
        found += [name for form in forms if form.decode().rstrip("=") in everything]

    assert CANARY in everything  # what is scanned is what is stored
    assert found == []


# What leaves


@contextlib.contextmanager
def recorder(answer: int, location: str = "") -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A server that answers all alike; its origin, and (request target, Authorization) of each request."""
    seen: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def _record(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append((self.path, self.headers.get("Authorization", "")))
            self.send_response(answer)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_CONNECT = _record

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def traps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """A home with a netrc for every host, and an environment full of proxies; what reaches the proxy."""
    (tmp_path / ".netrc").write_text(
        f"machine 127.0.0.1 login {CANARY} password x\ndefault login {CANARY} password x\n"
    )
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with recorder(502) as (proxy, diverted):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
            monkeypatch.setenv(name.lower(), proxy)
        yield diverted


def test_the_traps_are_set(traps: list[tuple[str, str]]) -> None:
    """A client that trusts its environment walks into both: the next tests can fail."""
    requests.get("http://127.0.0.1:1/", timeout=5)

    assert traps == [("http://127.0.0.1:1/", f"Basic {base64.b64encode(f'{CANARY}:x'.encode()).decode()}")]


def test_twilio_gets_our_password_and_nobody_elses(traps: list[tuple[str, str]]) -> None:
    """Towards Twilio no netrc and no proxy counts, and a redirect does not carry the password on."""
    with recorder(200) as (elsewhere, carried), recorder(307, f"{elsewhere}/stolen") as (origin, seen):
        transport = Transport(origin, 5, 2)
        transport.request("POST", "https://api.twilio.com/x", data={"Body": "x"}, auth=(ACCOUNT, "token"))
        transport.request("GET", "https://api.twilio.com/x")
        transport.session.close()

    assert seen == [("/x", f"Basic {base64.b64encode(f'{ACCOUNT}:token'.encode()).decode()}"), ("/x", "")]
    assert (traps, carried) == ([], [])


@pytest.mark.parametrize("dialect", ["openai", "openai-compatible"])
def test_the_model_gets_our_key_and_nobody_elses(traps: list[tuple[str, str]], dialect: str) -> None:
    """Towards the model no netrc and no proxy counts, and a redirect is not followed."""
    with recorder(200) as (elsewhere, carried), recorder(307, f"{elsewhere}/stolen") as (origin, seen):
        with contextlib.closing(
            Assistant(dialect, "sk-ours", f"{origin}/v1", "m", timeout_seconds=5)
        ) as assistant:
            with pytest.raises((ModelFault, ModelUnavailable)):
                assistant.answer(AGENT, ITEMS)

    assert {authorization for _, authorization in seen} == {"Bearer sk-ours"}
    assert (traps, carried) == ([], [])


# What is shown to anybody

OPEN = {"/", "/health", "/ready", "/console/login"}  # and the sign-in's own files
HEADERS = {
    "server",
    "date",
    "connection",
    "content-type",
    "content-length",
    "x-content-type-options",
    "cache-control",
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", {"name": "Ringback", "health": "/health", "ready": "/ready"}),
        ("/health", {"status": "ok"}),
        ("/ready", {"status": "ready", "missing": []}),
    ],
)
def test_health_says_that_and_no_more(web_alone: System, path: str, expected: object) -> None:
    """These very words: no version, host, address, count or time; whatever the caller adds."""
    for target in (path, f"{path}?verbose=1&debug=true"):
        raw = f"GET {target} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n"
        status, headers, body = web_alone.exchange(raw.encode())

        assert (status, json.loads(body)) == (200, expected)
        assert set(headers) <= HEADERS
        assert headers["server"] == "gunicorn"


def test_not_ready_does_not_say_where_redis_is() -> None:
    """Without Redis /ready names what is missing, not its address or the error, and /health stays well."""
    app = create_app(
        load_settings(
            {
                "REDIS_URL": "redis://:pw@127.0.0.1:1/0", "PUBLIC_BASE_URL": "https://bot.example.com",
                "AI_PROVIDER": "mock", "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": "0" * 32,
                "TWILIO_PHONE_NUMBER": OURS, "ADMIN_API_KEY": "k" * 16, "CUSTOMER_ID_KEY": ID_KEY,
                "CONSOLE_PASSWORD": "k" * 16, "SECRET_KEY": "k" * 16,
            }, None, "web",
        )
    )  # fmt: skip
    answer = app.test_client().get("/ready")

    assert (answer.status_code, answer.get_json()) == (503, {"status": "not_ready", "missing": ["redis"]})
    assert app.test_client().get("/health").get_json() == {"status": "ok"}


def test_every_other_route_is_closed(web_alone: System) -> None:
    """Asked without a key, a session or a signature, each route and method refuses; a new one has to be named here."""
    app = create_app(load_settings(web_alone.env, None, "web"))
    opened = set()
    asked = 0
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^<>]*:)?(\w+)>", "1", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            asked += 1
            status, headers, _ = web_alone.exchange(
                f"{method} {quote(path, '/')} HTTP/1.1\r\nHost: {urlsplit(web_alone.base).netloc}\r\n"
                "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            to_sign_in = headers.get("location", "").startswith("/console/login")
            if not (status in (401, 403) or (status == 302 and to_sign_in)):
                opened.add((method, rule.rule, status))

    assert asked > 20
    assert {path for _, path, _ in opened if "/static" not in path} == OPEN
