"""The phone page's calls: calling, talking, keys, and answering when we call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.account import Account
from simulator.calls_control import BadCall, act_from, number_in, ring_from, status_in
from simulator.switchboard import NotNow, Switchboard, TooManyCalls

PACE_MS = 60.0  # a character, as a browser's voice speaks
PATIENCE_S = 10.0  # typing is slower than talking
SETTLE_S = 2.0

Answer = tuple[Response, int] | Response


@dataclass(frozen=True, slots=True)
class PhoneCalls:
    account: Account
    board: Switchboard

    def blueprint(self) -> Blueprint:
        routes = Blueprint("phone_calls", __name__, url_prefix="/phone/calls")
        routes.add_url_rule("", "ring", self._ring, methods=["POST"])
        routes.add_url_rule("/<sid>", "call", self._call)
        routes.add_url_rule("/<sid>/raw", "raw", self._raw)
        acts: dict[str, Callable[[str, Any], None]] = {
            "say": self._say, "hangup": self._hang_up, "answer": self._answer, "decline": self._decline,
            "transfer": self._transfer,
        }  # fmt: skip
        for name, act in acts.items():
            routes.add_url_rule(f"/<sid>/{name}", name, self._done(act), methods=["POST"])
        for error, said, status in (
            (BadCall, "", 400),
            (NotNow, "", 409),
            (TooManyCalls, "There are too many calls at once: hang up some first.", 429),
        ):
            routes.register_error_handler(error, _refusal(said, status))
        return routes

    def _ring(self) -> Answer:
        ring = ring_from(request.get_json(silent=True), self.account, pace=PACE_MS, patience=PATIENCE_S)
        return jsonify(self.board.calls.picture(self.board.ring(ring).sid)), 201

    def _call(self, sid: str) -> Answer:
        picture = self.board.calls.picture(sid, request.args.get("after", 0, type=int))
        return jsonify(picture) if picture else _gone()

    def _raw(self, sid: str) -> Answer:
        if self.board.calls.get(sid) is None:
            return _gone()
        return jsonify(call_sid=sid, exchanges=[asdict(each) for each in self.board.calls.exchanges(sid)])

    def _done(self, act: Callable[[str, Any], None]) -> Callable[[str], Answer]:
        """A view that does this to a call and shows it then."""

        def view(sid: str) -> Answer:
            if self.board.calls.get(sid) is None:
                return _gone()
            act(sid, request.get_json(silent=True))
            picture = self.board.calls.picture(sid)
            return jsonify(picture) if picture else _gone()

        return view

    def _say(self, sid: str, given: Any) -> None:
        self.board.act(sid, act_from(given))

    def _hang_up(self, sid: str, given: Any) -> None:
        self.board.hang_up(sid)
        self.board.calls.wait(sid, lambda call: not call.live, SETTLE_S)

    def _answer(self, sid: str, given: Any) -> None:
        self._pick_up(sid, given, declined=False)

    def _decline(self, sid: str, given: Any) -> None:
        self._pick_up(sid, given, declined=True)

    def _pick_up(self, sid: str, given: Any, *, declined: bool) -> None:
        told = given if isinstance(given, dict) else {}
        pace, patience = number_in(told, "pace", PACE_MS, 1000), number_in(told, "patience", PATIENCE_S, 3600)
        self.board.pick_up(sid, declined=declined, pace=pace, patience=patience)
        self.board.calls.wait(sid, lambda call: call.status != "ringing", SETTLE_S)

    def _transfer(self, sid: str, given: Any) -> None:
        self.board.transfer(sid, status_in(given))


def _gone() -> Answer:
    return jsonify(error="This call is no longer there."), 404


def _refusal(said: str, status: int) -> Callable[[Exception], Answer]:
    def refuse(error: Exception) -> Answer:
        words = said or str(error)
        return jsonify(error=f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"), status

    return refuse
