"""Messages by program, the account's senders, WhatsApp's window and simulated messages, over real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from session import keys
from tests.flow.system import ID_KEY, OURS, PROJECT, System, call, free_port, wait_for

OURS_TOO, VERIFIED, STRANGER = "+15550002222", "+15557654321", "+15558880000"
LATE_SID, SHIPPED_SID, SHIPPED_ES = "HX" + "a" * 32, "HX" + "b" * 32, "HX" + "c" * 32
DAY_MS = 86_400_000

AGENT = f"""
name = "Shop"
instructions = "You answer for a shop."

[[templates]]
name = "order_shipped"
content_sid = "{SHIPPED_SID}"
variables = ["1", "2"]
text = "Hello {{{{1}}}}, order {{{{2}}}} has shipped."

[[templates]]
name = "order_shipped"
content_sid = "{SHIPPED_ES}"
language = "es"
variables = ["1", "2"]
"""
LATE = f"""
[[templates]]
name = "late_reply"
content_sid = "{LATE_SID}"
variables = ["1"]
text = "We have an answer for you: {{{{1}}}}"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A shop with templates and two numbers: the second one's agent has nothing for late answers."""
    folder = tmp_path_factory.mktemp("agents")
    (folder / "shop.toml").write_text(AGENT + LATE, encoding="utf-8")
    (folder / "plain.toml").write_text(f'numbers = ["{OURS_TOO}"]\n{AGENT}', encoding="utf-8")
    running = System(
        tmp_path_factory.mktemp("shop"), AGENTS_DIR=str(folder), DEFAULT_AGENT_ID="shop",
        SIMULATOR_CALLER_IDS=VERIFIED,
    )  # fmt: skip
    try:
        yield running.start()
    finally:
        running.stop()


def said(system: System, phone: str, **given: Any) -> dict[str, Any]:
    status, answer = system.api("POST", "/messages", {"to": phone, **given})
    assert status == 202, answer
    return dict(answer)


def refusal(system: System, path: str, given: Any) -> tuple[int, str]:
    status, answer = system.api("POST", path, given)
    assert answer["error"]["message"].endswith((".", "?"))
    return status, answer["error"]["code"]


def settled(system: System, message_id: str, *wanted: str) -> dict[str, Any]:
    """A message once it is delivered, or ``wanted``."""

    def look() -> Any:
        shown = system.api("GET", f"/messages/{message_id}")[1]
        return shown if shown["status"] in (wanted or ("delivered",)) else None

    return dict(wait_for(look, f"{wanted or 'delivered'}"))


def failures_of(system: System, phone: str) -> list[dict[str, Any]]:
    """The customer's open failures, waited for: a callback's reason is stored a step after its status."""

    def look() -> list[dict[str, Any]]:
        failures = system.api("GET", "/admin/failures")[1]["failures"]
        return [failure for failure in failures if failure["phone_number"] == phone]

    return list(wait_for(look, "the failure"))


def set_heard(system: System, phone: str, ms_ago: int, ours: str = OURS) -> None:
    """Let the customer have written on WhatsApp so long ago."""
    from session.address import customer_id

    key = keys.customer_key("customer", customer_id(ID_KEY, phone))
    seconds = int(system.redis.time()[0])  # type: ignore[index]
    assert system.redis.hexists(key, f"heard:whatsapp|{ours}")
    system.redis.hset(key, f"heard:whatsapp|{ours}", seconds * 1000 - ms_ago)


