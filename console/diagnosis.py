"""What ``ringback doctor`` looks at: Redis, our own processes, Twilio, the model.

Each look gives findings, and none of them holds a secret. A finding that is ``WRONG`` says what to do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import redis

from config.settings import Settings
from console import wire
from console.findings import PROBE_SECONDS, Finding, ok, warning, wrong
from console.refusals import webhook_findings
from console.running import System, endpoint
from session.connection import connect
from session.failures import Failures
from session.ledger import Ledger

OPENAI_BASE = "https://api.openai.com/v1"

# Twilio tries a webhook again three times when it was not connected, took over 4 s, or was answered 5xx.
RETRIES = "#rc=3&rp=ct,rt,5xx&rt=4000"

# The one policy under which a full Redis refuses to write instead of throwing data away.
SAFE_EVICTION = "noeviction"


def look(system: System) -> Iterator[Finding]:
    """Everything in turn, each as soon as it is known."""
    yield from redis_findings(system.settings)
    yield from web_findings(system)
    yield from webhook_findings(system)
    yield from twilio_findings(system.settings)
    yield from webhook_settings(system.settings)
    yield from model_findings(system.settings)


def redis_findings(settings: Settings) -> Iterator[Finding]:
    urls = {"Redis": settings.redis_connection_url}
    if settings.session_redis_connection_url != settings.redis_connection_url:
        urls["Redis of sessions"] = settings.session_redis_connection_url
    for name, url in urls.items():
        where = endpoint(url)
        client: redis.Redis | None = None
        try:
            client = connect(url, PROBE_SECONDS, decode_responses=True)
            client.ping()
            yield from _redis_state(name, where, _info(client))
            if name == "Redis":
                yield _workers(client)
            if url == settings.session_redis_connection_url:
                yield _failures(client)
        except redis.AuthenticationError:
            yield wrong(name, f"{where} refuses the password of REDIS_URL.")
        except (redis.RedisError, OSError, ValueError):
            yield wrong(name, f"{where} does not answer: start it, or correct REDIS_URL.")
        finally:
            if client is not None:
                client.close()


def _info(client: redis.Redis) -> dict[str, Any]:
    """INFO, as far as the server tells: managed ones keep some of it to themselves."""
    told: dict[str, Any] = {}
    for section in ("server", "memory", "persistence"):
        with contextlib.suppress(redis.ResponseError):
            told |= client.info(section)
    return told


def _redis_state(name: str, where: str, info: dict[str, Any]) -> Iterator[Finding]:
    version = info.get("valkey_version") or info.get("redis_version")
    kept = {1: "append-only file on", 0: "append-only file off"}.get(info.get("aof_enabled", -1), "")
    yield ok(
        name, ", ".join(filter(None, [f"{where} answers", f"version {version}" if version else "", kept]))
    )
    policy = info.get("maxmemory_policy")
    if policy is None:
        yield warning(name, "does not tell its eviction policy; it should be noeviction.")
    elif policy != SAFE_EVICTION:
        yield warning(
            name, f"may drop conversations when full: set maxmemory-policy noeviction (it is {policy})."
        )
    if info.get("aof_enabled") == 0:
        yield warning(
            name, "may forget accepted messages at a crash: set appendonly yes if the server is yours."
        )


def _workers(client: redis.Redis) -> Finding:
    """RQ's own list; a name whose record has run out is a worker that was killed."""
    names: Any = client.smembers("rq:workers")
    alive = sum(bool(client.exists(name)) for name in names)
    if not alive:
        return wrong(
            "Workers",
            "none is running, so nobody answers: start python -m workers.main (the Procfile's worker).",
        )
    return ok("Workers", f"{alive} running")


def _failures(client: redis.Redis) -> Finding:
    count = Failures(Ledger(client)).count()
    if not count:
        return ok("Failures", "none needs a person")
    those = "one needs" if count == 1 else f"{count} need"
    return warning(
        "Failures", f"{those} a person: look with ringback failures, try again with ringback retry."
    )


def web_findings(system: System) -> Iterator[Finding]:
    where = endpoint(system.base_url)
    for path, question in (("/health", "lives"), ("/ready", "is ready")):
        try:
            answer = wire.call(system.base_url + path, PROBE_SECONDS)
        except wire.Unreachable as error:
            yield wrong("Web", f"{where} {error}: start it, or correct PUBLIC_BASE_URL.")
            return
        if answer.status == 200:
            yield ok("Web", f"{where} {question}")
        else:
            yield wrong("Web", f"{where} answers {path} with {answer.status}{_missing(answer)}.")


