"""Sessions by program, over HTTP and real processes: opened, changed, summed up, listed, and every refusal."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from session import keys
from tests.flow.system import API_KEY, OURS, System, call, wait_for

UNKNOWN_ID = keys.make_id("s", "0123456789abcdef" * 2, 1)


def opened(system: System, phone: str, **more: Any) -> dict[str, Any]:
    status, given = system.api("POST", "/sessions", {"phone_number": phone, **more})
    assert 201 == status, given
    return dict(given["session"])


def refusal(system: System, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """(status, code) of an answer that has the error shape and nothing else."""
    status, given = system.api(method, path, body)
    assert {"error"} == set(given)
    assert given["error"]["message"].endswith(".")
    return status, given["error"]["code"]


def test_a_session_opened_by_a_program(system: System) -> None:
    """POST /sessions opens a NEW session with what was given, in the contract's shape; a second one is 409."""
    phone = "+15550600001"
    session = opened(
        system,
        "(555) 060-0001",
        channel="whatsapp",
        initial_message="I'd like a call",
        context={"tier": "gold"},
    )

    assert ("NEW", "assistant", "default-agent", "whatsapp", phone) == tuple(
        session[name] for name in ("state", "handled_by", "agent_id", "channel", "phone_number")
    )
    assert ("gold", ["I'd like a call"], []) == (
        session["context"]["tier"],
        [m["content"] for m in session["context"]["message_history"]],
        session["context"]["memory"],
    )
    assert session == system.session(phone)["session"]
    status, given = system.api("POST", "/sessions", {"phone_number": phone})
    assert (409, "session_open") == (status, given["error"]["code"])
    assert {"session_id": session["session_id"]} == given["error"]["details"]


def test_a_session_opened_by_a_program_is_the_one_the_customer_comes_to(system: System) -> None:
    """What a program put into a session is there when the customer writes."""
    phone = "+15550600002"
    session = opened(system, phone, context={"tier": "gold"})
    system.says(phone, "Hi, I'm having trouble with my order #12345")
    system.reply(phone)

    now = wait_for(lambda: (s := system.session(phone)["session"])["message_count"] == 2 and s, "the answer")
    assert (session["session_id"], "ACTIVE", "gold") == (
        now["session_id"],
        now["state"],
        now["context"]["tier"],
    )
    assert "12345" == now["extracted_entities"]["order_number"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "missing_field")),
        ({"agent_id": "default-agent"}, (422, "invalid_phone_number")),
        ({"phone_number": "hello"}, (422, "invalid_phone_number")),
        ({"phone_number": 15550600003}, (422, "invalid_phone_number")),
        ({"phone_number": "+15550600003" * 99}, (422, "invalid_phone_number")),
        ({"phone_number": "+15550600003", "agent_id": "nobody"}, (422, "unknown_agent")),
        ({"phone_number": "+15550600003", "channel": "pigeon"}, (422, "invalid_channel")),
        ({"phone_number": "+15550600003", "channel": ["sms"]}, (422, "invalid_channel")),
        ({"phone_number": "+15550600003", "context": []}, (422, "invalid_context")),
        (
            {"phone_number": "+15550600003", "context": {str(i): 1 for i in range(201)}},
            (422, "invalid_context"),
        ),
        ({"phone_number": "+15550600003", "initial_message": "x" * 8001}, (422, "invalid_initial_message")),
        ({"phone_number": "+15550600003", "phone": "x"}, (422, "unknown_field")),
        (b"", (400, "invalid_json")),
        (b"[]", (400, "invalid_json")),
        (b"{", (400, "invalid_json")),
        (b'{"phone_number": NaN}', (400, "invalid_json")),
        (b'{"phone_number": "+15550600003", "context": {"a": 1e400}}', (400, "invalid_json")),
        (b'{"phone_number": "+15550600003", "context": {"a": 1' + b"0" * 400 + b"}}", (400, "invalid_json")),
        (b'{"phone_number": "+15550600003", "phone_number": "+15550600004"}', (400, "invalid_json")),
        (b'{"context": ' + b"[" * 30 + b"]" * 30 + b"}", (400, "invalid_json")),
        (b"\xff", (400, "invalid_json")),
        (b'{"context": {"a": "' + b"x" * 70_000 + b'"}}', (413, "request_entity_too_large")),
    ],
)
def test_what_cannot_be_opened(system: System, body: Any, expected: tuple[int, str]) -> None:
    """Each kind of fault in a body is refused with a code and a sentence, and opens nothing."""
    assert expected == refusal(system, "POST", "/sessions", body)
    assert 404 == system.api("GET", "/session/%2B15550600003")[0]