def test_a_program_begins_a_conversation(shop: System) -> None:
    """A message to somebody new opens a session of the assistant's, goes out once, and the answer to it is the assistant's."""
    phone = "+15550830001"
    message = said(shop, phone, body="Your order has **shipped**.")

    assert ("outbound", "agent", "operator", "queued", "sms") == (
        message["direction"], message["role"], message["metadata"]["generated_by"], message["status"],
        message["channel"],
    )  # fmt: skip
    assert (OURS, phone) == (message["metadata"]["from_number"], message["metadata"]["to_number"])
    shown = settled(shop, message["id"])
    assert [shown["metadata"]["twilio_message_sid"]] == [m["sid"] for m in shop.messages(phone)]
    assert ["Your order has **shipped**."] == shop.replies(phone)
    session = shop.session(phone)["session"]
    assert (message["session_id"], "ACTIVE", "assistant", 1) == (
        session["session_id"], session["state"], session["handled_by"], session["message_count"],
    )  # fmt: skip

    shop.says(phone, "Which order?")
    shop.reply(phone, 2)
    told = wait_for(lambda: (s := shop.session(phone))["message_count"] == 3 and s, "the assistant's answer")
    assert session["session_id"] == told["session"]["session_id"]
    assert ["agent", "user", "assistant"] == [m["role"] for m in told["conversation_history"]]


def test_a_program_goes_on_with_a_conversation(shop: System) -> None:
    """Messages in an open session stand in it, in order, each once, from the number that the customer knows."""
    phone = "+15550830002"
    shop.says(phone, "Hello", to=OURS_TOO)
    shop.reply(phone)
    bodies = [f"News {i}" for i in range(6)]
    sent = [said(shop, phone, body=body) for body in bodies]

    for message in sent:
        settled(shop, message["id"])
    assert bodies == shop.replies(phone)[1:]
    assert {OURS_TOO} == {m["ours"] for m in shop.messages(phone)}
    assert {shop.session(phone)["session"]["session_id"]} == {message["session_id"] for message in sent}


def test_a_program_says_from_which_number(shop: System) -> None:
    """Any number of the account may send; each is a lane of its own."""
    phone = "+15550830003"
    one = said(shop, phone, body="From the first", **{"from": "(555) 000-1111"})
    two = said(shop, phone, body="From the second", **{"from": OURS_TOO})

    assert (OURS, OURS_TOO) == (one["metadata"]["from_number"], two["metadata"]["from_number"])
    settled(shop, two["id"])
    assert {OURS, OURS_TOO} == {m["ours"] for m in shop.messages(phone)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"to": "+15550830009"}, (422, "missing_field")),
        ({"body": "x"}, (422, "missing_field")),
        ({"to": "nobody", "body": "x"}, (422, "invalid_phone_number")),
        ({"to": 15550830009, "body": "x"}, (422, "invalid_to")),
        ({"to": OURS, "body": "x"}, (422, "own_number")),
        ({"to": "US.12345", "body": "x"}, (422, "invalid_phone_number")),
        ({"to": "+15550830009", "body": " \n"}, (422, "empty_body")),
        ({"to": "+15550830009", "body": "x" * 7501}, (422, "body_too_long")),
        ({"to": "+15550830009", "body": "x" * 9000}, (422, "body_too_long")),
        ({"to": "+15550830009", "body": ["x"]}, (422, "invalid_body")),
        ({"to": "+15550830009", "body": "x", "channel": "pigeon"}, (422, "invalid_channel")),
        ({"to": "whatsapp:+15550830009", "body": "x", "channel": "sms"}, (422, "invalid_channel")),
        ({"to": "+15550830009", "body": "x", "from": STRANGER}, (422, "not_a_sender")),
        ({"to": "+15550830009", "body": "x", "from": "SHOP"}, (422, "not_a_sender")),
        ({"to": "+15550830009", "body": "x", "from": VERIFIED}, (422, "not_a_sender")),
        ({"to": "+15550830009", "body": "x", "from": OURS_TOO, "channel": "whatsapp"}, (422, "not_a_sender")),
        ({"to": "+15550830009", "body": "x", "channel": "whatsapp"}, (422, "outside_window")),
        ({"to": "+15550830009", "template": {"name": "order_shipped"}}, (422, "invalid_template")),
        ({"to": "+15550830009", "body": "x", "urgent": True}, (422, "unknown_field")),
        (
            {"to": "+15550830009", "channel": "whatsapp", "template": {"name": "nothing"}},
            (422, "unknown_template"),
        ),
        (
            {
                "to": "+15550830009",
                "channel": "whatsapp",
                "template": {"name": "order_shipped", "variables": {"1": "Ana"}},
            },
            (422, "invalid_template"),
        ),
        (
            {"to": "+15550830009", "channel": "whatsapp", "template": {"content_sid": "HX1"}},
            (422, "invalid_template"),
        ),
    ],
)
def test_what_is_not_sent(shop: System, given: dict[str, Any], expected: tuple[int, str]) -> None:
    """Each kind of fault is refused with its code and a sentence; nothing is opened and nothing goes out."""
    assert expected == refusal(shop, "/messages", given)
    assert 404 == shop.api("GET", "/session/%2B15550830009")[0]
    assert [] == shop.messages("+15550830009")


