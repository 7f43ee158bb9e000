"""``ringback call``: a caller without a phone, beside the real system and the local Twilio."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flow.shell import Shell
from tests.flow.system import OURS, System, call, free_port


def calls_of(system: System, customer: str) -> list[dict[str, Any]]:
    found = call("GET", f"{system.simulator}/_control/calls")[1]["calls"]
    return [each for each in found if each["customer"] == customer]


def test_call_prints_the_answer_alone(shell: Shell, system: System) -> None:
    """What is answered stands on standard output, without greeting and hold, and the caller has hung up then."""
    phone = "+15557710001"
    ended = shell.ringback("call", phone, "Hi, where is my order #12345?")
    (placed,) = calls_of(system, phone)
    said = [line["text"] for line in placed["transcript"] if line["kind"] == "say"]

    assert (0, "") == (ended.status, ended.err), ended
    assert "12345" in ended.out.replace(" ", "")  # a voice says it key by key
    assert (
        said[0] not in ended.out.splitlines()
        and ended.out.splitlines() == said[-len(ended.out.splitlines()) :]
    )
    assert ("completed", OURS) == (placed["status"], placed["to"])
    assert [] == [line["text"] for line in placed["transcript"] if line["kind"] in ("warning", "error")]


def test_call_of_somebody_known(shell: Shell, system: System) -> None:
    """Who texted before is the same customer on the phone."""
    phone = "+15557710002"
    assert 0 == shell.ringback("text", phone, "Hi, I'm having trouble with my order #777").status
    assert 0 == shell.ringback("call", phone, "Any update on my order?", "--to", "+15550002222").status
    session = system.session(phone)

    channels = [message["channel"] for message in session["conversation_history"]]
    assert {"sms", "voice"} == set(channels)


def test_call_of_nobody(shell: Shell, system: System) -> None:
    """A caller who withholds the number is answered."""
    ended = shell.ringback("call", "anonymous", "Where is order #4712?")

    assert (0, "") == (ended.status, ended.err)
    assert "4712" in ended.out.replace(" ", "")


@pytest.mark.parametrize("origin", ["", "https://api.twilio.com", "http://127.0.0.1.example.com"])
def test_strangers_are_not_called(shell: Shell, origin: str) -> None:
    """Off loopback there is nobody who could call for a customer, so it is refused before anything happens."""
    ended = shell.ringback("call", "+15557710003", "Hello", TWILIO_API_BASE_URL=origin)

    assert (2, "") == (ended.status, ended.out)
    assert "make run" in ended.err


def test_call_through_somebody_elses_local_twilio(shell: Shell, system: System) -> None:
    """A Twilio on loopback without our levers cannot call, and that is said."""
    ended = shell.ringback("call", "+15557710004", "Hello", TWILIO_API_BASE_URL=system.base)

    assert (1, "") == (ended.status, ended.out)
    assert "not Ringback's local one" in ended.err


def test_call_where_nothing_runs(shell: Shell) -> None:
    """Without the local Twilio the reason is a sentence."""
    ended = shell.ringback(
        "call", "+15557710005", "Hello", TWILIO_API_BASE_URL=f"http://127.0.0.1:{free_port()}"
    )

    assert (1, "") == (ended.status, ended.out)
    assert "make run" in ended.err


@pytest.mark.parametrize(
    ("words", "said"), [(("nobody", "Hello"), "no phone number"), (("+15557710006", " "), "WORDS are")]
)
def test_call_with_odd_words(shell: Shell, words: tuple[str, str], said: str) -> None:
    """A number that is none and words that are none are refused with exit status 2."""
    ended = shell.ringback("call", *words)

    assert (2, "") == (ended.status, ended.out)
    assert said in ended.err
