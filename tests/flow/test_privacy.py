"""What is held about a customer is shown whole, counted, and forgotten whole, over real processes and a real Redis."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
import redis
import requests

from tests.flow.shell import Shell
from tests.flow.staff import settled
from tests.flow.system import OURS, System, call, wait_for

SILENCE_S = 1.5  # longer than an answer takes; nothing comes when all is well
# Other files' customers wrote backslashes that escape nothing; they are looked through all the same.
pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")

READERS = {
    "string": "GET", "hash": "HGETALL", "list": "LRANGE 0 -1", "set": "SMEMBERS", "zset": "ZRANGE 0 -1",
    "stream": "XRANGE - +",
}  # fmt: skip
WORDS = ("Zebulon", "mornings", "7654321", "pomegranates")
DONE = ["received", "delivered"] * 2


def everything(system: System) -> dict[str, str]:
    """Every key of the server with all that it holds as text, compressed data of jobs too."""
    found: dict[str, str] = {}
    with redis.Redis.from_url(system.redis_server.url) as client:
        for key in client.scan_iter(count=1000):
            kind: Any = client.type(key)
            if kind != b"none":
                words = READERS[kind.decode()].split()
                found[key.decode("utf-8", "replace")] = " ".join(
                    _texts(client.execute_command(words[0], key, *words[1:]))
                )
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in _texts(one)]
    if isinstance(value, list | tuple | set):
        return [text for one in value for text in _texts(one)]
    if not isinstance(value, bytes):
        return [str(value)]
    try:
        value = zlib.decompress(value)
    except zlib.error:
        pass
    # JSON in JSON hides letters behind escapes.
    text = value.decode("utf-8", "replace")
    return [text, text.encode("utf-8", "replace").decode("unicode_escape", "replace")]


def traces(system: System, *words: str) -> dict[str, list[str]]:
    """Which keys hold each of these words, in any case."""
    held = {key: f"{key} {text}".casefold() for key, text in everything(system).items()}
    return {
        word: sorted(key for key, text in held.items() if word.casefold() in text)
        for word in words
        if any(word.casefold() in text for text in held.values())
    }


def numbers(phone: str) -> tuple[str, ...]:
    """A number as it may be written: whole, without +, national, with dashes."""
    return phone, phone[1:], phone[2:], f"{phone[2:5]}-{phone[5:8]}-{phone[8:]}"


def known(system: System, phone: str, words: tuple[str, ...] = WORDS) -> dict[str, Any]:
    """A customer of whom there is much to be known, in these words; what is held."""
    name, time_of_day, order, fruit = words
    system.says(phone, f"Hi, my name is {name} and I prefer deliveries in the {time_of_day}")
    system.reply(phone)
    trouble = f"I'm having trouble with my order #{order}, the {fruit} are missing"
    system.says(phone, trouble, channel="whatsapp")
    system.reply(phone, 2)
    return wait_for(
        lambda: (
            (h := export(system, phone))
            and [m["status"] for s in h["sessions"] for m in s["messages"]] == DONE
            and h
        ),
        "both answers",
    )


def export(system: System, phone: str) -> dict[str, Any]:
    status, held = system.api("GET", f"/privacy/export/{quote(phone)}")
    assert 200 == status, held
    return dict(held)


def forget(system: System, phone: str) -> dict[str, int]:
    status, given = system.api("DELETE", f"/privacy/delete/{quote(phone)}")
    assert (200, "Customer data deleted", {"message", "removed"}) == (status, given["message"], set(given))
    return dict(given["removed"])


def test_an_export_holds_everything(system: System) -> None:
    """An export has profile, sessions with messages, turns, events and the stored facts; by any way of writing."""
    phone = "+15550630001"
    held = known(system, phone)

    assert phone == held["customer"]["phone_number"]
    messages = [m for session in held["sessions"] for m in session["messages"]]
    assert ["inbound", "outbound", "inbound", "outbound"] == [m["direction"] for m in messages]
    assert "pomegranates" in messages[2]["content"] and phone == held["facts"]["address"]
    assert {m["id"] for m in messages} == {
        name for turn in held["turns"] for name in (*turn["message_ids"], *turn["reply_ids"])
    }
    assert {"session_started", "modality_switched", "entities_extracted"} <= {
        e["type"] for e in held["events"]
    }
    assert "7654321" in json.dumps(held["sessions"][-1]["extracted_entities"])
    assert held["customer"] == export(system, "(555) 063-0001")["customer"]


def test_a_deletion_leaves_no_trace(system: System) -> None:
    """After a deletion no key and no value of the whole server has the number, in any writing, or a word that was said."""
    phone, other = "+15550630002", "+15550630003"
    words = ("Ezekiel", "evenings", "8642097", "persimmons")
    known(system, phone, words)
    before = known(system, other)
    assert {phone, *words} <= set(traces(system, phone, *words))  # a scan that finds nothing proves nothing

    removed = forget(system, phone)

    assert {"sessions": 1, "messages": 4, "turns": 2} == {
        n: removed[n] for n in ("sessions", "messages", "turns")
    }
    assert {} == traces(system, *numbers(phone), *words)
    assert before["sessions"] == export(system, other)["sessions"]
    assert 404 == system.api("GET", f"/session/{quote(phone)}")[0]
    assert phone not in json.dumps(system.api("GET", "/sessions?limit=500")[1])


def test_a_deletion_of_what_failed_and_what_waits(make_system: Callable[..., System]) -> None:
    """Failures, parts that wait to be sent again and messages that nobody has taken up go too."""
    running, phone = make_system(), "+15550630004"
    running.start()
    running.fault("error", code=21211, to=phone)
    running.says(phone, "A pomegranate please")
    wait_for(lambda: _failures(running), "the failure")
    running.fault("429", 99)
    running.says(phone, "And a quince please")
    wait_for(lambda: running.redis.keys("ringback:*:outbox:*"), "the part that waits")
    running.kill("worker", 15)
    running.says(phone, "And a medlar please")
    wait_for(lambda: running.redis.keys("ringback:*:inbox:*"), "the message that waits")
    words = ("pomegranate", "quince", "medlar")
    assert set(words) == set(traces(running, *words))

    removed = forget(running, phone)

    assert removed["failures"] == 1 and removed["jobs"] >= 1
    assert {} == traces(running, *numbers(phone), *words)
    assert ([], 0) == tuple(running.api("GET", "/admin/failures")[1][n] for n in ("failures", "total_open"))
    running.spawn("worker")
    running.ready("worker")
    time.sleep(SILENCE_S)
    assert {} == traces(running, *numbers(phone), *words)


def _failures(system: System) -> list[Any]:
    return list(system.api("GET", "/admin/failures")[1]["failures"])


def test_a_deletion_in_the_middle_of_a_turn(make_system: Callable[..., System]) -> None:
    """What a turn decides after its customer was deleted is neither stored nor sent, and late callbacks bring nothing back."""
    running, phone = make_system(), "+15550630005"
    running.start()
    running.says(phone, "Hello, a quince please")
    running.reply(phone)
    sid = wait_for(lambda: running.session(phone)["conversation_history"][-1], "the reply")["metadata"]
    running.model(latency_ms=2000)
    before = len(running.model_requests())
    running.says(phone, "And a medlar please")
    wait_for(lambda: len(running.model_requests()) > before, "the model to be asked")

    assert forget(running, phone)["messages"] == 3

    time.sleep(2 + SILENCE_S)
    status, _ = running.signed("/status", [
        ("MessageSid", sid["twilio_message_sid"]), ("MessageStatus", "read"), ("From", OURS), ("To", phone),
        ("AccountSid", running.env["TWILIO_ACCOUNT_SID"]),
    ])  # fmt: skip
    assert status in (200, 204)
    assert {} == traces(running, *numbers(phone), "quince", "medlar")
    assert 1 == len(running.replies(phone))
    assert 404 == running.api("GET", f"/privacy/export/{quote(phone)}")[0]

    running.model(latency_ms=0)
    running.says(phone, "Hello again")
    running.reply(phone, 2)
    assert 1 == len(wait_for(lambda: export(running, phone)["sessions"], "a stranger's session"))


def test_a_deletion_while_a_program_writes(system: System) -> None:
    """A change to a session that was read before its customer was deleted is refused, and brings nothing back."""
    phone = "+15550630006"
    session = system.api("POST", "/sessions", {"phone_number": phone})[1]["session"]["session_id"]
    forget(system, phone)

    for method, path, body in (
        ("PATCH", f"/sessions/{session}", {"context": {"word": "quince"}}),
        ("POST", f"/session/{session}/messages", {"body": "quince"}),
        ("POST", f"/session/{session}/handback", {"note": "quince"}),
    ):
        assert 404 == system.api(method, path, body)[0]
    assert {} == traces(system, *numbers(phone), "quince")


def test_nobody_is_deleted_twice(system: System) -> None:
    """Deleting is 200 again with zeros, for somebody deleted as for a number nobody knows; an export is 404 then."""
    phone = "+15550630007"
    system.api("POST", "/sessions", {"phone_number": phone, "initial_message": "Hi"})

    removed = forget(system, phone)
    assert (1, 1) == (removed["sessions"], removed["messages"])
    for number in (phone, "+15550639999"):
        assert {0} == set(forget(system, number).values())
        for path in ("/privacy/export/", "/admin/customer/"):
            tail = "/analytics" if "admin" in path else ""
            status, given = system.api("GET", f"{path}{quote(number)}{tail}")
            assert (404, "customer_not_found") == (status, given["error"]["code"])


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("DELETE", "/privacy/delete/hello", "invalid_phone_number"),
        ("GET", "/privacy/export/hello", "invalid_phone_number"),
        ("GET", "/admin/customer/hello/analytics", "invalid_phone_number"),
        ("DELETE", "/privacy/delete/hello?twilio=true", "invalid_phone_number"),
        ("DELETE", "/privacy/delete/+15557900006?twilio=on", "invalid_twilio"),
    ],
)
def test_what_cannot_be_deleted(system: System, method: str, path: str, code: str) -> None:
    """What is no number is refused before anything is removed."""
    if system.api("GET", "/session/%2B15550630008")[0] == 404:
        system.api("POST", "/sessions", {"phone_number": "+15550630008"})

    status, given = system.api(method, path)

    assert (422, code) == (status, given["error"]["code"])
    assert 200 == system.api("GET", "/session/%2B15550630008")[0]


def test_a_customer_in_numbers(system: System) -> None:
    """Analytics have the contract's fields, and the response time is what passed until Twilio took the answer."""
    phone = "+15550630009"
    known(system, phone)

    status, told = system.api("GET", f"/admin/customer/{quote(phone)}/analytics")

    assert (200, [
        "total_calls", "total_texts", "total_whatsapp", "total_messages", "avg_response_time", "satisfaction_score",
        "preferred_modality", "key_topics", "sessions", "first_seen", "last_seen",
    ]) == (status, list(told))  # fmt: skip
    assert (0, 2, 2, 4, 1, None) == tuple(
        told[n]
        for n in (
            "total_calls",
            "total_texts",
            "total_whatsapp",
            "total_messages",
            "sessions",
            "satisfaction_score",
        )
    )
    assert 0 < told["avg_response_time"] < 30
    assert told["first_seen"] <= told["last_seen"]