def test_a_verified_caller_id_is_refused_with_the_reason(shop: System) -> None:
    """What Twilio would refuse for a text is refused before, and the sentence says that the number is for calls."""
    answer = shop.api("POST", "/messages", {"to": "+15550830010", "body": "x", "from": VERIFIED})[1]

    assert "verified caller ID" in answer["error"]["message"]
    assert "calls" in answer["error"]["message"]


def test_nobody_is_written_to_who_opted_out(shop: System) -> None:
    """After STOP a program's message is refused, and after START it goes again."""
    phone = "+15550830011"
    shop.says(phone, "STOP")
    wait_for(
        lambda: (422, "opted_out") == refusal(shop, "/messages", {"to": phone, "body": "x"}), "the opt-out"
    )
    assert 202 == shop.api("POST", "/messages", {"to": phone, "body": "Other number", "from": OURS_TOO})[0]

    shop.says(phone, "START")
    wait_for(lambda: 202 == shop.api("POST", "/messages", {"to": phone, "body": "x"})[0], "the end of it")


def test_without_twilio_no_other_sender_can_be_checked(shop: System) -> None:
    """While Twilio is away, 503 with Retry-After for a sender that must be asked for; our own default needs no asking."""
    address = f"127.0.0.1:{free_port()}"
    web = shop.spawn("web", "blind", TWILIO_API_BASE_URL="http://127.0.0.1:9", RINGBACK_BIND=address)
    try:
        base = f"http://{address}"
        wait_for(lambda: _lives(base), "the other web")
        key = {"Authorization": f"Bearer {shop.env['ADMIN_API_KEY']}"}
        given = {"to": "+15550830012", "body": "x", "from": OURS_TOO}
        status, answer = call("POST", f"{base}/messages", given, key)
        assert (503, "twilio_unavailable") == (status, answer["error"]["code"])
        assert 202 == call("POST", f"{base}/messages", {"to": "+15550830012", "body": "x"}, key)[0]
    finally:
        web.terminate()
        web.wait(20)
        shop.processes.pop("blind")


def _lives(base: str) -> bool:
    try:
        return call("GET", f"{base}/health")[0] == 200
    except OSError:
        return False


def test_inside_the_window_a_program_writes_freely(shop: System) -> None:
    """Within a day of the customer's message free text goes by WhatsApp; after it, to the moment, none does."""
    phone = "+15550830013"
    shop.says(phone, "Hello", channel="whatsapp")
    shop.reply(phone)
    message = said(shop, phone, body="It is on its way", channel="whatsapp")

    assert "delivered" == settled(shop, message["id"], "delivered", "read")["status"]
    set_heard(shop, phone, DAY_MS + 60_000)
    draft = {"to": phone, "body": "Still there?", "channel": "whatsapp"}
    assert (422, "outside_window") == refusal(shop, "/messages", draft)
    session = shop.session(phone)["session"]["session_id"]
    assert (422, "outside_window") == refusal(shop, f"/session/{session}/messages", {"body": "Still there?"})


