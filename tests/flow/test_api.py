"""The JSON API over HTTP and a real Redis: who may ask, what is answered, and every refusal."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from werkzeug.serving import make_server

from config.agents import load_agents
from config.settings import Settings, load_settings
from console.api import create_blueprint
from session import keys
from session.claims import Timing
from session.ledger import Ledger, connect
from session.manager import SessionManager
from session.model import Channel, Direction, MessageType, State
from simulator.embedded import EmbeddedServer
from tests.flow.system import free_port

DATABASE = 7
KEY, OLD_KEY = "test-admin-key-of-today", "test-admin-key-of-yesterday"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
UNKNOWN_ID = keys.make_id("s", "0123456789abcdef" * 2, 1)


def settings_for(redis_url: str) -> Settings:
    environment = {
        "REDIS_URL": redis_url,
        "PUBLIC_BASE_URL": "https://bot.example.com",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "0" * 32,
        "TWILIO_PHONE_NUMBER": "+15550001000",
        "AI_PROVIDER": "mock",
        "ADMIN_API_KEY": f"{KEY},{OLD_KEY}",
        "CUSTOMER_ID_KEY": "test-customer-id-key",
        "CONSOLE_PASSWORD": "test-console-password",
        "SECRET_KEY": "test-secret-key-0123",
        "MAX_MESSAGE_HISTORY": "3",
        "SESSION_SCOPE": "channel",
    }
    return load_settings(environment, env_file=None)


def manager_for(settings: Settings) -> SessionManager:
    ledger = Ledger(connect(settings.redis_connection_url, 0.8), Timing.of(settings))
    return SessionManager(ledger, settings, load_agents(settings.agents_path, settings.default_agent_id))


@contextmanager
def serving(manager: SessionManager, settings: Settings) -> Iterator[int]:
    """The port of a web server with the API alone."""
    app = Flask("api-under-test")
    app.register_blueprint(create_blueprint(manager, settings))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class Client:
    """Asks with the key unless told otherwise. ``headers`` of the last answer are kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.headers: dict[str, str] = {}

    def ask(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request(method, path, body, AUTHORIZED if headers is None else headers)
            answer = connection.getresponse()
            raw = answer.read()
            self.headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, json.loads(raw) if raw else None
        finally:
            connection.close()


@pytest.fixture(scope="module")
def door(redis_server: EmbeddedServer) -> Iterator[tuple[SessionManager, int]]:
    """A manager on a database of these tests, and the port where the API to it is served."""
    settings = settings_for(redis_server.url.removesuffix("/0") + f"/{DATABASE}")
    manager = manager_for(settings)
    with serving(manager, settings) as port:
        yield manager, port
    manager.ledger.redis.close()


@pytest.fixture
def manager(door: tuple[SessionManager, int]) -> SessionManager:
    """The manager, over an empty database."""
    door[0].ledger.redis.flushdb()
    return door[0]


@pytest.fixture
def client(door: tuple[SessionManager, int], manager: SessionManager) -> Client:
    return Client(door[1])


PHONE = "+1234567890"


def test_a_conversation_as_the_contract_has_it(client: Client, manager: SessionManager) -> None:
    """The path's number gives its session, its customer and every message of the session, oldest first."""
    session = manager.create_session(PHONE, initial_message="one", context={"customer_type": "new"})
    manager.add_message(PHONE, "two", direction=Direction.OUTBOUND)
    manager.add_message(PHONE, "lost the line", MessageType.SYSTEM, Direction.OUTBOUND)
    manager.add_message(PHONE, "three")
    manager.update_session(session.id, extracted_entities={"order_number": "12345"})

    status, given = client.ask(f"/session/{PHONE}")

    assert 200 == status
    assert {"session", "customer", "conversation_history", "message_count"} == set(given)
    assert ["one", "two", "lost the line", "three"] == [m["content"] for m in given["conversation_history"]]
    assert (3, 3) == (given["message_count"], given["session"]["message_count"])
    assert (session.id, PHONE, "active", "ACTIVE") == tuple(
        given["session"][name] for name in ("session_id", "phone_number", "status", "state")
    )
    context = given["session"]["context"]
    assert ["two", "lost the line", "three"] == [m["content"] for m in context["message_history"]]
    assert ("new", {"order_number": "12345"}) == (context["customer_type"], context["extracted_entities"])
    assert PHONE == given["customer"]["phone_number"]
    assert given == client.ask(f"/admin/session/{PHONE}")[1]
    assert given == client.ask(f"/sessions/{session.id}")[1]
    assert "no-store" == client.headers["cache-control"]


@pytest.mark.parametrize(
    ("phone", "written"),
    [
        ("+15551234567", "+15551234567"),
        ("+15551234567", "%2B15551234567"),
        ("+15551234567", "%2015551234567"),
        ("+15551234567", "15551234567"),
        ("+15551234567", "5551234567"),
        ("+15551234567", "(555)%20123-4567"),
        ("+15551234567", "555.123.4567"),
        ("+15551234567", "555%2F123-4567"),
        ("+15551234567", "whatsapp:+15551234567"),
        ("+1234567890", "1234567890"),
        ("+447700900123", "00447700900123"),
        ("+447700900123", "447700900123"),
    ],
)
def test_a_number_in_any_way_of_writing(
    client: Client, manager: SessionManager, phone: str, written: str
) -> None:
    """However a known customer's number is written in the path, it is found, by either kind of path."""
    session = manager.create_session(phone)

    for path in (f"/session/{written}", f"/sessions/{written}"):
        assert (200, session.id) == (client.ask(path)[0], client.ask(path)[1]["session"]["session_id"])


def test_the_open_session_comes_before_a_later_closed_one(client: Client, manager: SessionManager) -> None:
    """A number stands for its open session, else for the one opened last."""
    by_sms = manager.create_session(PHONE, channel=Channel.SMS)
    by_whatsapp = manager.create_session(PHONE, channel=Channel.WHATSAPP)
    manager.complete_session(by_whatsapp.id)
    assert by_sms.id == client.ask(f"/session/{PHONE}")[1]["session"]["session_id"]

    manager.complete_session(by_sms.id)

    status, given = client.ask(f"/session/{PHONE}")
    assert (200, by_whatsapp.id, "completed") == (
        status,
        given["session"]["session_id"],
        given["session"]["status"],
    )


@pytest.mark.parametrize(("limit", "texts"), [("1", ["4"]), ("3", ["2", "3", "4"]), ("1000", list("01234"))])
def test_limit_keeps_the_newest(
    client: Client, manager: SessionManager, limit: str, texts: list[str]
) -> None:
    """limit keeps the newest n messages, oldest of them first, and the counts stay the session's."""
    for number in range(5):
        manager.add_message(PHONE, str(number))

    given = client.ask(f"/session/{PHONE}?limit={limit}")[1]

    assert texts == [message["content"] for message in given["conversation_history"]]
    assert (5, 3) == (given["message_count"], len(given["session"]["context"]["message_history"]))


@pytest.mark.parametrize(
    "limit", ["0", "-1", "1000000000", "1.5", "ten", "", "%D9%A1", "1e3", "0x10", "true"]
)
def test_a_bad_limit_is_refused(client: Client, manager: SessionManager, limit: str) -> None:
    """A limit that is no whole number within bounds is 422 on every path that takes one."""
    session = manager.create_session(PHONE)

    for path in (f"/session/{PHONE}", f"/admin/session/{PHONE}", f"/sessions/{session.id}"):
        status, given = client.ask(f"{path}?limit={limit}")
        assert (422, "invalid_limit") == (status, given["error"]["code"])


@pytest.mark.parametrize(
    "garbage", ["nope", "+", "+0123456789", "tel:", "%00", "1" * 40, "*", "%F0%9F%93%9E", "12"]
)
def test_what_is_no_phone_number(client: Client, garbage: str) -> None:
    """Something that is no number is 422 where a number is asked for, and unknown where an id may stand."""
    assert (422, "invalid_phone_number") == _refusal(client, f"/session/{garbage}")
    assert (422, "invalid_phone_number") == _refusal(client, f"/admin/session/{garbage}")
    assert (404, "session_not_found") == _refusal(client, f"/sessions/{garbage}")
    assert (404, "session_not_found") == _refusal(client, f"/session/{garbage}/complete", "POST")


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/session/+15557654321", "GET"),
        ("/admin/session/+15557654321", "GET"),
        ("/sessions/+15557654321", "GET"),
        ("/session/+15557654321/complete", "POST"),
        (f"/sessions/{UNKNOWN_ID}", "GET"),
        (f"/session/{UNKNOWN_ID}/complete", "POST"),
        (f"/sessions/{UNKNOWN_ID.replace('-s1', '-m1')}", "GET"),
    ],
)
def test_nobody_there(client: Client, path: str, method: str) -> None:
    """A number or an id that nobody has is 404 in the error shape, and asking leaves nothing behind."""
    assert (404, "session_not_found") == _refusal(client, path, method)
    assert (200, 0) == (client.ask("/sessions/active")[0], client.ask("/sessions/active")[1]["total_active"])


