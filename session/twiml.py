"""What Twilio is told to do in a call, as TwiML. Pure.

Whatever is said in it is text: a verb written in it stays words. Each answer holds our verbs alone and at most 4000
characters, which is what Twilio takes when it is pushed into a live call; so every address in it is absolute.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass

from twilio.twiml.voice_response import Dial, Gather, Say, VoiceResponse

from config.agent import Agent
from session.calls import Then, Word
from session.splitting import cut, units

CHARS_MAX = 4000
SAID_MAX = 3000  # characters of one <Say>: of more no voice of Polly's speaks a word
SPELT_MAX = 10  # numbers spelt out in one; each costs a tag
DIAL_SECONDS = 20  # how long a person's telephone rings
LISTEN_SECONDS = 5  # of silence, then nothing was heard

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
# What XML 1.0 cannot carry, escaped or not.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"#(\d+)")
_SPELT = len('<say-as interpret-as="digits"></say-as>')
_ESCAPED = {"&": len("&amp;"), "<": len("&lt;"), ">": len("&gt;")}
# Language: as it is spoken, by whose voice, and as it is heard.
_LANGUAGES = {
    "en": ("en-US", "Polly.Joanna", "en-US"), "es": ("es-MX", "Polly.Mia", "es-MX"),
    "ar": ("arb", "Polly.Zeina", "ar-EG"), "fr": ("fr-FR", "Polly.Celine", "fr-FR"),
    "de": ("de-DE", "Polly.Vicki", "de-DE"), "pt": ("pt-BR", "Polly.Vitoria", "pt-BR"),
}  # fmt: skip
# Whose voices know tags within what they say.
_TAGGED = ("Polly.", "Google.")


@dataclass(frozen=True, slots=True)
class Voice:
    """How a call sounds, and which words are likely to be heard in it."""

    say_language: str
    say_voice: str
    hear_language: str
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Routes:
    """Where Twilio asks on: our own addresses, ``origin`` is PUBLIC_BASE_URL."""

    origin: str

    def turn(self, question: int, again: int = 0, *, late: bool = False) -> str:
        """What was said to a question; ``again``: how many times in a row nothing was heard before; ``late``: it was
        asked before the answer to the last one was there."""
        more = (f"&again={again}" if again else "") + ("&late=1" if late else "")
        return f"{self.origin}/voice/turn?n={question}{more}"

    def wait(self, question: int, poll: int, away: int = 0) -> str:
        """The answer to a question, asked for by the waiting call; ``away``: how often in vain, for Redis was away."""
        return f"{self.origin}/voice/wait?n={question}&t={poll}" + (f"&away={away}" if away else "")

    def dialled(self, question: int) -> str:
        """How calling a person ended."""
        return f"{self.origin}/voice/turn?n={question}&dialled=1"


def voice_for(agent: Agent, language: str) -> Voice:
    """The voice for a language ("pt-BR", "de"; empty: the agent's first), as the agent's file has it before ours."""
    rules, tag = agent.voice, (language.strip() or agent.languages[0]).replace("_", "-")
    code = tag.lower().partition("-")[0]
    say, speaker, hear = _LANGUAGES.get(code, _LANGUAGES["en"])
    if "-" in tag:
        # Of Arabic Twilio speaks one kind and hears many. Elsewhere another land's language is spoken by Twilio's own voice.
        if code != "ar" and tag != say:
            say, speaker = tag, ""
        hear = tag
    own = rules.languages.get(tag) or rules.languages.get(code)
    if own:
        say, hear, speaker = own, own, ""
    return Voice(say, rules.voices.get(tag) or rules.voices.get(code) or speaker, hear, rules.hints)


def ask(text: str, voice: Voice, url: str) -> str:
    """Say ``text`` and hear what the caller says or keys to it, which goes to ``url``, silence too."""

    def asked(said: str) -> VoiceResponse:
        response = VoiceResponse()
        gather = _question(voice, url)
        _say(gather, said, voice)
        response.append(gather)
        return response

    return _fitted(asked, text)


def announce(text: str, voice: Voice, url: str) -> str:
    """Say ``text`` to its end, whatever the other side says meanwhile, and then hear as ``ask`` does."""

    def announced(said: str) -> VoiceResponse:
        response = VoiceResponse()
        _say(response, said, voice)
        response.append(_question(voice, url))
        return response

    return _fitted(announced, text)


def hold(text: str, music: str, voice: Voice, url: str, pause_s: int) -> str:
    """Say ``text`` or play ``music`` (an address; '' for none), wait, and ask at ``url`` whether there is an answer."""

    def held(said: str) -> VoiceResponse:
        response = VoiceResponse()
        if music:
            response.play(music)
        else:
            _say(response, said, voice)
        response.pause(length=max(1, pause_s))
        response.redirect(url, method="POST")
        return response

    return _fitted(held, text)


def goodbye(text: str, voice: Voice) -> str:
    """Say ``text`` and end the call."""

    def ended(said: str) -> VoiceResponse:
        response = VoiceResponse()
        _say(response, said, voice)
        response.hangup()
        return response

    return _fitted(ended, text)


def dial(text: str, voice: Voice, agent: Agent, url: str, caller_id: str) -> str:
    """Say ``text`` and call the agent's person, or wait in its queue; how that ended goes to ``url``.

    ``caller_id``: our number, which the person sees. An agent with neither ends the call.
    """
    if not agent.voice.transfer and not agent.voice.queue:
        return goodbye(text, voice)

    def dialled(said: str) -> VoiceResponse:
        response = VoiceResponse()
        _say(response, said, voice)
        if agent.voice.queue:
            response.enqueue(_carried(agent.voice.queue), action=url, method="POST")
        else:
            call = Dial(action=url, method="POST", timeout=DIAL_SECONDS, caller_id=caller_id)
            call.number(agent.voice.transfer)
            response.append(call)
        return response

    return _fitted(dialled, text)


def hangup() -> str:
    """End the call, without a word."""
    response = VoiceResponse()
    response.hangup()
    return _xml(response)


def reject() -> str:
    """Do not take the call; it costs nothing."""
    response = VoiceResponse()
    response.reject()
    return _xml(response)


def nothing() -> str:
    """Taken: there is nothing to do."""
    return _xml(VoiceResponse())


def speak(word: Word, voice: Voice, agent: Agent, routes: Routes, caller_id: str) -> str:
    """A word, and what follows it."""
    if word.then is Then.LISTEN:
        return ask(word.text, voice, routes.turn(word.turn + 1))
    if word.then is Then.DIAL:
        return dial(word.text, voice, agent, routes.dialled(word.turn + 1), caller_id)
    return goodbye(word.text, voice)


def _question(voice: Voice, url: str) -> Gather:
    return Gather(
        input="dtmf speech", action=url, method="POST", language=voice.hear_language,
        hints=",".join(voice.hints) or None, speech_timeout="auto", timeout=str(LISTEN_SECONDS),
        action_on_empty_result=True,
    )  # fmt: skip


def _say(parent: VoiceResponse | Gather, text: str, voice: Voice) -> None:
    """An order's number ("#12345") is read digit by digit, and stands whole in the words."""
    if not text:
        return
    if not voice.say_voice.startswith(_TAGGED):
        text = _NUMBER.sub(lambda number: " ".join(number[1]), text, count=SPELT_MAX)
        parent.say(text, language=voice.say_language, voice=voice.say_voice or None)
        return
    first, *rest = _NUMBER.split(text, maxsplit=SPELT_MAX)
    say: Say = parent.say(first, language=voice.say_language, voice=voice.say_voice)
    for number, words in zip(rest[::2], rest[1::2], strict=True):
        say.say_as(number, interpret_as="digits")
        say.append(words)


def _fitted(build: Callable[[str], VoiceResponse], text: str) -> str:
    """The TwiML of ``text``, cut at a sentence, else at a word, until it has at most ``CHARS_MAX`` characters."""
    said = _carried(text).strip()
    if len(said) > SAID_MAX:
        said = cut(said, units(said[:SAID_MAX]))
    spelt = sum(max(_SPELT, len(number[1])) for number in list(_NUMBER.finditer(said))[:SPELT_MAX])
    fits = _fitting(said, CHARS_MAX - (len(_xml(build("."))) - 1) - spelt)
    return _xml(build(said if fits == len(said) else cut(said, units(said[:fits]))))


def _fitting(text: str, room: int) -> int:
    """How many characters of ``text`` fit into ``room`` once they are escaped."""
    if len(text) * len("&amp;") <= room:
        return len(text)
    for index, character in enumerate(text):
        room -= _ESCAPED.get(character, 1)
        if room < 0:
            return index
    return len(text)


def _carried(text: str) -> str:
    """The text without what XML cannot carry."""
    return _NOT_XML.sub("", text)


def _xml(response: VoiceResponse) -> str:
    # The library's own way writes other letters than ASCII as references, seven characters each.
    return _DECLARATION + ET.tostring(response.xml(), encoding="unicode")
