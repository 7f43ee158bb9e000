"""One process that stands in for Twilio and for the model: wiring, and who may talk to it."""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request

from simulator.account import Account, BadAccount, account_from
from simulator.answering import Answering, answering_from
from simulator.call_store import CallStore
from simulator.call_web import CallWeb
from simulator.calls_api import CallsApi
from simulator.calls_control import CallsControl
from simulator.carrier import Carrier
from simulator.collecting import Collector
from simulator.composing import Composer
from simulator.control import Control
from simulator.faults import Faults
from simulator.handsets import Handsets
from simulator.media import MediaStore, path_beside
from simulator.media_api import MediaApi
from simulator.model import create_blueprint, create_control_blueprint
from simulator.phone import PhonePage
from simulator.phone_calls import PhoneCalls
from simulator.rest import Rest
from simulator.server import LOOPBACK_HOSTS, Server
from simulator.store import Store
from simulator.switchboard import Switchboard
from simulator.timetable import Timetable
from simulator.twilio_api import TwilioApi
from simulator.typing_api import TypingApi
from simulator.uploads import Uploads
from simulator.webhooks import Caller

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(
    account: Account,
    store: Store | None = None,
    answering: Answering | None = None,
    media: MediaStore | None = None,
) -> Flask:
    """The whole simulator over one account. Starts the threads that deliver messages."""
    app = Flask(__name__)
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 0
    store = store or Store(account.state_path)
    media = media or MediaStore(path_beside(account.state_path))
    faults, timetable, caller = Faults(), Timetable(), Caller(account)
    carrier = Carrier(account, store, faults, timetable, caller, Collector(account, media))
    handsets = Handsets(account, store, carrier, caller)
    composer = Composer(account, store, media)
    calls = CallStore(store)
    board = Switchboard(account, calls, CallWeb(account, calls, caller, faults, timetable), timetable)
    app.extensions["switchboard"] = board
    app.before_request(refuse_strangers)
    app.after_request(add_security_headers)
    app.register_blueprint(TwilioApi(account, store, carrier, faults, media).blueprint())
    app.register_blueprint(MediaApi(account, store, media, faults).blueprint())
    app.register_blueprint(TypingApi(account, store, carrier.whatsapp, faults).blueprint())
    control = Control(account, store, handsets, faults, timetable, carrier, composer, board)
    app.register_blueprint(control.blueprint())
    page = PhonePage(account, store, handsets, carrier, answering or Answering(), composer, board)
    app.register_blueprint(page.blueprint())
    app.register_blueprint(Uploads(media).blueprint())
    app.register_blueprint(CallsApi(account, board, Rest(account, faults)).blueprint())
    app.register_blueprint(CallsControl(account, board).blueprint())
    app.register_blueprint(PhoneCalls(account, board).blueprint())
    app.add_url_rule("/health", "health", lambda: jsonify(status="ok"))
    app.register_blueprint(create_blueprint(), url_prefix="/v1")
    app.register_blueprint(create_control_blueprint())
    return app


def refuse_strangers() -> tuple[Response, int] | None:
    """Only this machine, by its own name, and no other site's page in its browser.

    A page elsewhere can point its own host name at 127.0.0.1 (DNS rebinding) or post a form here;
    the first shows in Host, the second in Origin or Sec-Fetch-Site.
    """
    host = urlsplit(f"//{request.host}").hostname
    if request.remote_addr not in (None, "127.0.0.1", "::1") or host not in LOOPBACK_HOSTS:
        return jsonify(error="the local Twilio answers on loopback only"), 403
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return None
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        return jsonify(error="another site's page may not use the local Twilio"), 403
    return None


def add_security_headers(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/phone/"):
        response.headers["Cache-Control"] = "no-store"
    return response


def main(arguments: list[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """``python -m simulator --port N``: serves until SIGTERM or SIGINT. 2 where it cannot start."""
    parser = argparse.ArgumentParser(
        prog="simulator", description="The local Twilio, its phone page, and a model."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", choices=LOOPBACK_HOSTS)
    options = parser.parse_args(arguments)
    try:
        account = account_from(environ)
    except BadAccount as error:
        print(error, file=sys.stderr)
        return 2
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before the first thread: each leaves them to sigwait
    try:
        store = Store(account.state_path)
        media = MediaStore(path_beside(account.state_path))
    except (sqlite3.Error, OSError, ValueError, TypeError, KeyError) as error:
        print(f"SIMULATOR_STATE cannot be read ({type(error).__name__}): delete that file", file=sys.stderr)
        return 2
    try:
        app = create_app(account, store, answering_from(environ), media)
        server = Server(app, options.port, options.host)
    except OSError as error:
        print(f"port {options.port} cannot be used: {error.strerror}; give another --port", file=sys.stderr)
        return 2
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    print(f"simulator ready on port {server.server_port}", flush=True)
    signal.sigwait(ends)
    server.shutdown()
    server.server_close()
    app.extensions["switchboard"].close()
    store.close()
    media.close()
    return 0
