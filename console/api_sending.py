"""Messages by program in the JSON API, and from which of our numbers they may go.

add_routes(routes, manager, settings, bell)   # to the API's blueprint, whose key and error answers then hold here too
"""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, Response, jsonify

from config.kinds import is_e164
from config.settings import Settings
from console.api import Refused, json_body
from console.customer_shapes import delivery_json
from console.ringing import ring
from console.senders import CHANNEL_WORDS, Sender, Senders, TwilioAway
from session import address, keys
from session.address import WHATSAPP_PREFIX
from session.claims import OptedOut
from session.manager import SessionManager
from session.model import Channel
from session.operators import NotSendable
from session.outbound import Draft, DraftTemplate, Outbound
from workers.bell import Bell

BODY_CHARS_MAX = 8_000
CHANNELS = [str(channel) for channel in Channel]
RETRY_SECONDS = 5
FIELDS = ("to", "body", "template", "channel", "from")

_log = structlog.get_logger("console")

JSON = dict[str, Any]


def add_routes(
    routes: Blueprint, manager: SessionManager, settings: Settings, bell: Bell, senders: Senders
) -> None:
    """POST /messages"""
    door = SendingApi(manager, settings, bell, senders)
    routes.add_url_rule("/messages", "send", door.send, methods=["POST"])


class SendingApi:
    """The answers. Safe for threads."""

    def __init__(self, manager: SessionManager, settings: Settings, bell: Bell, senders: Senders) -> None:
        self._manager = manager
        self._settings = settings
        self._outbound = Outbound(manager, settings)
        self._bell = bell
        self._senders = senders

    def send(self) -> tuple[Response, int]:
        """POST /messages : start or continue a conversation, or call; 202 with the message."""
        draft = self._draft(fields(*FIELDS))
        try:
            done = self._outbound.send(draft)
        except NotSendable as fault:
            raise Refused(422, fault.code, str(fault)) from None
        except OptedOut:
            raise Refused(
                422, "opted_out", "The customer wants no messages from this sender; nothing can be sent."
            ) from None
        message = done.message
        found = keys.parse_id(message.id) if message else None
        assert message is not None
        assert found is not None
        parts = self._manager.ledger.parts_of(found.cid, found.number)
        ring(self._bell, found.cid)
        return jsonify(delivery_json(message, found.cid, parts)), 202

    # What is asked

    def _draft(self, given: JSON) -> Draft:
        to = text_of(given, "to", required=True)
        channel = channel_of(given, to)
        if ("body" in given) == ("template" in given):
            raise Refused(422, "missing_field", "Send either body or template.")
        template = _template(given["template"]) if "template" in given else None
        body = "" if template else text_of(given, "body", limit=BODY_CHARS_MAX, code="body_too_long")
        ours = self._sender(text_of(given, "from"), to, channel)
        return Draft(to, channel, body, template, ours)

    def _sender(self, typed: str, to: str, channel: Channel) -> str:
        """Our number to send or call from, E.164; '' to let it be chosen. Refused when it may not on this channel."""
        if not typed:
            return ""
        readings = address.candidates(typed, self._settings.default_region)
        number = next((r for r in readings if is_e164(r)), "")
        if not number:
            raise Refused(422, "not_a_sender", "from must be a number of the account, like +15551234567.")
        if self._is_known(number, to, channel):
            return number
        sender = find_sender(self._senders, number)
        word = CHANNEL_WORDS[channel]
        if sender is None:
            raise Refused(
                422, "not_a_sender", "from is no number of the account; ringback senders lists them."
            )
        if channel not in sender.uses:
            why = (
                "from is a verified caller ID, which is for calls alone: Twilio sends no message from it."
                if sender.verified_alone
                else f"from may not be used for {word}; ringback senders lists what may."
            )
            raise Refused(422, "not_a_sender", why)
        return number

    def _is_known(self, number: str, to: str, channel: Channel) -> bool:
        """Whether the settings, or the customer's own messages to it, say that it is a sender: Twilio need not be asked."""
        settings = self._settings
        if channel is not Channel.WHATSAPP:
            return number == settings.twilio_phone_number
        if number == settings.whatsapp_number:
            return True
        customer = self._manager.read(to, 0)[0]
        return f"{channel}|{number}" in customer.heard


def find_sender(senders: Senders, number: str) -> Sender | None:
    """A sender or None; 503 when Twilio cannot be asked."""
    try:
        return senders.find(number)
    except TwilioAway as fault:
        _log.warning("senders_not_read", reason=str(fault))
        raise Refused(
            503, "twilio_unavailable", f"Twilio {fault}; try again in a moment.", retry_after=RETRY_SECONDS
        ) from None


def fields(*known: str) -> JSON:
    """The request's JSON object, without any other field than these."""
    given = json_body()
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise Refused(422, "unknown_field", f"{unknown[0][:40]} is unknown; known are {', '.join(known)}.")
    return given


def text_of(given: JSON, name: str, *, required: bool = False, limit: int = 200, code: str = "") -> str:
    value = given.get(name)
    if value is None and not required:
        return ""
    if value is None:
        raise Refused(422, "missing_field", f"{name} is missing.")
    if not isinstance(value, str):
        raise Refused(422, f"invalid_{name}", f"{name} must be text.")
    if len(value) > limit:
        raise Refused(422, code or f"invalid_{name}", f"{name} must be at most {limit} characters.")
    return value


def channel_of(given: JSON, party: str) -> Channel:
    """``channel``; without one WhatsApp for an address of WhatsApp's (whatsapp:+1...), else SMS."""
    by_address = party.strip().lower().startswith(WHATSAPP_PREFIX)
    named = text_of(given, "channel") or str(Channel.WHATSAPP if by_address else Channel.SMS)
    if named not in CHANNELS or (by_address and named != Channel.WHATSAPP):
        raise Refused(422, "invalid_channel", f"channel must be one of {', '.join(CHANNELS)}.")
    return Channel(named)


def _template(given: Any) -> DraftTemplate:
    """{"name" or "content_sid", "variables"}"""
    if not isinstance(given, dict) or set(given) - {"name", "content_sid", "variables"}:
        raise Refused(
            422, "invalid_template", 'template must be {"name" or "content_sid": ..., "variables": {...}}.'
        )
    if ("name" in given) == ("content_sid" in given):
        raise Refused(422, "invalid_template", "template needs either name or content_sid.")
    named = given.get("name", given.get("content_sid"))
    variables = given.get("variables") or {}
    texts = isinstance(variables, dict) and all(isinstance(value, str) for value in variables.values())
    if not isinstance(named, str) or not named or not texts:
        raise Refused(422, "invalid_template", "The template's name and every variable must be text.")
    return DraftTemplate(given.get("name", ""), given.get("content_sid", ""), dict(variables))
