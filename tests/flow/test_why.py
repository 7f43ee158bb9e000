"""Why this reply: a turn is told from its id, its message's or its reply's, by the API and the command line."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from session import keys
from tests.flow.shell import Shell
from tests.flow.system import OURS, System, wait_for


def answered(system: System, phone: str) -> list[dict[str, Any]]:
    """A customer's question and its delivered answer."""
    system.says(phone, "Hi, I'm having trouble with my order #12345")
    system.reply(phone)
    return list(wait_for(
        lambda: (h := system.session(phone)["conversation_history"])[-1]["status"] == "delivered" and h, "delivery"
    ))  # fmt: skip


def test_a_turn_is_told(system: System) -> None:
    """A turn names its messages, decisions, what the model was shown, tokens and times, and each part with its delivery."""
    asked, said = answered(system, "+15550869001")

    status, turn = system.api("GET", f"/turns/{said['id']}")

    assert 200 == status
    assert (asked["session_id"], "answer", f"sms|{OURS}") == (turn["session_id"], turn["kind"], turn["lane"])
    assert ([asked["id"]], [said["id"]]) == (turn["message_ids"], turn["reply_ids"])
    assert (asked["content"], said["content"]) == (
        turn["messages"][0]["content"],
        turn["replies"][0]["content"],
    )
    assert [("delivered", said["metadata"]["twilio_message_sid"])] == [
        (part["status"], part["twilio_message_sid"]) for part in turn["replies"][0]["parts"]
    ]
    assert "the model is asked" in turn["decisions"]
    assert "SMS segments of the reply: 1 (GSM-7)" in turn["decisions"]
    assert asked["id"] in turn["shown"]["message_ids"]
    assert turn["model"]["calls"] == 1 and turn["model"]["input_tokens"] > 0 and turn["model"]["name"]
    assert turn["began_at"] <= turn["committed_at"] and turn["duration_ms"] >= 0
    for name in (asked["id"], turn["turn_id"], turn["replies"][0]["parts"][0]["part_id"]):
        assert turn == system.api("GET", f"/turns/{name}")[1]


def test_a_turn_that_asked_no_model(system: System) -> None:
    """A turn without a model tells what it did instead."""
    phone = "+15550869002"
    answered(system, phone)
    system.api("POST", f"/session/{quote(phone)}/handoff")
    system.says(phone, "Is anybody there?")
    message = wait_for(lambda: system.session(phone)["conversation_history"][2:], "the message")[0]

    turn = wait_for(
        lambda: (t := system.api("GET", f"/turns/{message['id']}"))[0] == 200 and t[1], "the turn"
    )

    assert ("silent", [], 0) == (turn["kind"], turn["replies"], turn["model"]["calls"])


@pytest.mark.parametrize(
    "name",
    ["x", "1", keys.make_id("t", "0123456789abcdef" * 2, 7), keys.make_id("s", "0123456789abcdef" * 2, 7)],
)
def test_a_turn_nobody_knows(system: System, shell: Shell, name: str) -> None:
    """Anything but a turn or a message of one is 404, and status 1 on the command line."""
    status, given = system.api("GET", f"/turns/{name}")

    assert (404, "turn_not_found") == (status, given["error"]["code"])
    ended = shell.ringback("why", name)
    assert (1, "") == (ended.status, ended.out)
    assert "no such turn" in ended.err


def test_why_in_plain_lines(shell: Shell, system: System) -> None:
    """``ringback why`` tells the story in lines: the question, decisions, model, tokens, the answer and its part."""
    asked, said = answered(system, "+15550869003")
    turn = system.api("GET", f"/turns/{said['id']}")[1]

    ended = shell.ringback("why", said["id"])

    assert (0, "") == (ended.status, ended.err)
    for words in (
        turn["turn_id"], asked["content"], "1. ", "the model is asked", turn["model"]["name"],
        f"{turn['model']['input_tokens']} in", said["content"], "delivered", said["metadata"]["twilio_message_sid"],
    ):  # fmt: skip
        assert words in ended.out
    assert ended.out == shell.ringback("why", asked["id"]).out


def test_what_was_said_does_not_steer_a_terminal(shell: Shell, system: System) -> None:
    """Control characters of a customer are blanks in the story."""
    phone = "+15550869004"
    system.says(phone, "Hello \x1b[31mred\x07 order #12345")
    system.reply(phone)
    message = system.session(phone)["conversation_history"][0]

    out = wait_for(lambda: shell.ringback("why", message["id"]).out, "the turn")

    assert "\x1b" not in out and "\x07" not in out and "red" in out
