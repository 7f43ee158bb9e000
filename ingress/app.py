"""The web process: Twilio's webhooks, the JSON API, health. ``ingress.app:create_app()`` for gunicorn.

It stores and rings; it never thinks. openai is not imported here, a test sees to that.
"""

from __future__ import annotations

import os
import time
from typing import Any

import redis
import structlog
from flask import Flask, Request, Response, g, jsonify, redirect, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from werkzeug.exceptions import HTTPException

from config import logging
from config.agents import agents_or_exit
from config.settings import Settings, settings_or_exit
from console import (
    api,
    api_customers,
    api_failures,
    api_sending,
    api_sessions,
    api_turns,
    conversation,
    dashboard,
)
from console.senders import Senders
from console.signin import SignIn
from ingress import simulated, voice, webhooks
from session.claims import Timing
from session.ledger import Ledger, connect
from session.manager import SessionManager
from workers import jobs
from workers.bell import Bell, Ringer

# Receiving and ringing share one budget under 2 s, each one command: Twilio waits 15 s, its retry may be ours to lose.
REDIS_SECONDS = 0.8
# A method is the caller's to make up, and may be a number or a text.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})

_log = structlog.get_logger("ingress")


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application. Without ``settings`` it reads them, and ends the process when they are faulty."""
    if settings is None:
        settings = settings_or_exit("web")
    logging.configure(settings, "web")
    timeout = min(REDIS_SECONDS, settings.redis_timeout_seconds)
    connections = settings.web_threads + 4
    ledger = Ledger(connect(settings.session_redis_connection_url, timeout, connections), Timing.of(settings))
    manager = SessionManager(ledger, settings, agents_or_exit(settings))
    bell = Bell(jobs.connect(settings.redis_connection_url, timeout), settings.job_seconds)

    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = webhooks.BODY_BYTES_MAX
    app.session_interface = SignedSessions()
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # Twice a slash is another path, not a redirect to a Host that the caller may choose.
    app.url_map.merge_slashes = False
    ringer = Ringer(bell)
    hooks = webhooks.Webhooks(settings, manager, ringer)
    app.register_blueprint(webhooks.create_blueprint(hooks))
    app.register_blueprint(voice.create_blueprint(voice.Telephone(settings, manager, ringer), hooks))
    routes = api.create_blueprint(manager, settings)
    # Apart from the bell's: pages must not delay it.
    queue = jobs.connect(settings.redis_connection_url, timeout)
    api_sessions.add_routes(routes, manager, settings, bell)
    api_turns.add_routes(routes, manager)
    api_customers.add_routes(routes, manager, settings, queue)
    api_failures.add_routes(routes, manager, bell)
    senders = Senders(settings)
    api_sending.add_routes(routes, manager, settings, bell, senders)
    simulated.add_routes(routes, hooks, settings, manager, senders)
    app.register_blueprint(routes)
    signin = SignIn(settings, queue)
    app.register_blueprint(signin.blueprint())
    app.register_blueprint(dashboard.create_blueprint(signin, queue))
    app.register_blueprint(conversation.create_blueprint(signin, manager, settings, bell))
    _health(app, ledger)
    _errors(app)
    _canonical_line(app)
    for warning in settings.warnings:
        _log.warning("setting", warning=warning)
    return app


class SignedSessions(SecureCookieSessionInterface):
    """Flask's sessions; for a request without a cookie, which has none, no signer is made."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return (
            super().open_session(app, request) if "HTTP_COOKIE" in request.environ else self.session_class()
        )

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session or session.accessed or session.modified:
            super().save_session(app, session, response)


def _health(app: Flask, ledger: Ledger) -> None:
    home = os.environ.get("RINGBACK_HOME_URL", "")

    @app.get("/")
    def index() -> Any:
        if home:
            return redirect(home)
        return jsonify(name="Ringback", health="/health", ready="/ready")

    @app.get("/health")
    def health() -> Any:
        return jsonify(status="ok")

    @app.get("/ready")
    def ready() -> Any:
        try:
            ledger.redis.ping()
        except redis.RedisError:
            return jsonify(status="not_ready", missing=["redis"]), 503
        return jsonify(status="ready", missing=[])


def _errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Any:
        code = error.code or 500
        if code < 400:
            return error
        response = jsonify(error={"code": error.name.lower().replace(" ", "_"), "message": _sentence(code)})
        response.status_code = code
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Any:
        _log.exception("request_failed")
        message = "Something went wrong here; it is in the log."
        return jsonify(error={"code": "internal_error", "message": message}), 500


def _sentence(status: int) -> str:
    sentences = {
        404: "There is nothing at this path; see the API's documentation.",
        405: "This path does not take that method; see the Allow header.",
        413: "The request is too large; 64 KiB is the limit.",
    }
    return sentences.get(status, "The request could not be read.")


def _canonical_line(app: Flask) -> None:
    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        # The rule, not the path: paths hold phone numbers.
        rule = request.url_rule.rule if request.url_rule else "none"
        line = _log.debug if rule in ("/health", "/ready") else _log.info
        # A message is told of in the line of its request.
        about, method = g.get("message"), request.method
        line(
            "message_received" if about else "request", **(about or {}), status=response.status_code,
            method=method if method in METHODS else "?", route=rule, outcome=g.get("outcome", ""),
            duration_ms=round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1),
        )  # fmt: skip
        return response
