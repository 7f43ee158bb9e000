"""Sessions in the JSON API, by program and by people: listed, opened, changed, summed up, taken over, answered in.

add_routes(routes, manager, settings, bell)   # to the API's blueprint, whose key and error answers then hold here too
"""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Blueprint, Response, jsonify, request

from config.settings import Settings
from console.api import BODY_BYTES_MAX, Api, Refused, json_body
from console.ringing import ring_session
from console.shapes import message_json, plain_entities, session_json, time_of
from session.claims import OptedOut
from session.manager import SessionManager, SessionOpen
from session.model import Channel, Customer, Session, State
from session.operators import NOTE_CHARS_MAX, Done, NotSendable
from workers.bell import Bell

LIMIT, LIMIT_MAX = 50, 500
QUERY_CHARS_MAX = 100
BODY_CHARS_MAX = 8_000  # of a message a program puts into a session
OBJECT_KEYS_MAX = 200
OPTED_OUT = "The customer wants no messages from this sender; nothing can be sent."
CHANNELS = [str(channel) for channel in Channel]

_LIMIT = re.compile(r"[0-9]{1,4}", re.ASCII)

JSON = dict[str, Any]


def add_routes(routes: Blueprint, manager: SessionManager, settings: Settings, bell: Bell) -> None:
    """The routes under /sessions and /session/{id} that change something, and the list."""
    door = SessionsApi(manager, settings, bell)
    one = "/session/<phone:session_id>"
    routes.add_url_rule("/sessions", "sessions", door.page)
    routes.add_url_rule("/sessions", "create", door.create, methods=["POST"])
    routes.add_url_rule("/sessions/<phone:session_id>", "patch", door.patch, methods=["PATCH"])
    routes.add_url_rule("/sessions/<phone:session_id>/summary", "summary", door.summary)
    routes.add_url_rule(f"{one}/handoff", "handoff", door.handoff, methods=["POST"])
    routes.add_url_rule(f"{one}/handback", "handback", door.handback, methods=["POST"])
    routes.add_url_rule(f"{one}/messages", "answer", door.answer, methods=["POST"])


class SessionsApi:
    """The answers. Safe for threads."""

    def __init__(self, manager: SessionManager, settings: Settings, bell: Bell) -> None:
        self._api = Api(manager, settings)
        self._manager = manager
        self._operators = self._api.operators
        self._bell = bell

    def page(self) -> Response:
        """GET /sessions?state=&channel=&agent=&q=&limit=&cursor= : newest activity first."""
        state = _choice("state", [str(s) for s in State], upper=True)
        channel = _choice("channel", CHANNELS)
        agent = request.args.get("agent", "")
        words = request.args.get("q", "").casefold().strip()[:QUERY_CHARS_MAX]

        def keep(customer: Customer, session: Session) -> bool:
            return (
                (not state or str(session.state) == state)
                and (not channel or str(session.channel) == channel)
                and (not agent or session.agent_id == agent)
                and (not words or _mentions(customer, session, words))
            )

        indexes = ("closed",) if state == "CLOSED" else ("active",) if state else ("active", "closed")
        try:
            rows, cursor = self._manager.indexes.page(_limit(), request.args.get("cursor", ""), indexes, keep)
        except ValueError:
            raise Refused(
                422, "invalid_cursor", "cursor must be the next_cursor of an earlier page."
            ) from None
        return jsonify(sessions=[session_json(c, s) for c, s in rows], next_cursor=cursor or None)

    def create(self) -> tuple[Response, int]:
        """POST /sessions : a session opened by a program; 409 when one is open."""
        given = _object("phone_number", "agent_id", "channel", "initial_message", "context")
        agent_id = _text(given, "agent_id")
        if agent_id and self._manager.agents.by_id(agent_id) is None:
            raise Refused(422, "unknown_agent", "agent_id must be an agent that ringback agents lists.")
        channel = _text(given, "channel") or str(Channel.SMS)
        if channel not in CHANNELS:
            raise Refused(422, "invalid_channel", f"channel must be one of {', '.join(CHANNELS)}.")
        context = _mapping(given, "context")
        _check_size(context=context)
        try:
            session = self._manager.create_session(
                _text(given, "phone_number", required=True),
                agent_id=agent_id,
                channel=Channel(channel),
                initial_message=_text(given, "initial_message", limit=BODY_CHARS_MAX),
                context=context,
            )
        except SessionOpen as known:
            raise Refused(
                409, "session_open", "This customer has an open session; use it or complete it first.",
                {"session_id": known.session.id},
            ) from None  # fmt: skip
        return jsonify(session=self._api.show(session.id)), 201

    def patch(self, session_id: str) -> Response:
        """PATCH /sessions/{session_id} : merged into the session; 409 when it changed meanwhile."""
        given = _object("context", "order_details", "extracted_entities")
        parts = {name: _mapping(given, name) for name in given}
        _, session, _ = self._api.find(session_id)
        known = {
            "context": session.context,
            "order_details": session.order_details or {},
            "extracted_entities": plain_entities(session),
        }
        _check_size(**{name: {**known[name], **part} for name, part in parts.items()})
        self._manager.update_session(session, **parts)
        return jsonify(session=self._api.show(session.id))

    def summary(self, session_id: str) -> Response:
        """GET /sessions/{session_id}/summary : what it came to."""
        _, session, _ = self._api.find(session_id)
        told = self._manager.get_session_summary(session.id)
        return jsonify(
            {**told, "created_at": time_of(told["created_at"]), "ended_at": time_of(told["ended_at"])}
        )

    def handoff(self, session_id: str) -> Response:
        """POST /session/{session_id}/handoff : WAITING_AGENT."""
        return self._done(self._operators.hand_off(*self._with_note(session_id)))

    def handback(self, session_id: str) -> Response:
        """POST /session/{session_id}/handback : back to the assistant."""
        return self._done(self._operators.hand_back(*self._with_note(session_id)))

    def answer(self, session_id: str) -> tuple[Response, int]:
        """POST /session/{session_id}/messages : an operator's words, sent as written."""
        body = _text(_object("body"), "body", required=True, limit=BODY_CHARS_MAX)
        try:
            done = self._operators.answer(self._api.find(session_id)[1].id, body)
        except NotSendable as fault:
            raise Refused(422, fault.code, str(fault)) from None
        except OptedOut:
            raise Refused(422, "opted_out", OPTED_OUT) from None
        ring_session(self._bell, done.session.id)
        assert done.message is not None
        return jsonify(message=message_json(done.message), session=self._api.show(done.session.id)), 202

    # Inside

    def _with_note(self, session_id: str) -> tuple[str, str]:
        """The session's id, and the note of an optional body."""
        note = _text(json_body(optional=True), "note", limit=NOTE_CHARS_MAX)
        return self._api.find(session_id)[1].id, note

    def _done(self, done: Done) -> Response:
        if done.waits:
            ring_session(self._bell, done.session.id)
        return jsonify(session=self._api.show(done.session.id))


