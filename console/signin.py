"""The operators' sign-in: one password, a signed cookie, and the door before every page behind it.

    signin = SignIn(settings, redis)
    app.register_blueprint(signin.blueprint())
    pages.before_request(signin.door)           # any blueprint of pages that want it

A session lasts 30 minutes without a page and 12 hours in all; it ends with the password it
was opened by, with SECRET_KEY, and at the sign-out, of which Redis keeps the word.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
import unicodedata
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

import redis
import structlog
from flask import (
    Blueprint,
    Flask,
    Response,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
)

from config.settings import Settings
from console import same_site
from console.shapes import error_json
from session import keys

IDLE_SECONDS = 30 * 60
WHOLE_SECONDS = 12 * 3600
TRIES_SECONDS = 60
TRIES_MAX = 10  # from one address in this time
ALL_TRIES_MAX = 100  # from everywhere: addresses can be made up behind some proxies
PASSWORD_CHARACTERS_MAX = 1000
HOME = "/rq/"
LOGIN = "/console/login"
FORM = "application/x-www-form-urlencoded"
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

_log = structlog.get_logger("console")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further: shown as a page, or as JSON to a script."""

    status: int
    code: str
    message: str
    retry_s: int = 0

    def response(self, *, as_json: bool) -> Response:
        body = error_json(self.code, self.message)
        answer = jsonify(body) if as_json else make_response(render_template("notice.html", refusal=self))
        answer.status_code = self.status
        if self.retry_s:
            answer.headers["Retry-After"] = str(self.retry_s)
        return answer


FOREIGN_HOST = Refusal(400, "unknown_host", "Open this page at the address that PUBLIC_BASE_URL names.")
FOREIGN_PAGE = Refusal(403, "foreign_origin", "This was not sent from a page of Ringback; nothing was done.")
SIGNED_OUT = Refusal(401, "signed_out", "Sign in again at /console/login.")
AWAY = Refusal(503, "storage_unavailable", "Redis does not answer just now; try again in a moment.", 2)


