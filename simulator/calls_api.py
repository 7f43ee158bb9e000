"""Twilio's REST API for calls: /2010-04-01/Accounts/{AC}/Calls and the live call behind each."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from simulator.account import E164, Account
from simulator.call_store import CallStore
from simulator.callflow import TIME_LIMIT_S
from simulator.calls import Call, wire
from simulator.mailbox import Source
from simulator.messages import API_VERSION, Exchange, now_ms
from simulator.pages import page_of_calls
from simulator.rest import Rest
from simulator.switchboard import RING_TIMEOUT_S, NotNow, Placed, Switchboard, TooManyCalls
from simulator.twilio_errors import Refused, not_found, valid_callback

TWIML_MAX = 4000  # characters, Twilio's error 32018 beyond
EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})
TIMEOUT_MAX_S = 600
ENDING_S = 2.0  # a call told to end does so at once

# Twilio's test credentials answer these numbers so; here they do it always.
MAGIC_TO = {"+15005550001": 21217, "+15005550002": 21214, "+15005550003": 21215, "+15005550004": 21216}
TEXTS = {
    21201: "No 'To' number specified",
    21205: "Url is not a valid URL: {url}",
    21210: "The source phone number provided, {sender}, is not yet verified for your account. You may only make "
    "calls from phone numbers that you've verified or purchased from Twilio.",
    21211: "The phone number you are attempting to call, {to}, is not valid.",
    21212: "The source phone number provided, {sender}, is not valid.",
    21213: "Caller phone number is required",
    21214: "The phone number you are attempting to call, {to}, cannot be reached.",
    21215: "Account not authorized to call {to}. Perhaps you need to enable some international permissions.",
    21216: "Account not allowed to call {to}",
    21217: "Phone number does not appear to be valid",
    21220: "Invalid call state. Call is not in-progress. Cannot redirect.",
    21609: "The 'StatusCallback' URL is not a valid URL.",
    32018: "Twiml size exceeded maximum allowed value of 4000 characters",
}


@dataclass(frozen=True, slots=True)
class CallsApi:
    account: Account
    board: Switchboard
    rest: Rest

    def blueprint(self) -> Blueprint:
        root = f"/{API_VERSION}/Accounts/<account_sid>"
        routes = Blueprint("calls", __name__)
        guarded = self.rest.guarded
        routes.add_url_rule(f"{root}/Calls.json", "calls", guarded(self._calls), methods=["GET", "POST"])
        one = guarded(self._call)
        routes.add_url_rule(f"{root}/Calls/<sid>.json", "call", one, methods=["GET", "POST", "DELETE"])
        return routes

    @property
    def _store(self) -> CallStore:
        return self.board.calls

    # Calls.json

    def _calls(self) -> Response:
        if request.method == "GET":
            return self.rest.faulty("call_list", request.args.get("To", ""), self._list)
        return self.rest.faulty("call_create", request.form.get("To", ""), self._create)

    def _list(self) -> Response:
        rows, frame = page_of_calls(self._store.newest_first(), request.path, request.args)
        return jsonify(calls=[wire(call, self.account.sid) for call in rows], **frame)

    def _create(self) -> Response:
        placed = placed_from(
            request.form.to_dict(), request.form.getlist("StatusCallbackEvent"), self.account
        )
        try:
            call = self.board.place(placed)
        except TooManyCalls:
            raise Refused(20429, 429) from None
        request.environ["simulator.sid"] = call.sid
        response = jsonify(wire(call, self.account.sid))
        response.status_code = 201
        self._note(call.sid, response)
        return response

    # Calls/{Sid}.json

    def _call(self, sid: str) -> Response:
        action = {"GET": self._fetch, "POST": self._update, "DELETE": self._delete}[request.method]
        on = {"GET": "call_fetch", "POST": "call_update", "DELETE": "call_delete"}[request.method]
        return self.rest.faulty(on, sid, lambda: action(self._known(sid)))

    def _known(self, sid: str) -> Call:
        call = self._store.get(sid)
        if call is None:
            raise not_found(request.path)
        return call

    def _fetch(self, call: Call) -> Response:
        return jsonify(wire(call, self.account.sid))

    def _update(self, call: Call) -> Response:
        request.environ["simulator.sid"] = call.sid
        form = request.form
        try:
            if not call.live:
                raise NotNow("the call has ended")
            if form.get("Status"):
                self._end(call, form["Status"])
            else:
                self.board.move(call.sid, instructions(form.to_dict(), {}))
        except NotNow:
            raise Refused(21220, 400, TEXTS[21220]) from None
        if callback := form.get("StatusCallback"):
            if not valid_callback(callback):
                raise Refused(21609, 400, TEXTS[21609])
            self._store.change(call.sid, status_callback=callback)
        response = self._fetch(self._known(call.sid))
        self._note(call.sid, response)
        return response

    def _end(self, call: Call, status: str) -> None:
        """``completed`` hangs up; ``canceled`` ends only what nobody has answered yet."""
        if status not in ("completed", "canceled"):
            raise Refused(20001, 400, "Status is canceled or completed")
        if status == "canceled" and call.started:
            return
        self.board.hang_up(call.sid, by="rest", status="canceled")
        self._store.wait(call.sid, lambda call: not call.live, ENDING_S)

    def _delete(self, call: Call) -> Response:
        if call.live:
            raise Refused(20009, 409, "Cannot delete this resource because the call is still in progress.")
        self._store.delete(call.sid)
        return Response(status=204)

    def _note(self, sid: str, response: Response) -> None:
        """The request as the phone page shows it, without the secret that authorised it."""
        headers = tuple((k, "Basic ..." if k == "Authorization" else v) for k, v in request.headers.items())
        exchange = Exchange(
            kind="rest",
            method=request.method,
            url=request.url,
            headers=headers,
            body=urlencode(list(request.form.items(multi=True))),
            at=now_ms(),
            status=response.status_code,
            answer_headers=tuple(response.headers.items()),
            answer=response.get_data(as_text=True),
        )
        self._store.note(sid, (exchange,))


def placed_from(form: dict[str, str], events: list[str], account: Account) -> Placed:
    """What Calls.create was asked for. Raises Refused for what Twilio would not do."""
    to, sender = form.get("To", ""), form.get("From", "")
    named = {"to": to, "sender": sender}
    if not to:
        raise _refused(21201, named)
    if not sender:
        raise _refused(21213, named)
    if to in MAGIC_TO:
        raise _refused(MAGIC_TO[to], named)
    if not E164.fullmatch(to) and not to.startswith(("sip:", "client:")):
        raise _refused(21211, named)
    if not E164.fullmatch(sender) and not sender.startswith(("sip:", "client:")):
        raise _refused(21212, named)
    if sender not in (*account.numbers, *account.caller_ids):
        raise _refused(21210, named)
    source = instructions(form, named)
    if form.get("StatusCallback") and not valid_callback(form["StatusCallback"]):
        raise _refused(21609, named)
    asked = {event for written in events for event in written.split()}
    return Placed(
        sender=sender,
        to=to,
        source=source,
        status_callback=form.get("StatusCallback", ""),
        callback_events=tuple(sorted(asked & EVENTS)) or ("completed",),
        timeout_s=_seconds(form, "Timeout", RING_TIMEOUT_S, TIMEOUT_MAX_S),
        time_limit_s=_seconds(form, "TimeLimit", TIME_LIMIT_S, TIME_LIMIT_S),
    )


def instructions(form: dict[str, str], named: dict[str, str]) -> Source:
    """The ``Url`` or ``Twiml`` of a request. Raises Refused for neither, for a URL that is none, for a Twiml too long."""
    url, twiml = form.get("Url", ""), form.get("Twiml", "")
    if not named and url and twiml:
        raise Refused(20001, 400, "Url and Twiml are mutually exclusive")
    if url:
        if not valid_callback(url):
            raise Refused(21205, 400, TEXTS[21205].format(url=url))
        method = form.get("Method", "POST").upper()
        return Source(url, "GET" if method == "GET" else "POST", fallback=form.get("FallbackUrl", ""))
    if len(twiml) > TWIML_MAX:
        raise Refused(32018, 400, TEXTS[32018])
    if not twiml:
        raise Refused(21205, 400, "Url parameter is required.")
    return Source(twiml=twiml, fallback=form.get("FallbackUrl", ""))


def _seconds(form: dict[str, str], name: str, default: float, most: float) -> float:
    written = form.get(name)
    if not written:
        return default
    if not (written.isascii() and written.isdigit()) or int(written) < 1:
        raise Refused(20001, 400, f"{name} is a whole number of seconds")
    return min(float(written), most)


def _refused(code: int, named: dict[str, str]) -> Refused:
    return Refused(code, 400, TEXTS[code].format(**named))
