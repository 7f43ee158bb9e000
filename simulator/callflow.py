"""A live call: a thread that takes one TwiML document after the other and does what its verbs say.

Whatever it waits for - words being spoken, a key, a webhook - ends at once when the caller hangs up or a REST call
gives other instructions; the answer of a webhook under way is dropped then.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from simulator.call_store import CallStore
from simulator.call_web import CallWeb
from simulator.calls import Call, Line
from simulator.dialling import Dialling, Outcome, Queueing
from simulator.endings import Ended, Moved, Stumbled
from simulator.gathering import Gathering
from simulator.mailbox import (
    Act,
    Fetched,
    HangUp,
    Mail,
    Mailbox,
    PickUp,
    Source,
    Transferred,
    Update,
)
from simulator.messages import Exchange, now_ms
from simulator.twiml import BadAnswer
from simulator.verb_reading import document_in, parse
from simulator.verbs import (
    Dial,
    Document,
    Enqueue,
    Gather,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Verb,
)

logger = logging.getLogger(__name__)

APOLOGY = "We are sorry, an application error has occurred. Goodbye."
TIME_LIMIT_S = 14_400.0  # Twilio's longest call
DOCUMENTS_MAX = 5_000  # of one call: a redirect to itself must not run for ever
PLAY_S = 3.0  # how long any sound lasts where words take their time


class CallFlow:
    """``opening`` waits until the call is answered and gives what it begins with; None where it ends before that."""

    def __init__(
        self,
        sid: str,
        calls: CallStore,
        web: CallWeb,
        outcome: Callable[[], Outcome],
        time_limit_s: float = TIME_LIMIT_S,
    ) -> None:
        self.sid = sid
        self.mail = Mailbox()
        self._calls = calls
        self._web = web
        self._outcome = outcome
        self.time_limit_s = time_limit_s
        self._limit = time.monotonic() + time_limit_s
        self._base: str | None = None  # the URL of the document that runs; None for one pushed by REST
        self._fallback = ""  # of the instructions the call began with, or was given last
        self._doc = 0
        self._ticket = 0
        self.is_silenced = self._is_over = False

    def start(self, opening: Callable[[CallFlow], Source]) -> None:
        run = threading.Thread(target=self._run, args=(opening,), name="simulator-call", daemon=True)
        run.start()

    @property
    def is_live(self) -> bool:
        return not self._is_over

    def break_off(self) -> None:
        """Ends without a callback or a line: the simulator forgets its calls or stops."""
        self.is_silenced = True
        self.mail.put(HangUp("simulator"))

    @property
    def call(self) -> Call:
        """As it stands. Raises Ended when it was forgotten meanwhile."""
        call = self._calls.get(self.sid)
        if call is None:
            self.is_silenced = True
            raise Ended("failed")
        return call

    # From the first document to the last

    def _run(self, opening: Callable[[CallFlow], Source]) -> None:
        status = "completed"
        try:
            source: Source | None = opening(self)
            while source is not None:
                source = self._performed(source) or self._last_word()
        except Ended as ended:
            status = ended.status
        except Exception as error:  # noqa: BLE001 - one call's failure must not leave it live for ever
            where = traceback.extract_tb(error.__traceback__)[-1]
            logger.error("call: %s at %s:%s", type(error).__name__, where.name, where.lineno)
            status = "failed"
        self.mail.close()
        self._close(status)
        self._is_over = True

    def _performed(self, source: Source) -> Source | None:
        """Does what one document says; gives what comes next, None at the call's end."""
        try:
            return self._perform(self._document(source))
        except Moved as moved:
            return moved.source
        except Stumbled as stumbled:
            self.line(Line("system", "error", str(stumbled), code=stumbled.code))
            if self._fallback and source.url != self._fallback:
                failed = (("ErrorCode", str(stumbled.code)), ("ErrorUrl", source.url.partition("#")[0]))
                return Source(self._fallback, params=failed)
            self.answered()
            self.line(Line("system", "say", APOLOGY, language="en-US"))
            return None

    def _last_word(self) -> Source | None:
        """An update that came as the document ended: Twilio said 200 to it, so it counts."""
        mail = self.mail.shut()
        if isinstance(mail, HangUp):
            raise self._hung_up(mail)
        return mail.source if isinstance(mail, Update) else None

    def _close(self, status: str) -> None:
        if self.is_silenced:
            return
        self.line(Line("system", "status", status))
        ended = self._calls.change(
            self.sid, status=status, ended=now_ms(), doing="ended", listening=None, transfer=None, queue=""
        )
        if ended is not None:
            self._web.tell(ended, "completed")

    # Documents

    def _document(self, source: Source) -> Document:
        self._doc += 1
        self._fallback = source.fallback or self._fallback
        if self._doc > DOCUMENTS_MAX:
            raise Stumbled(11200, f"a call has {DOCUMENTS_MAX} documents at most")
        if source.twiml:
            self._base = None
            self.line(Line("system", "document", "REST update" if self._doc > 1 else "REST call"))
            return self._read(lambda: parse(source.twiml))
        parts = urlsplit(source.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.line(Line("system", "document", f"{source.method} {path}"))
        exchange = self._fetched(source)
        self._base = source.url.partition("#")[0]
        return self._read(lambda: document_in(exchange))

    def _read(self, read: Callable[[], Document]) -> Document:
        try:
            document = read()
        except BadAnswer as bad:
            raise Stumbled(bad.code, str(bad)) from bad
        for warned in document.warnings:
            self.line(Line("system", "warning", warned.text, code=warned.code))
        return document

    def _fetched(self, source: Source) -> Exchange:
        """The answer of a webhook, asked in a thread of its own so that this one can be interrupted."""
        self._ticket += 1
        ticket, call = self._ticket, self.show(doing="fetching")

        def ask() -> None:
            exchanges = self._web.fetch(call, source)
            self._calls.note(self.sid, exchanges)
            self.mail.put(Fetched(ticket, exchanges))

        threading.Thread(target=ask, name="simulator-call-web", daemon=True).start()
        while True:
            mail = self.next(self._limit)
            if isinstance(mail, Fetched) and mail.ticket == ticket:
                last = mail.exchanges[-1]
                if last.error_code:
                    raise Stumbled(last.error_code, last.error)
                return last

    def resolve(self, url: str | None) -> str:
        """The absolute URL of an action. Raises Stumbled for one that cannot be."""
        if self._base is None:
            if url is None or not urlsplit(url).scheme:
                raise Stumbled(15004, "TwiML of a REST update needs absolute URLs")
            return url
        return urljoin(self._base, url) if url else self._base

    # Verbs

    def _perform(self, document: Document) -> Source | None:
        first, *_ = document.verbs or (None,)
        if isinstance(first, Reject) and self.call.status == "ringing" and self.call.inbound:
            self.verb(first, "reject", first.reason)
            raise Ended("busy" if first.reason == "busy" else "no-answer")
        self.answered()
        for verb in document.verbs:
            source = self._do(verb)
            if source is not None:
                return source
            if isinstance(verb, Hangup | Reject):
                return None
        return None

    def _do(self, verb: Verb) -> Source | None:
        """Does one verb; a Source where the document ends with it."""
        if isinstance(verb, Say | Play | Pause):
            self.sound(verb)
        elif isinstance(verb, Gather):
            return Gathering(self, verb).asked()
        elif isinstance(verb, Redirect):
            self.verb(verb, "redirect", verb.url)
            if not verb.url:
                raise Stumbled(11100, "<Redirect> has no URL")
            return Source(self.resolve(verb.url), verb.method)
        elif isinstance(verb, Dial):
            return Dialling(self, verb, self._calls, self._outcome()).done()
        elif isinstance(verb, Enqueue):
            Queueing(self, verb, self._web).wait()
        else:
            kind = "hangup" if isinstance(verb, Hangup) else "reject"
            self.verb(verb, kind, "")
        return None

    def sound(self, verb: Say | Play | Pause) -> Act | None:
        """Lets it be heard; the caller's act that interrupts it, where somebody listens."""
        if isinstance(verb, Pause):
            self.show(doing="pausing")
            self.verb(verb, "pause", f"{verb.seconds:g}")
            return self._wait(verb.seconds)
        pace = self.call.pace
        if isinstance(verb, Play):
            self.show(doing="playing")
            self.verb(verb, "play", verb.url or verb.digits)
            endless = verb.loop > 99  # at no pace too, a sound without end is one that waits
            return self._wait(TIME_LIMIT_S if endless else verb.loop * PLAY_S if pace else 0)
        self.show(doing="speaking")
        seq = self.verb(verb, "say", verb.text, verb.language, verb.voice)
        return self._spoken(seq, len(verb.text), len(verb.text) * verb.loop * pace / 1000)

    def _spoken(self, seq: int, length: int, seconds: float) -> Act | None:
        began = time.monotonic()
        try:
            act = self._wait(seconds)
        except (Moved, Ended):
            self._cut(seq, length, began, seconds)
            raise
        if act is not None:
            self._cut(seq, length, began, seconds)
        return act

    def _cut(self, seq: int, length: int, began: float, seconds: float) -> None:
        part = (time.monotonic() - began) / seconds if seconds else 1.0
        if part < 1:
            self._calls.cut(self.sid, seq, int(length * part))

    # What the verbs are made of

    def next(self, until: float, *, closing: bool = False) -> Mail | None:
        """What reaches the call next; None at that monotonic time. Raises Ended and Moved."""
        mail = self.mail.take(min(until, self._limit), closing=closing)
        if isinstance(mail, HangUp):
            raise self._hung_up(mail)
        if isinstance(mail, Update):
            raise Moved(mail.source)
        if mail is None and time.monotonic() >= self._limit:
            raise Ended("completed")
        return mail

    def _hung_up(self, mail: HangUp) -> Ended:
        if mail.by == "caller":
            self.line(Line("caller", "hangup"))
        return Ended("completed" if self.call.started else mail.status)

    def _wait(self, seconds: float) -> Act | None:
        until = time.monotonic() + seconds
        while (mail := self.next(until)) is not None:
            if not isinstance(mail, Fetched | PickUp | Transferred | HangUp | Update):
                return mail
        return None

    def pause(self, seconds: float) -> None:
        """Time passes in which nothing is said."""
        self._wait(seconds)

    def picked_up(self, seconds: float) -> bool:
        """Whether the customer answers in time. Raises Ended where they decline."""
        until = time.monotonic() + seconds
        while (mail := self.next(until)) is not None:
            if isinstance(mail, PickUp):
                if mail.declined:
                    self.line(Line("caller", "decline"))
                    raise Ended("busy")
                self.line(Line("caller", "answer"))
                return True
        return False

    def answered(self) -> None:
        """In progress from here on, where it rang before."""
        call = self.call
        if not call.started:
            call = self.show(status="in-progress", started=now_ms())
            self.line(Line("system", "status", "in-progress"))
            self._web.tell(call, "answered")

    def moved_to(self, status: str, event: str) -> None:
        """A status before the answer."""
        call = self.show(status=status)
        self.line(Line("system", "status", status))
        self._web.tell(call, event)

    def line(self, line: Line) -> int:
        """Adds it to the transcript, under the document that runs."""
        return self._calls.say(self.sid, replace(line, doc=self._doc))

    def verb(self, verb: Verb, kind: str, text: str, language: str = "", voice: str = "") -> int:
        return self.line(Line("bot", kind, text, language=language, voice=voice, verb=verb.raw))

    def question(self, gather: Gather) -> int:
        return self.verb(gather, "gather", "", gather.language)

    def show(self, **changes: Any) -> Call:
        """Sets these fields of the call."""
        return (
            self._calls.change(self.sid, **changes) or self.call
        )  # which raises Ended where it was forgotten
