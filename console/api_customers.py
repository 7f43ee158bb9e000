"""One customer in the JSON API: everything held, everything removed, and the customer in numbers.

add_routes(routes, manager, queue)   # to the API's blueprint, whose key and error answers then hold here too
"""

from __future__ import annotations

import redis
from flask import Blueprint, Response, jsonify, request

from console import erasure
from console.api import Refused
from console.customer_shapes import analytics_json, holding_json
from session import customers
from session.customers import Holding, NoSuchCustomer
from session.manager import SessionManager

YES = ("true", "1", "yes")


def add_routes(routes: Blueprint, manager: SessionManager, queue: redis.Redis) -> None:
    """GET /privacy/export, DELETE /privacy/delete and GET /admin/customer/{phone}/analytics."""
    door = CustomersApi(manager, queue)
    routes.add_url_rule("/privacy/export/<phone:phone>", "export", door.export)
    routes.add_url_rule("/privacy/delete/<phone:phone>", "delete", door.delete, methods=["DELETE"])
    routes.add_url_rule("/admin/customer/<phone:phone>/analytics", "analytics", door.analytics)


class CustomersApi:
    """The answers. Safe for threads."""

    def __init__(self, manager: SessionManager, queue: redis.Redis) -> None:
        self._manager = manager
        self._queue = queue

    def export(self, phone: str) -> Response:
        """GET /privacy/export/{phone} : everything held about the customer."""
        return jsonify(holding_json(self._held(phone)))

    def analytics(self, phone: str) -> Response:
        """GET /admin/customer/{phone}/analytics"""
        return jsonify(analytics_json(customers.analytics(self._held(phone))))

    def delete(self, phone: str) -> Response:
        """DELETE /privacy/delete/{phone} : removes it, everywhere; again it removes nothing, and says so."""
        if request.args.get("twilio", "").lower() in YES:
            raise Refused(
                422, "not_supported_yet",
                "Messages at Twilio are not deleted yet: leave twilio out, and delete them in Twilio's console.",
            )  # fmt: skip
        removed = erasure.erase(self._manager, self._queue, self._manager.find_customer(phone)[0])
        return jsonify(message="Customer data deleted", removed=removed)

    def _held(self, phone: str) -> Holding:
        try:
            return customers.holding(self._manager, self._manager.find_customer(phone)[0])
        except NoSuchCustomer:
            raise Refused(404, "customer_not_found", "Nobody is known by this number.") from None
