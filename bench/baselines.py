"""What we are measured beside, on the same gunicorn with the same settings.

``bare()``: a Flask route that answers the TwiML and does nothing. Nobody can be faster.
``tutorial()``: the webhook as guides to Twilio and RQ write it: validate, enqueue, answer.
"""

from __future__ import annotations

import os

import redis
from flask import Flask, Response, abort, request
from rq import Queue
from twilio.request_validator import RequestValidator

TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


def bare() -> Flask:
    app = Flask(__name__)

    @app.post("/sms")
    def sms() -> Response:
        return Response(TWIML, content_type="text/xml")

    @app.get("/ready")
    def ready() -> str:
        return "ready"

    return app


def tutorial() -> Flask:
    """It loses the message when Redis fails between two of its commands, and answers a repeat twice."""
    app = Flask(__name__)
    validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
    queue = Queue("tutorial", connection=redis.Redis.from_url(os.environ["REDIS_URL"]))

    @app.post("/sms")
    def sms() -> Response:
        signature = request.headers.get("X-Twilio-Signature", "")
        if not validator.validate(request.url, request.form, signature):
            abort(403)
        queue.enqueue("tasks.reply", request.form["From"], request.form["Body"])
        return Response(TWIML, content_type="text/xml")

    @app.get("/ready")
    def ready() -> str:
        return "ready"

    return app
