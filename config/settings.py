"""Everything that can be set from outside, in one frozen value.

``load_settings`` reads ``.env`` and the environment (which wins, even with an empty
value: that unsets a line of ``.env``) and either returns ``Settings`` or raises
``SettingsError`` with every fault at once. The variables stand in ``config.variables``.
"""

from __future__ import annotations

import difflib
import ipaddress
import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from dotenv.parser import parse_stream
from pydantic import SecretStr, ValidationError

from config.variables import Variables

PROJECT = Path(__file__).resolve().parent.parent
ENV_FILE = Path(".env")
TWILIO_ORIGIN = "https://api.twilio.com"

ProcessRole = Literal["web", "worker", "clock", "tool"]

# Variables that are read elsewhere than here, and so are no typing mistake in ``.env``.
READ_ELSEWHERE = frozenset(
    {
        "CI",
        "LIVE",
        "SIMULATOR_PORT",
        "SIMULATOR_NUMBERS",
        "SIMULATOR_CALLER_IDS",
        "SIMULATOR_DELIVERY_MS",
        "SIMULATOR_MODEL_LATENCY_MS",
    }
)


class Settings(Variables):
    """The variables, and what follows from them."""

    @property
    def redis_connection_url(self) -> str:
        """The queue's Redis; holds the password, so never print it."""
        if self.redis_url is not None:
            return self.redis_url.get_secret_value()
        password = f":{quote(_revealed(self.redis_password), safe='')}@" if self.redis_password else ""
        host = self.redis_host or "localhost"
        host = f"[{host}]" if ":" in host else host
        return f"redis://{password}{host}:{self.redis_port}/{self.redis_db}"

    @property
    def session_redis_connection_url(self) -> str:
        return _revealed(self.session_redis_url) or self.redis_connection_url

    @property
    def database_connection_url(self) -> str | None:
        """As SQLAlchemy wants it: platforms still hand out ``postgres://``, which it dropped."""
        url = _revealed(self.database_url)
        return (
            "postgresql://" + url.removeprefix("postgres://")
            if url.startswith("postgres://")
            else url or None
        )

    @property
    def admin_keys(self) -> tuple[str, ...]:
        keys = (key.strip() for key in self.admin_api_key.get_secret_value().split(","))
        return tuple(key for key in keys if key)

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """What a webhook may be signed with: the primary token, then the secondary."""
        tokens = (_revealed(self.twilio_auth_token), _revealed(self.twilio_auth_token_secondary))
        return tuple(token for token in tokens if token)

    @property
    def whatsapp_number(self) -> str:
        return self.twilio_whatsapp_number or self.twilio_phone_number

    @property
    def our_numbers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.twilio_phone_number, self.whatsapp_number)))

    @property
    def twilio_rest_origin(self) -> str:
        return self.twilio_api_base_url or TWILIO_ORIGIN

    @property
    def twilio_is_local(self) -> bool:
        """Whether REST calls stay on this machine, so that no stranger can be texted by a test."""
        host = urlsplit(self.twilio_rest_origin).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def agents_path(self) -> Path:
        return PROJECT / self.agents_dir  # an absolute AGENTS_DIR stays as it is

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works but should not stay so, one sentence each."""
        if self.public_base_url.startswith("http://"):
            return ("PUBLIC_BASE_URL is http: messages and their signatures travel unencrypted; use https.",)
        return ()

    @property
    def secret_values(self) -> tuple[str, ...]:
        """Every secret that is set, for the redaction of logs; several in one variable come apart."""
        values = (getattr(self, name) for name in Variables.model_fields)
        texts = (value.get_secret_value() for value in values if isinstance(value, SecretStr))
        return tuple(part for text in texts for part in {text, *text.split(",")} if part)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in the environment. ``wrong`` continues a sentence and never holds the value."""

    variable: str
    wrong: str
    example: str = ""

    def __str__(self) -> str:
        sentence = f"{self.variable} {self.wrong}"
        return f"{sentence}; for example {self.variable}={self.example}" if self.example else sentence


