"""The command line as a user has it: a process of its own, beside the real system and the local Twilio."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import shlex
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from console.commands_talk import reply_to, why_silent
from tests.flow.shell import Shell
from tests.flow.system import ACCOUNT, OURS, TOKEN, System, free_port, wait_for

# text


def test_text_prints_the_reply_alone(shell: Shell) -> None:
    """A text is answered on standard output, and nothing else stands there; the second knows the first."""
    phone = "+15550300001"
    first = shell.ringback("text", phone, "Hi, I'm having trouble with my order #12345")
    second = shell.ringback("text", "555-030-0001", "It hasn't shipped yet")

    assert (0, 0, "", "") == (first.status, second.status, first.err, second.err)
    assert "12345" in first.out and "12345" in second.out
    assert 1 == len(first.out.splitlines())


def test_text_by_whatsapp_and_to_another_number(shell: Shell, system: System) -> None:
    """The options choose the channel and the number of ours, and the reply comes back from there."""
    phone = "+15550300002"
    assert 0 == shell.ringback("text", phone, "Hello", "--whatsapp").status
    assert 0 == shell.ringback("text", phone, "Hello", "--to", "+15550002222").status

    sent = [(m["from"], m["to"]) for m in system.messages(phone, "outbound")]
    assert [(f"whatsapp:{OURS}", f"whatsapp:{phone}"), ("+15550002222", phone)] == sent


def test_text_that_is_not_answered(shell: Shell) -> None:
    """STOP is answered by Twilio and never by us: no reply on standard output, the reason on the other, status 1."""
    ended = shell.ringback("text", "+15550300003", "STOP")

    assert (1, "") == (ended.status, ended.out)
    assert "Twilio itself answered" in ended.err


def test_text_through_somebody_elses_local_twilio(shell: Shell, system: System) -> None:
    """Where the local Twilio has no levers, the signed webhook is posted straight to the web process."""
    ended = shell.ringback("text", "+15550300004", "Hello, order 777", TWILIO_API_BASE_URL=system.base)

    assert (0, "") == (ended.status, ended.err)
    assert "777" in ended.out


@pytest.mark.parametrize(
    "words", [("text", "+15550300005", "Hello"), ("curl", "/sms", "From=+15550300005", "Body=Hi")]
)
@pytest.mark.parametrize("origin", ["", "https://api.twilio.com", "http://127.0.0.1.example.com"])
def test_strangers_are_not_texted(shell: Shell, system: System, words: tuple[str, ...], origin: str) -> None:
    """Unless Twilio is on this machine nothing is sent and nothing is signed: status 2, and how to insist."""
    ended = shell.ringback(*words, TWILIO_API_BASE_URL=origin)

    assert (2, "") == (ended.status, ended.out)
    assert "--really" in ended.err
    assert [] == system.messages("+15550300005")


def test_really_insists(shell: Shell) -> None:
    """--really sends to the real Twilio's customers too: the webhook goes to PUBLIC_BASE_URL, the reply by the API."""
    ended = shell.ringback(
        "text", "+15550300006", "Hello", "--really", TWILIO_API_BASE_URL="https://api.twilio.com"
    )

    assert (0, "") == (ended.status, ended.err)
    assert ended.out.strip()


MESSAGE: dict[str, Any] = {
    "direction": "outbound",
    "role": "assistant",
    "metadata": {"twilio_message_sid": "SM9"},
}
ASKED = {"direction": "inbound", "role": "user", "metadata": {"twilio_message_sid": "SM1"}}
OTHER = {"direction": "inbound", "role": "user", "metadata": {"twilio_message_sid": "SM2"}}
NOTICE = {**MESSAGE, "role": "system", "content": "We are away."}


