"""The JSON API: who may call, what is asked for, and every error in one shape.

    app.register_blueprint(create_blueprint(manager, settings))

``docs/api.md`` is the page for people. Errors are ``{"error": {"code", "message", "details"?}}``.
"""

from __future__ import annotations

import hmac
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import redis
from flask import Blueprint, Response, jsonify, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from config.settings import Settings
from console.shapes import conversation_json, error_json, session_json
from session import customers, keys
from session.claims import LedgerConflict
from session.machine import IllegalTransition
from session.manager import NoSuchSession, NotANumber, SessionManager
from session.model import Customer, MemoryItem, Message, Session
from session.operators import Operators

BODY_BYTES_MAX = 64 * 1024
LIMIT_MAX = 100_000  # messages in one answer
ACTIVE_MAX = 10_000  # sessions in one answer; whoever has more pages through them
RETRY_SECONDS = 2
DEPTH_MAX = 20

NO_SUCH_SESSION = error_json(
    "session_not_found", "There is no such session; GET /sessions/active lists the open ones."
)

NO_NUMBER = error_json("invalid_phone_number", "Give a phone number, for example +15551234567.")

_LIMIT = re.compile(r"[0-9]{1,9}", re.ASCII)
_BEARER = re.compile(rb"bearer +(\S+)", re.IGNORECASE)


class Refused(Exception):
    """A request that cannot be answered as asked, with the status and the error to say so."""

    def __init__(
        self, status: int, code: str, message: str, details: Any = None, *, retry_after: int = 0
    ) -> None:
        super().__init__(code)
        self.status = status
        self.retry_after = retry_after  # seconds; 0: nothing is said of it
        self.body = error_json(code, message, details)


class PhoneConverter(BaseConverter):
    """A path's number in any way of writing: a slash is part of it where a digit follows (030/1234567)."""

    regex = r"[^/]+(?:/[0-9][^/]*)*"
    part_isolating = False


def create_blueprint(manager: SessionManager, settings: Settings) -> Blueprint:
    """The API's reading routes, to be mounted without a prefix; ``console.api_*`` add theirs."""
    api = Api(manager, settings)
    routes = Blueprint("api", __name__)
    routes.record_once(_add_converter)
    routes.before_request(api.check_key)
    routes.after_request(_private)
    for path in ("/session/<phone:phone>", "/admin/session/<phone:phone>"):
        routes.add_url_rule(path, path.split("/")[1], api.conversation)
    routes.add_url_rule("/sessions/active", "active", api.active)
    routes.add_url_rule("/sessions/<phone:session_id>", "one", api.one)
    routes.add_url_rule("/session/<phone:session_id>/complete", "complete", api.complete, methods=["POST"])
    _add_error_handlers(routes)
    return routes


class Api:
    """The answers. Safe for threads."""

    def __init__(self, manager: SessionManager, settings: Settings) -> None:
        self._manager = manager
        self.operators = Operators(manager, settings.twilio_messaging_service_sid)
        self._keys = [key.encode() for key in settings.admin_keys]

    def check_key(self) -> None:
        """Every key is compared, whichever fits, so that the time taken tells nothing."""
        header = request.headers.get("Authorization", "").encode("latin-1", "replace")
        given = _BEARER.fullmatch(header.strip())
        token = given[1] if given else b""
        fits = [hmac.compare_digest(token, key) for key in self._keys]
        if not any(fits):
            raise Refused(401, "unauthorized", "Send the header Authorization: Bearer with an ADMIN_API_KEY.")

    def conversation(self, phone: str) -> Response:
        """GET /session/{phone}?limit= : the open session last active, else the latest."""
        limit = _limit()
        customer, session, messages = self._manager.read(phone)
        if session is None:
            raise NoSuchSession(phone)
        return self._answer(customer, session, messages, limit)

    def active(self) -> Response:
        """GET /sessions/active : every session that is not CLOSED, newest activity first."""
        rows = self._manager.get_all_sessions(ACTIVE_MAX)
        total = len(rows) if len(rows) < ACTIVE_MAX else self._manager.get_active_sessions_count()
        return jsonify(active_sessions=[session_json(c, s) for c, s in rows], total_active=total)

    def one(self, session_id: str) -> Response:
        """GET /sessions/{session_id} : one session with all its messages."""
        return self._answer(*self.find(session_id), _limit())

    def complete(self, session_id: str) -> Response:
        """POST /session/{session_id}/complete : CLOSED, completed."""
        json_body(optional=True)
        done = self.operators.complete(self.find(session_id)[1].id)
        return jsonify(message="Session completed successfully", session=self.show(done.session.id))

    def find(self, name: str) -> tuple[Customer, Session, list[Message]]:
        """By id; a phone number stands for its open session, else its latest. Anything else is unknown."""
        if keys.parse_id(name):
            return self._manager.read_session(name)
        try:
            customer, session, messages = self._manager.read(name)
        except NotANumber:
            raise NoSuchSession(name) from None
        if session is None:
            raise NoSuchSession(name)
        return customer, session, messages

    def show(self, session_id: str) -> dict[str, Any]:
        """A session as it is now, in the contract's shape."""
        customer, session, messages = self._manager.read_session(session_id)
        return session_json(
            customer, session, messages, self._window(session), self._memory(customer, session)
        )

    def _answer(
        self, customer: Customer, session: Session, messages: Sequence[Message], limit: int | None
    ) -> Response:
        memory = self._memory(customer, session)
        return jsonify(conversation_json(customer, session, messages, self._window(session), limit, memory))

    def _memory(self, customer: Customer, session: Session) -> tuple[MemoryItem, ...]:
        return customers.memory_of(self._manager, customer.id, session.agent_id)

    def _window(self, session: Session) -> int:
        return self._manager.policy(session.agent_id).history_window


