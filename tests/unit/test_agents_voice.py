"""[voice] of an agent's file: what it says, and what is wrong with it, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.agent import VoiceRules
from config.agents import AgentFileError, load_agents

HEAD = (
    'name = "Shop"\ninstructions = "Help."\nlanguages = ["de", "en"]\nnumbers = ["+15550002222"]\n[voice]\n'
)


def voice(folder: Path, text: str) -> VoiceRules:
    (folder / "shop.toml").write_text(HEAD + text, encoding="utf-8")
    return load_agents(folder, "shop").default.voice


def test_a_file_without_a_voice_has_the_usual_one(tmp_path: Path) -> None:
    """An agent that says nothing about the telephone answers it all the same, and sends no texts in its place."""
    assert voice(tmp_path, "") == VoiceRules()
    assert not VoiceRules().answer_by_text


def test_everything_is_read(tmp_path: Path) -> None:
    """Each setting comes as it was written; a greeting that is one text is in the agent's first language."""
    rules = voice(
        tmp_path,
        'greeting = "Guten Tag."\nhold = "https://m.example/a.mp3"\ntransfer = "+15550003333"\nanswer_by_text = true\n'
        'hints = ["Ringback", "order number"]\nmin_confidence = 0.7\nvoices = {en = "Polly.Amy"}\nlanguages = {en = "en-GB"}\n',
    )  # fmt: skip

    assert rules == VoiceRules(
        greeting={"de": "Guten Tag."}, hold="https://m.example/a.mp3", transfer="+15550003333", answer_by_text=True,
        hints=("Ringback", "order number"), min_confidence=0.7, voices={"en": "Polly.Amy"}, languages={"en": "en-GB"},
    )  # fmt: skip
    assert voice(tmp_path, 'greeting = {en = "Hello.", pt-BR = "Olá."}\nqueue = "shop"\nhold = "words"\n') == VoiceRules(
        greeting={"en": "Hello.", "pt-BR": "Olá."}, queue="shop"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('greting = "x"', '"greting" is not a setting of voice; did you mean greeting?'),
        ("greeting = 3", "greeting must be text in quotation marks."),
        ('greeting = {English = "Hello."}', '"English" is not a language; write a code like en or pt-BR.'),
        ('greeting = {en = ""}', "greeting must have 1 to 600 characters in each language."),
        ('hold = "http://m.example/a.mp3"', 'hold must be "words", or an https address of music.'),
        ('hold = "jazz"', 'hold must be "words", or an https address of music.'),
        ('hold = "https://[x/a.mp3"', 'hold must be "words", or an https address of music.'),
        ('transfer = "555 0003333"', "transfer must be a phone number in quotation marks: + and 7 to 15 digits."),
        ('transfer = "+15550002222"', "transfer is a number that this agent answers itself; write a person's."),
        ('queue = "<Dial>"', "queue must be a queue's name of at most 64 characters."),
        ('transfer = "+15550003333"\nqueue = "q"', "transfer and queue cannot both be there; keep one."),
        ('answer_by_text = "yes"', "answer_by_text must be true or false, without quotation marks."),
        ('voices = {en = "a voice"}', 'voices must name a voice like "Polly.Joanna-Neural" for each language.'),
        ('languages = {en = "British English"}', 'languages must name a language with its country like "en-GB" for each'),
        ('hints = "word"', 'hints must be a list of words that callers say, like ["derailleur", "Ringback"].'),
        ('hints = ["a,b"]', 'hints must be a list of words that callers say, like ["derailleur", "Ringback"].'),
        (f"hints = {[f'word {i:04d}' for i in range(101)]}", "hints has too many; have 100 and 1000 characters at most."),
        ("min_confidence = 1.5", "min_confidence must be a number from 0 to 1."),
        ('min_confidence = "high"', "min_confidence must be a number, without quotation marks."),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    """Each mistake is a sentence that says what to write, at the line where it stands."""
    with pytest.raises(AgentFileError) as refused:
        voice(tmp_path, text)

    [fault] = refused.value.faults
    assert sentence in fault
    assert fault.startswith(f"shop.toml:{6 + text.count(chr(10))}: ")


def test_a_call_is_not_put_through_to_an_assistant(tmp_path: Path) -> None:
    """Another agent's number is no person's: two assistants would talk to each other."""
    (tmp_path / "other.toml").write_text(
        'name = "Other"\ninstructions = "Help."\nnumbers = ["+15550004444"]\n', encoding="utf-8"
    )
    with pytest.raises(AgentFileError, match=r"transfer is a number that other\.toml answers"):
        voice(tmp_path, 'transfer = "+15550004444"')
