"""What each process of ``make run`` is told: the user's settings, and stand-ins for what is missing.

The real environment wins over ``.env``; a blank value counts as missing. Without LIVE=1 every
``TWILIO_*`` and ``PUBLIC_BASE_URL`` is ignored wherever it is set, so that a try-out never
texts a stranger.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dotenv import dotenv_values

HOST = "127.0.0.1"
DEFAULT_PORT = 8000
PORT_MAX = 65535
LOCAL_NUMBER = "+15550001000"  # of no real subscriber: 555 is kept for fiction
MODEL_LATENCY_MS = "400"  # a model that answers at once would hide what a burst or a delay looks like
STAND_IN_KEY = "stand-in"
EMBEDDED_PASSWORD = "EMBEDDED_REDIS_PASSWORD"  # its name in secrets.json; no setting
GENERATED = ("ADMIN_API_KEY", "CUSTOMER_ID_KEY", "CONSOLE_PASSWORD", "SECRET_KEY")
TWILIO_SIDE = ("TWILIO_", "PUBLIC_BASE_URL")
REDIS_SETTINGS = ("REDIS_URL", "REDIS_HOST")
YES = ("1", "true", "yes", "on")


class CannotStart(Exception):
    """This run cannot begin; the message is a sentence that says what to do."""


@dataclass(frozen=True)
class Surroundings:
    """One run's decisions. ``added`` is what the launcher set itself; blank there means taken away."""

    environment: dict[str, str] = field(repr=False)
    added: dict[str, str] = field(repr=False)
    local_account: dict[str, str] = field(repr=False)  # the local Twilio's, which LIVE=1 leaves to itself
    port: int
    simulator_port: int
    is_live: bool
    needs_redis: bool
    needs_simulator: bool
    has_stand_in_model: bool
    faults: tuple[str, ...] = ()  # in the launcher's own variables; config.settings finds the others

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def simulator_url(self) -> str:
        return f"http://{HOST}:{self.simulator_port}"


def users_settings(project: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """``.env`` under the real environment. A blank stays: it hides ``.env`` from our children too."""
    written = {name: value for name, value in _env_file(project / ".env").items() if value is not None}
    return written | dict(environ)


def _env_file(path: Path) -> dict[str, str | None]:
    """As ``config.settings`` reads it; a file that cannot be read is reported there."""
    try:
        return dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return {}


def secret_makers() -> dict[str, Callable[[], str]]:
    """What is generated once for a project: name to how it is made."""
    return {
        **{name: lambda: secrets.token_urlsafe(32) for name in GENERATED},
        "TWILIO_ACCOUNT_SID": lambda: "AC" + secrets.token_hex(16),
        "TWILIO_AUTH_TOKEN": lambda: secrets.token_hex(16),
        "TWILIO_PHONE_NUMBER": lambda: LOCAL_NUMBER,
        EMBEDDED_PASSWORD: lambda: secrets.token_urlsafe(32),
    }


def is_of_twilio(name: str) -> bool:
    return name.startswith(TWILIO_SIDE)


def decide(users: Mapping[str, str], kept: Mapping[str, str]) -> Surroundings:
    """The user's settings and the generated secrets in, the run's environment out; no I/O.

    A PORT that is none counts as the default here and is reported by ``config.settings``. The
    embedded server's REDIS_URL comes later, when its port is known (``with_redis``).
    """
    settings = {name: value for name, value in users.items() if value.strip()}
    is_live = settings.get("LIVE", "").strip().lower() in YES
    port = _port(settings, "PORT") or DEFAULT_PORT
    simulator_port = _port(settings, "SIMULATOR_PORT") or port + 1
    simulator_url = f"http://{HOST}:{simulator_port}"
    base_url = f"http://{HOST}:{port}"

    added = {name: kept[name] for name in GENERATED if not settings.get(name)}
    added |= {"PORT": settings.get("PORT", str(port)), "RINGBACK_BIND": f"{HOST}:{port}"}
    local_account = {name: "" for name in users if is_of_twilio(name)}
    local_account |= {name: kept[name] for name in kept if is_of_twilio(name)}
    if not is_live:
        added |= local_account | {"TWILIO_API_BASE_URL": simulator_url, "PUBLIC_BASE_URL": base_url}
    stand_in = _stand_in_model(settings, simulator_url)
    added |= stand_in
    return Surroundings(
        environment={**users, **added},
        added=added,
        local_account=local_account,
        port=port,
        simulator_port=simulator_port,
        is_live=is_live,
        needs_redis=not any(settings.get(name) for name in REDIS_SETTINGS),
        needs_simulator=not is_live or "OPENAI_BASE_URL" in stand_in,
        has_stand_in_model="OPENAI_BASE_URL" in stand_in,
        faults=_faults(settings, simulator_port),
    )


def with_redis(made: Surroundings, redis_url: str) -> Surroundings:
    """The same run on the embedded server."""
    reached = {"REDIS_URL": redis_url}
    return replace(made, environment=made.environment | reached, added=made.added | reached)


def for_simulator(made: Surroundings, state: Path) -> dict[str, str]:
    """The simulator's own environment: its account, where to call, how long its model thinks.

    The account is the local one even with LIVE=1, when only the stand-in model is wanted: with the
    real token its phone page could make web text a stranger.
    """
    own = {
        "SIMULATOR_WEBHOOK_BASE": made.base_url,
        "SIMULATOR_STATE": str(state),
        "SIMULATOR_MODEL_LATENCY_MS": made.environment.get("SIMULATOR_MODEL_LATENCY_MS") or MODEL_LATENCY_MS,
    }
    return made.environment | made.local_account | own


def _stand_in_model(settings: Mapping[str, str], simulator_url: str) -> dict[str, str]:
    """What makes up for a missing key: a server of the user's own needs none, else ours answers."""
    if settings.get("OPENAI_API_KEY") or settings.get("AI_PROVIDER", "").strip().lower() == "mock":
        return {}
    if settings.get("OPENAI_BASE_URL"):
        return {"OPENAI_API_KEY": STAND_IN_KEY}
    return {"OPENAI_API_KEY": STAND_IN_KEY, "OPENAI_BASE_URL": f"{simulator_url}/v1"}


def _port(settings: Mapping[str, str], name: str) -> int | None:
    """The port that is set; None when there is none, or it is not one."""
    written = settings.get(name, "").strip()
    is_port = written.isascii() and written.isdigit() and len(written) <= 5 and 0 < int(written) <= PORT_MAX
    return int(written) if is_port else None


def _faults(settings: Mapping[str, str], simulator_port: int) -> tuple[str, ...]:
    is_unreadable = "SIMULATOR_PORT" in settings and _port(settings, "SIMULATOR_PORT") is None
    if is_unreadable or simulator_port > PORT_MAX:
        return ("SIMULATOR_PORT must be a port from 1 to 65535; for example SIMULATOR_PORT=8001",)
    return ()
