"""The requests to Twilio's REST API that we make: send a message, call somebody, list what was sent and what came in.

twilio-python's exceptions carry the raw answer, numbers and texts in it: none of them leaves this file.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from twilio.base import values
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.api.v2010.account.call import CallInstance
from twilio.rest.api.v2010.account.message import MessageInstance

from config.settings import Settings
from session.model import Media
from workers.twilio_errors import Fault, Kind, classify
from workers.twilio_http import NotConnected, OutcomeUnknown, Transport

RETRY_AFTER_MAX_S = 60.0
OUTBOUND_PAGE = 50
OUTBOUND_MAX = 200
INBOUND_PAGE = 1000  # Twilio's most
LIST_SLACK = timedelta(minutes=2)  # Twilio lists newest first, but does not swear to it
PUSH_SHARE = 0.8  # of WORD_PUSH_SECONDS: the request itself
RING_S = 45  # how long a phone that we call rings; most voicemails answer sooner
CALL_EVENTS = ["initiated", "ringing", "answered", "completed"]
OVER = "over"  # of an outcome: the call has ended
ENDED_CALL_CODE = 21220  # "not in-progress"
NOT_AN_ANSWER = (NotConnected, OutcomeUnknown, TwilioException, ValueError, KeyError, TypeError)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request: "sent" with a ``sid``, or the kind of its ``fault``."""

    kind: str
    sid: str = ""
    code: int = 0
    wait_s: float = 0.0  # that Twilio asks us to wait
    fault: Fault | None = None


class NotListed(Exception):
    """Twilio's list could not be read. ``code`` is Twilio's or the HTTP status, 0 without an answer."""

    def __init__(self, code: int = 0) -> None:
        super().__init__("Twilio's list could not be read")
        self.code = code