def test_export_and_forget_from_the_command_line(shell: Shell, system: System) -> None:
    """The commands show and delete the same; forgetting asks, and needs a yes."""
    phone = "+15550630010"
    held = known(system, phone)

    shown = shell.ringback("export", "(555) 063-0010")
    assert (0, "") == (shown.status, shown.err)
    assert held["sessions"][0]["messages"] == json.loads(shown.out)["sessions"][0]["messages"]
    refused = shell.ringback("forget", phone)
    assert (1, "") == (refused.status, refused.out)
    assert 200 == system.api("GET", f"/privacy/export/{quote(phone)}")[0]

    done = shell.ringback("forget", phone, "--yes")
    assert 0 == done.status
    assert {"sessions: 1", "messages: 4", "turns: 2"} <= set(done.out.splitlines())
    assert {} == traces(system, *numbers(phone))
    assert (1, 2) == (shell.ringback("export", phone).status, shell.ringback("export", "hello").status)
    assert 0 == shell.ringback("forget", phone, "--yes").status


def test_deletions_at_once_are_all_done(system: System) -> None:
    """Many deletions of one customer who keeps writing are each 200, and leave nothing."""
    phone = "+15550630011"
    jobs = 12
    for number in range(jobs):
        system.says(phone, f"A medlar, number {number}")
    with ThreadPoolExecutor(jobs) as pool:
        answers = list(
            pool.map(lambda _: system.api("DELETE", f"/privacy/delete/{quote(phone)}"), range(jobs))
        )

    assert {200} == {status for status, _ in answers}
    time.sleep(SILENCE_S)
    forget(system, phone)
    assert {} == traces(system, *numbers(phone), "medlar")


