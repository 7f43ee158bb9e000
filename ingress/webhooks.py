"""Twilio's routes: check the signature, read the form, one step in the ledger, ring, answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import redis
import structlog
from flask import Blueprint, Request, Response, g, json, request
from werkzeug.exceptions import HTTPException

from config.settings import Settings
from ingress import fields, signature
from session import address, keys, optout, whatsapp
from session.claims import Received
from session.ledger import DELIVERY_RANK, Ledger
from session.manager import ALIAS, SessionManager
from session.model import Channel, Lane
from workers import crash
from workers.bell import Ringer

BODY_BYTES_MAX = 64 * 1024
TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
FORM = "application/x-www-form-urlencoded"
RETRY_AFTER_S = 2
INBOUND_PATHS = ("/sms", "/whatsapp", "/api/webhooks/sms", "/api/webhooks/whatsapp", "/twilio-webhook-opt")

Handler = Callable[[fields.Pairs], Response]  # of a signed form

_log = structlog.get_logger("ingress")


class Refused(Exception):
    """The request is not answered as Twilio's. ``reason`` is for our log, the caller learns nothing."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def answer() -> Response:
    """What Twilio is told: taken. The same bytes whatever was said."""
    return Response(TWIML, 200, content_type="text/xml")


def create_blueprint(hooks: Webhooks) -> Blueprint:
    """The routes of Twilio's side: inbound messages and delivery callbacks."""
    return hooks.blueprint("webhooks", {
        "inbound": (hooks.inbound, INBOUND_PATHS),
        "status": (hooks.status, ("/status",)),
    })  # fmt: skip


