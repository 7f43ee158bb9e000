"""What Twilio would be refused for, found out by calling web as Twilio would.

The call is a delivery callback about a message that nobody sent: it is checked like any
other, and stores nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

from config.settings import Settings
from console import twilio_request, wire
from console.findings import PROBE_SECONDS, Finding, ok, wrong
from console.running import System, endpoint
from session import keys

WRONG_SERVER = 404, 405


def webhook_findings(system: System) -> Iterator[Finding]:
    """Calls /status as Twilio would, about a message nobody sent, and says what came of it."""
    settings = system.settings
    url, fields = _callback(settings)
    about = "Webhooks"
    try:
        answer = _signed(url, url, settings.auth_tokens[0], fields)
        if answer.status != 200:
            yield wrong(about, refusal(settings, url, fields, answer))
            return
        if wire.post_form(url, fields, PROBE_SECONDS, {}).status != 403:
            yield wrong(about, "PUBLIC_BASE_URL takes unsigned requests: what answers there is not Ringback.")
            return
        yield ok(about, f"{endpoint(url)} takes requests signed as Twilio signs them, and refuses others")
        for number, token in enumerate(settings.auth_tokens[1:], 2):
            status = _signed(url, url, token, fields).status
            if status != 200:
                yield wrong(
                    about, f"the token number {number} (TWILIO_AUTH_TOKEN_SECONDARY) is answered {status}."
                )
    except wire.Unreachable as error:
        yield wrong(
            about,
            f"{endpoint(url)} {error}, so Twilio cannot call PUBLIC_BASE_URL{_local_web(system, fields)}.",
        )


def _callback(settings: Settings) -> tuple[str, twilio_request.Fields]:
    """A delivery callback for a part that does not exist: nothing is stored, whoever answers."""
    nobody = keys.part_id(secrets.token_hex(16), "1.1")
    ours = settings.twilio_phone_number
    given = [("MessageStatus", "sent"), ("From", ours), ("To", ours)]
    url = f"{settings.public_base_url}/status?ob={nobody}"
    return url, twilio_request.completed(settings, "/status", given)


def _signed(target: str, signed_url: str, token: str, fields: twilio_request.Fields) -> wire.Answer:
    signature = twilio_request.sign(token, signed_url, fields)
    return wire.post_form(target, fields, PROBE_SECONDS, {twilio_request.SIGNATURE: signature})


def refusal(settings: Settings, url: str, fields: twilio_request.Fields, answer: wire.Answer) -> str:
    """Why what Twilio would send is refused, and what to change."""
    where, status = endpoint(url), answer.status
    if 300 <= status < 400:
        aim = urlsplit(answer.headers.get("location", ""))
        to = f"{aim.scheme}://{aim.netloc}" if aim.netloc else "another address"
        return (
            f"{where} redirects to {to}: Twilio signs the first address, so set PUBLIC_BASE_URL to the last."
        )
    if status in WRONG_SERVER:
        return f"what answers at {where} is not Ringback (status {status}): correct PUBLIC_BASE_URL or the proxy."
    if status == 503:
        return f"{where} answers 503: its Redis is away."
    if status != 403:
        return f"{where} answers {status} to a signed request: look into the web process' log."
    target = url.removeprefix(settings.public_base_url)
    for reason, origin in _other_readings(settings.public_base_url):
        if _signed(url, origin + target, settings.auth_tokens[0], fields).status == 200:
            return f"403: the web process {reason}; give both the same PUBLIC_BASE_URL and restart it."
    return (
        "403: the web process has another TWILIO_AUTH_TOKEN, TWILIO_ACCOUNT_SID or PUBLIC_BASE_URL than is set here: "
        "restart it after a change of .env, and compare the token with Twilio's console."
    )


def _other_readings(base: str) -> Iterator[tuple[str, str]]:
    """Origins that a web process may take itself for, each with the sentence that says so."""
    parts = urlsplit(base)
    other = "https" if parts.scheme == "http" else "http"
    yield f"believes to be called by {other}, Twilio calls by {parts.scheme}", f"{other}://{parts.netloc}"
    host = parts.hostname or ""
    for name in (host.removeprefix("www."), f"www.{host}", "localhost", "127.0.0.1"):
        port = f":{parts.port}" if parts.port else ""
        for scheme in (parts.scheme, other):
            if name != host:
                yield f"believes to be called as {scheme}://{name}{port}", f"{scheme}://{name}{port}"


def _local_web(system: System, fields: twilio_request.Fields) -> str:
    """Whether the web process itself would be fine, when only the way to it is not."""
    settings = system.settings
    url, _ = _callback(settings)
    local = f"http://127.0.0.1:{settings.port}{url.removeprefix(settings.public_base_url)}"
    try:
        answer = _signed(local, url, settings.auth_tokens[0], fields)
    except wire.Unreachable:
        return f", and nothing listens on port {settings.port} here either"
    return f"; on this machine port {settings.port} answers {answer.status}, so look at the tunnel or proxy"