# At Twilio


def upload(system: System) -> dict[str, Any]:
    """A picture on the phone page."""
    data = {"file": ("order.jpg", b"\xff\xd8\xff\xe0" + b"0" * 100, "image/jpeg")}
    answer = requests.post(f"{system.simulator}/phone/media", files=data, timeout=10)
    assert 201 == answer.status_code
    return dict(answer.json())


def pictured(system: System, phone: str) -> dict[str, Any]:
    """A customer who sent a text, and a picture by WhatsApp, and has both answers; the picture."""
    picture = upload(system)
    system.says(phone, "Hello")
    system.reply(phone)
    system.says(phone, "My order", channel="whatsapp", media=[picture])
    system.reply(phone, 2)
    wait_for(
        lambda: all(m["status"] in ("received", "delivered") for m in system.messages(phone)), "callbacks"
    )
    settled(system, phone)
    return picture


def forget_everywhere(system: System, phone: str) -> tuple[int, dict[str, Any]]:
    return system.api("DELETE", f"/privacy/delete/{quote(phone)}?twilio=true")


def test_a_deletion_at_twilio(system: System) -> None:
    """With twilio=true Twilio's copies go too, of what came and of what we said, pictures among them; others' stay."""
    phone, other = "+15557900001", "+15557900002"
    system.says(other, "Hello")
    system.reply(other)
    picture = pictured(system, phone)
    status, given = forget_everywhere(system, phone)

    assert (200, "Customer data deleted", 4) == (status, given["message"], given["removed"]["messages"])
    told = {"deleted": {"messages": 4, "media": 1, "calls": 0}, "not_deleted": 0, "left": []}
    assert told == given["twilio"]
    assert ([], 2) == (system.messages(phone), len(system.messages(other)))
    assert 404 == call("GET", system.simulator + picture["url"])[0]
    assert {} == traces(system, *numbers(phone))
    again = forget_everywhere(system, phone)[1]["twilio"]
    assert {"messages": 0, "media": 0, "calls": 0} == again["deleted"]