class Webhooks:
    """The handlers, with what they need. Safe for threads."""

    def __init__(self, settings: Settings, manager: SessionManager, ringer: Ringer) -> None:
        self._settings = settings
        # Asked for by every request, and made anew by every asking.
        self._tokens, self._our_numbers = settings.auth_tokens, settings.our_numbers
        self._manager = manager
        self._ledger: Ledger = manager.ledger
        self._ringer = ringer

    def blueprint(self, name: str, handlers: Mapping[str, tuple[Handler, Sequence[str]]]) -> Blueprint:
        """Routes of Twilio's side: each handler, guarded, at its paths."""
        routes = Blueprint(name, __name__)
        for endpoint, (handle, paths) in handlers.items():
            view = self.guarded(handle)
            for path in paths:
                routes.add_url_rule(path, endpoint, view, methods=["POST"], provide_automatic_options=False)
        return routes

    def guarded(self, handle: Handler) -> Callable[[], Response]:
        """``handle`` for requests that are Twilio's; the others get the answers of DECISIONS 18."""

        def guard() -> Response:
            try:
                return handle(self._signed_fields(request))
            except Refused as refusal:
                g.outcome = refusal.reason
                return Response(status=refusal.status)
            except fields.Malformed as fault:
                g.outcome = fault.code
                _log.warning("webhook_malformed", reason=fault.code)
                return _error(400, fault.code, str(fault))
            except redis.RedisError as error:
                g.outcome = "redis_away"
                _log.error("redis_away", error=type(error).__name__)
                response = _error(503, "unavailable", "The message could not be stored; send it again.")
                response.headers["Retry-After"] = str(RETRY_AFTER_S)
                return response

        return guard

    # Who is asking

    def _signed_fields(self, req: Request) -> fields.Pairs:
        """Every field of a signed form. Raises ``Refused``."""
        given = req.environ.get("HTTP_X_TWILIO_SIGNATURE")
        if not given:
            raise Refused(403, "unsigned")
        body = self._body(req)
        pairs = self._verified(req, body, given)
        if not _is_form(req) or req.environ.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
            raise Refused(415, "not_a_form")
        if len(pairs) > fields.FIELDS_MAX:
            raise Refused(413, "too_many_fields")
        accounts = {value for name, value in pairs if name == "AccountSid"}
        if accounts - {self._settings.twilio_account_sid}:
            _log.error("foreign_account")
            raise Refused(403, "foreign_account")
        return pairs

    @staticmethod
    def _body(req: Request) -> bytes:
        if (req.content_length or 0) > BODY_BYTES_MAX:
            raise Refused(413, "too_large")
        # A byte more, for werkzeug cuts a chunked body at the limit without a word.
        req.max_content_length = BODY_BYTES_MAX + 1
        try:
            body = req.get_data(cache=True, parse_form_data=False)
        except HTTPException as error:
            raise Refused(error.code or 400, "too_large" if error.code == 413 else "broken_body") from None
        except Exception:  # noqa: BLE001  the web server's parser has its own words for chunks that are none
            raise Refused(400, "broken_body") from None
        if len(body) > BODY_BYTES_MAX:
            raise Refused(413, "too_large")
        return body

    def _verified(self, req: Request, body: bytes, given: str) -> fields.Pairs:
        """The fields as they were signed. Raises ``Refused``."""
        raw_target = req.environ.get("RAW_URI") or req.environ.get("REQUEST_URI") or req.full_path.rstrip("?")
        url = signature.signed_url(self._settings.public_base_url, raw_target)
        tokens = self._tokens
        algorithm = req.environ.get("HTTP_X_TWILIO_WEBHOOKS_SIGNATURE_SETTINGS")
        shown = None
        for pairs in fields.readings(body):
            shown = (
                shown or pairs
            )  # what was not quite UTF-8 may be signed byte for byte, and is shown mended
            if signature.valid(tokens, url, pairs, given, settings=algorithm):
                return shown
        if not _is_form(req):
            # Signed, but no form: Twilio signs JSON by its hash, and our own senders nothing but the URL.
            for attempt in ((), _multipart(req)):
                if signature.valid(tokens, url, attempt, given, settings=algorithm):
                    raise Refused(415, "not_a_form")
            if signature.valid(tokens, url, (), given, body=body, settings=algorithm):
                raise Refused(415, "not_a_form")
        raise Refused(403, "wrong_signature")

    # What they say

    def inbound(self, pairs: fields.Pairs) -> Response:
        """A message from a customer. The channel is read from its address, whichever path was called."""
        self.take(fields.inbound(pairs, self._our_numbers))
        return answer()

    def take(self, said: fields.Inbound, *, opens_window: bool = True) -> Received:
        """Store a message and ring. ``opens_window``: see ``Ledger.receive``. Raises ``redis.RedisError``."""
        settings, message = self._settings, said.message
        cid = self._manager.resolve(said.customer)
        # Known by their number, a customer stays known by it.
        profile = {"address": said.customer} if cid == self._manager.customer_id(said.customer) else {}
        if said.name:
            profile["name"] = said.name
        if said.alias:
            profile[ALIAS + self._manager.customer_id(said.alias)] = "1"
        crash.at("before_receive")
        received = self._ledger.receive(
            cid,
            message,
            profile=profile,
            optout=optout.field(message.lane, settings.twilio_messaging_service_sid),
            quiet_ms=settings.ai_response_delay,
            bury=said.bury,
            opens_window=opens_window,
        )
        crash.at("after_receive")
        g.outcome = received.outcome.lower()
        g.message = {
            "customer": cid[:6], "channel": message.channel.value, "message_id": received.message_id,
            **({"reason": said.bury} if said.bury else {}),
        }  # fmt: skip
        if received.outcome == "BURIED":
            _log.error(
                "message_buried", customer=cid[:6], message=received.message_id, reason=said.bury or "flood"
            )
        if said.alias:
            self._remember_alias(said.alias, cid)
        if received.ring:
            self._ringer.ring(cid)
        crash.at("after_ring")
        return received

    def _remember_alias(self, alias: str, cid: str) -> None:
        try:
            self._manager.remember_alias(alias, cid)
        except redis.RedisError as error:
            # The message is taken; the next one of this customer brings the id again.
            _log.warning("alias_not_kept", customer=cid[:6], error=type(error).__name__)

    def status(self, pairs: fields.Pairs) -> Response:
        """A delivery callback: news of a message of ours, in any order, any number of times."""
        values = fields.required(pairs)
        # The part it is about stands in the URL we gave Twilio; an odd one is as none.
        about = keys.parse_id(request.args.get("ob", ""))
        status = values.get("MessageStatus", "")
        theirs = address.parse(values["To"])
        if not status or (theirs is None and about is None):
            g.outcome = "ignored"
            return answer()
        cid = about.cid if about else self._manager.customer_id(theirs.value if theirs else "")
        number = f"{about.number}.{about.part}" if about and about.part else ""
        error = values.get("ErrorCode", "")
        error = error if error.isascii() and error.isdecimal() and len(error) < 7 else ""
        if error and int(error) in optout.LEARNT_FROM:
            self._learn_optout(cid, number, values)
        if error and int(error) == whatsapp.CLOSED_CODE:
            self._learn_window(cid, number, values)
        outcome, ring = self._ledger.status(
            cid, number, values["MessageSid"], status.lower()[:40], error, values["To"]
        )
        g.outcome = outcome.lower()
        if outcome in ("OK", "IGNORED") and (error or status.lower() not in DELIVERY_RANK):
            # Kept with the part when it is news; said here in any case, so that what came too late is on record.
            _log.warning(
                "part_not_delivered" if error else "status_unknown", customer=cid[:6], code=int(error or 0),
                status=status[:40] if status.isascii() and status.isalpha() else "", outcome=outcome.lower(),
            )  # fmt: skip
        if outcome in ("DOUBLE", "FOREIGN"):
            _log.error("callback_not_applied", customer=cid[:6], reason=outcome.lower())
        if ring:
            self._ringer.ring(cid)
        return answer()

    def _learn_optout(self, cid: str, number: str, values: dict[str, str]) -> None:
        """Twilio knew of an opt-out that we did not see. Before the status: what is lost between is learnt again."""
        ours = address.parse(values["From"])
        service = self._settings.twilio_messaging_service_sid
        if ours is None:
            return
        field = optout.field(Lane(ours.channel, ours.value), service)
        learnt = self._ledger.learn_optout(cid, number, values["MessageSid"], values["To"], field)
        _log.info("optout_learnt", customer=cid[:6], code=int(values["ErrorCode"]), outcome=learnt.lower())

    def _learn_window(self, cid: str, number: str, values: dict[str, str]) -> None:
        """WhatsApp knew that the customer's day was over. Before the status, as above."""
        ours = address.parse(values["From"])
        if ours is None or ours.channel is not Channel.WHATSAPP:
            return
        lane = Lane(ours.channel, ours.value)
        if self._ledger.learn_window(cid, number, values["MessageSid"], values["To"], lane) == "LEARNT":
            _log.error("window_closed", customer=cid[:6], code=whatsapp.CLOSED_CODE)


def _is_form(req: Request) -> bool:
    return req.environ.get("CONTENT_TYPE") == FORM or req.mimetype == FORM


def _multipart(req: Request) -> fields.Pairs:
    """Fields of a multipart body, to tell a signed one (415) from a forged one (403)."""
    if req.mimetype != "multipart/form-data":
        return []
    try:
        return list(req.form.items(multi=True))
    except HTTPException:
        return []


def _error(status: int, code: str, sentence: str) -> Response:
    response = Response(status=status, content_type="application/json")
    response.set_data(json.dumps({"error": {"code": code, "message": sentence}}))
    return response
