"""What Ringback says itself: every notice in every language, and an agent's own words before ours."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from config.agent import LANGUAGES, Agent
from config.notices import NOTICES, notice, notice_fault
from session.hours import opens_words
from session.languages import detect
from session.model import Channel
from session.wishes import promises_transfer
from tests.unit.test_hours import BERLIN, berlin
from workers.rendering import render, segments

AGENT = Agent("agent", "Agent", "", "", ())
EVERY = [(name, language) for name in NOTICES for language in LANGUAGES]
OF_A_PERSON_ON_THE_PHONE = {
    "voice_transfer", "voice_call_back", "voice_call_back_closed", "voice_no_answer", "voice_noted", "voice_away",
    "voice_enough",
}  # fmt: skip
LONGEST = {code: opens_words(BERLIN, berlin(2026, 12, 24, 18, 0), code) for code in LANGUAGES}


@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_is_written_in_every_language(name: str) -> None:
    """Six languages each, with the same places to fill."""
    assert list(LANGUAGES) == list(NOTICES[name])
    assert len({frozenset(re.findall(r"\{\w+\}", text)) for text in NOTICES[name].values()}) == 1


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_a_notice_is_in_its_language_and_costs_little(name: str, language: str) -> None:
    """Each is told to be in its language, is two segments at most, and has nothing that rendering would change."""
    text = notice(AGENT, name, language, opens=LONGEST[language])

    assert detect(text) in (language, "")
    assert segments(text)[1] <= 2
    assert text == render(text, Channel.SMS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_the_notices_of_a_handoff_promise_a_person(language: str) -> None:
    """What a customer reads as a transfer is said when there is one."""
    said = {
        name for name in NOTICES if promises_transfer(notice(AGENT, name, language, opens=LONGEST[language]))
    }

    assert {"handoff", "handoff_closed"} <= said
    assert said <= {"handoff", "handoff_closed", "enough_today", "apology", *OF_A_PERSON_ON_THE_PHONE}


@pytest.mark.parametrize(
    ("languages", "asked", "text"),
    [
        (("en",), "de", "Danke für Ihre Bewertung."),
        (("en",), "pt-BR", "Obrigado pela sua avaliação."),
        (("en",), "pt_br", "Obrigado pela sua avaliação."),
        (("en",), "DE", "Danke für Ihre Bewertung."),
        (("es", "en"), "", "Gracias por su valoración."),
        (("es", "en"), "zh", "Gracias por su valoración."),
        (("zh",), "", "Thank you for your rating."),
        (("en",), "nonsense", "Thank you for your rating."),
    ],
)
def test_the_language_is_the_customers_else_the_agents_else_english(
    languages: tuple[str, ...], asked: str, text: str
) -> None:
    """A region is dropped, and a language that we lack is the agent's first."""
    assert text == notice(replace(AGENT, languages=languages), "thanks_rating", asked)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("en", "Ta."), ("de", "Danke für Ihre Bewertung."), ("fr-CA", "Merci bien."), ("fr", "Merci pour votre note."),
        ("zh", "谢谢。"), ("sw", "Ta."),
    ],
)  # fmt: skip
def test_an_agents_own_words_come_first(asked: str, text: str) -> None:
    """Its file may word a notice anew in one language or add one; the others stay ours."""
    own = {"thanks_rating": {"en": "Ta.", "fr-CA": "Merci bien.", "zh": "谢谢。"}}

    assert text == notice(replace(AGENT, notices=own), "thanks_rating", asked)


def test_places_are_filled_as_they_stand() -> None:
    """What is put in is not read again; a place without a value is a bug that is told."""
    assert notice(AGENT, "after_hours", "en", opens="{x}") == "We are closed now. Our team is back {x}."
    with pytest.raises(ValueError, match="opens"):
        notice(AGENT, "after_hours", "en")


@pytest.mark.parametrize(
    ("name", "language", "text", "fault"),
    [
        ("handoff", "en", "A colleague answers here.", ""),
        ("after_hours", "pt-BR", "Fechado, {opens}.", ""),
        ("hello", "en", "Hi", 'no notice "hello"'),
        ("handoff", "english", "Hi", "is not a language"),
        ("handoff", "en", "  ", "1 to 600"),
        ("handoff", "en", "x" * 601, "1 to 600"),
        ("after_hours", "en", "Closed.", "must hold {opens}"),
        ("after_hours", "en", "Closed {when}.", "must hold {opens}"),
        ("handoff", "en", "Hi {name}", "no braces"),
        ("handoff", "en", "Hi {", "no braces"),
    ],
)
def test_an_agents_own_words_are_checked(name: str, language: str, text: str, fault: str) -> None:
    """An unknown notice, language or place, and too little or too much text, are faults that say what to write."""
    said = notice_fault(name, language, text)

    assert fault in said
    assert bool(fault) == bool(said)