@pytest.mark.parametrize(
    ("history", "found"),
    [
        ([], False),
        ([MESSAGE], False),
        ([ASKED], False),
        ([MESSAGE, ASKED], False),
        ([ASKED, OTHER], False),
        ([ASKED, NOTICE], False),
        ([ASKED, MESSAGE], True),
        ([ASKED, OTHER, MESSAGE], True),
        ([ASKED, NOTICE, MESSAGE], True),
        ([OTHER, MESSAGE], False),
    ],
)
def test_which_message_is_the_reply(history: list[dict[str, Any]], found: bool) -> None:
    """The reply is what was said after the message was taken up; what stood before it and notices are not."""
    assert (MESSAGE if found else None) == reply_to("SM1", history)


@pytest.mark.parametrize(
    ("conversation", "said"),
    [
        ({}, "no worker has taken"),
        (
            {"conversation_history": [ASKED], "session": {"state": "WAITING_AGENT", "handled_by": "x"}},
            "a person",
        ),
        (
            {"conversation_history": [ASKED], "session": {"state": "ACTIVE", "handled_by": "operator"}},
            "a person",
        ),
        (
            {"conversation_history": [ASKED, NOTICE], "session": {"state": "ACTIVE", "handled_by": "x"}},
            "We are away",
        ),
        (
            {
                "conversation_history": [ASKED],
                "session": {"state": "ACTIVE", "handled_by": "x"},
                "customer": {"opted_out": [{}]},
            },
            "opted out",
        ),
        ({"conversation_history": [ASKED], "session": {"state": "ACTIVE", "handled_by": "x"}}, "recorded"),
    ],
)
def test_why_no_reply_came(conversation: dict[str, Any], said: str) -> None:
    """Without a reply the sentence says what the conversation shows of the reason."""
    assert said in why_silent("SM1", conversation)


# curl


def curled(printed: str) -> tuple[str, str, list[tuple[str, str]]]:
    """(URL, signature, fields) of a printed command, read as a shell reads it."""
    words = shlex.split(printed)
    fields = [words[i + 1].partition("=") for i, word in enumerate(words) if word == "--data-urlencode"]
    header = words[words.index("-H") + 1]
    url = next(word for word in words if word.startswith("http"))
    return url, header.partition(": ")[2], [(urllib.parse.unquote(n), v) for n, _, v in fields]


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/sms", ["From=+15550300011", 'Body=It\'s "me" & ünï $(x) `y` \\ !\nnew line']),
        ("/whatsapp", ["From=whatsapp:+15550300012", "Body=@file =x"]),
        ("/sms?a=b&c=%20d", ["From=+15550300013", "Odd [name]=1", "Body="]),
        ("/status", ["MessageStatus=delivered", "From=+15550001111", "To=+15550300014"]),
    ],
)
def test_curl_prints_what_twilio_would_send(
    shell: Shell, system: System, path: str, given: list[str]
) -> None:
    """The command survives the shell, carries the right signature and what Twilio never leaves out, and is taken."""
    ended = shell.ringback("curl", path, *given)

    url, signature, fields = curled(ended.out)
    text = url + "".join(name + value for name, value in sorted(fields))
    expected = base64.b64encode(hmac.digest(TOKEN.encode(), text.encode(), hashlib.sha1)).decode()
    assert (0, system.base + path, expected) == (ended.status, url, signature)
    assert {tuple(field.split("=", 1)) for field in given} <= set(fields)
    assert ACCOUNT == dict(fields)["AccountSid"]
    assert re.fullmatch(r"SM[0-9a-f]{32}", dict(fields)["MessageSid"])
    if "status" not in path:
        prefix = "whatsapp:" if "whatsapp" in path else ""
        assert prefix + OURS == dict(fields)["To"]
    assert 200 == system.signed(path, fields)[0]


def test_what_is_given_to_curl_is_not_filled_in(shell: Shell) -> None:
    """Fields that are given stay as they are, empty ones too."""
    given = ["MessageSid=SM1", "AccountSid=AC1", "To=", "NumMedia=9", "From=", "Body=x"]
    fields = curled(shell.ringback("curl", "/sms", *given).out)[2]

    assert given == [f"{name}={value}" for name, value in fields]


