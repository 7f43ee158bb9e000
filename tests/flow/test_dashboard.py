"""The operators' sign-in, and rq-dashboard behind it, by HTTP against a running system."""

from __future__ import annotations

import http.client
import json
import pickle
import re
import secrets
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import redis
import time_machine
from rq import Queue
from rq.serializers import JSONSerializer

from config.settings import load_settings
from console import dashboard
from ingress.app import create_app
from tests.flow.system import System, wait_for
from workers import jobs

PASSWORD = "tests-console-password"


class Visitor:
    """A browser without a screen: keeps cookies, says where it comes from, follows nothing."""

    def __init__(self, base: str, cookie: str = "") -> None:
        self.base = base
        self.cookie = cookie
        # Each comes through the proxy from an address of its own, so that nobody's tries are another's.
        self.address = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
        self.answer: http.client.HTTPResponse

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
        """The status; ``answer`` and ``text`` have the rest. A header's underscores are hyphens."""
        wire = http.client.HTTPConnection(urlsplit(self.base).netloc, timeout=20)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        cookie = {"Cookie": self.cookie} if self.cookie else {}
        wire.request(method, path, body, {"X-Forwarded-For": self.address, **cookie, **given})
        self.answer = wire.getresponse()
        self.text = self.answer.read().decode()
        wire.close()
        if set_cookie := self.answer.getheader("Set-Cookie"):
            self.cookie = set_cookie.partition(";")[0]
        return self.answer.status

    def get(self, path: str) -> int:
        return self.ask("GET", path)

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> int:
        origin = {"Origin": self.base, "Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(fields or {}).encode(), **{**origin, **headers})

    def data(self, path: str) -> Any:
        assert self.get(path) == 200, self.text
        return json.loads(self.text)

    def sign_in(self, password: str = PASSWORD, **fields: str) -> int:
        return self.post("/console/login", {"password": password, **fields})

    @property
    def location(self) -> str | None:
        return self.answer.getheader("Location")


@pytest.fixture
def visitor(system: System) -> Visitor:
    return Visitor(system.base)


@pytest.fixture
def operator(visitor: Visitor) -> Visitor:
    assert visitor.sign_in() == 302
    return visitor


def cookie_of(system: System, seconds_ago: float = 0, **settings: str) -> str:
    """A session opened then, by a web process with these settings, and not used since."""
    app = create_app(load_settings({**system.env, **settings}, None, "web"))
    with time_machine.travel(time.time() - seconds_ago):
        answer = app.test_client().post(
            "/console/login",
            data={"password": settings.get("CONSOLE_PASSWORD", PASSWORD)},
            headers={"Host": urlsplit(system.base).netloc, "X-Forwarded-For": secrets.token_hex(8)},
        )
    assert answer.status_code == 302
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


# The sign-in


def test_signing_in_leads_where_one_wanted_to_go(visitor: Visitor) -> None:
    """A page without a session leads to the sign-in and, with the password, back to the page."""
    assert visitor.get("/rq/0/view/workers?x=1") == 302
    assert visitor.location == "/console/login?next=%2Frq%2F0%2Fview%2Fworkers%3Fx%3D1"
    assert visitor.sign_in(next="/rq/0/view/workers?x=1") == 302
    assert visitor.location == "/rq/0/view/workers?x=1"
    assert visitor.get("/rq/0/view/workers?x=1") == 200
    assert visitor.get("/console/login") == 302


@pytest.mark.parametrize("foreign", [
    "//evil.example/rq/", "https:evil.example", "\\\\evil.example", "javascript:alert(1)", "/rq\\..//evil", "/",
    "https://evil.example/rq/", "/rq//\tevil", "/console/logout", "/rq/\r\nX: y", "", "/rq/" + "x" * 2000,
])  # fmt: skip
def test_no_way_out_through_next(visitor: Visitor, foreign: str) -> None:
    """Whatever ``next`` says, the sign-in leads to a page of ours."""
    assert visitor.sign_in(next=foreign) == 302
    assert visitor.location == "/rq/"


@pytest.mark.parametrize(("password", "status"), [
    ("", 401), ("tests-console-passwor", 401), (PASSWORD + " ", 401), ("x" * 10_000, 422), (PASSWORD + "\0", 422),
])  # fmt: skip
def test_wrong_passwords(visitor: Visitor, password: str, status: int) -> None:
    """A wrong password gets a sentence and no session; one that cannot be meant is not even compared."""
    assert visitor.sign_in(password) == status
    assert 'role="alert"' in visitor.text
    assert visitor.cookie == ""
    assert PASSWORD not in visitor.text


def test_password_is_compared_after_normalisation(system: System) -> None:
    """A letter with its accent apart is the same password."""
    app = create_app(
        load_settings({**system.env, "CONSOLE_PASSWORD": "passw\u00f6rd-of-16-letters"}, None, "web")
    )
    answer = app.test_client().post("/console/login", data={"password": "passwo\u0308rd-of-16-letters"})

    assert answer.status_code == 302


def test_eleventh_wrong_try_in_a_minute_waits(system: System, visitor: Visitor) -> None:
    """After ten wrong passwords of one address even the right one waits; others are not held up."""
    assert [visitor.sign_in("wrong-password-of-16") for _ in range(11)] == [401] * 10 + [429]
    assert 0 < int(visitor.answer.getheader("Retry-After") or 0) <= 60
    assert visitor.sign_in() == 429
    assert Visitor(system.base).sign_in() == 302
    tries = list(system.redis.scan_iter("ringback:console:tries:*"))
    assert all(re.fullmatch(r"ringback:console:tries:([0-9a-f]{32}|all)", key) for key in tries)
    assert all(0 < system.redis.ttl(key) <= 60 for key in tries)


def test_a_network_of_addresses_counts_as_one(visitor: Visitor) -> None:
    """Whoever has an IPv6 network gains nothing by using all of it."""
    network = visitor.address.removesuffix("1")
    for number in range(10):
        visitor.address = f"{network}{number:x}"
        assert visitor.sign_in("wrong-password-of-16") == 401

    assert visitor.sign_in("wrong-password-of-16") == 429


def test_cookie_and_headers(visitor: Visitor) -> None:
    """The session's cookie is out of reach for scripts and other sites; no cache or frame holds a page."""
    visitor.sign_in()
    cookie = visitor.answer.getheader("Set-Cookie") or ""
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # PUBLIC_BASE_URL is http here
    for path in ("/rq/", "/rq/0/data/queues.json", "/rq/0/view/job/none", "/console/login"):
        visitor.get(path)
        assert visitor.answer.getheader("Cache-Control") == "no-store", path
        policy = visitor.answer.getheader("Content-Security-Policy") or ""
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src 'self' 'unsafe-inline'" not in policy


def test_cookie_is_secure_behind_https(system: System) -> None:
    """Where the public address is https, the cookie never travels without."""
    app = create_app(load_settings({**system.env, "PUBLIC_BASE_URL": "https://bot.example.com"}, None, "web"))
    answer = app.test_client().post(
        "/console/login", data={"password": PASSWORD}, base_url="https://bot.example.com"
    )

    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(("seconds", "status"), [(60, 200), (29 * 60, 200), (31 * 60, 302), (13 * 3600, 302)])
def test_idle_sessions_end(system: System, seconds: int, status: int) -> None:
    """Thirty minutes without a page end a session."""
    assert Visitor(system.base, cookie_of(system, seconds)).get("/rq/") == status


def test_busy_sessions_end_too(system: System) -> None:
    """Twelve hours end a session however busy it is; what a script polls is no sign of life."""
    app = create_app(load_settings(system.env, None, "web"))
    client = app.test_client()
    with time_machine.travel(time.time(), tick=False) as traveller:
        assert client.post("/console/login", data={"password": PASSWORD}).status_code == 302
        for _ in range(12 * 3 - 1):
            traveller.shift(20 * 60)
            assert client.get("/rq/").status_code == 200
        traveller.shift(20 * 60)
        assert client.get("/rq/").status_code == 302
        assert client.post("/console/login", data={"password": PASSWORD}).status_code == 302
        for seconds, status in ((20 * 60, 200), (11 * 60, 401)):
            traveller.shift(seconds)
            assert client.get("/rq/0/data/queues.json").status_code == status


@pytest.mark.parametrize("changed", [
    {"CONSOLE_PASSWORD": "another-password-of-16"}, {"SECRET_KEY": "another-secret-key-0123456789"},
])  # fmt: skip
def test_a_change_of_secrets_ends_sessions(system: System, changed: dict[str, str]) -> None:
    """A session opened by another password or signed with another key is none, and its cookie is taken away."""
    visitor = Visitor(system.base, cookie_of(system, **changed))

    assert visitor.get("/rq/") == 302
    assert "Expires=Thu, 01 Jan 1970" in (visitor.answer.getheader("Set-Cookie") or "")


def test_tampered_cookies_are_taken_away(operator: Visitor) -> None:
    """One letter changed makes a cookie worthless."""
    name, _, value = operator.cookie.partition("=")
    operator.cookie = f"{name}={'A' if value[3] != 'A' else 'B'}{value[1:]}"

    assert operator.get("/rq/") == 302
    assert "Expires=Thu, 01 Jan 1970" in (operator.answer.getheader("Set-Cookie") or "")


def test_signing_out_ends_copies_too(system: System, operator: Visitor) -> None:
    """After the sign-out a copy of the cookie opens nothing; the next session has another name."""
    copy = operator.cookie

    assert operator.post("/console/logout") == 302
    assert operator.location == "/console/login"
    assert operator.get("/rq/") == 302
    assert Visitor(system.base, copy).get("/rq/") == 302
    operator.sign_in()
    assert operator.cookie != copy
    assert Visitor(system.base, copy).get("/rq/") == 302


FOREIGN = [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"}, {"Origin": "", "Referer": "https://evil.example/rq/"},
]  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/console/login", "/console/logout", "/rq/requeue/turns", "/rq/job/x/requeue"]
)
@pytest.mark.parametrize("headers", FOREIGN)
def test_posts_of_foreign_pages_are_refused(operator: Visitor, path: str, headers: dict[str, str]) -> None:
    """A foreign page cannot make a signed-in browser do anything, nor sign it in."""
    assert operator.post(path, {"password": PASSWORD}, **headers) == 403
    assert operator.get("/rq/") == 200


