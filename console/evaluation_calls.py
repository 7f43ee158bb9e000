"""The customer's telephone in an evaluation, and of Twilio as much as a call needs.

It posts the signed webhooks of a call to the real handlers, hears what their TwiML says and what the worker pushes, and
answers the questions when the dialogue does.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree as ET

from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from config.settings import Settings
from console.dialogues import CALL_STATES

LIVE, OVER, PUT_THROUGH = CALL_STATES


class NoCall(Exception):
    """The dialogue goes on with a call that is not live."""


class Handset:
    """One telephone, with one call at a time. ``hears`` is told each thing that is said to the customer.

    What the web says while the worker thinks is not told: it fills the time, which stands still here.
    """

    def __init__(
        self, web: FlaskClient, settings: Settings, number: str, hears: Callable[[str], None]
    ) -> None:
        self._web = web
        self._settings = settings
        self._sign = RequestValidator(settings.twilio_auth_token.get_secret_value()).compute_signature
        self._number = number
        self._hears = hears
        self.put_down()

    def put_down(self) -> None:
        """As new: nobody ever called."""
        self.state = ""
        self._sid = self._ours = self._next = ""
        self._owes_status = False

    # What the customer does

    def calls(self, ours: str) -> None:
        """A call begins, unless one is live."""
        if self.state == LIVE:
            return
        self._finish()
        self.settle()
        self.state, self._sid, self._ours = LIVE, "CA" + secrets.token_hex(16), ours
        self._go_on(self._post("/voice", {}))

    def says(self, words: str, confidence: float | None = None) -> None:
        """An answer to the question that was asked last. Raises ``NoCall``."""
        sure = {} if confidence is None else {"Confidence": f"{confidence:.7f}"}
        self._answer({"SpeechResult": words, **sure})

    def presses(self, keys: str) -> None:
        """Raises ``NoCall``."""
        self._answer({"Digits": keys})

    def says_nothing(self) -> None:
        """The question's time is over. Raises ``NoCall``."""
        self._answer({})

    def hangs_up(self) -> None:
        """Raises ``NoCall``."""
        if self.state not in (LIVE, PUT_THROUGH):
            raise NoCall
        self._finish()
        self.settle()

    # What Twilio does

    def settle(self) -> None:
        """Tell that the call is over, if it is: what was to be said in it has been said by now."""
        if self._owes_status:
            self._owes_status = False
            self._post("/voice/status", {"CallStatus": "completed"})

    def told(self, sid: str, twiml: str) -> bool:
        """New TwiML for the live call, by REST. False when it is not live, as Twilio refuses it."""
        if sid != self._sid or self.state != LIVE:
            return False
        self._go_on(twiml)
        return True

    def _answer(self, heard: Mapping[str, str]) -> None:
        if self.state != LIVE:
            raise NoCall
        self._go_on(self._post(self._next, heard))

    def _go_on(self, twiml: str) -> None:
        """Run a document to the next question, or to the end of the call."""
        root = ET.fromstring(twiml)  # noqa: S314  it is our own
        ways = {verb.tag: verb for verb in root if verb.tag in ("Gather", "Redirect", "Dial", "Enqueue")}
        if "Redirect" in ways:
            return  # held: the worker's words come by a push
        for said in root.iter("Say"):
            self._hears(" ".join("".join(said.itertext()).split()))
        asks = ways.get("Gather")
        passed_on = ways.get("Dial", ways.get("Enqueue"))
        if asks is not None:
            self._next = asks.get("action", "")
        elif passed_on is not None:
            self.state, self._next = PUT_THROUGH, passed_on.get("action", "")
        else:
            self._finish()

    def _finish(self) -> None:
        """The end of a call; whom it was put through to hangs up too."""
        if self.state == PUT_THROUGH and self._next:
            self._post(self._next, {"DialCallStatus": "completed"})
        if self.state in (LIVE, PUT_THROUGH):
            self.state, self._owes_status = OVER, True

    def _post(self, where: str, more: Mapping[str, str]) -> str:
        """A signed webhook about this call; gives the answer's text."""
        url = urljoin(self._settings.public_base_url, where)
        fields = {
            "CallSid": self._sid, "AccountSid": self._settings.twilio_account_sid, "From": self._number,
            "To": self._ours, "Direction": "inbound", "CallStatus": "in-progress", "ApiVersion": "2010-04-01", **more,
        }  # fmt: skip
        parts = urlsplit(url)
        answer = self._web.post(
            f"{parts.path}?{parts.query}" if parts.query else parts.path,
            data=fields,
            headers={"X-Twilio-Signature": self._sign(url, fields)},
        )
        if answer.status_code != 200:
            raise BadAnswer(f"{parts.path} answered {answer.status_code}")
        return answer.get_data(as_text=True)


class BadAnswer(Exception):
    """A webhook of the call was not answered as Twilio wants it."""