def test_active_lists_what_is_not_closed(client: Client, manager: SessionManager) -> None:
    """Every session that is not CLOSED is listed, whatever its state, newest activity first, and counted."""
    phones = ["+15551110001", "+15551110002", "+15551110003", "+15551110004"]
    made = [manager.add_message(phone, "hello") for phone in phones]
    manager.update_state(made[1], State.WAITING_AGENT)
    manager.update_state(made[2], State.IDLE)
    manager.complete_session(made[3].id)
    manager.add_message(phones[0], "again")

    status, given = client.ask("/sessions/active")

    assert (200, 3) == (status, given["total_active"])
    assert phones[0] == given["active_sessions"][0]["phone_number"]
    assert {(phones[0], "ACTIVE"), (phones[1], "WAITING_AGENT"), (phones[2], "IDLE")} == {
        (s["phone_number"], s["state"]) for s in given["active_sessions"]
    }


@pytest.mark.parametrize("by", ["id", "phone"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", b""),
        ("application/json", b""),
        ("application/json", b'{"note": "x"}'),
        ("text/plain", b"garbage"),
    ],
)
def test_complete_closes(client: Client, manager: SessionManager, by: str, kind: str, body: bytes) -> None:
    """A session is completed by its id or its number, with or without a body, and says so."""
    session = manager.create_session(PHONE, initial_message="hello")
    name = session.id if by == "id" else PHONE

    status, given = client.ask(
        f"/session/{name}/complete", "POST", {**AUTHORIZED, "Content-Type": kind}, body
    )

    assert (200, "Session completed successfully") == (status, given["message"])
    assert (session.id, "CLOSED", "completed", "completed") == tuple(
        given["session"][field] for field in ("session_id", "state", "status", "end_reason")
    )
    assert given["session"]["ended_at"] is not None
    assert State.CLOSED is manager.get_session_by_id(session.id).state


