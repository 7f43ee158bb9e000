"""What reaches a live call from outside, in order: the caller's acts, REST updates, answers of webhooks."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from simulator.messages import Exchange


@dataclass(frozen=True, slots=True)
class Source:
    """Where the next TwiML comes from: a URL to ask, with further parameters, or the ``twiml`` itself.

    ``fallback`` is asked where this fails.
    """

    url: str = ""
    method: str = "POST"
    params: tuple[tuple[str, str], ...] = ()
    twiml: str = ""
    fallback: str = ""


# The caller's acts, heard only while somebody listens.


@dataclass(frozen=True, slots=True)
class Speech:
    """``confidence`` None: Twilio gives none."""

    words: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    digits: str


@dataclass(frozen=True, slots=True)
class Silence:
    """The caller says nothing, and the time-out need not be waited for."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The caller has begun to talk or to type."""


Act = Speech | Keys | Silence | Begun

# What is always heard.


@dataclass(frozen=True, slots=True)
class HangUp:
    """``by`` is "caller", "rest" or "simulator"; ``status`` what the call ends as where nobody answered it."""

    by: str
    status: str = "no-answer"


@dataclass(frozen=True, slots=True)
class PickUp:
    """The customer answers a call of ours, or with ``declined`` does not want it."""

    declined: bool = False


@dataclass(frozen=True, slots=True)
class Transferred:
    """What the person who was dialled did."""

    status: str


@dataclass(frozen=True, slots=True)
class Update:
    """A REST call gave the live call other instructions."""

    source: Source


@dataclass(frozen=True, slots=True)
class Fetched:
    """A webhook was answered; ``ticket`` tells which, for one that was given up may answer late."""

    ticket: int
    exchanges: tuple[Exchange, ...]


Mail = Act | HangUp | PickUp | Transferred | Update | Fetched


class Mailbox:
    """Thread-safe; one call takes out what many put in. Acts are refused while nobody listens."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._mail: deque[Mail] = deque()
        self._hears: tuple[type, ...] = ()
        self._is_shut = False

    def put(self, mail: Mail) -> bool:
        """False when the call is over."""
        with self._arrived:
            if not self._is_shut:
                self._mail.append(mail)
                self._arrived.notify()
            return not self._is_shut

    def offer(self, act: Act) -> bool:
        """False when nobody listens for such an act now: what is said then is lost."""
        with self._arrived:
            return isinstance(act, self._hears) and self.put(act)

    def listen(self, *kinds: type[Act]) -> None:
        with self._arrived:
            self._hears = kinds

    def stop_listening(self) -> None:
        """Acts that came too late are lost."""
        with self._arrived:
            self._hears = ()
            kept = [mail for mail in self._mail if not isinstance(mail, Speech | Keys | Silence | Begun)]
            self._mail = deque(kept)

    def take(self, until: float, *, closing: bool = False) -> Mail | None:
        """The next, waited for until that monotonic time; None then, and with ``closing`` nobody listens any more."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._mail, max(0.0, until - time.monotonic()))
            if self._mail:
                return self._mail.popleft()
            if closing:
                self._hears = ()
            return None

    def shut(self) -> Mail | None:
        """The last document is at its end: nothing more is taken in, unless an update or the end came just now."""
        with self._arrived:
            while self._mail:
                mail = self._mail.popleft()
                if isinstance(mail, Update | HangUp):
                    return mail
            self._is_shut = True
            return None

    def close(self) -> None:
        with self._arrived:
            self._is_shut = True
            self._mail.clear()