def test_outside_the_window_a_template_goes(shop: System) -> None:
    """To somebody who never wrote a template goes by SID and variables, and the record says its words."""
    phone = "+15550830014"
    template = {"name": "order_shipped", "variables": {"1": "Ana\n María", "2": "12345"}}
    message = said(shop, phone, channel="whatsapp", template=template)

    assert "Hello Ana María, order 12345 has shipped." == message["content"]
    assert ("order_shipped", SHIPPED_SID) == (
        message["metadata"]["template"], message["metadata"]["content_sid"]
    )  # fmt: skip
    assert "delivered" == settled(shop, message["id"])["status"]
    (sent,) = shop.messages(phone)
    assert (SHIPPED_SID, f"whatsapp:{phone}") == (sent["content_sid"], sent["to"])
    assert '{"1": "Ana María", "2": "12345"}' in sent["body"]

    by_sid = said(
        shop, f"whatsapp:{phone}", template={"content_sid": "HX" + "d" * 32, "variables": {"name": "Ana"}}
    )
    assert "whatsapp" == by_sid["channel"]
    assert "delivered" == settled(shop, by_sid["id"])["status"]


def test_a_template_is_in_the_customers_language(shop: System) -> None:
    """Of templates of one name the one in the customer's language is sent."""
    phone = "+15550830015"
    shop.says(
        phone, "Hola, tengo un problema con mi pedido #12345, ¿me puede ayudar por favor?", channel="whatsapp"
    )
    shop.reply(phone)
    wait_for(lambda: shop.session(phone)["customer"]["language"] == "es", "the language")

    template = {"name": "order_shipped", "variables": {"1": "Ana", "2": "1"}}
    assert SHIPPED_ES == said(shop, phone, channel="whatsapp", template=template)["metadata"]["content_sid"]


def test_a_window_that_whatsapp_says_is_closed_is_learnt(shop: System) -> None:
    """63016 makes the part a failure that says so, and the next free text is refused before it is sent."""
    phone = "+15550830016"
    shop.says(phone, "Hello", channel="whatsapp")
    shop.reply(phone)
    set_heard(shop, phone, 3_600_000)
    shop.fault("failed", code=63016, to=f"whatsapp:{phone}")
    message = said(shop, phone, body="Too late", channel="whatsapp")

    shown = settled(shop, message["id"], "failed")
    assert 63016 == shown["error_code"]
    (failure,) = failures_of(shop, phone)
    assert ("window_closed", "Twilio 63016", False, message["session_id"]) == (
        failure["reason"], failure["last_error"], failure["retryable"], failure["session_id"]
    )  # fmt: skip
    draft = {"to": phone, "body": "And again", "channel": "whatsapp"}
    assert (422, "outside_window") == refusal(shop, "/messages", draft)

    shop.says(phone, "I am back", channel="whatsapp")
    wait_for(lambda: 202 == shop.api("POST", "/messages", draft)[0], "the window")


def test_a_refusal_at_once_is_learnt_too(shop: System) -> None:
    """63016 as the answer to the request: a failure that says so, and nothing more is tried."""
    phone = "+15550830017"
    shop.says(phone, "Hello", channel="whatsapp")
    shop.reply(phone)
    set_heard(shop, phone, 3_600_000)
    shop.fault("error", code=63016, to=f"whatsapp:{phone}")
    message = said(shop, phone, body="Too late", channel="whatsapp")

    assert 63016 == settled(shop, message["id"], "failed")["error_code"]
    assert ["outside_window"] == [failure["reason"] for failure in failures_of(shop, phone)]
    assert (422, "outside_window") == refusal(
        shop, "/messages", {"to": phone, "body": "x", "channel": "whatsapp"}
    )


