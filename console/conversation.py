"""Pages for operators: who waits for a person, and one conversation to read, answer in, hand back and complete.

``/console/sessions/<id>`` is the link that operators are texted. All of it is HTML and forms, behind the sign-in.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import redis
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from config.settings import Settings
from console.api_sessions import OPTED_OUT
from console.came import Came, described
from console.ringing import ring_session
from console.signin import AWAY, LOGIN, Refusal, SignIn, close_up
from session.claims import LedgerConflict, OptedOut
from session.machine import IllegalTransition
from session.manager import NoSuchSession, SessionManager
from session.model import Message, State
from session.operators import NOTE_CHARS_MAX, NotSendable, Operators
from workers.bell import Bell

WAITING_MAX, OPEN_MAX, MESSAGES_MAX = 500, 50, 500
FORM_BYTES_MAX = 128 * 1024  # the longest answer takes 9 bytes for a character, as a form writes it
DONE = {
    "answer": "Your answer is on its way. The assistant is silent until you hand back.",
    "handback": "The assistant has the conversation again.",
    "complete": "The conversation is completed.",
}
GONE = "There is no such conversation, or no more: its customer may have been forgotten."
CHANGED = "The conversation changed meanwhile; look at it and try again."


def create_blueprint(signin: SignIn, manager: SessionManager, settings: Settings, bell: Bell) -> Blueprint:
    """``/console/`` and ``/console/sessions/...``."""
    desk = Desk(manager, settings, bell)
    pages = Blueprint("conversation", __name__, template_folder="templates")
    pages.before_request(lambda: _enter(signin))
    pages.after_request(close_up)
    one = "/console/sessions/<session_id>"
    pages.add_url_rule("/console/", "overview", desk.overview, strict_slashes=False)
    pages.add_url_rule(one, "show", desk.show)
    pages.add_url_rule(f"{one}/answer", "answer", desk.answer, methods=["POST"])
    pages.add_url_rule(f"{one}/handback", "handback", desk.hand_back, methods=["POST"])
    pages.add_url_rule(f"{one}/complete", "complete", desk.complete, methods=["POST"])
    pages.register_error_handler(NoSuchSession, lambda _: _told(404, "Not found", GONE))
    pages.register_error_handler(redis.RedisError, lambda _: AWAY.response(as_json=False))
    pages.register_error_handler(
        HTTPException, lambda error: _told(error.code or 500, error.name, error.description or error.name)
    )
    return pages


class Desk:
    """The pages. Safe for threads."""

    def __init__(self, manager: SessionManager, settings: Settings, bell: Bell) -> None:
        self._manager = manager
        self._operators = Operators(manager, settings.twilio_messaging_service_sid)
        self._bell = bell
        self._twilio_origin = settings.twilio_rest_origin

    def overview(self) -> str:
        """GET /console/ : who waits for a person, longest first; then the open sessions, newest activity first."""
        find = self._manager.indexes.page
        waiting, more = find(WAITING_MAX, "", ("active",), lambda _, s: s.state is State.WAITING_AGENT)
        others, _ = find(OPEN_MAX, "", ("active",), lambda _, s: s.state is not State.WAITING_AGENT)
        return render_template(
            "conversations.html", waiting=sorted(waiting, key=lambda row: row[1].waiting_since), more=more,
            others=others, when=when,
        )  # fmt: skip

    def show(self, session_id: str) -> Response:
        """GET /console/sessions/{session_id}?done= : the conversation."""
        return self._page(session_id, done=DONE.get(request.args.get("done", ""), ""))

    def answer(self, session_id: str) -> Response:
        """POST .../answer with ``body`` and ``seen``, the newest message that the page showed."""
        body, seen = _field("body").strip(), request.form.get("seen")

        def said() -> None:
            if self._operators.answer(session_id, body, seen).message:
                ring_session(self._bell, session_id)

        return self._do(session_id, "answer", said)

    def hand_back(self, session_id: str) -> Response:
        """POST .../handback with ``note``, which may be empty."""
        note = _field("note").strip()

        def given() -> None:
            if len(note) > NOTE_CHARS_MAX:
                raise NotSendable("invalid_note", f"The note must be at most {NOTE_CHARS_MAX} characters.")
            if self._operators.hand_back(session_id, note).waits:
                ring_session(self._bell, session_id)

        return self._do(session_id, "handback", given)

    def complete(self, session_id: str) -> Response:
        """POST .../complete"""
        return self._do(session_id, "complete", lambda: self._operators.complete(session_id))

    # Inside

    def _do(self, session_id: str, step: str, act: Callable[[], Any]) -> Response:
        """To the page after the step; or the page with the refusal, which keeps what was typed."""
        try:
            act()
        except (NotSendable, IllegalTransition) as fault:
            status = 422 if isinstance(fault, NotSendable) else 409
            return self._page(session_id, status, refused=str(fault))
        except OptedOut:
            return self._page(session_id, 422, refused=OPTED_OUT)
        except LedgerConflict:
            return self._page(session_id, 409, refused=CHANGED)
        page = url_for("conversation.show", session_id=session_id, done=step, _anchor="newest")
        return make_response(redirect(page, 303))

    def _page(self, session_id: str, status: int = 200, *, done: str = "", refused: str = "") -> Response:
        customer, session, messages = self._manager.read_session(session_id, MESSAGES_MAX)
        agent = self._manager.agents.by_id(session.agent_id)
        entities = {name: _plain(entity.value) for name, entity in session.entities.items()}
        page = render_template(
            "conversation.html", customer=customer, session=session, messages=messages, entities=entities,
            agent=agent.name if agent else session.agent_id, handoff_note=session.context.get("handoff_note"),
            done=done, refused=refused, draft=request.form, when=when, came=self._came, messages_max=MESSAGES_MAX, note_max=NOTE_CHARS_MAX,
        )  # fmt: skip
        return make_response(page, status)

    def _came(self, message: Message) -> list[Came]:
        return described(message, self._twilio_origin)


def when(ms: int) -> str:
    """``20 Nov 2026, 10:00 UTC``"""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%-d %b %Y, %H:%M} UTC"


def _enter(signin: SignIn) -> Response | None:
    """The sign-in's door, whose JSON to a POST is a page here, for people read it."""
    request.max_content_length = FORM_BYTES_MAX
    refused = signin.door()
    if refused is None or not refused.is_json:
        return refused
    if refused.status_code == 401:
        page = url_for("conversation.show", **(request.view_args or {}))
        return make_response(redirect(f"{LOGIN}?{urlencode({'next': page})}", 303))
    told, retry_s = refused.get_json()["error"], int(refused.headers.get("Retry-After", 0))
    return Refusal(refused.status_code, told["code"], told["message"], retry_s).response(as_json=False)


def _told(status: int, title: str, sentence: str) -> Response:
    return make_response(render_template("desk.html", title=title, sentence=sentence), status)


def _field(name: str) -> str:
    """A form's field; browsers end its lines with CR LF."""
    return request.form.get(name, "").replace("\r\n", "\n")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
