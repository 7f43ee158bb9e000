"""What every call of the REST API meets first: who may call, Twilio's headers and errors, and the faults asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, request

from simulator.account import Account
from simulator.faults import Fault, Faults
from simulator.messages import new_sid
from simulator.pages import page_of
from simulator.twilio_errors import Refused, not_found

ERROR_PAGE = "<html><head><title>500 Internal Server Error</title></head><body>oops</body></html>"


@dataclass(frozen=True, slots=True)
class Rest:
    """The way into a view. Faults are met after authentication, before anything else."""

    account: Account
    faults: Faults

    def guarded(self, view: Callable[..., Response]) -> Callable[..., Response]:
        """Authentication, Twilio's headers, and errors in Twilio's form around a view."""

        def guarded(account_sid: str, **path: str) -> Response:
            began = time.monotonic()
            try:
                self._authenticate(account_sid)
                response = view(**path)
            except Refused as refused:
                response = jsonify(refused.body())
                response.status_code = refused.status
                response.headers.extend(dict(refused.headers))
            response.headers.setdefault("Twilio-Request-Id", new_sid("RQ"))
            response.headers["Twilio-Concurrent-Requests"] = "1"
            response.headers["Twilio-Request-Duration"] = f"{time.monotonic() - began:.3f}"
            return response

        return guarded

    def _authenticate(self, account_sid: str) -> None:
        given = request.authorization
        if given is None or not self.account.admits(given.username or "", given.password or ""):
            raise Refused(20003, 401, headers=(("WWW-Authenticate", 'Basic realm="Twilio API"'),))
        if account_sid != self.account.sid:
            raise not_found(request.path)

    def faulty(self, on: str, to: str, action: Callable[[], Response]) -> Response:
        """The action, or what a fault makes of it. Each call is noted with what came of it."""
        fault = self.faults.take_for_call(on, to)
        noted: dict[str, Any] = {"on": on, "to": to, "fault": fault.kind if fault else None}
        body = request.form.get("Body", "") or request.form.get("Twiml", "")
        noted |= {"body": body, "sid": None, "status": 0}
        try:
            response = self._with_fault(fault, action) if fault else action()
            noted["status"] = response.status_code
        except Refused as refused:
            noted |= {"status": refused.status, "code": refused.code}
            raise
        finally:
            noted["sid"] = request.environ.get("simulator.sid")
            self.faults.note_call(**noted)
        return response

    def _with_fault(self, fault: Fault, action: Callable[[], Response]) -> Response:
        if fault.kind == "429":
            after = fault.retry_after
            headers = () if after is None else (("Retry-After", str(after)),)
            raise Refused(20429, 429, headers=headers)
        if fault.kind == "503":
            raise Refused(20503, 503)
        if fault.kind == "error":
            raise Refused(fault.code or 20001, fault.status, fault.message)
        if fault.kind == "empty":
            rows = "calls" if fault.on.startswith("call_") else "messages"
            return jsonify({rows: []} | page_of([], request.path, request.args)[1])
        if fault.kind == "accept_late":
            time.sleep(fault.seconds)
        if fault.kind in ("500_after_accept", "drop_after_accept", "slow", "accept_late") or fault.accept:
            response = action()
        else:
            response = Response()
        if fault.kind in ("500", "500_after_accept"):
            return Response(ERROR_PAGE, 500, content_type="text/html")
        if fault.kind in ("hang", "slow"):
            time.sleep(fault.seconds)
        if fault.kind != "slow":
            request.environ["simulator.drop"]()
        return response