def test_complete_on_closed_names_both_states(client: Client, manager: SessionManager) -> None:
    """A session that has ended cannot be completed: 409 with the state it is in and the one wanted."""
    session = manager.create_session(PHONE)
    manager.expire_session(session.id)

    for name in (session.id, PHONE):
        status, given = client.ask(f"/session/{name}/complete", "POST")
        assert (409, "transition_not_allowed") == (status, given["error"]["code"])
        assert {"from": "CLOSED", "to": "CLOSED"} == given["error"]["details"]
    assert "expired" == manager.get_session_by_id(session.id).status


@pytest.mark.parametrize(
    "body", [b"garbage", b"[]", b'"x"', b"null", b"NaN", b'{"a": NaN}', b"[" * 20_000, b"\xff\xfe{\x00}\x00"]
)
def test_what_is_called_json_must_be_an_object(client: Client, manager: SessionManager, body: bytes) -> None:
    """A body that is declared to be JSON and is no JSON object is 400, and the session stays open."""
    session = manager.create_session(PHONE)
    headers = {**AUTHORIZED, "Content-Type": "application/json"}

    assert (400, "invalid_json") == _refusal(client, f"/session/{session.id}/complete", "POST", headers, body)
    assert State.NEW is manager.get_session_by_id(session.id).state


