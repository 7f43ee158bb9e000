"""The failures in the JSON API: what needs a person, and trying it again.

add_routes(routes, manager, bell)   # to the API's blueprint, whose key and error answers then hold here too
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, jsonify, request

from console.api import Refused
from console.ringing import ring
from console.shapes import JSON, time_of
from session.failures import Failure, NoSuchFailure
from session.manager import SessionManager
from session.retries import NotRetried
from workers.bell import Bell

LIMIT, LIMIT_MAX = 50, 500
STATES = ("open", "all")

_LIMIT = re.compile(r"[0-9]{1,3}", re.ASCII)


def add_routes(routes: Blueprint, manager: SessionManager, bell: Bell) -> None:
    """GET /admin/failures and POST /admin/failures/{id}/retry."""
    failures = FailuresApi(manager, bell)
    routes.add_url_rule("/admin/failures", "failures", failures.page)
    routes.add_url_rule("/admin/failures/<failure_id>/retry", "retry", failures.retry, methods=["POST"])


class FailuresApi:
    """The answers. Safe for threads."""

    def __init__(self, manager: SessionManager, bell: Bell) -> None:
        self._manager = manager
        self._bell = bell

    def page(self) -> Response:
        """GET /admin/failures?state=&limit=&cursor= : newest first."""
        state = request.args.get("state", "open")
        if state not in STATES:
            raise Refused(422, "invalid_state", f"state must be one of {', '.join(STATES)}.")
        text = request.args.get("limit", str(LIMIT))
        limit = int(text) if _LIMIT.fullmatch(text) else 0
        if not 1 <= limit <= LIMIT_MAX:
            raise Refused(422, "invalid_limit", f"limit must be a whole number from 1 to {LIMIT_MAX}.")
        try:
            found, cursor = self._manager.failures.page(
                limit, request.args.get("cursor", ""), resolved=state == "all"
            )
        except ValueError:
            raise Refused(
                422, "invalid_cursor", "cursor must be the next_cursor of an earlier page."
            ) from None
        return jsonify(
            failures=[failure_json(failure) for failure in found],
            next_cursor=cursor or None,
            total_open=self._manager.failures.count(),
        )

    def retry(self, failure_id: str) -> Response:
        """POST /admin/failures/{id}/retry : once; the second time is 409."""
        try:
            failure = self._manager.retry_failure(failure_id)
        except NoSuchFailure:
            raise Refused(
                404, "failure_not_found", "There is no such failure; GET /admin/failures lists them."
            ) from None
        except NotRetried as refusal:
            raise Refused(
                409, refusal.code, refusal.sentence, {"resolved_at": time_of(refusal.failure.resolved_at)}
            ) from None
        ring(self._bell, failure.cid)
        return jsonify(message="The failure is being retried", failure=failure_json(failure))


def failure_json(failure: Failure) -> JSON:
    """One failure. What does not apply to its kind is null."""
    return {
        "id": failure.id,
        "kind": "part" if failure.of_part else "message",
        "reason": failure.reason,
        "cause": failure.cause,
        "last_error": failure.last_error or None,
        "attempts": failure.attempts,
        "phone_number": failure.phone or None,
        "session_id": failure.session_id or None,
        "message_ids": list(failure.message_ids),
        "part_id": failure.part_id or None,
        "at": time_of(failure.at),
        "state": failure.resolution or "open",
        "resolved_at": time_of(failure.resolved_at),
        "retryable": failure.retryable,
        "retry": failure.effect if not failure.resolved_at else None,
    }