@pytest.mark.parametrize(
    "words",
    [
        ("curl",), ("curl", "sms", "From=+1"), ("curl", "/sms", "Body=x"), ("curl", "/sms", "From"), ("curl", "/sms", "=x"),
        ("text", "+15550300001"), ("text", "nobody", "hi"), ("text", "12", "hi"), ("show",), ("show", "nobody"),
        ("sessions", "--limit", "0"), ("dance",), ("sweep", "now"),
    ],
)  # fmt: skip
def test_usage(shell: Shell, words: tuple[str, ...]) -> None:
    """A command line that makes no sense is status 2, with nothing on standard output."""
    ended = shell.ringback(*words)

    assert (2, "") == (ended.status, ended.out)
    assert ended.err


@pytest.mark.parametrize(
    "command", ["", "doctor", "init", "text", "curl", "sessions", "show", "sweep", "failures", "retry"]
)
def test_help(bare: Shell, command: str) -> None:
    """Every command explains itself, with an example, where nothing is set up."""
    ended = bare.ringback(*filter(None, [command]), "--help")

    assert (0, "") == (ended.status, ended.err)
    assert (
        (f"ringback {command}" in ended.out.partition("Example:")[2]) if command else ("doctor" in ended.out)
    )


# sessions, show, sweep


def test_looking_into_a_conversation(shell: Shell) -> None:
    """show tells messages, entities, why sessions were opened or reused; --keys what stands behind it in Redis."""
    phone = "+15550300021"
    shell.ringback("text", phone, "Hi, I'm having trouble with my order #4711")
    shell.ringback("text", phone, "It hasn't shipped yet\u202e!")
    listed, shown = shell.ringback("sessions"), shell.ringback("show", phone)
    with_keys = shell.ringback("show", "5550300021", "--keys")

    assert [0, 0, 0] == [ended.status for ended in (listed, shown, with_keys)]
    assert re.search(rf"^{re.escape(phone)} +ACTIVE +assistant +sms +4 ", listed.out, re.MULTILINE)
    for expected in (
        "order_number = 4711",
        "customer  Hi, I'm having trouble with my order #4711  [opened: first message]",
        "It hasn't shipped yet !  [reused: last message",
        "4 (2 in, 2 out)",
        "* 20",
        "4 messages: first message",
    ):
        assert expected in shown.out
    assert "\u202e" not in shown.out  # it would turn the rest of the line around
    assert with_keys.out.startswith(shown.out.partition("\n")[0])
    assert re.search(r"ringback:\{p\d\d\}:sessions:[0-9a-f]{32}  hash  TTL \d+ s", with_keys.out)
    assert re.search(r"ringback:\{p\d\d\}:active  zset  no TTL", with_keys.out)
    record = json.loads(with_keys.out[with_keys.out.index("{\n") :])
    assert ("ACTIVE", "default-agent") == (record["state"], record["agent_id"])


def test_show_of_an_id(shell: Shell, system: System) -> None:
    """A session's id does as well as a number; an id nobody has is status 1, as is a number."""
    phone = "+15550300022"
    shell.ringback("text", phone, "Hello")
    session_id = system.session(phone)["session"]["session_id"]

    assert f"Session   {session_id}" in shell.ringback("show", session_id).out
    for unknown in (session_id[:-1] + "99999", "+15550309999"):
        ended = shell.ringback("show", unknown)
        assert (1, "") == (ended.status, ended.out)
        assert 1 == len(ended.err.splitlines())


def test_sweep_prints_both_counts(shell: Shell, system: System) -> None:
    """sweep does what the clock does, and says how many sessions idled and how many expired."""
    phone = "+15550300023"
    shell.ringback("text", phone, "Hello")
    assert "idle: 0\nexpired: 0\n" == shell.ringback("sweep").out
    state = system.session(phone)["session"]["state"]
    assert "ACTIVE" == state


