"""A message through the real pipeline as if a customer had sent it, by program.

add_routes(routes, hooks, settings, manager, senders)   # to the API's blueprint, whose key and errors then hold here too

The answer goes to the phone of ``from``. So with the real Twilio it must be a verified caller ID: a number whose owner
has shown Twilio that it is theirs.
"""

from __future__ import annotations

import secrets

import structlog
from flask import Blueprint, Response, jsonify

from config.settings import Settings
from console import wire
from console.api import Refused
from console.api_sending import BODY_CHARS_MAX, channel_of, fields, find_sender, text_of
from console.customer_shapes import delivery_json
from console.senders import Senders
from ingress import fields as webhook_fields
from ingress.webhooks import Webhooks
from session.address import Address
from session.inbound import BODY_MAX
from session.manager import SessionManager
from session.model import Channel

TELL_SECONDS = 2.0

_log = structlog.get_logger("ingress")


def add_routes(
    routes: Blueprint, hooks: Webhooks, settings: Settings, manager: SessionManager, senders: Senders
) -> None:
    """POST /simulate/inbound"""
    door = Simulated(hooks, settings, manager, senders)
    routes.add_url_rule("/simulate/inbound", "simulate", door.inbound, methods=["POST"])


class Simulated:
    """The answer. Safe for threads."""

    def __init__(
        self, hooks: Webhooks, settings: Settings, manager: SessionManager, senders: Senders
    ) -> None:
        self._hooks = hooks
        self._settings = settings
        self._manager = manager
        self._senders = senders

    def inbound(self) -> tuple[Response, int]:
        """POST /simulate/inbound : 202 with the message, marked ``simulated``."""
        given = fields("from", "to", "body", "channel")
        sender = text_of(given, "from", required=True)
        channel = channel_of(given, sender)
        if channel is Channel.VOICE:
            raise Refused(
                422,
                "needs_a_call",
                'A call is more than one message; make one with: ringback call PHONE "words", or on the phone page.',
            )
        body = text_of(given, "body", required=True, limit=BODY_CHARS_MAX, code="body_too_long")
        if not body.strip():
            raise Refused(422, "empty_body", "body must hold what the customer says.")
        if len(body) > BODY_MAX:
            raise Refused(422, "body_too_long", f"A customer's message has at most {BODY_MAX} characters.")
        theirs = self._manager.find_customer(sender)[1]
        if channel is Channel.SMS and not theirs.startswith("+"):
            raise Refused(422, "invalid_phone_number", "This WhatsApp id has no number; use whatsapp.")
        ours = self._ours(text_of(given, "to"), channel)
        if theirs in (*self._settings.our_numbers, ours):
            raise Refused(422, "own_number", "from is a number of ours; give a customer's.")
        if not self._settings.twilio_is_local:
            self._check_verified(theirs)
        return self._take(theirs, ours, body, channel)

    # Inside

    def _ours(self, typed: str, channel: Channel) -> str:
        settings = self._settings
        if not typed:
            return settings.whatsapp_number if channel is Channel.WHATSAPP else settings.twilio_phone_number
        number = self._manager.find_customer(typed)[1]
        if number in settings.our_numbers or any(number in agent.numbers for agent in self._manager.agents):
            return number
        sender = find_sender(self._senders, number)
        if sender is None or sender.verified_alone:
            raise Refused(
                422, "not_our_number", "to must be a number of the account; ringback senders lists them."
            )
        return number

    def _check_verified(self, theirs: str) -> None:
        sender = find_sender(self._senders, theirs)
        if sender is None or not sender.verified_alone:
            raise Refused(
                422,
                "not_verified",
                "The answer goes to a real phone, so from must be a verified caller ID of the account.",
            )

    def _take(self, theirs: str, ours: str, body: str, channel: Channel) -> tuple[Response, int]:
        sid = "SM" + secrets.token_hex(16)
        opens_window = self._tell_local_twilio(theirs, ours, body, channel, sid)
        pairs = [
            ("MessageSid", sid), ("From", str(Address(channel, theirs))), ("To", str(Address(channel, ours))),
            ("Body", body), ("NumMedia", "0"),
        ]  # fmt: skip
        said = webhook_fields.inbound(pairs, self._settings.our_numbers, simulated=True)
        received = self._hooks.take(said, opens_window=opens_window)
        at = self._manager.ledger.now()
        message = said.message._replace(id=received.message_id, status="received", at=at)
        return jsonify(delivery_json(message, "", {})), 202

    def _tell_local_twilio(self, theirs: str, ours: str, body: str, channel: Channel, sid: str) -> bool:
        """Let the local Twilio know of the message, that its phone page shows it and its WhatsApp takes the answer.

        Gives whether WhatsApp's window was opened: nobody opens the real one but the customer.
        """
        if not self._settings.twilio_is_local:
            return False
        told = {
            "from": theirs, "to": ours, "body": body, "channel": str(channel), "message_sid": sid,
            "webhook": False,
        }  # fmt: skip
        url = f"{self._settings.twilio_rest_origin}/_control/inbound"
        try:
            if wire.post_json(url, told, TELL_SECONDS).status == 200:
                return True
        except wire.Unreachable:
            pass
        _log.info(
            "local_twilio_not_told"
        )  # a stand-in of somebody else's: the message goes its way all the same
        return True