REFUSING: dict[str, tuple[str, dict[str, Any]]] = {
    "+15557900003": ("error", {"code": 20003, "status": 401}),
    "+15557900007": ("500", {"count": 2}),  # of both messages
    "+15557900008": ("error", {"code": 20429, "status": 429, "count": 2}),
}


@pytest.mark.parametrize("phone", REFUSING)
def test_a_twilio_that_deletes_nothing(system: System, phone: str) -> None:
    """A Twilio that refuses the account, or every deletion, stops it before it has begun: it can be asked for again."""
    system.says(phone, "Hello")
    system.reply(phone)
    settled(system, phone)
    kind, how = REFUSING[phone]
    system.fault(kind, on="delete", **how)
    status, given = forget_everywhere(system, phone)

    assert (503, "twilio_unavailable") == (status, given["error"]["code"])
    assert 2 == len(export(system, phone)["sessions"][0]["messages"])
    assert 200 == forget_everywhere(system, phone)[0]
    assert [] == system.messages(phone)


def test_what_twilio_keeps_is_told(system: System) -> None:
    """What cannot be deleted at Twilio is named with the reason; ours is deleted all the same."""
    phone = "+15557900004"
    system.says(phone, "Hello")
    system.reply(phone)
    wait_for(lambda: system.messages(phone, "outbound-api")[0]["status"] == "delivered", "the callback")
    settled(system, phone)
    system.fault("500", count=2, skip=1, on="delete")  # of the second message, and when it is tried once more
    status, given = forget_everywhere(system, phone)
    [kept] = system.messages(phone)

    assert (200, {"messages": 1, "media": 0, "calls": 0}) == (status, given["twilio"]["deleted"])
    assert [{"sid": kept["sid"], "reason": "Twilio answers 500"}] == given["twilio"]["left"]
    assert 404 == system.api("GET", f"/privacy/export/{quote(phone)}")[0]


def test_forgetting_at_twilio_from_the_command_line(shell: Shell, system: System) -> None:
    """``ringback forget --twilio`` deletes there too, and counts it."""
    phone = "+15557900005"
    system.says(phone, "Hello")
    system.reply(phone)
    wait_for(lambda: system.messages(phone, "outbound-api")[0]["status"] == "delivered", "the callback")
    settled(system, phone)
    done = shell.ringback("forget", phone, "--yes", "--twilio")

    assert (0, True) == (done.status, "messages at Twilio: 2" in done.out)
    assert [] == system.messages(phone)
