"""One customer in the JSON API: everything held, everything removed, and the customer in numbers.

add_routes(routes, manager, settings, queue)   # to the API's blueprint, whose key and error answers then hold here too
"""

from __future__ import annotations

import redis
from flask import Blueprint, Response, jsonify, request

from config.settings import Settings
from console import erasure
from console.api import Refused
from console.customer_shapes import analytics_json, holding_json
from console.twilio_erasure import TwilioAway
from session import customers
from session.customers import Holding, NoSuchCustomer
from session.manager import SessionManager

DELETED = "Customer data deleted"
YES = ("true", "1", "yes")
NO = ("false", "0", "no")


def add_routes(routes: Blueprint, manager: SessionManager, settings: Settings, queue: redis.Redis) -> None:
    """GET /privacy/export, DELETE /privacy/delete and GET /admin/customer/{phone}/analytics."""
    door = CustomersApi(manager, settings, queue)
    routes.add_url_rule("/privacy/export/<phone:phone>", "export", door.export)
    routes.add_url_rule("/privacy/delete/<phone:phone>", "delete", door.delete, methods=["DELETE"])
    routes.add_url_rule("/admin/customer/<phone:phone>/analytics", "analytics", door.analytics)


class CustomersApi:
    """The answers. Safe for threads."""

    def __init__(self, manager: SessionManager, settings: Settings, queue: redis.Redis) -> None:
        self._manager = manager
        self._settings = settings
        self._queue = queue

    def export(self, phone: str) -> Response:
        """GET /privacy/export/{phone} : everything held about the customer."""
        return jsonify(holding_json(self._held(phone)))

    def analytics(self, phone: str) -> Response:
        """GET /admin/customer/{phone}/analytics"""
        return jsonify(analytics_json(customers.analytics(self._held(phone))))

    def delete(self, phone: str) -> Response:
        """DELETE /privacy/delete/{phone} : removes it, everywhere; again it removes nothing, and says so.

        With ``?twilio=true`` at Twilio too: ``twilio`` in the answer says what was, and what is still there.
        """
        cid = self._manager.find_customer(phone)[0]
        # What was meant must be plain: without it, nobody knows afterwards what Twilio keeps.
        twilio = request.args.get("twilio", NO[0]).lower()
        if twilio not in YES + NO:
            raise Refused(422, "invalid_twilio", "twilio must be true or false. Nothing was deleted.")
        if twilio in NO:
            return jsonify(message=DELETED, removed=erasure.erase(self._manager, self._queue, cid))
        try:
            removed, report = erasure.erase_everywhere(self._manager, self._settings, self._queue, cid)
        except TwilioAway as error:
            raise Refused(
                503, "twilio_unavailable",
                f"Nothing was deleted: Twilio {error}. Try again later, or leave twilio out.", retry_after=60,
            ) from None  # fmt: skip
        return jsonify(message=DELETED, removed=removed, twilio=report.shown())

    def _held(self, phone: str) -> Holding:
        try:
            return customers.holding(self._manager, self._manager.find_customer(phone)[0])
        except NoSuchCustomer:
            raise Refused(404, "customer_not_found", "Nobody is known by this number.") from None
