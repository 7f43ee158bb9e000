"""Levers for tests and for the command line: /_control. Not part of Twilio."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.account import Account
from simulator.carrier import QUEUE_S, Carrier, Rate
from simulator.composing import BadControl, Composer
from simulator.faults import BadFault, Faults, fault_from
from simulator.handsets import Handsets, Hook
from simulator.media_api import own_origin
from simulator.messages import Message
from simulator.store import Store
from simulator.switchboard import Switchboard
from simulator.timetable import Timetable
from simulator.whatsapp import BadWindow, asked_end


def _object(given: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The JSON object with these fields and no other. Raises BadControl."""
    if not isinstance(given, dict) or not given.keys() <= known.keys():
        raise BadControl(f"send a JSON object with any of {', '.join(known)}")
    for name, value in given.items():
        if not isinstance(value, known[name]) or isinstance(value, bool):
            raise BadControl(f"{name} is not of the right kind")
    return given


def outcome(message: Message) -> dict[str, Any]:
    """What became of a customer's message: Twilio's identifier, and how the webhook was answered."""
    last = message.exchanges[-1] if message.exchanges else None
    return {
        "message_sid": message.sid,
        "status": last.status if last else 0,
        "accepted": message.webhook == "accepted",
        "answer": last.answer if last else "",
        "error": last.error if last else "",
        "error_code": last.error_code if last else 0,
    }


@dataclass(frozen=True, slots=True)
class Control:
    account: Account
    store: Store
    handsets: Handsets
    faults: Faults
    timetable: Timetable
    carrier: Carrier
    composer: Composer
    board: Switchboard

    def blueprint(self) -> Blueprint:
        routes = Blueprint("control", __name__, url_prefix="/_control")
        routes.add_url_rule("/inbound", "inbound", self._inbound, methods=["POST"])
        routes.add_url_rule("/messages", "messages", self._messages)
        routes.add_url_rule("/faults", "faults", self._faults, methods=["GET", "POST", "DELETE"])
        routes.add_url_rule("/chances", "chances", self._chances, methods=["GET", "POST"])
        routes.add_url_rule("/webhook", "webhook", self._webhook, methods=["POST"])
        routes.add_url_rule("/rate", "rate", self._rate, methods=["POST"])
        routes.add_url_rule("/requests", "requests", self._requests)
        routes.add_url_rule("/reset", "reset", self._reset, methods=["POST"])
        routes.add_url_rule("/window", "window", self._window, methods=["POST"])
        routes.register_error_handler(BadControl, _bad)
        routes.register_error_handler(BadWindow, _bad)
        routes.register_error_handler(BadFault, _bad)
        return routes

    def _inbound(self) -> Response:
        """A customer's message; with ``"webhook": false`` Twilio alone hears of it, for Ringback has it already."""
        given = request.get_json(silent=True)
        text = self.composer.text_from(given, own_origin(request.environ))
        if isinstance(given, dict) and given.get("webhook") is False:
            return jsonify(outcome(self.handsets.keep(text)))
        return jsonify(outcome(self.handsets.receive(text)))

    def _messages(self) -> Response:
        """All messages, oldest first, with their raw requests; those of one customer with ``?customer=``."""
        customer = request.args.get("customer", "")
        messages = [m for m in reversed(self.store.newest_first()) if customer in ("", m.customer)]
        return jsonify(messages=[described(message) for message in messages])

    def _faults(self) -> Response:
        if request.method == "POST":
            self.faults.add(fault_from(request.get_json(silent=True)))
        elif request.method == "DELETE":
            self.faults.forget_pending()
        return jsonify(faults=self.faults.pending())

    def _chances(self) -> Response:
        """Bad luck by seed: JSON {seed, faults: [{kind, share, ...}]}; gives how often each fault struck."""
        if request.method == "POST":
            given = _object(request.get_json(silent=True), {"seed": int, "faults": list})
            faults = [fault_from(each) for each in given.get("faults", [])]
            if not all(fault.share >= 0 for fault in faults) or sum(fault.share for fault in faults) > 1:
                raise BadControl("shares are numbers of 0 to 1 and come to 1 at most")
            self.faults.chances(int(given.get("seed", 0)), faults)
        return jsonify(self.faults.luck())

    def _webhook(self) -> Response:
        """What stands behind the webhook's address, ``rc=3&rp=ct,5xx``, and the fallback: {overrides, fallback_url}."""
        given = _object(request.get_json(silent=True), {"overrides": str, "fallback_url": str})
        self.handsets.hook = Hook(
            given.get("overrides", "").removeprefix("#"),
            given.get("fallback_url", self.handsets.hook.fallback_url),
        )
        return jsonify(asdict(self.handsets.hook))

    def _rate(self) -> Response:
        """How fast a sender's messages leave: {per_second, queue_seconds}; 0 a second is at once."""
        given = _object(
            request.get_json(silent=True), {"per_second": (int, float), "queue_seconds": (int, float)}
        )
        rate = Rate(float(given.get("per_second", 0)), float(given.get("queue_seconds", QUEUE_S)))
        self.carrier.limit(rate)
        return jsonify(asdict(rate))

    def _window(self) -> Response:
        """Let WhatsApp's 24 hours of a customer run out: {customer, to?, seconds?}."""
        customer, ours, seconds = asked_end(request.get_json(silent=True), self.account.numbers)
        ends = self.carrier.whatsapp.end_in(customer, ours, seconds)
        return jsonify(customer=customer, ours=ours, ends=ends)

    def _requests(self) -> Response:
        """The REST calls that met the Messages routes, oldest first; ``?on=create`` for one kind."""
        on = request.args.get("on", "")
        return jsonify(requests=[call for call in self.faults.calls() if on in ("", call["on"])])

    def _reset(self) -> Response:
        self.board.reset()
        self.timetable.clear()
        self.store.clear()
        self.composer.media.clear()
        self.carrier.whatsapp.clear()
        self.faults.clear()
        self.carrier.limit(Rate())
        self.handsets.hook = Hook(fallback_url=self.account.fallback_url)
        return Response(status=204)


def described(message: Message) -> dict[str, Any]:
    """One message with everything known about it."""
    return asdict(message) | {
        "from": message.sender,
        "channel": message.channel,
        "customer": message.customer,
        "ours": message.ours,
    }


def _bad(error: Exception) -> tuple[Response, int]:
    return jsonify(error={"code": "bad_request", "message": str(error)}), 400