def test_a_body_that_is_too_large(client: Client, manager: SessionManager) -> None:
    """A body of more than 64 KiB is 413 in the error shape."""
    session = manager.create_session(PHONE)

    status, given = client.ask(f"/session/{session.id}/complete", "POST", body=b"x" * 70_000)

    assert (413, "request_entity_too_large") == (status, given["error"]["code"])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": KEY},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer {KEY},{OLD_KEY}"},
        {"Authorization": f"Bearer {KEY.upper()}"},
        {"Authorization": "Bearer \xe9\xff"},
        {"X-Api-Key": KEY},
        {"Cookie": f"session={KEY}"},
    ],
)
def test_without_the_key_nothing_is_told(
    client: Client, manager: SessionManager, headers: dict[str, str]
) -> None:
    """Anything but one of our keys as a bearer token is 401 on every path, known or not, good or bad."""
    session = manager.create_session(PHONE)
    paths = (
        f"/session/{PHONE}",
        f"/admin/session/{PHONE}",
        "/sessions/active",
        f"/sessions/{session.id}",
        "/session/no",
    )

    for path in paths:
        assert (401, "unauthorized") == _refusal(
            client, f"{path}?limit=0&key={KEY}&access_token={KEY}", headers=headers
        )
        assert ("Bearer", "no-store") == (client.headers["www-authenticate"], client.headers["cache-control"])
    assert (401, "unauthorized") == _refusal(client, f"/session/{PHONE}/complete", "POST", headers)
    assert State.NEW is manager.get_session_by_id(session.id).state


@pytest.mark.parametrize("value", [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER  {KEY}", f"Bearer {OLD_KEY}"])
def test_every_key_of_the_list_is_good(client: Client, value: str) -> None:
    """The scheme is read in any case, and while rotating both keys are taken."""
    assert 200 == client.ask("/sessions/active", headers={"Authorization": value})[0]


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/session/+1234567890/complete", "GET", {"POST", "OPTIONS"}),
        ("/sessions/active", "DELETE", {"GET", "HEAD", "OPTIONS"}),
        ("/session/+1234567890", "POST", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_the_wrong_method(client: Client, path: str, method: str, allowed: set[str]) -> None:
    """A path asked with another method is 405 and says which it takes."""
    connection = http.client.HTTPConnection("127.0.0.1", client._port, timeout=10)
    connection.request(method, path, headers=AUTHORIZED)
    answer = connection.getresponse()
    connection.close()

    assert (405, allowed) == (answer.status, set((answer.getheader("Allow") or "").split(", ")))


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (f"/session/{PHONE}", "GET"),
        ("/sessions/active", "GET"),
        (f"/sessions/{UNKNOWN_ID}", "GET"),
        (f"/session/{UNKNOWN_ID}/complete", "POST"),
    ],
)
def test_redis_away(path: str, method: str) -> None:
    """Without Redis every question is 503 and says when to ask again; without a key it is still 401."""
    settings = settings_for(f"redis://127.0.0.1:{free_port()}/0")
    with serving(manager_for(settings), settings) as port:
        client = Client(port)

        assert (503, "storage_unavailable") == _refusal(client, path, method)
        assert int(client.headers["retry-after"]) > 0
        assert "no-store" == client.headers["cache-control"]
        assert (401, "unauthorized") == _refusal(client, path, method, {})


def test_what_customers_write_is_data(client: Client, manager: SessionManager) -> None:
    """Any text comes back as it was written, in JSON whatever the client would rather have."""
    text = "<script>alert(1)</script> {{7*7}} ' ; DROP \u202e\u2028 😀 \\u0000"
    manager.add_message(PHONE, text)

    given = client.ask(f"/session/{quote(PHONE)}", headers={**AUTHORIZED, "Accept": "text/html"})[1]

    assert text == given["conversation_history"][0]["content"]
    assert "application/json" == client.headers["content-type"]


def _refusal(
    client: Client,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> tuple[int, str]:
    """(status, code) of an answer that has the error shape and nothing else."""
    status, given = client.ask(path, method, headers, body)
    assert {"error"} == set(given)
    assert given["error"]["message"].endswith(".")
    return status, given["error"]["code"]