@pytest.mark.parametrize("path", ["/console/logout", "/rq/requeue/turns", "/rq/job/x/requeue"])
def test_posts_from_nowhere_are_refused(operator: Visitor, path: str) -> None:
    """A post that does not say where it comes from does nothing; a token in the address changes nothing."""
    assert operator.ask("POST", path + "?csrf_token=x", b"") == 403
    assert operator.get("/rq/") == 200


def test_the_cookie_opens_nothing_else(operator: Visitor) -> None:
    """The API wants its key, signed in or not; a webhook's answer neither reads nor sets a cookie."""
    assert operator.get("/sessions/active") == 401
    assert operator.post("/sms") == 403
    assert operator.answer.getheader("Set-Cookie") is None
    assert operator.answer.getheader("Vary") is None


def test_foreign_host_is_refused(operator: Visitor) -> None:
    """A name that somebody else pointed here is not ours."""
    assert operator.ask("GET", "/rq/", Host="evil.example") == 400
    assert operator.ask("GET", "/console/login", Host="evil.example") == 400


@pytest.mark.parametrize(("path", "status"), [("/console/logout", 405), ("/rq/requeue/turns", 405)])
def test_reading_changes_nothing(operator: Visitor, path: str, status: int) -> None:
    """What changes something is no GET."""
    assert operator.get(path) == status
    assert operator.get("/rq/") == 200