def test_what_a_program_changes_is_merged(system: System) -> None:
    """PATCH merges name by name, and an entity that a program told names no message."""
    phone = "+15550600005"
    session = opened(system, phone, context={"tier": "gold", "kept": 1})
    path = f"/sessions/{session['session_id']}"

    assert 200 == system.api("PATCH", path, {"context": {"tier": "silver"}, "order_details": {"items": 2}})[0]
    status, given = system.api(
        "PATCH", f"/sessions/{quote(phone)}", {"extracted_entities": {"order_number": "9"}}
    )

    told = given["session"]
    assert (200, "silver", 1) == (status, told["context"]["tier"], told["context"]["kept"])
    assert ({"items": 2}, {"order_number": "9"}) == (told["order_details"], told["extracted_entities"])
    assert ("9", None) == tuple(
        told["entity_details"]["order_number"][name] for name in ("value", "message_id")
    )
    assert told == system.api("GET", path)[1]["session"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "missing_field")),
        ({"state": "CLOSED"}, (422, "unknown_field")),
        ({"context": "gold"}, (422, "invalid_context")),
        ({"extracted_entities": [1]}, (422, "invalid_extracted_entities")),
        ({"order_details": {str(i): 1 for i in range(201)}}, (422, "invalid_order_details")),
        (b"null", (400, "invalid_json")),
    ],
)
def test_what_cannot_be_changed(system: System, body: Any, expected: tuple[int, str]) -> None:
    """A wrong PATCH is refused and changes nothing."""
    phone = "+15550600006"
    if system.api("GET", f"/session/{quote(phone)}")[0] == 404:
        opened(system, phone, context={"big": "x" * 600})
    before = system.session(phone)

    assert expected == refusal(system, "PATCH", f"/sessions/{quote(phone)}", body)
    assert before == system.session(phone)


def test_what_programs_add_stays_small(system: System) -> None:
    """A context that grows beyond its bound by many small changes is refused at the one too many."""
    session = opened(system, "+15550600007", context={"a": "x" * 40_000})

    assert (422, "invalid_context") == refusal(
        system, "PATCH", f"/sessions/{session['session_id']}", {"context": {"b": "x" * 40_000}}
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/sessions/{UNKNOWN_ID}/summary"),
        ("GET", "/sessions/%2B15550699999/summary"),
        ("PATCH", f"/sessions/{UNKNOWN_ID}"),
        ("POST", f"/session/{UNKNOWN_ID}/handoff"),
        ("POST", f"/session/{UNKNOWN_ID}/handback"),
        ("POST", f"/session/{UNKNOWN_ID}/messages"),
        ("POST", "/session/nonsense/handoff"),
    ],
)
def test_a_session_nobody_knows(system: System, method: str, path: str) -> None:
    """Every step on a session that is not there is 404."""
    body = {"body": "x"} if path.endswith("messages") else {"context": {}} if method == "PATCH" else None

    assert (404, "session_not_found") == refusal(system, method, path, body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sessions"), ("GET", "/sessions"), ("PATCH", f"/sessions/{UNKNOWN_ID}"),
        ("GET", f"/sessions/{UNKNOWN_ID}/summary"), ("POST", f"/session/{UNKNOWN_ID}/handoff"),
        ("POST", f"/session/{UNKNOWN_ID}/handback"), ("POST", f"/session/{UNKNOWN_ID}/messages"),
        ("GET", "/turns/x"), ("GET", "/messages/x"), ("GET", "/privacy/export/x"), ("DELETE", "/privacy/delete/x"),
        ("GET", "/admin/customer/x/analytics"),
    ],
)  # fmt: skip
def test_without_the_key_nothing_is_told(system: System, method: str, path: str) -> None:
    """Each path wants the key first: without it a good request and a bad one are the same 401."""
    assert 401 == call(method, system.base + path, None, {"Authorization": f"Bearer {API_KEY}x"})[0]


def test_a_summary(system: System) -> None:
    """The summary of a session has its numbers, entities and times, for a number as for an id."""
    phone = "+15550600008"
    session = opened(system, phone, initial_message="Order 12345", context={})
    system.api(
        "PATCH", f"/sessions/{session['session_id']}", {"extracted_entities": {"order_number": "12345"}}
    )

    status, told = system.api("GET", f"/sessions/{session['session_id']}/summary")

    assert (200, session["session_id"], phone, "NEW") == (
        status, told["session_id"], told["phone_number"], told["state"]
    )  # fmt: skip
    assert (1, 1, 0, {"order_number": "12345"}) == tuple(
        told[name] for name in ("message_count", "inbound_count", "outbound_count", "extracted_entities")
    )
    assert (session["created_at"], None) == (told["created_at"], told["ended_at"])
    assert told == system.api("GET", f"/sessions/{quote(phone)}/summary")[1]


