"""TwiML of a call, read into verbs, and what of it Twilio would pass over. Pure."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from simulator.messages import Exchange
from simulator.twiml import BadAnswer, response_in
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
    Warned,
)

LOOPS_MAX = 1000  # loop="0" is for ever, which for a phone nobody hangs up is this often
PAUSE_MAX_S = 14_400.0
# Twilio speaks no longer text; its voices of others have limits of their own. Error 13521 beyond.
SAY_LIMIT, SAY_LIMITS = 4096, {"polly.": 3000, "google.": 5000}
HINTS_MAX, HINT_LENGTH_MAX = 500, 100
TEXT_TYPES = ("text/xml", "application/xml", "text/html")

# What each verb may carry; anything else is Twilio's warning 12200 and has no effect.
ATTRIBUTES = {
    "Say": "voice language loop",
    "Play": "loop digits",
    "Pause": "length",
    "Gather": "input action method timeout speechTimeout maxSpeechTime finishOnKey numDigits partialResultCallback "
    "partialResultCallbackMethod language hints bargeIn profanityFilter debug actionOnEmptyResult speechModel enhanced",
    "Redirect": "method",
    "Dial": "action method timeout hangupOnStar timeLimit callerId record trim answerOnBridge ringTone "
    "recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent recordingTrack sequential "
    "referUrl referMethod",
    "Hangup": "",
    "Reject": "reason",
    "Enqueue": "action method maxQueueSize waitUrl waitUrlMethod workflowSid",
}
# Verbs that Twilio knows and the local one passes over.
ELSEWHERE = frozenset({
    "Connect", "Leave", "Message", "Pay", "Prompt", "Record", "Refer", "Siprec", "Sms", "Start", "Stop", "Stream",
})  # fmt: skip
KEYS = "0123456789*#"


def document_in(exchange: Exchange) -> Document:
    """What a successful answer makes the call do: TwiML, a sound to play, or plain text read aloud.

    Raises BadAnswer for what ends the call (12100, 12200, 12300).
    """
    headers = {name.lower(): value for name, value in exchange.answer_headers}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("audio/"):
        return Document((Play(exchange.url),))
    if kind == "text/plain":
        return Document((Say(exchange.answer.strip()),))
    if kind not in TEXT_TYPES:
        raise BadAnswer(12300, f"Twilio cannot read an answer of type {kind or 'unknown'}")
    return parse(exchange.answer)


def parse(twiml: str) -> Document:
    """The verbs of a document, and what of it Twilio would pass over. Raises BadAnswer (12100, 12200)."""
    root = response_in(twiml)
    reading = Reading()
    if (root.text or "").strip():
        reading.warn(12200, "words outside of a verb are not spoken")
    verbs = [reading.verb(element) for element in root]
    return Document(tuple(verb for verb in verbs if verb is not None), tuple(reading.warnings))


class Reading:
    """One pass over a document; ``warnings`` collects what is passed over."""

    def __init__(self) -> None:
        self.warnings: list[Warned] = []

    def warn(self, code: int, text: str) -> None:
        self.warnings.append(Warned(code, text))

    def verb(self, element: ET.Element, inside: str = "") -> Verb | None:
        """None for what has no effect."""
        tag = str(element.tag)
        readers = {
            "Say": self._say, "Play": self._play, "Pause": self._pause, "Gather": self._gather,
            "Redirect": self._redirect, "Dial": self._dial, "Hangup": self._hangup, "Reject": self._reject,
            "Enqueue": self._enqueue,
        }  # fmt: skip
        if tag in ELSEWHERE and not inside:
            self.warn(0, f"the local Twilio passes over <{tag}>")
            return None
        if tag not in readers or (inside and tag not in ("Say", "Play", "Pause")):
            self.warn(12200, f"<{tag}> is no verb{f' inside <{inside}>' if inside else ''}")
            return None
        for name in element.attrib:
            if name not in ATTRIBUTES[tag].split():
                self.warn(12200, f"<{tag}> has no attribute {name}")
        return readers[tag](element)

    def _say(self, element: ET.Element) -> Say | None:
        text, voice = " ".join("".join(element.itertext()).split()), element.get("voice", "")
        limit = next(
            (most for start, most in SAY_LIMITS.items() if voice.lower().startswith(start)), SAY_LIMIT
        )
        if not text:
            self.warn(13520, "<Say> has no text")
            return None
        if len(text) > limit:
            self.warn(13521, f"<Say> has more than {limit} characters, which this voice does not speak")
            return None
        return Say(text, element.get("language", ""), voice, self._loop(element), _raw(element))

    def _play(self, element: ET.Element) -> Play | None:
        url, digits = (element.text or "").strip(), element.get("digits", "")
        if not url and not digits:
            self.warn(13410, "<Play> has no URL")
            return None
        return Play(url, digits, self._loop(element), _raw(element))

    def _pause(self, element: ET.Element) -> Pause:
        return Pause(min(self._number(element, "length", 1), PAUSE_MAX_S), _raw(element))

    def _gather(self, element: ET.Element) -> Gather:
        read = [self.verb(child, "Gather") for child in element]
        inputs = element.get("input", "dtmf").split()
        if not inputs or not set(inputs) <= {"dtmf", "speech"}:
            self.warn(13334, 'the input of <Gather> is "dtmf", "speech" or "dtmf speech"')
            inputs = ["dtmf"]
        return Gather(
            prompt=tuple(part for part in read if isinstance(part, Say | Play | Pause)),
            speech="speech" in inputs,
            digits="dtmf" in inputs,
            action=element.get("action"),
            method=self._method(element),
            timeout=5.0 if element.get("timeout") == "auto" else self._number(element, "timeout", 5),
            finish_on_key=self._finish_key(element),
            num_digits=int(self._number(element, "numDigits", 0)),
            on_empty=self._flag(element, "actionOnEmptyResult", default=False),
            barge_in=self._flag(element, "bargeIn", default=True),
            language=element.get("language", "en-US"),
            hints=self._hints(element),
            raw=_raw(element),
        )

    def _finish_key(self, element: ET.Element) -> str:
        key = element.get("finishOnKey", "#")
        if len(key) > 1 or key not in KEYS:
            self.warn(13310, "finishOnKey is one key of 0-9, * and #, or empty")
            return "#"
        return key

    def _hints(self, element: ET.Element) -> tuple[str, ...]:
        hints = tuple(hint.strip() for hint in element.get("hints", "").split(",") if hint.strip())
        if len(hints) > HINTS_MAX or any(len(hint) > HINT_LENGTH_MAX for hint in hints):
            self.warn(13335, f"<Gather> takes {HINTS_MAX} hints of {HINT_LENGTH_MAX} characters each")
        return hints

    def _redirect(self, element: ET.Element) -> Redirect:
        return Redirect((element.text or "").strip(), self._method(element), _raw(element))

    def _dial(self, element: ET.Element) -> Dial | None:
        nouns = ((element.text or "").strip(), *((noun.text or "").strip() for noun in element))
        targets = tuple(noun for noun in nouns if noun)
        if not targets:
            self.warn(13201, "<Dial> says nobody to dial")
            return None
        return Dial(
            targets=targets,
            action=element.get("action"),
            method=self._method(element),
            timeout=self._number(element, "timeout", 30),
            caller_id=element.get("callerId", ""),
            raw=_raw(element),
        )

    def _hangup(self, element: ET.Element) -> Hangup:
        return Hangup(_raw(element))

    def _reject(self, element: ET.Element) -> Reject:
        reason = element.get("reason", "rejected")
        if reason not in ("rejected", "busy"):
            self.warn(12200, "the reason of <Reject> is rejected or busy")
            reason = "rejected"
        return Reject(reason, _raw(element))

    def _enqueue(self, element: ET.Element) -> Enqueue:
        return Enqueue(
            (element.text or "").strip(), element.get("action"), self._method(element), _raw(element)
        )

    # Attributes

    def _loop(self, element: ET.Element) -> int:
        return int(self._number(element, "loop", 1)) or LOOPS_MAX

    def _method(self, element: ET.Element) -> str:
        method = element.get("method", "POST").upper()
        if method not in ("GET", "POST"):
            self.warn(12200, f"the method of <{element.tag}> is GET or POST")
            return "POST"
        return method

    def _number(self, element: ET.Element, name: str, default: int) -> float:
        written = element.get(name)
        if written is None:
            return float(default)
        if not (written.isascii() and written.isdigit() and len(written) < 7):
            self.warn(12200, f"{name} of <{element.tag}> is not a whole number")
            return float(default)
        return float(int(written))

    def _flag(self, element: ET.Element, name: str, *, default: bool) -> bool:
        written = element.get(name)
        if written is None:
            return default
        if written.lower() not in ("true", "false"):
            self.warn(13338 if name == "actionOnEmptyResult" else 12200, f"{name} is true or false")
            return default
        return written.lower() == "true"


def _raw(element: ET.Element) -> str:
    """The verb as it was written, for the phone page."""
    try:
        tail, element.tail = element.tail, None
        written = ET.tostring(element, encoding="unicode")
        element.tail = tail
        return written
    except RecursionError:  # nested deeper than anyone writes by hand
        return f"<{element.tag}>"
