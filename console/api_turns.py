"""Why this reply, and how far it got, in the JSON API: what a turn saw, decided and sent; a message and its parts.

add_routes(routes, manager)   # to the API's blueprint, whose key and error answers then hold here too
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from console.api import Refused
from console.customer_shapes import delivery_json, story_json
from session import customers, keys
from session.manager import SessionManager


def add_routes(routes: Blueprint, manager: SessionManager) -> None:
    """GET /turns/{turn_id} and GET /messages/{message_id}"""

    def turn(turn_id: str) -> Response:
        """GET /turns/{turn_id} : why this reply; the id of a message or a reply finds its turn too."""
        found = customers.turn(manager, turn_id)
        if found is None:
            raise Refused(
                404, "turn_not_found", "There is no such turn, or no more: they are kept for seven days."
            )
        return jsonify(story_json(customers.story(manager, found)))

    def message(message_id: str) -> Response:
        """GET /messages/{message_id} : its parts and their delivery; the id of a part does as well."""
        found, id_ = customers.message(manager, message_id), keys.parse_id(message_id)
        if found is None or id_ is None:
            raise Refused(404, "message_not_found", "There is no such message, or no more.")
        return jsonify(delivery_json(found, id_.cid, manager.ledger.parts_of(id_.cid, id_.number)))

    routes.add_url_rule("/turns/<turn_id>", "turn", turn)
    routes.add_url_rule("/messages/<message_id>", "message", message)
