"""WhatsApp's typing indicator and read receipt: seen while a turn thinks, and never in its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.settings import Settings, load_settings
from session.model import Channel, Customer, Direction, Message, Role
from session.whatsapp import WINDOW_MS
from tests.flow.scripted import Scripted, scripted
from tests.flow.system import OURS, System, call, wait_for
from workers.typing import THREADS, WAITING_MAX, Typing

NOW = 1_800_000_000_000
LANE = f"whatsapp|{OURS}"


def typings(system: System, customer: str) -> list[dict[str, Any]]:
    """What Twilio was asked for, as far as it has answered."""
    found = call("GET", f"{system.simulator}/_control/requests?on=typing")[1]["requests"]
    return [request for request in found if request["to"] == customer]


def test_a_message_is_read_and_typing_is_shown(system: System) -> None:
    """A customer on WhatsApp sees that the message was read; one by SMS costs Twilio no request."""
    customer, by_sms = "+15557700001", "+15557700002"
    sid = system.says(customer, "Hello", channel="whatsapp")["message_sid"]
    system.says(by_sms, "Hello")
    system.reply(customer)
    system.reply(by_sms)

    assert [(sid, 201)] == wait_for(
        lambda: [(request["sid"], request["status"]) for request in typings(system, customer)], "typing"
    )
    assert [True] == [message["read_at"] > 0 for message in system.messages(customer, "inbound")]
    assert [] == typings(system, by_sms)


def test_twilio_that_does_not_answer_delays_nothing(make_system: Callable[..., System]) -> None:
    """An answer is out while the request for the indicator still hangs, and after one that failed."""
    system, customer = make_system().start(), "+15557700003"
    system.fault("hang", on="typing", seconds=20)
    system.says(customer, "Hello", channel="whatsapp")
    system.reply(customer)

    assert [] == typings(system, customer)  # one that hangs is noted when it ends
    other = "+15557700004"
    system.fault("500", on="typing", to=other)
    system.says(other, "Hello", channel="whatsapp")
    system.reply(other)


def test_typing_can_be_turned_off(make_system: Callable[..., System]) -> None:
    """With WHATSAPP_TYPING=false nobody is told that a message was read."""
    system, customer = make_system(WHATSAPP_TYPING="false").start(), "+15557700005"
    system.says(customer, "Hello", channel="whatsapp")
    system.reply(customer)

    assert [0] == [message["read_at"] for message in system.messages(customer, "inbound")]
    assert [] == typings(system, customer)


# Against a server that a test moves


@pytest.fixture
def twilio_alone() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


def settings_of(origin: str) -> Settings:
    return load_settings(
        {
            "REDIS_URL": "redis://127.0.0.1:1/0", "PUBLIC_BASE_URL": "https://bot.example.com",
            "AI_PROVIDER": "mock", "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t" * 32,
            "TWILIO_PHONE_NUMBER": OURS, "ADMIN_API_KEY": "k" * 16, "CUSTOMER_ID_KEY": "k" * 16,
            "CONSOLE_PASSWORD": "k" * 16, "SECRET_KEY": "k" * 16, "TWILIO_API_BASE_URL": origin,
        },
        None,
        "worker",
    )  # fmt: skip


def said(number: int, channel: Channel = Channel.WHATSAPP, **extra: Any) -> Message:
    return Message(
        Direction.INBOUND, Role.USER, "hi", channel, "+15557700009", OURS, twilio_sid=f"SM{number:032x}",
        at=NOW, extra=extra,
    )  # fmt: skip


def heard(at: int = NOW) -> Customer:
    return Customer("c", "+15557700009", heard={LANE: at})


def test_a_refused_account_is_left_alone(twilio_alone: Scripted) -> None:
    """After Twilio refused the account, nothing more is asked for ten minutes; then once more."""
    twilio_alone.say({"code": 20003}, 401)
    clock = [0.0]
    typing = Typing(settings_of(twilio_alone.origin), lambda: clock[0])
    typing.begin(heard(), said(1), NOW)
    wait_for(lambda: typing._quiet_until > 0, "the refusal")
    typing.begin(heard(), said(2), NOW)
    clock[0] = 601.0
    typing.begin(heard(), said(3), NOW)
    wait_for(lambda: len(twilio_alone.asked) == 2, "another try")

    assert ["1", "3"] == [form["messageId"][-1] for *_, form in map(as_form, twilio_alone.asked)]


def as_form(asked: Any) -> tuple[str, dict[str, str]]:
    method, _, _, body = asked
    return method, dict(pair.split("=") for pair in str(body).split("&"))


LEFT_OUT = [
    (heard(NOW - WINDOW_MS - 1), said(1), "outside the window"),
    (heard(0), said(1), "WhatsApp said that it is closed"),
    (heard(), said(1, Channel.SMS), "by SMS"),
]


@pytest.mark.parametrize(("customer", "message", "why"), LEFT_OUT, ids=[case[2] for case in LEFT_OUT])
def test_nothing_is_asked(twilio_alone: Scripted, customer: Customer, message: Message, why: str) -> None:
    """Outside the window and on other channels there is nothing to show."""
    twilio_alone.say({"success": True}, 201)
    typing = Typing(settings_of(twilio_alone.origin))
    typing.begin(customer, message, NOW)
    typing.begin(heard(), said(2), NOW)
    wait_for(lambda: twilio_alone.asked, "the one that counts")

    assert ["2"] == [form["messageId"][-1] for *_, form in map(as_form, twilio_alone.asked)]


def test_a_crowd_is_bounded(twilio_alone: Scripted) -> None:
    """While Twilio hangs, a few requests wait and the others are left out; no more threads than a few are made."""
    twilio_alone.say({"success": True}, 201)
    twilio_alone.held.clear()
    typing = Typing(settings_of(twilio_alone.origin))
    typing.begin(heard(), said(0), NOW)
    has_failed = typing._quiet_until > 0  # had it waited for Twilio, the time-out would be known
    for number in range(1, 10 * WAITING_MAX):
        typing.begin(heard(), said(number), NOW)
    waiting = typing._waiting.qsize()
    twilio_alone.held.set()

    assert not has_failed
    assert THREADS == typing._threads
    assert waiting <= WAITING_MAX