# The dashboard


def paths(redis_url: str) -> Iterator[tuple[str, str]]:
    """(method, path) of every route of the dashboard."""
    board = dashboard.create_board(redis.Redis.from_url(redis_url))
    samples = {
        "instance_number": "0", "queue_name": "turns", "registry_name": "finished", "per_page": "8", "order": "asc",
        "page": "1", "job_id": "x", "filename": "css/main.css",
    }  # fmt: skip
    for rule in board.url_map.iter_rules():
        path = re.sub(r"<(?:[^<>]*:)?(\w+)>", lambda match: samples[match[1]], rule.rule)
        yield from ((method, f"/rq{path}") for method in (rule.methods or set()) - {"OPTIONS", "HEAD"})


def test_nothing_is_shown_unsigned(system: System, visitor: Visitor) -> None:
    """Every route of the dashboard, as of any that is none, is closed without a session."""
    walked = [*paths(system.redis_server.url), ("GET", "/rq"), ("GET", "/rq/../rq/"), ("GET", "/rq/nothing")]
    assert len(walked) > 16
    for method, path in walked:
        expected = {401} if method == "POST" or "/data/" in path else {302}
        got = visitor.post(path) if method == "POST" else visitor.get(path)
        assert {got} == expected, path
        assert got == 401 or (visitor.location or "").startswith("/console/login?next="), path
    assert visitor.get("/rq/0/data/queues.json") == 401
    assert json.loads(visitor.text)["error"]["code"] == "signed_out"


