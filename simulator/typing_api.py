"""WhatsApp's typing indicator: POST /v2/Indicators/Typing.json, which marks the customer's message as read, too."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, request

from simulator.account import Account
from simulator.faults import Faults
from simulator.rest import Rest
from simulator.store import Store
from simulator.twilio_errors import Refused, not_found
from simulator.whatsapp import WhatsApp


@dataclass(frozen=True, slots=True)
class TypingApi:
    account: Account
    store: Store
    whatsapp: WhatsApp
    faults: Faults

    def blueprint(self) -> Blueprint:
        routes = Blueprint("typing", __name__)
        view = Rest(self.account, self.faults).guarded(self._typing)
        ours = {"account_sid": self.account.sid}  # the path names none
        routes.add_url_rule("/v2/Indicators/Typing.json", "begin", view, defaults=ours, methods=["POST"])
        return routes

    def _typing(self) -> Response:
        rest, form = Rest(self.account, self.faults), request.form
        message = self.store.get(form.get("messageId", ""))
        return rest.faulty("typing", message.customer if message else "", self._begin)

    def _begin(self) -> Response:
        form = request.form
        if form.get("channel") != "whatsapp":
            raise Refused(20001, 400, "channel must be whatsapp")
        message = self.store.get(form.get("messageId", ""))
        if message is None:
            raise not_found(f"/v2/Indicators/Typing.json of {form.get('messageId', '')}")
        if not message.inbound or message.channel != "whatsapp":
            raise Refused(20001, 400, "messageId must be of a message that came in on WhatsApp")
        request.environ["simulator.sid"] = message.sid
        self.whatsapp.begin_typing(message)
        response = jsonify(success=True)
        response.status_code = 201
        return response
