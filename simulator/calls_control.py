"""Levers for calls: /_control/calls and what customers' and colleagues' phones do. Not part of Twilio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.account import E164, PICK_UP, Account
from simulator.call_store import CallStore
from simulator.calls import CALL_SID, WITHHELD, Call
from simulator.dialling import OUTCOMES, Outcome
from simulator.handsets import Hook
from simulator.mailbox import Act, Begun, Keys, Silence, Speech
from simulator.switchboard import Answering, NotNow, Ring, Switchboard, TooManyCalls
from simulator.verb_reading import KEYS

WORDS_MAX = 20_000  # characters of one utterance: more than any caller says, enough to be a nuisance
KEYS_MAX = 200
WAIT_MAX_S = 60.0
PATIENCE_S = (
    60.0  # a test on a loaded machine is slower than any caller; silence is said with {"silence": true}
)
CONFIDENCE = 0.95


class BadCall(ValueError):
    """The request does not say what to do; the message says what is missing."""


def ring_from(given: Any, account: Account, *, pace: float, patience: float) -> Ring:
    """A customer's call from JSON {from, to?, anonymous?, pace?, patience?, call_sid?, extra?}. Raises BadCall."""
    if not isinstance(given, dict):
        raise BadCall("send a JSON object with from")
    sender = "anonymous" if given.get("anonymous") else str(given.get("from", ""))
    withheld = sender.lower() in WITHHELD or sender.startswith(("sip:", "client:"))
    if not withheld and not E164.fullmatch(sender):
        raise BadCall("from must look like +15551234567")
    to, sid = str(given.get("to") or account.numbers[0]), str(given.get("call_sid") or "")
    if to not in account.numbers:
        raise BadCall(f"to must be one of {', '.join(account.numbers)}")
    if sid and not CALL_SID.fullmatch(sid):
        raise BadCall("call_sid is CA and 32 hex digits")
    extra = given.get("extra") or {}
    if not isinstance(extra, dict):
        raise BadCall("extra is an object of parameters")
    return Ring(
        sender=sender,
        to=to,
        pace=number_in(given, "pace", pace, 1000),
        patience=number_in(given, "patience", patience, 3600),
        sid=sid,
        extra=tuple((str(name), str(value)) for name, value in extra.items()),
    )


def act_from(given: Any) -> Act:
    """What the caller does, from JSON {speech, confidence?}, {digits}, {silence: true} or {started: true}. Raises BadCall."""
    if not isinstance(given, dict):
        raise BadCall("send a JSON object with speech, digits, silence or started")
    speech, digits = given.get("speech"), given.get("digits")
    if isinstance(speech, str):
        if not speech.strip() or len(speech) > WORDS_MAX:
            raise BadCall(f"speech has 1 to {WORDS_MAX} characters; for nothing said, send silence")
        confidence = given.get("confidence", CONFIDENCE)
        if confidence is None:
            return Speech(speech)
        return Speech(speech, number_in({"confidence": confidence}, "confidence", CONFIDENCE, 1))
    if isinstance(digits, str):
        if not digits or len(digits) > KEYS_MAX or not set(digits) <= set(KEYS):
            raise BadCall(f"digits are 1 to {KEYS_MAX} of {KEYS}")
        return Keys(digits)
    if given.get("silence") is True:
        return Silence()
    if given.get("started") is True:
        return Begun()
    raise BadCall("send speech, digits, silence or started")


def number_in(given: Mapping[str, Any], name: str, default: float, most: float) -> float:
    """A number of 0 to ``most`` there, or the default. Raises BadCall."""
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise BadCall(f"{name} is a number of 0 to {most:g}")
    return float(value)


def status_in(given: Any) -> str:
    """What became of a dialled phone. Raises BadCall."""
    status = given.get("status") if isinstance(given, dict) else None
    if status not in OUTCOMES:
        raise BadCall(f"status is one of {', '.join(OUTCOMES)}")
    return str(status)


# What GET waits for.
UNTIL = {
    "listening": lambda call: call.doing == "listening",
    "ended": lambda call: not call.live,
    "answered": lambda call: call.started > 0,
    "ringing": lambda call: call.status == "ringing",
    "dialling": lambda call: call.transfer is not None,
}