def test_shows_queues_turns_and_clock_jobs(system: System, operator: Visitor) -> None:
    """After a text the three queues stand there, a finished turn, and the scheduled jobs, without who wrote what."""
    system.says("+15558120001", "a canary in the coal mine")

    def finished(queue: str) -> list[dict[str, Any]]:
        return list(operator.data(f"/rq/0/data/jobs/{queue}/finished/200/asc/1.json")["jobs"])

    cid_in = r"answer customer [0-9a-f]{6}"
    turns = wait_for(
        lambda: [j for j in finished("turns") if re.fullmatch(cid_in, j["description"])], "a turn"
    )
    wait_for(lambda: finished("clock"), "a clock job")
    queues = operator.data("/rq/0/data/queues.json")["queues"]
    assert [queue["name"] for queue in queues][:3] == ["clock", "turns", "background"]
    assert queues[1]["finished_job_registry_count"] >= 1
    job = operator.data(f"/rq/0/data/job/{turns[0]['id']}.json")
    assert (job["status"], job["origin"]) == ("finished", "turns")
    assert operator.get(f"/rq/0/view/job/{turns[0]['id']}") == 200
    [worker] = operator.data("/rq/0/data/workers.json")["workers"]
    assert worker["queues"] == ["clock", "turns", "background"]
    shown = json.dumps([turns, queues, job, worker])
    assert "canary" not in shown
    assert "5558120001" not in shown


def test_failed_job_is_seen_and_enqueued_again(system: System, operator: Visitor) -> None:
    """A job that fails stands among the failed ones with its cause; a POST, and only that, enqueues it again."""
    connection = redis.Redis.from_url(system.redis_server.url)
    job = Queue("turns", connection=connection, serializer=JSONSerializer).enqueue_call(
        "workers.turn.answer_customer", args=("not an id",), failure_ttl=600, description="fails"
    )

    def failed() -> dict[str, Any] | None:
        rows = operator.data("/rq/0/data/jobs/turns/failed/200/asc/1.json")["jobs"]
        return next((row for row in rows if row["id"] == job.id), None)

    first = wait_for(failed, "the failure")
    assert "ForeignJob" in first["exc_info"]
    assert operator.get(f"/rq/job/{job.id}/requeue") == 405
    assert operator.post(f"/rq/job/{job.id}/requeue") == 200, operator.text
    again = wait_for(
        lambda: (f := failed()) and f["ended_at"] != first["ended_at"] and f, "the second failure"
    )
    assert operator.post("/rq/requeue/turns") == 200
    assert json.loads(operator.text)["count"] >= 1
    wait_for(lambda: (f := failed()) and f["ended_at"] != again["ended_at"], "the third failure")
    assert operator.post(f"/rq/job/{job.id}/delete") == 403
    assert operator.post("/rq/queue/turns/failed/empty") == 403
    assert connection.zscore("rq:failed:turns", job.id) is not None
    connection.zrem("rq:failed:turns", job.id)
    connection.close()