def test_sweep_moves_what_is_due(make_system: Any, tmp_path: Path) -> None:
    """Without a clock, sweep idles and then expires what has been quiet for long enough."""
    quiet = make_system(SESSION_TIMEOUT_MINUTES="0.02", SESSION_EXPIRE_HOURS="0.001").start(
        "simulator", "web", "worker"
    )
    shell = Shell(tmp_path, quiet.env)
    phone = "+15550300024"
    assert 0 == shell.ringback("text", phone, "Hello").status

    counts = [0, 0]
    swept = re.compile(r"idle: (\d)\nexpired: (\d)\n")

    def both() -> bool:
        found = swept.fullmatch(shell.ringback("sweep").out)
        assert found
        for place in (0, 1):
            counts[place] += int(found[place + 1])
        return counts[1] == 1

    wait_for(both, "an expired session")
    assert [1, 1] == counts
    assert "expired" == quiet.session(phone)["session"]["end_reason"]
    assert "No active sessions." in shell.ringback("sessions").out


# Finding the system


def test_the_running_system_is_found_by_its_state_folder(system: System, bare: Shell) -> None:
    """From a folder where make run wrote down what it runs, the commands need no settings."""
    run = {
        "pid": os.getpid(),
        "base_url": system.base,
        "simulator_url": system.simulator,
        "environment": {k: v for k, v in system.env.items() if k not in ("PATH", "HOME", "LANG")},
    }
    (bare.folder / ".ringback" / "run.json").write_text(json.dumps(run))
    (bare.folder / ".env").write_text(
        "ADMIN_API_KEY=another-key-0123456789\nTWILIO_API_BASE_URL=https://api.twilio.com\n"
    )

    ended = bare.ringback("text", "+15550300031", "Hello")

    assert (0, "") == (ended.status, ended.err)
    assert ended.out.strip()


@pytest.mark.parametrize("left", [None, {"pid": 2**22 + 1, "base_url": "x", "environment": {}}, "garbage"])
@pytest.mark.parametrize(
    "words", [("text", "+15550300032", "Hello"), ("sessions",), ("curl", "/sms", "From=+1")]
)
def test_nothing_runs(bare: Shell, left: Any, words: tuple[str, ...]) -> None:
    """Where nothing is set up and nothing runs, whatever a dead run left behind, one sentence says what to do."""
    if left:
        (bare.folder / ".ringback" / "run.json").write_text(json.dumps(left))

    ended = bare.ringback(*words)

    assert (1, "", "Ringback does not run here: start it with make run.\n") == (
        ended.status,
        ended.out,
        ended.err,
    )


@pytest.mark.parametrize("words", [("sessions",), ("show", "+15550300033"), ("sweep",)])
def test_redis_away(shell: Shell, words: tuple[str, ...]) -> None:
    """Without Redis a command is one sentence and status 1."""
    ended = shell.ringback(*words, REDIS_URL=f"redis://:hidden-password@127.0.0.1:{free_port()}/0")

    assert (1, "") == (ended.status, ended.out)
    assert 1 == len(ended.err.splitlines())
    assert "hidden-password" not in ended.err


def test_web_away(shell: Shell, system: System) -> None:
    """Where web does not answer, text says so in one sentence, status 1."""
    ended = shell.ringback(
        "text",
        "+15550300034",
        "Hi",
        PUBLIC_BASE_URL=f"http://127.0.0.1:{free_port()}",
        TWILIO_API_BASE_URL=system.base,
    )

    assert (1, "", 1) == (ended.status, ended.out, len(ended.err.splitlines()))


def test_faulty_settings(shell: Shell) -> None:
    """Faults of settings are told all at once, by name, without their values, and the status is 2."""
    ended = shell.ringback("sessions", SESSION_TIMEOUT_MINUTES="soon-secret", SECRET_KEY="short-secret")

    assert (2, "") == (ended.status, ended.out)
    assert "SESSION_TIMEOUT_MINUTES" in ended.err and "SECRET_KEY" in ended.err
    assert "secret" not in ended.err