def _mentions(customer: Customer, session: Session, words: str) -> bool:
    """Whether a session is one of those somebody looks for by these words or digits."""
    told = [
        customer.address, customer.name, session.title, session.intent, session.summary, session.id,
        *(str(entity.value) for entity in session.entities.values()),
    ]  # fmt: skip
    digits = re.sub(r"\D", "", words)
    if len(digits) >= 4 and digits in re.sub(r"\D", "", customer.address):
        return True
    return any(words in text.casefold() for text in told)


# What is asked


def _limit() -> int:
    text = request.args.get("limit", str(LIMIT))
    limit = int(text) if _LIMIT.fullmatch(text) else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise Refused(422, "invalid_limit", f"limit must be a whole number from 1 to {LIMIT_MAX}.")
    return limit


def _choice(name: str, choices: list[str], *, upper: bool = False) -> str:
    value = request.args.get(name, "")
    value = value.upper() if upper else value.lower()
    if value and value not in choices:
        raise Refused(422, f"invalid_{name}", f"{name} must be one of {', '.join(choices)}.")
    return value


def _object(*known: str) -> JSON:
    """The request's JSON object, with one of these fields at least and no others."""
    given = json_body()
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise Refused(422, "unknown_field", f"{unknown[0][:40]} is unknown; known are {', '.join(known)}.")
    if not given:
        raise Refused(422, "missing_field", f"Send at least one of {', '.join(known)}.")
    return given


def _text(given: JSON, name: str, *, required: bool = False, limit: int = 200) -> str:
    value = given.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise Refused(422, f"invalid_{name}", f"{name} must be text.")
    if len(value) > limit:
        raise Refused(422, f"invalid_{name}", f"{name} must be at most {limit} characters.")
    return value


def _check_size(**parts: JSON) -> None:
    """What programs put into a session is shown to the model: it stays small, however often they add to it."""
    for name, value in parts.items():
        if len(json.dumps(value)) > BODY_BYTES_MAX or len(value) > OBJECT_KEYS_MAX:
            limits = f"{OBJECT_KEYS_MAX} names and {BODY_BYTES_MAX // 1024} KiB"
            raise Refused(422, f"invalid_{name}", f"{name} may hold {limits} in all.")


def _mapping(given: JSON, name: str) -> JSON:
    value = given.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(422, f"invalid_{name}", f"{name} must be an object.")
    return value