@pytest.mark.parametrize("path", [
    "/rq/1/view/queues", "/rq/0/view/jobs/turns/nothing/8/asc/1", "/rq/0/data/jobs/turns/finished/0/asc/1.json",
    "/rq/0/data/jobs/turns/finished/999999/asc/1.json", "/rq/0/data/jobs/turns/finished/8/asc/0.json",
    "/rq/0/data/jobs/turns/finished/8/up/1.json", "/rq/0/view/job/none", "/rq/0/data/job/none.json",
    "/rq/0/data/job/a:b.json", "/rq/static/../../console/signin.py", "/rq/0/view/job/%00",
])  # fmt: skip
def test_what_is_not_there_is_not_found(operator: Visitor, path: str) -> None:
    """Odd numbers, names and ids are 404, never an error of ours."""
    assert operator.get(path) == 404


def test_pages_name_no_address_of_redis(operator: Visitor, system: System) -> None:
    """No page of the dashboard holds the address or the password of Redis."""
    for method, path in paths(system.redis_server.url):
        if method == "GET" and "static" not in path:
            operator.get(path)
            assert "tests-only" not in operator.text, path
            assert "redis://" not in operator.text, path


def test_connections_do_not_grow(system: System, operator: Visitor) -> None:
    """Many requests share a few connections, and looking at workers leaves their time-outs alone."""
    operator.data("/rq/0/data/workers.json")
    before = len(system.redis.client_list())
    for _ in range(20):
        operator.data("/rq/0/data/queues.json")
        operator.data("/rq/0/data/workers.json")
    assert len(system.redis.client_list()) <= before + 3

    client = jobs.connect(system.redis_server.url, 0.8)
    dashboard.create_board(client).test_client().get("/0/data/workers.json")
    assert client.connection_pool.connection_kwargs["socket_timeout"] == 0.8
    client.close()


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.fixture
def planted(system: System) -> Iterator[Any]:
    """A function that puts a job of somebody else's making where a finished and a running one would be."""
    connection = redis.Redis.from_url(system.redis_server.url)

    def plant(**fields: Any) -> None:
        known = {"origin": "turns", "status": "finished", "created_at": "2026-11-20T10:00:00.000000Z"}
        connection.hset("rq:job:planted", mapping=known | fields)
        connection.zadd("rq:finished:turns", {"planted": 9_999_999_999})
        connection.zadd("rq:wip:turns", {"planted:x": 9_999_999_999})

    yield plant
    connection.delete("rq:job:planted")
    connection.zrem("rq:finished:turns", "planted")
    connection.zrem("rq:wip:turns", "planted:x")
    connection.close()


def test_nothing_found_in_redis_is_unpickled(operator: Visitor, planted: Any, tmp_path: Path) -> None:
    """A planted pickle is never run, and breaks no list."""
    went_off = tmp_path / "went-off"
    bomb = pickle.dumps(Bomb(went_off))
    planted(data=zlib.compress(bomb), meta=bomb, result=bomb, worker_name="x")

    for path, status in (
        ("/rq/0/data/jobs/turns/finished/200/asc/1.json", 200), ("/rq/0/data/job/planted.json", 404),
        ("/rq/0/view/job/planted", 200), ("/rq/0/data/workers.json", 200),
    ):  # fmt: skip
        assert operator.get(path) == status, path
    assert operator.post("/rq/job/planted/requeue") == 409
    assert not went_off.exists()
    pickle.loads(bomb)
    assert went_off.exists()


def test_markup_in_a_job_stays_text(operator: Visitor, planted: Any) -> None:
    """What the page of a job puts into itself as it is, arrives there escaped."""
    planted(data=b"[]", description="<img src=x onerror=alert(1)>")

    job = operator.data("/rq/0/data/job/planted.json")
    assert job["description"] == "&lt;img src=x onerror=alert(1)&gt;"


def test_says_so_when_redis_is_away(web_alone: System) -> None:
    """Without Redis the pages are 503 without data, and the sign-in is too."""
    settings = load_settings({**web_alone.env, "REDIS_URL": "redis://127.0.0.1:1/0"}, None, "web")
    client = create_app(settings).test_client()
    name, _, value = cookie_of(web_alone).partition("=")
    client.set_cookie(name, value)

    assert client.get("/rq/").status_code == 503
    assert client.get("/rq/0/data/queues.json").get_json()["error"]["code"] == "storage_unavailable"
    assert client.post("/console/login", data={"password": PASSWORD}).status_code == 503