def _missing(answer: wire.Answer) -> str:
    """What /ready says is missing."""
    said = answer.json()
    missing = said.get("missing") if isinstance(said, dict) else None
    return f"; missing: {', '.join(map(str, missing))}" if isinstance(missing, list) and missing else ""


def twilio_findings(settings: Settings) -> Iterator[Finding]:
    origin, sid = settings.twilio_rest_origin, settings.twilio_account_sid
    where = "the local Twilio" if settings.twilio_is_local else endpoint(origin)
    user, password = sid, settings.auth_tokens[0]
    names = "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"
    if settings.twilio_api_key_sid and settings.twilio_api_key_secret:
        user, password = settings.twilio_api_key_sid, settings.twilio_api_key_secret.get_secret_value()
        names = "TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET"
    url = f"{origin}/2010-04-01/Accounts/{sid}/Messages.json?PageSize=1"
    try:
        status = wire.call(url, PROBE_SECONDS, headers=wire.basic(user, password)).status
    except wire.Unreachable as error:
        yield wrong("Twilio", f"{where} {error}: replies cannot be sent.")
        return
    if status == 200:
        yield ok("Twilio", f"{where} accepts the account")
    elif status in (401, 403):
        yield wrong("Twilio", f"{where} refuses {names} ({status}): copy them again from Twilio's console.")
    elif status == 404:
        yield wrong("Twilio", f"{where} knows no such account: correct TWILIO_ACCOUNT_SID.")
    else:
        yield wrong("Twilio", f"{where} answers {status}: try again, or see Twilio's status page.")


def webhook_settings(settings: Settings) -> Iterator[Finding]:
    """What belongs into Twilio's console, to be copied; docs/twilio.md says why."""
    about, base = "Twilio's console", settings.public_base_url
    yield ok(about, f"A message comes in: Webhook, {base}/sms{RETRIES}, HTTP POST")
    yield ok(about, f"Primary handler fails: {base}/sms, HTTP POST; better the same path on a second host")
    yield ok(
        about,
        f"A call comes in: Webhook, {base}/voice{RETRIES}, HTTP POST; call status changes: {base}/voice/status{RETRIES}",
    )
    yield ok(about, f"WhatsApp sender: {base}/whatsapp{RETRIES}, status callback {base}/status{RETRIES}")


def model_findings(settings: Settings) -> Iterator[Finding]:
    base = settings.openai_base_url or OPENAI_BASE
    if settings.ai_provider == "mock":
        yield ok("Model", "AI_PROVIDER=mock: the stand-in answers, in process")
        return
    if settings.twilio_is_local and base == f"{settings.twilio_rest_origin}/v1":
        yield from _stand_in(base)
        return
    where, key = endpoint(base), settings.openai_api_key
    headers = wire.bearer(key.get_secret_value()) if key else {}
    try:
        answer = wire.call(f"{base}/models", PROBE_SECONDS, headers=headers)
    except wire.Unreachable as error:
        yield wrong("Model", f"{where} {error}: correct OPENAI_BASE_URL or start the server.")
        return
    if answer.status in (401, 403):
        yield wrong("Model", f"{where} refuses OPENAI_API_KEY ({answer.status}).")
    elif answer.status == 200:
        yield from _model_named(settings.openai_model, where, answer)
    elif answer.status == 404:
        yield warning(
            "Model", f"{where} answers, but has no list of models; OPENAI_BASE_URL usually ends in /v1."
        )
    else:
        yield wrong("Model", f"{where} answers {answer.status}.")


def _stand_in(base: str) -> Iterator[Finding]:
    """The local Twilio's process answers as the model too, under any name."""
    try:
        wire.call(f"{base}/models", PROBE_SECONDS)
        yield ok("Model", "the stand-in model answers; set OPENAI_API_KEY for a real one")
    except wire.Unreachable as error:
        yield wrong("Model", f"the stand-in model {error}.")


def _model_named(model: str, where: str, answer: wire.Answer) -> Iterator[Finding]:
    given = answer.json()
    rows = given.get("data") if isinstance(given, dict) else None
    names = {row.get("id") for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()
    if names and model not in names:
        yield warning("Model", f"{where} does not list {model}: check OPENAI_MODEL.")
    else:
        yield ok("Model", f"{where} answers; OPENAI_MODEL is {model}")