class Breaker:
    """Open while Twilio refuses the account itself: then one request every few seconds tries the door. Safe for threads."""

    def __init__(self, retry_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._retry_s = retry_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._trial_at: float | None = None  # None: closed

    def wait_s(self) -> float:
        """Seconds until somebody may try again; 0: go ahead (and of those who ask while it is open, one is told so)."""
        with self._lock:
            if self._trial_at is None:
                return 0.0
            left = self._trial_at - self._clock()
            if left > 0:
                return left
            self._trial_at = self._clock() + self._retry_s
            return 0.0

    @property
    def is_open(self) -> bool:
        return self._trial_at is not None

    def refused(self) -> None:
        with self._lock:
            self._trial_at = self._clock() + self._retry_s

    def admitted(self) -> None:
        with self._lock:
            self._trial_at = None


class TwilioAccount:
    """Our account at Twilio. Safe for threads; connects to nothing yet."""

    def __init__(self, settings: Settings, connections: int = 64) -> None:
        self.breaker = Breaker(settings.fault_retry_seconds[0])
        self._settings = settings
        self._transport = Transport(
            settings.twilio_api_base_url or "", settings.send_timeout_seconds, connections
        )
        self._client = self._signed_in(self._transport)
        # A caller waits for it: what is not done at once is left to the call's own poll.
        push_s = settings.word_push_seconds * PUSH_SHARE
        self._live = self._signed_in(Transport(settings.twilio_api_base_url or "", push_s, connections))

    def _signed_in(self, transport: Transport) -> Client:
        settings = self._settings
        key, secret = settings.twilio_api_key_sid, settings.twilio_api_key_secret
        token = settings.twilio_auth_token.get_secret_value()
        return Client(
            key or settings.twilio_account_sid,
            secret.get_secret_value() if key and secret else token,
            settings.twilio_account_sid,
            http_client=transport,
        )

    def create(self, record: dict[str, Any], text: str, callback: str) -> Outcome:
        """Ask Twilio to send a part; ``record`` is the part as stored, with ``content_sid`` when it is a template."""
        sender: dict[str, Any] = {"from_": record["from"]}
        if service := self._settings.twilio_messaging_service_sid:
            sender["messaging_service_sid"] = service
        said: dict[str, Any] = {"body": text} if text else {}
        if files := record.get("media"):
            said["media_url"] = list(files)
        if sid := record.get("content_sid"):
            said = {"content_sid": sid, "content_variables": record.get("content_variables") or values.unset}
        return self._asked(
            lambda: self._client.messages.create(
                to=record["to"],
                status_callback=callback or values.unset,
                validity_period=max(1, round(self._settings.part_limit_seconds)),
                **sender,
                **said,
            )
        )

    def create_call(self, record: dict[str, Any], twiml: str, callback: str) -> Outcome:
        """Ask Twilio to call somebody and say ``twiml`` (4,000 characters at most); ``record`` is the part as stored."""
        return self._asked(
            lambda: self._client.calls.create(
                to=record["to"],
                from_=record["from"],
                twiml=twiml,
                timeout=RING_S,
                status_callback=callback,
                status_callback_event=CALL_EVENTS,
            )
        )

    def update_call(self, call_sid: str, twiml: str) -> Outcome:
        """Have a live call go on with ``twiml`` (4,000 characters at most). The kind is "sent", ``OVER`` when the call has
        ended, ``Kind.UNKNOWN`` when nobody knows, and any other when Twilio did not do it."""
        try:
            self._live.calls(call_sid).update(twiml=twiml)
        except NotConnected:
            return Outcome(Kind.LATER)
        except TwilioRestException as error:
            code = int(error.code or error.status)
            if error.status == 404 or code == ENDED_CALL_CODE:
                return Outcome(OVER, code=code)
            # An error on the way back of what was done, perhaps.
            if error.status >= 500 and error.status != 503:
                return Outcome(Kind.UNKNOWN, code=code)
            return Outcome(Kind.LATER, code=code, fault=self._judged(code, error.status))
        except NOT_AN_ANSWER:
            return Outcome(Kind.UNKNOWN)
        self.breaker.admitted()
        return Outcome("sent", sid=call_sid)

    def _asked(self, ask: Callable[[], MessageInstance | CallInstance]) -> Outcome:
        """What became of a request that makes something at Twilio."""
        try:
            made = ask()
        except NotConnected:
            return Outcome(Kind.LATER)
        except TwilioRestException as error:
            return self._refusal(error)
        except NOT_AN_ANSWER:
            return Outcome(Kind.UNKNOWN)  # cut off, too late, or an answer that is none of Twilio's
        self.breaker.admitted()
        return Outcome("sent", sid=made.sid) if made.sid else Outcome(Kind.UNKNOWN)

    def _refusal(self, error: TwilioRestException) -> Outcome:
        code = int(error.code or error.status)
        fault = self._judged(code, error.status)
        wait_s = _retry_after(self._transport.headers) if error.status == 429 else 0.0
        return Outcome(fault.kind, code=code, wait_s=wait_s, fault=fault)

    def _judged(self, code: int, status: int) -> Fault:
        """What a refusal means, told to the breaker too."""
        fault = classify(code, status)
        if fault.account:
            self.breaker.refused()
        elif 400 <= status < 500:
            self.breaker.admitted()
        return fault

    def outbound(self, to: str, sender: str, since: datetime) -> Iterator[MessageInstance]:
        """What was sent on a lane since then, newest first. Raises ``NotListed``.

        Not asked by date: Twilio's filter is day-grained and looks at when it was sent, not accepted. With a
        Messaging Service Twilio chooses the sender, so there it is not asked by sender either.
        """
        chosen = {} if self._settings.twilio_messaging_service_sid else {"from_": sender}
        messages = self._listed(self._client.messages, OUTBOUND_MAX, OUTBOUND_PAGE, to=to, **chosen)
        return (m for m in _created_since(messages, since) if m.direction != "inbound")

    def outbound_calls(self, to: str, sender: str, since: datetime) -> Iterator[CallInstance]:
        """The calls that we made on a lane since then, newest first; not those that only pass a caller on. Raises ``NotListed``."""
        calls = self._listed(self._client.calls, OUTBOUND_MAX, OUTBOUND_PAGE, to=to, from_=sender)
        return (c for c in _created_since(calls, since) if c.direction in (None, "outbound-api"))

    def inbound(self, since: datetime, limit: int) -> Iterator[MessageInstance]:
        """What came in on all our numbers since then, newest first; ``limit`` messages are looked at. Raises ``NotListed``."""
        for message in self._listed(self._client.messages, limit, INBOUND_PAGE, date_sent_after=since):
            if message.direction == "inbound":
                yield message

    def media(self, message: MessageInstance) -> tuple[Media, ...]:
        """The pictures and voice notes of a message, as the webhook would have named them. Raises ``NotListed``."""
        origin = self._settings.twilio_rest_origin
        try:
            found = message.media.list(limit=10)
            return tuple(Media(origin + str(m.uri).removesuffix(".json"), str(m.content_type)) for m in found)
        except NOT_AN_ANSWER as error:
            code, status = _refused_with(error)
            if status == 404:
                return ()  # the message or its pictures are gone at Twilio: that is no fault of the account's
            if status:
                self._judged(code, status)
            raise NotListed(code) from None

    def _listed(self, what: Any, limit: int, page_size: int, **asked: Any) -> Iterator[Any]:
        """Rows of a list of Twilio's: ``what`` is the client's messages or calls."""
        try:
            for row in what.stream(limit=limit, page_size=page_size, **asked):
                self.breaker.admitted()
                yield row
            self.breaker.admitted()
        except NOT_AN_ANSWER as error:
            raise self._not_listed(error) from None

    def _not_listed(self, error: Exception) -> NotListed:
        code, status = _refused_with(error)
        if status:
            self._judged(code, status)
        return NotListed(code)


def _created_since(rows: Iterator[Any], since: datetime) -> Iterator[Any]:
    """Rows until one is older for certain. What a row does not say does not speak against it: a second one would be worse."""
    for row in rows:
        created = row.date_created
        if created and created < since - LIST_SLACK:
            return
        if created is None or created >= since:
            yield row


def _refused_with(error: Exception) -> tuple[int, int]:
    """(code, HTTP status) of a refusal, 0 where there was none. Of lists the library gives the bare answer."""
    if isinstance(error, TwilioRestException):
        return int(error.code or error.status), error.status
    answer = next((arg for arg in error.args if isinstance(arg, Response)), None)
    if answer is None:
        return 0, 0
    try:
        code = int(json.loads(answer.text)["code"])
    except (ValueError, KeyError, TypeError):
        code = answer.status_code
    return code, answer.status_code


def _retry_after(headers: dict[str, str]) -> float:
    """Seconds that Twilio asks us to wait, bounded; 0 when it does not say."""
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), "")
    try:
        return min(max(float(value), 0.0), RETRY_AFTER_MAX_S)
    except ValueError:
        return 0.0