@pytest.fixture(scope="module")
def listed(system: System) -> dict[str, str]:
    """Session ids by what sets each apart; the customers of these tests alone have the tag in their context's order."""
    ids = {}
    for i, (name, channel) in enumerate(
        [("plain", "sms"), ("app", "whatsapp"), ("person", "sms"), ("closed", "sms"), ("wanted", "sms")]
    ):
        session = opened(system, f"+1555091000{i}", channel=channel)
        ids[name] = session["session_id"]
        entities = {"extracted_entities": {"tag": "zebra crossing" if name == "wanted" else "zebra"}}
        assert 200 == system.api("PATCH", f"/sessions/{session['session_id']}", entities)[0]
    assert 200 == system.api("POST", f"/session/{ids['person']}/handoff")[0]
    assert 200 == system.api("POST", f"/session/{ids['closed']}/complete")[0]
    return ids


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, {"plain", "app", "person", "closed", "wanted"}),
        ({"state": "NEW"}, {"plain", "app", "wanted"}),
        ({"state": "waiting_agent"}, {"person"}),
        ({"state": "CLOSED"}, {"closed"}),
        ({"state": "IDLE"}, set()),
        ({"channel": "whatsapp"}, {"app"}),
        ({"channel": "sms", "state": "NEW"}, {"plain", "wanted"}),
        ({"channel": "voice"}, set()),
        ({"agent": "default-agent", "state": "CLOSED"}, {"closed"}),
        ({"agent": "nobody"}, set()),
        ({"q": "Zebra CROSSING"}, {"wanted"}),
        ({"q": "(555) 091-0001"}, {"app"}),
        ({"q": "+15550910001"}, {"app"}),
        ({"q": "no such thing"}, set()),
    ],
)
def test_sessions_are_listed_by_what_they_are(
    system: System, listed: dict[str, str], asked: dict[str, str], names: set[str]
) -> None:
    """Each filter of /sessions keeps what it says, and all of them together; closed sessions are there too."""
    status, given = system.api("GET", f"/sessions?{urlencode({'limit': 500, **asked})}")

    assert (200, None) == (status, given["next_cursor"])
    found = {s["session_id"] for s in given["sessions"]}
    assert names == {name for name, id_ in listed.items() if id_ in found}
    assert all("message_history" not in s["context"] for s in given["sessions"])


def test_pages_hold_each_session_once(system: System, listed: dict[str, str]) -> None:
    """Page after page gives every session once, newest activity first."""
    cursor, rows = "", []
    for _ in range(20):
        given = system.api("GET", f"/sessions?{urlencode({'q': 'zebra', 'limit': 2, 'cursor': cursor})}")[1]
        assert len(given["sessions"]) <= 2
        rows += given["sessions"]
        cursor = given["next_cursor"]
        if not cursor:
            break

    assert not cursor
    assert sorted(listed.values()) == sorted(s["session_id"] for s in rows)
    assert [s["last_activity"] for s in rows] == sorted((s["last_activity"] for s in rows), reverse=True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("state=OPEN", "invalid_state"),
        ("channel=fax", "invalid_channel"),
        ("limit=0", "invalid_limit"),
        ("limit=501", "invalid_limit"),
        ("limit=ten", "invalid_limit"),
        ("cursor=x", "invalid_cursor"),
        ("cursor=12", "invalid_cursor"),
    ],
)
def test_what_cannot_be_listed(system: System, query: str, code: str) -> None:
    """A filter that cannot be meant is refused rather than guessed at."""
    assert (422, code) == refusal(system, "GET", f"/sessions?{query}")


def test_a_message_and_its_parts(system: System) -> None:
    """GET /messages shows a reply's parts with SID and delivery, what came in without any, and nothing else is found."""
    phone = "+15550600009"
    system.says(phone, "Hello there")
    system.reply(phone)
    asked, said = wait_for(
        lambda: (h := system.session(phone)["conversation_history"])[-1]["status"] == "delivered" and h,
        "delivery",
    )

    status, shown = system.api("GET", f"/messages/{said['id']}")

    assert 200 == status
    (part,) = shown.pop("parts")
    assert said == shown
    assert (f"{said['id']}-1", "delivered", said["metadata"]["twilio_message_sid"], None, 1) == tuple(
        part[name] for name in ("part_id", "status", "twilio_message_sid", "error_code", "attempts")
    )
    assert said["timestamp"] <= part["sent_at"]
    assert shown["id"] == system.api("GET", f"/messages/{part['part_id']}")[1]["id"]
    assert {**asked, "parts": []} == system.api("GET", f"/messages/{asked['id']}")[1]
    for unknown in ("x", UNKNOWN_ID, keys.make_id("m", "0123456789abcdef" * 2, 1), f"{asked['id']}99"):
        assert (404, "message_not_found") == refusal(system, "GET", f"/messages/{unknown}")


def test_what_a_waiting_message_is(web_alone: System) -> None:
    """A message that no turn has taken up yet can be looked at too."""
    phone = "+15550600010"
    web_alone.signed("/sms", [("MessageSid", "SM" + "6" * 32), ("From", phone), ("To", OURS), ("Body", "Hi"),
                              ("AccountSid", web_alone.env["TWILIO_ACCOUNT_SID"])])  # fmt: skip
    (inbox,) = [key for key in web_alone.redis.scan_iter("ringback:*:inbox:*")
                if phone == web_alone.redis.hget(key.replace(":inbox:", ":customer:"), "address")]  # fmt: skip
    entry = str(web_alone.redis.lindex(inbox, 0))
    name = keys.make_id("m", inbox.rpartition(":")[2], entry.split(" ", maxsplit=1)[0])

    status, shown = web_alone.api("GET", f"/messages/{name}")

    assert (200, "Hi", "received", []) == (status, shown["content"], shown["status"], shown["parts"])
    assert "Hi" in json.dumps(web_alone.api("GET", f"/privacy/export/{quote(phone)}")[1]["waiting_messages"])