@pytest.mark.parametrize(("ours", "late"), [(OURS, True), (OURS_TOO, False)])
def test_an_answer_that_comes_too_late(shop: System, ours: str, late: bool) -> None:
    """When the window closes while the model thinks, the agent's template carries the answer; without one it is a failure."""
    phone = f"+1555083002{int(late)}"
    shop.model(latency_ms=1500)
    try:
        shop.says(phone, "Where is my order #12345?", channel="whatsapp", to=ours)
        wait_for(lambda: shop.session(phone).get("message_count"), "the open session")
        set_heard(shop, phone, DAY_MS + 60_000, ours)
        answer = wait_for(lambda: _answer_of(shop, phone), "the answer")
    finally:
        shop.model(latency_ms=0)

    if late:
        status = settled(shop, answer["id"])["status"]
        (sent,) = [m for m in shop.messages(phone) if not m["direction"].startswith("inbound")]
        assert (LATE_SID, "delivered") == (sent["content_sid"], status)
        assert " ".join(answer["content"].split())[:30] in sent["body"]
    else:
        assert "failed" == settled(shop, answer["id"], "failed")["status"]
        assert ["outside_window"] == [failure["reason"] for failure in failures_of(shop, phone)]
        assert [] == shop.replies(phone)


def _answer_of(system: System, phone: str) -> Any:
    history = system.session(phone)["conversation_history"]
    return next((m for m in history if m["role"] == "assistant"), None)


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_a_simulated_message_goes_the_whole_way(shop: System, channel: str) -> None:
    """It is answered like a customer's, is marked, and the local Twilio knows of it: WhatsApp takes the answer."""
    phone = f"+1555083003{len(channel)}"
    given = {"from": phone, "body": f"Where is my order #12345? ({channel})", "channel": channel}
    status, message = shop.api("POST", "/simulate/inbound", given)

    assert (202, "inbound", True, channel) == (
        status, message["direction"], message["metadata"]["simulated"], message["channel"]
    )  # fmt: skip
    history = wait_for(
        lambda: (
            (h := shop.session(phone).get("conversation_history", []))
            and h[-1]["status"] == "delivered"
            and h
        ),
        "the answer",
    )
    assert (message["id"], True) == (history[-2]["id"], history[-2]["metadata"]["simulated"])
    assert given["body"] in [m["body"] for m in shop.messages(phone, "inbound")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"body": "x"}, (422, "missing_field")),
        ({"from": "+15550830019"}, (422, "missing_field")),
        ({"from": "+15550830019", "body": " "}, (422, "empty_body")),
        ({"from": "+15550830019", "body": "x" * 1601}, (422, "body_too_long")),
        ({"from": "nobody", "body": "x"}, (422, "invalid_phone_number")),
        ({"from": OURS, "body": "x"}, (422, "own_number")),
        ({"from": "+15550830019", "to": STRANGER, "body": "x"}, (422, "not_our_number")),
        ({"from": "+15550830019", "body": "x", "channel": "voice"}, (422, "needs_a_call")),
        ({"from": "+15550830019", "body": "x", "channel": "fax"}, (422, "invalid_channel")),
    ],
)
def test_what_cannot_be_simulated(shop: System, given: dict[str, Any], expected: tuple[int, str]) -> None:
    """Each kind of fault is refused, and nothing is taken in."""
    assert expected == refusal(shop, "/simulate/inbound", given)
    assert 404 == shop.api("GET", f"/session/{quote('+15550830019')}")[0]


def test_senders_are_listed_for_what_they_may_do(shop: System) -> None:
    """``ringback senders`` says of each number what it may be used for; a verified caller ID is for calls alone."""
    told = ringback(shop, "senders")

    rows = {line.split()[0]: line for line in told.splitlines()[1:]}
    assert {OURS, OURS_TOO, VERIFIED} == set(rows)
    assert "texts, WhatsApp, calls" in rows[OURS]
    assert "texts, calls" in rows[OURS_TOO]
    assert rows[VERIFIED].split()[1:] == ["calls", "verified", "caller", "ID"]


def ringback(system: System, *arguments: str) -> str:
    """What a command prints, run in a folder without a project."""
    empty = Path(system.folder) / "nowhere"
    (empty / ".ringback").mkdir(parents=True, exist_ok=True)
    program = [sys.executable, "-m", "console.cli", *arguments]
    env = {**system.env, "PYTHONPATH": str(PROJECT), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        program, cwd=empty, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