def _limit() -> int | None:
    """``?limit=``, or None without. A wrong one is refused rather than guessed at."""
    text = request.args.get("limit")
    if text is None:
        return None
    limit = int(text) if _LIMIT.fullmatch(text) else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise Refused(422, "invalid_limit", f"limit must be a whole number from 1 to {LIMIT_MAX}.")
    return limit


def json_body(*, optional: bool = False) -> dict[str, Any]:
    """The request's JSON object. With ``optional`` nobody needs to send one; what is called JSON must be one."""
    request.max_content_length = BODY_BYTES_MAX
    raw = request.get_data()
    if optional and (not raw.strip() or not request.is_json):
        return {}
    try:
        given = json.loads(
            raw.decode("utf-8"), parse_constant=_no_constant, parse_int=_whole, parse_float=_finite,
            object_pairs_hook=_no_repeats,
        )  # fmt: skip
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or _depth(given) > DEPTH_MAX:
        or_none = ", or no body at all" if optional else ""
        raise Refused(400, "invalid_json", f"Send a JSON object, each name once, not nested deeply{or_none}.")
    return given


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """A number that JSON can say again: 1e400 is Infinity to Python, and to nobody else a number."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name is given twice")
    return dict(pairs)


def _depth(value: Any) -> int:
    """How deep a JSON value nests, as far as it matters."""
    level, inside = 0, [value]
    while inside and level <= DEPTH_MAX:
        level += 1
        inside = [part for outer in inside for part in _parts(outer)]
    return level


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _add_converter(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["phone"] = PhoneConverter


def _private(response: Response) -> Response:
    """Answers hold what customers wrote: no cache keeps them, errors included."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _add_error_handlers(routes: Blueprint) -> None:
    @routes.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        response = _error(error.status, error.body)
        if error.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if error.retry_after:
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    @routes.errorhandler(NoSuchSession)
    def unknown(_: NoSuchSession) -> Response:
        return _error(404, NO_SUCH_SESSION)

    @routes.errorhandler(IllegalTransition)
    def not_allowed(error: IllegalTransition) -> Response:
        states = {"from": str(error.from_state), "to": str(error.to_state)}
        return _error(409, error_json("transition_not_allowed", str(error), states))

    @routes.errorhandler(LedgerConflict)
    def changed(_: LedgerConflict) -> Response:
        return _error(
            409, error_json("session_changed", "The session changed meanwhile; read it and try again.")
        )

    @routes.errorhandler(redis.RedisError)
    def away(_: redis.RedisError) -> Response:
        body = error_json("storage_unavailable", "Redis does not answer just now; try again in a moment.")
        response = _error(503, body)
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        return response

    @routes.errorhandler(NotANumber)
    def no_number(_: NotANumber) -> Response:
        return _error(422, NO_NUMBER)

    @routes.errorhandler(HTTPException)
    def of_http(error: HTTPException) -> Response:
        code = error.name.lower().replace(" ", "_")
        return _error(error.code or 500, error_json(code, f"{error.description or error.name}"))


def _error(status: int, body: dict[str, Any]) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response
