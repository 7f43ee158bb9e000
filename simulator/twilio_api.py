"""Twilio's REST API for messages: /2010-04-01/Accounts/{AC}/Messages and what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from simulator.account import Account
from simulator.carrier import Carrier
from simulator.faults import Faults
from simulator.media import MediaStore, medium_sid_in
from simulator.messages import (
    API_VERSION,
    SETTLED,
    Exchange,
    Message,
    new_sid,
    now_ms,
    segments_of,
    wire,
)
from simulator.pages import page_of, single_page
from simulator.rest import Rest
from simulator.store import Store
from simulator.twilio_errors import Refused, check_create, not_found


@dataclass(frozen=True, slots=True)
class TwilioApi:
    """The routes, over one account. Faults are met after authentication, before anything else."""

    account: Account
    store: Store
    carrier: Carrier
    faults: Faults
    media: MediaStore

    def blueprint(self) -> Blueprint:
        root = f"/{API_VERSION}/Accounts/<account_sid>"
        routes = Blueprint("twilio", __name__)
        guarded = self._rest.guarded
        for path, view in (
            ("/Messages.json", self._messages),
            ("/Messages/<sid>.json", self._message),
            ("/IncomingPhoneNumbers.json", self._numbers),
            ("/OutgoingCallerIds.json", self._caller_ids),
            (".json", self._account),
            ("/<path:rest>", self._unknown),
        ):
            endpoint = view.__name__.strip("_")
            methods = ["GET", "POST", "DELETE"] if endpoint in ("messages", "message") else ["GET"]
            routes.add_url_rule(root + path, endpoint, guarded(view), methods=methods)
        ours = {"account_sid": self.account.sid}
        service = guarded(self._service_numbers)
        routes.add_url_rule("/v1/Services/<service_sid>/PhoneNumbers", "service", service, defaults=ours)
        return routes

    @property
    def _rest(self) -> Rest:
        return Rest(self.account, self.faults)

    # Messages.json

    def _messages(self) -> Response:
        if request.method == "DELETE":
            raise Refused(20004, 405, "Method not allowed")
        if request.method == "GET":
            return self._rest.faulty("list", request.args.get("To", ""), self._list)
        return self._rest.faulty("create", request.form.get("To", ""), self._create)

    def _create(self) -> Response:
        form, media = request.form.to_dict(), request.form.getlist("MediaUrl")
        check_create(form, media, self.account)
        if self.carrier.blocked(form.get("From") or self.account.numbers[0], form["To"]):
            raise Refused(21610)
        if self.carrier.overflows(form.get("From") or self.account.numbers[0]):
            raise Refused(21611)
        message = self.store.add(self._new_message(form, media))
        request.environ["simulator.sid"] = message.sid
        body = wire(message, self.account.sid)
        response = jsonify(body)
        response.status_code = 201
        response.headers["Twilio-Request-Id"] = "RQ" + message.sid[2:]
        exchange = self._exchange(response)
        self.store.change(message.sid, lambda m: replace(m, exchanges=(exchange, *m.exchanges)))
        if message.status != "scheduled":
            self.carrier.deliver(message)
        else:
            due = datetime.fromisoformat(form["SendAt"]).timestamp() - message.created / 1000
            self.carrier.deliver(message, delay_s=max(0.0, due))
        return response

    def _new_message(self, form: dict[str, str], media: list[str]) -> Message:
        service = form.get("MessagingServiceSid", "")
        channel = "whatsapp" if form["To"].startswith("whatsapp:") else "sms"
        body, now = form.get("Body", ""), now_ms()
        if content := form.get("ContentSid"):
            body = body or f"[template {content} {form.get('ContentVariables', '')}]"
        status = "accepted" if service else "queued"
        if service and form.get("ScheduleType") == "fixed" and form.get("SendAt"):
            status = "scheduled"
        return Message(
            sid=new_sid("MM" if media and channel == "sms" else "SM"),
            direction="outbound-api",
            sender=form.get("From", ""),
            to=form["To"],
            body=body,
            status=status,
            created=now,
            updated=now,
            segments=segments_of(body, channel) if form.get("From") else 0,
            media=tuple((url, "application/octet-stream") for url in media),
            service_sid=service,
            content_sid=form.get("ContentSid", ""),
            status_callback=form.get("StatusCallback", ""),
        )

    def _exchange(self, response: Response) -> Exchange:
        """The call as the phone page shows it, without the secret that authorised it."""
        headers = tuple((k, "Basic ..." if k == "Authorization" else v) for k, v in request.headers.items())
        return Exchange(
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

    def _list(self) -> Response:
        rows, frame = page_of(self.store.newest_first(), request.path, request.args)
        return jsonify(messages=[wire(m, self.account.sid) for m in rows], **frame)

    # Messages/{Sid}.json

    def _message(self, sid: str) -> Response:
        action = {"GET": self._fetch, "POST": self._update, "DELETE": self._delete}[request.method]
        on = {"GET": "fetch", "POST": "update", "DELETE": "delete"}[request.method]
        return self._rest.faulty(on, "", lambda: action(self._known(sid)))

    def _known(self, sid: str) -> Message:
        message = self.store.get(sid)
        if message is None:
            raise not_found(request.path)
        return message

    def _fetch(self, message: Message) -> Response:
        return jsonify(wire(message, self.account.sid))

    def _update(self, message: Message) -> Response:
        if request.form.get("Status") == "canceled":
            if message.status not in ("scheduled", "accepted"):
                raise Refused(30409, 409, "Message is not in a state that can be canceled")
            self.store.change(message.sid, lambda m: m.moved("canceled", now_ms()))
        elif request.form.get("Body") == "":
            if message.status not in SETTLED:
                raise Refused(20009, 409, "Cannot redact message because delivery has not been completed.")
            self.store.change(message.sid, lambda m: replace(m, body="", exchanges=()))
        else:
            raise Refused(20001, 400, "Only an empty Body or Status=canceled can be given")
        return self._fetch(self._known(message.sid))

    def _delete(self, message: Message) -> Response:
        if message.status not in SETTLED:
            raise Refused(20009, 409, "Cannot delete message because delivery has not been completed.")
        self.store.delete(message.sid)
        for url, _ in message.media:
            self.media.delete(medium_sid_in(url))  # since October 2020 they go with their message
        return Response(status=204)

    # What belongs to a message or to the account

    def _numbers(self) -> Response:
        asked = request.args.get("PhoneNumber", "")
        numbers = [
            {
                "sid": "PN" + number.lstrip("+").zfill(32),
                "account_sid": self.account.sid,
                "phone_number": number,
                "friendly_name": number,
                "capabilities": {"sms": True, "mms": True, "voice": True, "fax": False},
                "sms_url": f"{self.account.signed_base}/sms",
                "sms_method": "POST",
                "voice_url": f"{self.account.signed_base}/voice",
                "voice_method": "POST",
                "voice_fallback_url": self.account.voice_fallback_url or None,
                "status_callback": f"{self.account.signed_base}/voice/status",
                "status_callback_method": "POST",
            }
            for number in self.account.numbers
            if asked in number
        ]
        return jsonify(incoming_phone_numbers=numbers, **single_page(request.path, len(numbers)))

    def _caller_ids(self) -> Response:
        asked = request.args.get("PhoneNumber", "")
        verified = [
            {
                "sid": "PN" + number.lstrip("+").rjust(32, "f"),
                "account_sid": self.account.sid,
                "phone_number": number,
                "friendly_name": number,
            }
            for number in self.account.caller_ids
            if asked in number
        ]
        return jsonify(outgoing_caller_ids=verified, **single_page(request.path, len(verified)))

    def _service_numbers(self, service_sid: str) -> Response:
        """The senders of the Messaging Service, in the form of Twilio's newer lists."""
        if service_sid != self.account.service_sid:
            raise not_found(request.path)
        numbers = [
            {
                "sid": "PN" + number.lstrip("+").zfill(32),
                "phone_number": number,
                "capabilities": ["SMS", "MMS"],
            }
            for number in self.account.numbers
        ]
        return jsonify(phone_numbers=numbers, meta={"page": 0, "key": "phone_numbers", "next_page_url": None})

    def _unknown(self, rest: str) -> Response:
        raise not_found(request.path)

    def _account(self) -> Response:
        return jsonify(
            sid=self.account.sid,
            friendly_name="The local Twilio",
            status="active",
            type="Full",
            uri=request.path,
        )