@dataclass(frozen=True, slots=True)
class CallsControl:
    account: Account
    board: Switchboard

    def blueprint(self) -> Blueprint:
        routes = Blueprint("calls_control", __name__, url_prefix="/_control")
        routes.add_url_rule("/calls", "calls", self._calls, methods=["GET", "POST"])
        routes.add_url_rule("/calls/<sid>", "call", self._call)
        routes.add_url_rule("/calls/<sid>/raw", "raw", self._raw)
        for name, view in (
            ("say", self._say), ("hangup", self._hang_up), ("answer", self._answer),
            ("decline", self._decline), ("transfer", self._transfer),
        ):  # fmt: skip
            routes.add_url_rule(f"/calls/<sid>/{name}", name, view, methods=["POST"])
        routes.add_url_rule("/dial_outcome", "dial_outcome", self._dial_outcome, methods=["GET", "POST"])
        routes.add_url_rule("/answering", "answering", self._answering, methods=["GET", "POST"])
        routes.add_url_rule("/voice", "voice", self._voice, methods=["GET", "POST"])
        for error, code, status in (
            (BadCall, "bad_request", 400), (NotNow, "not_now", 409), (TooManyCalls, "too_many_calls", 429),
            (LookupError, "not_found", 404),
        ):  # fmt: skip
            routes.register_error_handler(error, _refusal(code, status))
        return routes

    @property
    def _store(self) -> CallStore:
        return self.board.calls

    def _calls(self) -> tuple[Response, int] | Response:
        if request.method == "POST":
            ring = ring_from(request.get_json(silent=True), self.account, pace=0, patience=PATIENCE_S)
            if ring.sid and self._store.get(ring.sid):
                raise BadCall("there is a call with this call_sid already")
            return self._picture(self.board.ring(ring).sid), 201
        customer, live = request.args.get("customer", ""), request.args.get("live", "")
        calls = [
            call for call in reversed(self._store.newest_first())
            if not call.parent_sid and customer in ("", call.customer) and (not live or call.live)
        ]  # fmt: skip
        return jsonify(calls=[self._store.picture(call.sid) for call in calls])

    def _call(self, sid: str) -> Response:
        """One call; with ``wait`` once there is more in it than ``after``, or once it is as ``until`` says."""
        after, wait = request.args.get("after", 0, type=int), request.args.get("wait", 0.0, type=float)
        until = request.args.get("until", "")
        if until and until not in UNTIL:
            raise BadCall(f"until is one of {', '.join(UNTIL)}")

        def is_ready(call: Call) -> bool:
            return not call.live or (UNTIL[until](call) if until else bool(self._store.lines(sid, after)))

        if wait > 0:
            self._store.wait(sid, is_ready, min(wait, WAIT_MAX_S))
        return self._picture(sid, after)

    def _picture(self, sid: str, after: int = 0) -> Response:
        picture = self._store.picture(sid, after)
        if picture is None:
            raise LookupError("there is no such call")
        return jsonify(picture)

    def _known(self, sid: str) -> Call:
        call = self._store.get(sid)
        if call is None:
            raise LookupError("there is no such call")
        return call

    def _raw(self, sid: str) -> Response:
        self._known(sid)
        return jsonify(call_sid=sid, exchanges=[asdict(exchange) for exchange in self._store.exchanges(sid)])

    def _say(self, sid: str) -> Response:
        given: Any = request.get_json(silent=True)
        act = act_from(given)
        self._known(sid)
        self.board.act(sid, act, number_in(given, "wait", 0, WAIT_MAX_S))
        return self._picture(sid)

    def _hang_up(self, sid: str) -> Response:
        """The customer hangs up; the picture is of the ended call."""
        self._known(sid)
        self.board.hang_up(sid)
        self._store.wait(sid, lambda call: not call.live, 2.0)
        return self._picture(sid)

    def _answer(self, sid: str) -> Response:
        return self._pick_up(sid, declined=False)

    def _decline(self, sid: str) -> Response:
        return self._pick_up(sid, declined=True)

    def _pick_up(self, sid: str, *, declined: bool) -> Response:
        self._known(sid)
        given = request.get_json(silent=True)
        given = given if isinstance(given, dict) else {}
        pace, patience = number_in(given, "pace", 0, 1000), number_in(given, "patience", PATIENCE_S, 3600)
        self.board.pick_up(sid, declined=declined, pace=pace, patience=patience)
        self._store.wait(sid, lambda call: call.status != "ringing", 2.0)
        return self._picture(sid)

    def _transfer(self, sid: str) -> Response:
        self._known(sid)
        self.board.transfer(sid, status_in(request.get_json(silent=True)))
        return self._picture(sid)

    def _dial_outcome(self) -> Response:
        """What every later <Dial> comes to: {status, seconds}."""
        if request.method == "POST":
            given: Any = request.get_json(silent=True)
            status = status_in(given)
            seconds = number_in(given, "seconds", 0, 3600) if given.get("seconds") is not None else None
            self.board.outcome = Outcome(status, seconds)
        return jsonify(asdict(self.board.outcome))

    def _answering(self) -> Response:
        """What customers' phones do with our calls: {how, pace, patience, seconds}."""
        if request.method == "POST":
            given = request.get_json(silent=True)
            if not isinstance(given, dict) or given.get("how", "page") not in PICK_UP:
                raise BadCall(f"how is one of {', '.join(PICK_UP)}")
            seconds = number_in(given, "seconds", 0, 3600) if given.get("seconds") is not None else None
            self.board.answering = Answering(
                str(given.get("how", "page")), number_in(given, "pace", 0, 1000), number_in(given, "patience", 0, 3600),
                seconds,
            )  # fmt: skip
        return jsonify(asdict(self.board.answering))

    def _voice(self) -> Response:
        """What stands behind the voice webhook's address, ``rc=3&rp=ct,5xx``, and the fallback: {overrides, fallback_url}."""
        if request.method == "POST":
            given = request.get_json(silent=True)
            if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
                raise BadCall("send a JSON object with overrides and fallback_url")
            hook = Hook(given.get("overrides", "").removeprefix("#"), given.get("fallback_url", ""))
            self.board.web.hook = hook
        return jsonify(asdict(self.board.web.hook))


def _refusal(code: str, status: int) -> Any:
    def refuse(error: Exception) -> tuple[Response, int]:
        said = str(error.args[0]) if error.args else "there are too many live calls: end some first"
        return jsonify(error={"code": code, "message": said}), status

    return refuse
