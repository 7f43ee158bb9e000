"""Twilio's media resources, and the content network behind them, which wants no credentials.

Twilio answers a request for media, made with credentials, by sending it on to a signed address elsewhere. That one
refuses whoever shows credentials as well: a client that lets them follow a redirect is found out here.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request, send_file

from simulator.account import Account
from simulator.faults import Faults
from simulator.media import MediaStore, Medium, bare_type, medium_sid_in, twilio_path
from simulator.messages import API_VERSION, Message, rfc2822
from simulator.pages import single_page
from simulator.rest import Rest
from simulator.store import Store
from simulator.twilio_errors import not_found

TOKEN_S = 300  # how long the signed address is good
ALONE = "default-src 'none'; sandbox"  # whatever it is, it runs nothing and reaches nothing
S3_REFUSAL = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism '
    "allowed</Message></Error>"
)
S3_EXPIRED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message>'
    "</Error>"
)


@dataclass(frozen=True, slots=True)
class MediaApi:
    """The routes, over one account."""

    account: Account
    store: Store
    media: MediaStore
    faults: Faults
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def blueprint(self) -> Blueprint:
        root = f"/{API_VERSION}/Accounts/<account_sid>/Messages/<sid>"
        routes = Blueprint("media", __name__)
        guarded = Rest(self.account, self.faults).guarded
        routes.add_url_rule(f"{root}/Media.json", "list", guarded(self._list))
        for path in ("/Media/<medium_sid>.json", "/Media/<medium_sid>"):
            view = self._describe if path.endswith(".json") else self._send_on
            endpoint = view.__name__.strip("_")
            routes.add_url_rule(root + path, endpoint, guarded(view))
            routes.add_url_rule(root + path, f"delete_{endpoint}", guarded(self._delete), methods=["DELETE"])
        routes.add_url_rule("/media-cdn/<token>", "content", self._content)
        return routes

    def _list(self, sid: str) -> Response:
        message = self._message(sid)
        media = [self._described(message, medium, kind) for medium, kind in _media_of(message)]
        return jsonify(media_list=media, **single_page(request.path, len(media)))

    def _describe(self, sid: str, medium_sid: str) -> Response:
        return self._met("media_fetch", lambda m: jsonify(self._described(m, *self._of(m, medium_sid))), sid)

    def _send_on(self, sid: str, medium_sid: str) -> Response:
        """To the signed address, as Twilio does it: with a 307, which keeps the method."""

        def answer(message: Message) -> Response:
            self._of(message, medium_sid)
            if self.media.find(medium_sid) is None:
                raise not_found(request.path)
            to = f"{own_origin(request.environ)}/media-cdn/{self._token(medium_sid)}"
            return redirect(to, 307, Response)  # type: ignore[return-value]

        return self._met("media_fetch", answer, sid)

    def _delete(self, sid: str, medium_sid: str) -> Response:
        def answer(message: Message) -> Response:
            self._of(message, medium_sid)
            kept = tuple(pair for pair in message.media if medium_sid_in(pair[0]) != medium_sid)
            self.store.change(sid, lambda m: replace(m, media=kept))
            self.media.delete(medium_sid)
            return Response(status=204)

        return self._met("media_delete", answer, sid)

    def _met(self, on: str, answer: Any, sid: str) -> Response:
        """The answer about a message's media, or what a fault makes of it."""
        message = self._message(sid)
        rest = Rest(self.account, self.faults)
        return rest.faulty(on, message.customer, lambda: answer(message))

    def _message(self, sid: str) -> Message:
        message = self.store.get(sid)
        if message is None:
            raise not_found(request.path)
        return message

    def _of(self, message: Message, medium_sid: str) -> tuple[str, str]:
        for each in _media_of(message):
            if each[0] == medium_sid:
                return each
        raise not_found(request.path)

    def _described(self, message: Message, medium_sid: str, kind: str) -> dict[str, Any]:
        medium = self.media.find(medium_sid) or Medium(medium_sid, kind, "", 0, created=message.created)
        return {
            "sid": medium.sid,
            "account_sid": self.account.sid,
            "parent_sid": message.sid,
            "content_type": medium.content_type,
            "date_created": rfc2822(medium.created),
            "date_updated": rfc2822(medium.created),
            "uri": twilio_path(self.account.sid, message.sid, medium.sid) + ".json",
        }

    # The content network

    def _content(self, token: str) -> Response:
        if "Authorization" in request.headers:
            return Response(S3_REFUSAL, 400, content_type="application/xml")
        medium_sid = self._read(token)
        if not medium_sid:
            return Response(S3_EXPIRED, 403, content_type="application/xml")
        # Never inline: this is the phone page's own origin.
        return served(self.media, medium_sid, attached=True) or Response("gone", 404)

    def _token(self, medium_sid: str) -> str:
        text = f"{medium_sid}.{int(time.time()) + TOKEN_S}"
        return f"{text}.{self._signed(text)}"

    def _read(self, token: str) -> str:
        """The medium that an address names; "" where it is over, or not of our making."""
        text, _, signature = token.rpartition(".")
        medium_sid, _, until = text.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signed(text).encode()):
            return ""
        return medium_sid if time.time() <= int(until) else ""

    def _signed(self, text: str) -> str:
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()[:32]


def served(media: MediaStore, medium_sid: str, attached: bool, as_type: str = "") -> Response | None:
    """The bytes with their length, ranges included, and nothing that lets a browser take them for a page."""
    medium, data = media.find(medium_sid), media.read(medium_sid)
    if medium is None or data is None:
        return None
    kind = as_type or medium.content_type
    name = medium.name or medium.sid
    answer = send_file(
        io.BytesIO(data), kind, as_attachment=attached, download_name=name, etag=medium.sid, conditional=True
    )
    answer.headers["Content-Type"] = kind  # without a charset of ours
    answer.headers["Content-Security-Policy"] = ALONE
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    answer.direct_passthrough = False
    return answer


def own_origin(environ: dict[str, Any]) -> str:
    """Where this server listens, whatever name the caller used: the host that Ringback was told."""
    host = environ["SERVER_NAME"]
    return f"http://{f'[{host}]' if ':' in host else host}:{environ['SERVER_PORT']}"


def _media_of(message: Message) -> list[tuple[str, str]]:
    """(ME..., content type) of each; of one that was not fetched, a made-up name that stays the same."""
    return [
        (medium_sid_in(url) or f"ME{message.sid[2:30]}{index:04x}", bare_type(kind))
        for index, (url, kind) in enumerate(message.media)
    ]
