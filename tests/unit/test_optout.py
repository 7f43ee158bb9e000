"""The carriers' opt-out words: DECISIONS 25."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session import optout
from session.model import Channel, Keyword
from session.optout import keyword

N, STOP, START, HELP = Keyword.NONE, Keyword.STOP, Keyword.START, Keyword.HELP


@pytest.mark.parametrize(
    ("body", "by_sms", "by_whatsapp"),
    [
        ("STOP", STOP, STOP),
        ("stop.", STOP, STOP),
        ("  Stop!!  \n", STOP, STOP),
        ("ＳＴＯＰ", STOP, STOP),
        ('"stop"', STOP, STOP),
        ("STOPALL", STOP, STOP),
        ("Unsubscribe", STOP, STOP),
        ("cancel", STOP, N),
        ("END", STOP, N),
        ("quit", STOP, N),
        ("REVOKE", STOP, N),
        ("OptOut", STOP, N),
        ("opt-out", STOP, N),
        ("Stop please", STOP, STOP),
        ("please STOP!", STOP, STOP),
        ("stop,please", STOP, STOP),
        ("S̷T̸O̵P̶", STOP, STOP),
        ("st\u200bop", STOP, STOP),
        ("\u202estop", STOP, STOP),
        ("STOP 🛑", STOP, STOP),
        ("START", START, START),
        ("unstop", START, START),
        ("Yes.", START, START),
        ("help", HELP, N),
        ("INFO?", HELP, N),
        ("", N, N),
        ("...", N, N),
        ("stop it", N, N),
        ("please stop calling", N, N),
        ("don't stop", N, N),
        ("stop stop", N, N),
        ("stopp", N, N),
        ("nonstop", N, N),
        ("yes please", N, N),
        ("end of story", N, N),
        ("стоп", N, N),
    ],
)
def test_a_word_counts_only_as_the_whole_message(body: str, by_sms: Keyword, by_whatsapp: Keyword) -> None:
    """Case, width, accents, punctuation and invisible marks do not matter; any other word does."""
    assert (by_sms, by_whatsapp) == (keyword(Channel.SMS, body), keyword(Channel.WHATSAPP, body))


@pytest.mark.parametrize(
    ("channel", "said", "expected"),
    [
        (Channel.SMS, "STOP", STOP),
        (Channel.SMS, "start", START),
        (Channel.SMS, "HELP", HELP),
        (Channel.WHATSAPP, "STOP", STOP),
        (Channel.WHATSAPP, "HELP", N),
        (Channel.SMS, "", N),
        (Channel.SMS, "PERHAPS", N),
    ],
)
def test_what_twilio_recognised_counts(channel: Channel, said: str, expected: Keyword) -> None:
    """OptOutType stands for the word, whatever the body is; an unknown one says nothing."""
    assert expected == keyword(channel, "arrêt", said)


@pytest.mark.parametrize("body", ["stop", "start", "help"])
def test_calls_have_no_opt_out_words(body: str) -> None:
    """Opting out does not touch calls, so a spoken word is a word."""
    assert N is keyword(Channel.VOICE, body, "STOP")


@given(st.text())
def test_no_text_breaks_the_reader(body: str) -> None:
    """Any text means something or nothing, the same in any case."""
    assert keyword(Channel.SMS, body) in Keyword


@given(st.text(st.characters(max_codepoint=127), max_size=30))
def test_ascii_is_read_as_every_text_is(body: str) -> None:
    """The short way for plain letters gives what the long one gives, which an invisible sign makes it take."""
    assert optout._readings(body) == optout._readings(body + "\u200b")
