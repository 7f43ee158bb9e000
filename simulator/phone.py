"""The phone page: a messenger in the browser, for every customer at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from simulator.account import Account
from simulator.answering import Answering
from simulator.bubbles import Bubbles
from simulator.carrier import Carrier
from simulator.composing import BadControl, Composer
from simulator.control import outcome
from simulator.handsets import Handsets
from simulator.media_api import own_origin
from simulator.messages import Message
from simulator.store import Changes, Store
from simulator.switchboard import Switchboard
from simulator.whatsapp import BadWindow, asked_end

# The numbers of the specification this grew from, and one from elsewhere. Names are what WhatsApp shows.
CUSTOMERS = (
    ("+1234567890", "Alex Morgan"),
    ("+1987654321", "Sam Rivera"),
    ("+15551234567", "Priya Shah"),
    ("+447700900123", "Olivia Hart"),
)
# Browsers and proxies give up on silence; a comment this often keeps a quiet stream open.
HEARTBEAT_S = 15
# A stream ends after this long and the browser comes back, so that no thread serves a closed lid for ever.
STREAM_BEATS = 40


@dataclass(frozen=True, slots=True)
class PhonePage:
    account: Account
    store: Store
    handsets: Handsets
    carrier: Carrier
    answering: Answering
    composer: Composer
    board: Switchboard

    def blueprint(self) -> Blueprint:
        routes = Blueprint("phone", __name__)
        routes.add_url_rule("/", "home", lambda: redirect("/phone"))
        routes.add_url_rule("/phone", "page", self._page)
        routes.add_url_rule("/phone/state", "state", self._state)
        routes.add_url_rule("/phone/changes", "changes", self._changes)
        routes.add_url_rule("/phone/events", "events", self._events)
        routes.add_url_rule("/phone/send", "send", self._send, methods=["POST"])
        routes.add_url_rule("/phone/window", "window", self._window, methods=["POST"])
        routes.add_url_rule("/phone/read", "read", self._read, methods=["POST"])
        routes.add_url_rule("/phone/messages/<sid>/raw", "raw", self._raw)
        return routes

    def _page(self) -> str:
        return render_template("phone.html")

    def _state(self) -> Response:
        customers = [{"number": number, "name": name} for number, name in CUSTOMERS]
        picture = self._picture(self.store.changes(""))
        who = self.answering
        agent = {"id": who.id, "name": who.name, "others": who.others}
        told = {"numbers": self.account.numbers, "customers": customers, "agent": agent}
        return jsonify(**told, examples=who.examples, answer=self.board.answers_by, **picture)

    def _changes(self) -> Response:
        return jsonify(self._picture(self.store.changes(request.args.get("cursor", ""))))

    def _events(self) -> AnyResponse:
        cursor = request.headers.get("Last-Event-ID") or request.args.get("cursor", "")
        response = Response(self._stream(cursor), content_type="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        return response

    def _stream(self, cursor: str) -> Iterator[str]:
        with self.board.watched():
            yield from self._beats(cursor)

    def _beats(self, cursor: str) -> Iterator[str]:
        yield "retry: 1000\n\n"
        for _ in range(STREAM_BEATS):
            changes = self.store.changes(cursor, wait_s=HEARTBEAT_S)
            if self.store.closed:
                return
            if changes.cursor == cursor:
                yield ": still here\n\n"
                continue
            cursor = changes.cursor
            yield f"id: {cursor}\ndata: {json.dumps(self._picture(changes))}\n\n"

    def _send(self) -> tuple[Response, int]:
        try:
            text = self.composer.text_of_phone(request.get_json(silent=True), own_origin(request.environ))
        except BadControl as error:
            return jsonify(error=str(error)), 400
        message = self.handsets.receive(text)
        return jsonify(outcome(message) | {"problem": _problem(message, self.account)}), 200

    def _window(self) -> tuple[Response, int]:
        """The lever beside WhatsApp's clock: the customer's 24 hours run out."""
        try:
            customer, ours, seconds = asked_end(request.get_json(silent=True), self.account.numbers)
        except BadWindow as error:
            return jsonify(error=str(error)), 400
        ends = self.carrier.whatsapp.end_in(customer, ours, seconds)
        return jsonify(customer=customer, ours=ours, ends=ends), 200

    def _read(self) -> Response:
        given = request.get_json(silent=True)
        customer = given.get("customer") if isinstance(given, dict) else None
        return jsonify(read=self.carrier.mark_read(str(customer)) if customer else 0)

    def _picture(self, changes: Changes) -> dict[str, Any]:
        bubbles = Bubbles(self.composer.media)
        calls, gone = self.board.calls.changed_since(changes.seen, whole=changes.whole)
        return {
            "messages": [bubbles.of(message) for message in changes.messages],
            "deleted": changes.deleted,
            "cursor": changes.cursor,
            "whole": changes.whole,
            "calls": calls,
            "calls_gone": gone,
        } | self.carrier.whatsapp.picture()

    def _raw(self, sid: str) -> tuple[Response, int]:
        message = self.store.get(sid)
        if message is None:
            return jsonify(error="This message is no longer there."), 404
        return jsonify(sid=sid, exchanges=[_shown(e) for e in message.exchanges]), 200


def _shown(exchange: Any) -> dict[str, Any]:
    return {name: getattr(exchange, name) for name in exchange.__slots__}


def _problem(message: Message, account: Account) -> str:
    """One plain sentence for the banner where Ringback did not take the message, else nothing."""
    last = message.exchanges[-1]
    if not last.error_code:
        return ""
    if last.error_code == 11205:
        return f"Ringback's web cannot be reached at {account.webhook_base}. Is it running?"
    if last.error_code in (11200, 11206) and not last.status:
        return f"Ringback's web took the message but gave no answer: {last.error}."
    if last.status == 403:
        return "Ringback refused the signature (403): both sides need the same auth token and public URL."
    if last.status == 503:
        return "Ringback cannot take messages just now (503): its Redis is away."
    return f"Ringback did not take the message: {last.error}."
