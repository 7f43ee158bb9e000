"""What the answer to a webhook asks Twilio to send back to the customer."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from simulator.messages import Exchange


@dataclass(frozen=True, slots=True)
class Reply:
    body: str
    media: tuple[str, ...] = ()
    status_callback: str = ""


class BadAnswer(Exception):
    """The answer is not one Twilio understands; ``code`` is its debugger code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def replies_in(exchange: Exchange) -> list[Reply]:
    """The messages that a successful answer sends: TwiML's ``<Message>``, or plain text as it stands.

    Raises BadAnswer for what Twilio's debugger would list (12100, 12200, 12300).
    """
    headers = {name.lower(): value for name, value in exchange.answer_headers}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not exchange.answer:
        return []
    if kind == "text/plain":
        return [Reply(exchange.answer)]
    if kind not in ("text/xml", "application/xml", "text/html"):
        raise BadAnswer(12300, f"Twilio cannot read an answer of type {kind or 'unknown'}")
    return [_reply(verb) for verb in response_in(exchange.answer) if verb.tag in ("Message", "Sms")]


def response_in(twiml: str) -> ElementTree.Element:
    """The document's ``<Response>``. Raises BadAnswer (12100, 12200)."""
    if "<!DOCTYPE" in twiml or "<!ENTITY" in twiml:
        raise BadAnswer(12100, "TwiML must not declare a document type")
    try:
        root = ElementTree.fromstring(twiml.strip())
    except (ElementTree.ParseError, ValueError) as error:
        raise BadAnswer(12100, "the answer is not well-formed TwiML") from error
    if root.tag != "Response":
        raise BadAnswer(12200, "TwiML begins with <Response>")
    return root


def _reply(verb: ElementTree.Element) -> Reply:
    bodies = [part.text or "" for part in verb.iter("Body")]
    body = "".join(bodies) if bodies else (verb.text or "").strip()
    media = tuple((part.text or "").strip() for part in verb.iter("Media"))
    return Reply(body, media, verb.get("statusCallback") or verb.get("action") or "")
