"""What a call that we make says, and how the called person goes on with it. Pure.

A call that we make is owed like a text, in one part (``session.outbound``); what is said in it then goes the way of
every call (``session.calls``).
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from config.agents import Agent
from session import languages, twiml
from session.twiml import Routes

# Two or three minutes of speech. As XML, with a question and its hints behind it, it stays under ``twiml.CHARS_MAX``:
# nothing of what a program wants said is cut.
SPOKEN_MAX = 2_400


def fits(body: str) -> bool:
    """Whether one call can say all of this."""
    return len(escape(body)) <= SPOKEN_MAX


def spoken(body: str, agent: Agent, language: str, origin: str) -> str:
    """The TwiML of a call: ``body``, and then the first question, whose answer goes to ``origin`` (PUBLIC_BASE_URL).

    The words are said to their end: whoever picks up says "Hello?", and that must not stop them. They are spoken in
    their own language, else in ``language``, what is known of the customer's.
    """
    known = languages.detect(body) or languages.code(language)
    return twiml.announce(body, twiml.voice_for(agent, known), Routes(origin).turn(1))
