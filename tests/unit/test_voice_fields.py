"""The fields of a call's webhook: who calls, and what was heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress import fields
from session.model import legible

SID, OURS, THEIRS = "CA" + "0123456789abcdef" * 2, "+15550001111", "+15005550001"


def pairs(**given: str) -> fields.Pairs:
    return list({"CallSid": SID, "From": THEIRS, "To": OURS, **given}.items())


@pytest.mark.parametrize(
    ("given", "theirs", "ours", "outbound"),
    [
        ({}, THEIRS, OURS, False),
        ({"Direction": "inbound"}, THEIRS, OURS, False),
        ({"Direction": "outbound-api", "From": OURS, "To": THEIRS}, THEIRS, OURS, True),
        ({"From": "anonymous"}, f"anonymous:{SID}", OURS, False),
        ({"From": "+266696687"}, f"anonymous:{SID}", OURS, False),
        ({"From": "sip:alice@example.com"}, f"anonymous:{SID}", OURS, False),
        ({"From": "client:alice"}, f"anonymous:{SID}", OURS, False),
        ({"From": "whatsapp:+15005550001", "To": f"whatsapp:{OURS}"}, THEIRS, OURS, False),
        ({"From": "whatsapp:US.abc123"}, "US.abc123", OURS, False),
        ({"To": "sip:bot@example.com"}, THEIRS, "+15550009999", False),
        ({"From": "0044 20 7946"}, f"anonymous:{SID}", OURS, False),
    ],
)
def test_who_calls(given: dict[str, str], theirs: str, ours: str, outbound: bool) -> None:
    """A number is a customer, a withheld one is nobody but this call; a To that is no number is ours."""
    caller = fields.call(pairs(**given), "+15550009999")

    assert (caller.sid, caller.theirs, caller.ours, caller.outbound) == (SID, theirs, ours, outbound)
    assert legible(theirs) == ("anonymous" if theirs.startswith("anonymous:") else theirs)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"CallSid": ""}, "missing_field"), ({"From": " "}, "missing_field"), ({"To": ""}, "missing_field"),
        ({"CallSid": "SM" + "0" * 32}, "malformed_sid"), ({"CallSid": SID.upper()}, "malformed_sid"),
        ({"CallSid": SID + "\n"}, "malformed_sid"), ({"CallSid": SID[:-1]}, "malformed_sid"),
        ({"CallSid": SID[:-1] + "g"}, "malformed_sid"),
    ],
)  # fmt: skip
def test_a_call_without_a_name_is_refused(given: dict[str, str], code: str) -> None:
    """CallSid, From and To must be there, and the SID a call's."""
    with pytest.raises(fields.Malformed) as refused:
        fields.call(pairs(**given), OURS)
    assert refused.value.code == code


def test_two_sids_are_none() -> None:
    """A CallSid given twice with different values tells no call; the same twice is one."""
    with pytest.raises(fields.Malformed, match="twice"):
        fields.call([*pairs(), ("CallSid", "CA" + "1" * 32)], OURS)
    assert fields.call([*pairs(), ("CallSid", SID)], OURS).sid == SID


@pytest.mark.parametrize(
    ("given", "text", "confidence", "extra"),
    [
        ({}, "", None, {}),
        ({"SpeechResult": " hello ", "Confidence": "0.91"}, "hello", 0.91, {"confidence": 0.91}),
        ({"SpeechResult": "hello"}, "hello", None, {}),
        ({"SpeechResult": "hello", "Confidence": "high"}, "hello", None, {}),
        ({"SpeechResult": "hello", "Confidence": "nan"}, "hello", None, {}),
        ({"SpeechResult": "hello", "Confidence": "-inf"}, "hello", None, {}),
        ({"SpeechResult": "hello", "Confidence": "7"}, "hello", 1.0, {"confidence": 1.0}),
        ({"SpeechResult": "hello", "Confidence": "-7"}, "hello", None, {}),
        ({"Digits": "0"}, "0", None, {"digits": True}),
        ({"Digits": "12345", "Confidence": "0.1"}, "12345", None, {"digits": True}),
        ({"Digits": "1", "SpeechResult": "one"}, "one", None, {}),
        ({"SpeechResult": "   ", "Digits": ""}, "", None, {}),
        ({"SpeechResult": "\x00\x07\u2028"}, "", None, {}),
        ({"SpeechResult": "a\x00b"}, "ab", None, {}),
        ({"SpeechResult": "x" * 10_000}, "x" * 1600, None, {"truncated": True}),
    ],
)
def test_what_was_heard(
    given: dict[str, str], text: str, confidence: float | None, extra: dict[str, object]
) -> None:
    """Speech comes before keys; blanks are silence, and a confidence that is none is not there."""
    assert fields.heard(given) == fields.Heard(text, confidence, extra)


@given(speech=st.text(max_size=3000), confidence=st.text(max_size=20), digits=st.text(max_size=50))
def test_anything_may_be_heard(speech: str, confidence: str, digits: str) -> None:
    """Whatever Twilio sends, what is taken is clean, short, and sure to a degree from 0 to 1."""
    said = fields.heard({"SpeechResult": speech, "Confidence": confidence, "Digits": digits})

    assert len(said.text) <= 1600
    assert said.text == said.text.strip() or said.extra.get("truncated")
    assert said.confidence is None or 0 <= said.confidence <= 1


def test_an_utterance_is_a_message_of_the_call() -> None:
    """It comes from the caller, on the telephone, and is told by its call and question."""
    caller = fields.call(pairs(), OURS)
    message = fields.utterance(caller, 3, fields.heard({"SpeechResult": "hello"}))

    assert (message.twilio_sid, message.channel, str(message.lane)) == (f"{SID}.3", "voice", f"voice|{OURS}")
    assert (message.from_number, message.content, message.keyword) == (THEIRS, "hello", "-")