class SettingsError(Exception):
    """The environment is not fit to start with; ``faults`` holds everything that is wrong."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


def load_settings(
    env: Mapping[str, str] | None = None, env_file: Path | None = ENV_FILE, role: ProcessRole = "tool"
) -> Settings:
    """Read the settings of a process. Raises ``SettingsError`` with every fault there is.

    Every role needs the same variables today, so that a deployment fails at its first
    process and not at its third.
    """
    texts, faults = _read(os.environ if env is None else env, env_file)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate({name.lower(): text for name, text in texts.items()})
    except ValidationError as error:
        faults += [_fault(detail) for detail in error.errors(include_url=False, include_input=False)]
    faults += _faults_between(texts)
    if faults or settings is None:
        raise SettingsError(faults)
    return settings


def settings_or_exit(role: ProcessRole) -> Settings:
    """The settings, or every fault on stderr, one per line, and exit status 2."""
    try:
        return load_settings(role=role)
    except SettingsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        sys.exit(2)


def read_environment(
    env: Mapping[str, str] | None = None, env_file: Path | None = ENV_FILE
) -> dict[str, str]:
    """The variables that are set, by name, unchecked. Raises ``SettingsError`` for a faulty ``.env``."""
    texts, faults = _read(os.environ if env is None else env, env_file)
    if faults:
        raise SettingsError(faults)
    return texts


def env_file_lines(env_file: Path = ENV_FILE) -> dict[str, str]:
    """Every line of ``.env``, a setting or not, name to value; a line that cannot be read is left out."""
    return _lines(env_file)[0]


def unknown_names(env_file: Path = ENV_FILE) -> list[tuple[str, str | None]]:
    """Names in ``.env`` that are no setting, each with the setting that was probably meant."""
    known = {name.upper() for name in Variables.model_fields} | READ_ELSEWHERE
    strangers = [name for name in _lines(env_file)[0] if name not in known]
    return [
        (name, next(iter(difflib.get_close_matches(name.upper(), known, 1, 0.75)), None))
        for name in strangers
    ]


def _lines(env_file: Path) -> tuple[dict[str, str], list[Fault]]:
    """What ``.env`` says, name to value. No ``${...}`` is expanded: a secret may hold one."""
    try:
        with env_file.open(encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError):
        return {}, [Fault(str(env_file), "cannot be read as a UTF-8 text file")]
    faults = [
        Fault(f"{env_file} line {binding.original.line}", "is not of the form NAME=value")
        for binding in bindings
        if binding.error
    ]
    return {binding.key: binding.value or "" for binding in bindings if binding.key}, faults


def _read(env: Mapping[str, str], env_file: Path | None) -> tuple[dict[str, str], list[Fault]]:
    lines, faults = _lines(env_file) if env_file else ({}, [])
    given = {**lines, **env}
    names = (name.upper() for name in Variables.model_fields)
    texts = {name: given[name].strip() for name in names if name in given}
    return {name: text for name, text in texts.items() if text}, faults


def _fault(detail: Any) -> Fault:
    """A pydantic error as a sentence's end; its input is never looked at."""
    name = str(detail["loc"][0])
    context = detail.get("ctx", {})
    wrong = {
        "missing": "is not set",
        "int_parsing": "must be a whole number",
        "int_from_float": "must be a whole number",
        "float_parsing": "must be a number",
        "greater_than_equal": f"must be {context.get('ge')} or more",
        "less_than_equal": f"must be {context.get('le')} or less",
        "literal_error": f"must be {str(context.get('expected')).replace(chr(39), '')}",
        "value_error": str(context.get("error")),
    }.get(detail["type"], "cannot be read")
    return _fault_of(name, wrong)


def _fault_of(name: str, wrong: str) -> Fault:
    return Fault(name.upper(), wrong, str((Variables.model_fields[name].examples or [""])[0]))


def _faults_between(texts: Mapping[str, str]) -> Iterator[Fault]:
    """Faults that no variable has alone; looks at texts, for the values may not exist yet."""
    if "REDIS_URL" not in texts and "REDIS_HOST" not in texts:
        yield _fault_of("redis_url", "is not set (nor is REDIS_HOST)")
    if "OPENAI_API_KEY" not in texts and texts.get("AI_PROVIDER", "").lower() != "mock":
        yield _fault_of("openai_api_key", "is not set (only AI_PROVIDER=mock does without)")
    for one, other in (
        ("twilio_api_key_sid", "twilio_api_key_secret"),
        ("twilio_api_key_secret", "twilio_api_key_sid"),
    ):
        if one.upper() not in texts and other.upper() in texts:
            yield _fault_of(one, f"is not set, while {other.upper()} is")
    if "AGENTS_DIR" in texts and not (PROJECT / texts["AGENTS_DIR"]).is_dir():
        yield _fault_of("agents_dir", "must be a folder that exists")
    order = ("model_timeout_seconds", "turn_seconds", "claim_limit_seconds", "job_seconds")
    for shorter, longer in (*itertools.pairwise(order), ("claim_renew_seconds", "claim_seconds")):
        if _time(texts, shorter) >= _time(texts, longer):
            yield _fault_of(shorter, f"must be less than {longer.upper()}")


def _time(texts: Mapping[str, str], name: str) -> float:
    """A time as set or by default; NaN, which compares with nothing, when it is a fault of its own."""
    try:
        return float(texts.get(name.upper(), Variables.model_fields[name].default))
    except ValueError:
        return float("nan")


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