class SignIn:
    """Who is signed in, and the two pages for it. Safe for threads; connects at the first request."""

    def __init__(self, settings: Settings, queue_redis: redis.Redis) -> None:
        self._redis = queue_redis
        self._public = settings.public_base_url
        self._key = settings.secret_key.get_secret_value().encode()
        self._password = self._digest("password", settings.console_password.get_secret_value())
        # A fingerprint for the cookie, which everybody can read: useless without SECRET_KEY.
        self._fingerprint = self._digest("fingerprint", self._password)[:32]

    def configure(self, app: Flask) -> None:
        """The cookie's properties; Flask's own leave it open to plain HTTP and to other sites."""
        app.secret_key = self._key
        app.config.update(
            SESSION_COOKIE_NAME="ringback_console",
            SESSION_COOKIE_SECURE=self._public.startswith("https://"),
            SESSION_COOKIE_HTTPONLY=True,
            SESSION_COOKIE_SAMESITE="Lax",
            PERMANENT_SESSION_LIFETIME=WHOLE_SECONDS,
        )

    def blueprint(self) -> Blueprint:
        pages = Blueprint(
            "signin", __name__, template_folder="templates", static_folder="static", static_url_path="/console/static"
        )  # fmt: skip
        pages.record_once(lambda state: self.configure(cast(Flask, state.app)))
        pages.before_request(self._check_sender)
        pages.after_request(close_up)
        pages.add_url_rule(LOGIN, "form", self.form, methods=["GET"])
        pages.add_url_rule(LOGIN, "login", self.login, methods=["POST"])
        pages.add_url_rule("/console/logout", "logout", self.logout, methods=["POST"])
        pages.register_error_handler(redis.RedisError, lambda _: AWAY.response(as_json=False))
        return pages

    # The door

    def door(self, *, is_data: bool = False) -> Response | None:
        """None lets the request through. ``is_data``: asked by a script, which wants JSON and is no sign of life."""
        as_json = is_data or request.method == "POST"
        if not same_site.is_known_host(request.host, self._public):
            return FOREIGN_HOST.response(as_json=as_json)
        if request.method not in ("GET", "HEAD") and not self._is_from_us():
            return FOREIGN_PAGE.response(as_json=True)
        try:
            if self.is_signed_in():
                if not is_data:
                    session["seen"] = int(time.time())
                return None
        except redis.RedisError:
            return AWAY.response(as_json=as_json)
        session.clear()  # takes a worthless cookie away, too
        if as_json:
            return SIGNED_OUT.response(as_json=True)
        return make_response(redirect(f"{LOGIN}?{urlencode({'next': request.full_path.rstrip('?')})}"))

    def is_signed_in(self) -> bool:
        """Raises ``redis.RedisError``: without Redis nobody knows who has signed out."""
        began, seen, name = session.get("began"), session.get("seen"), session.get("name")
        if not (isinstance(began, int) and isinstance(seen, int) and isinstance(name, str)):
            return False
        now = time.time()
        if now - seen >= IDLE_SECONDS or now - began >= WHOLE_SECONDS:
            return False
        if not hmac.compare_digest(str(session.get("password")), self._fingerprint):
            return False
        return not self._redis.exists(keys.ended_sign_in(name))

    # The pages

    def form(self) -> Response:
        """GET /console/login?next="""
        target = same_site.path_within(request.args.get("next", ""), HOME)
        if self.is_signed_in():
            return make_response(redirect(target))
        return self._form(target)

    def login(self) -> Response:
        """POST /console/login with ``password`` and ``next``"""
        if request.mimetype != FORM:
            return self._form(HOME, 415, "Send the password as a form.")
        target = same_site.path_within(request.form.get("next", ""), HOME)
        given = request.form.get("password", "")
        if len(given) > PASSWORD_CHARACTERS_MAX or "\0" in given:
            return self._form(target, 422, "That cannot be the password: it is too long or holds a NUL.")
        wait_s = self._count_try()
        if wait_s:
            _log.warning("sign_in_throttled")
            return self._form(
                target, 429, f"Too many wrong passwords. Try again in {wait_s} seconds.", wait_s
            )
        if not hmac.compare_digest(self._digest("password", given), self._password):
            _log.warning("sign_in_refused")
            return self._form(target, 401, "That is not the password.")
        self._redis.delete(keys.sign_in_tries(self._address()))
        now = int(time.time())
        session.clear()
        session.update(name=secrets.token_hex(16), began=now, seen=now, password=self._fingerprint)
        _log.info("signed_in")
        return make_response(redirect(target))

    def logout(self) -> Response:
        """POST /console/logout: the session is over, in copies of its cookie too."""
        if self.is_signed_in():
            self._redis.set(keys.ended_sign_in(session["name"]), "1", ex=WHOLE_SECONDS)
            _log.info("signed_out")
        session.clear()
        return make_response(redirect(LOGIN))

    def _form(self, target: str, status: int = 200, error: str = "", retry_s: int = 0) -> Response:
        answer = make_response(render_template("signin.html", next=target, error=error), status)
        if retry_s:
            answer.headers["Retry-After"] = str(retry_s)
        return answer

    def _check_sender(self) -> Response | None:
        if not same_site.is_known_host(request.host, self._public):
            return FOREIGN_HOST.response(as_json=False)
        if request.method != "POST":
            return None
        # A sign-in rides on no cookie, so a program that names no origin may try; a foreign page may not.
        is_bare_login = request.endpoint == "signin.login" and not same_site.says_foreign(
            request.headers, request.host, self._public
        )
        return None if is_bare_login or self._is_from_us() else FOREIGN_PAGE.response(as_json=False)

    def _is_from_us(self) -> bool:
        return same_site.says_ours(request.headers, request.host, self._public)

    # Tries

    def _count_try(self) -> int:
        """Seconds to wait, or 0. Counted before the password is compared, so that many at once gain nothing."""
        for who, limit in ((self._address(), TRIES_MAX), ("all", ALL_TRIES_MAX)):
            key = keys.sign_in_tries(who)
            with self._redis.pipeline() as pipe:
                pipe.set(key, 0, ex=TRIES_SECONDS, nx=True)
                pipe.incr(key)
                pipe.ttl(key)
                _, count, left_s = pipe.execute()
            if count > limit:
                return max(1, int(left_s))
        return 0

    def _address(self) -> str:
        """A keyed hash of where the request comes from: a proxy of our own side says for whom it asks."""
        near = request.remote_addr or ""
        far = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        return self._digest("address", _network(far if far and _is_private(near) else near))[:32]

    def _digest(self, what: str, text: str) -> str:
        spelt = unicodedata.normalize("NFC", text).encode("utf-8", "replace")
        return hmac.new(self._key, what.encode() + b"\0" + spelt, hashlib.sha256).hexdigest()


def _is_private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return True


def _network(address: str) -> str:
    """An IPv6 address stands for its /64, all of which is usually one subscriber's."""
    try:
        parsed: Any = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def close_up(response: Response, policy: str = POLICY) -> Response:
    """No cache keeps it, no page frames it, and it loads nothing from elsewhere."""
    if "/static/" not in request.path:
        response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
