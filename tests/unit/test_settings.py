"""Settings: CONTRACT "Environment"."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from config.settings import Fault, Settings, SettingsError, load_settings
from config.variables import Variables

PROJECT = Path(__file__).parents[2]
NEEDED = {
    "REDIS_URL": "redis://localhost:6379/0",
    "PUBLIC_BASE_URL": "https://bot.example.com",
    "TWILIO_ACCOUNT_SID": "AC0123456789abcdefABCDEF0123456789",
    "TWILIO_AUTH_TOKEN": "12345",
    "TWILIO_PHONE_NUMBER": "+15550001111",
    "OPENAI_API_KEY": "sk-test",
    "ADMIN_API_KEY": "admin-key-0123456789",
    "CUSTOMER_ID_KEY": "customer-key-0123456789",
    "CONSOLE_PASSWORD": "console-password-0123456789",
    "SECRET_KEY": "secret-key-0123456789",
}


def settings(**variables: str) -> Settings:
    return load_settings(NEEDED | variables, env_file=None)


def faults(variables: dict[str, str]) -> list[Fault]:
    with pytest.raises(SettingsError) as error:
        load_settings(variables, env_file=None)
    return error.value.faults


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("port", 8000),
        ("web_concurrency", 2),
        ("web_threads", 16),
        ("worker_concurrency", 50),
        ("ai_responses_enabled", True),
        ("ai_response_delay", 0),
        ("ai_provider", "openai"),
        ("session_timeout_minutes", 30),
        ("session_gap_minutes", 1440),
        ("session_expire_hours", 24),
        ("session_scope", "customer"),
        ("session_policy", None),
        ("handoff_alert_minutes", 10),
        ("sweep_interval_seconds", 5),
        ("max_message_history", 20),
        ("retention_days", 30),
        ("default_agent_id", "default-agent"),
        ("default_region", "US"),
        ("rate_limit_per_minute", 20),
        ("daily_turn_limit", 300),
        ("daily_budget_turns", 0),
        ("allowed_countries", ()),
        ("log_level", "info"),
        ("log_format", None),
        ("reconcile_seconds", (20, 65)),
        ("twilio_rest_origin", "https://api.twilio.com"),
        ("whatsapp_number", "+15550001111"),
        ("our_numbers", ("+15550001111",)),
        ("auth_tokens", ("12345",)),
        ("admin_keys", ("admin-key-0123456789",)),
        ("redis_connection_url", "redis://localhost:6379/0"),
        ("session_redis_connection_url", "redis://localhost:6379/0"),
        ("database_connection_url", None),
        ("twilio_is_local", False),
        ("agents_path", PROJECT / "config" / "agents"),
        ("warnings", ()),
    ],
)
def test_the_defaults_of_the_contract(name: str, expected: Any) -> None:
    """What is not set has the value of the contract's table."""
    assert expected == getattr(settings(), name)


@pytest.mark.parametrize("missing", NEEDED)
def test_what_is_required(missing: str) -> None:
    """Without any one of these nothing starts, and the fault names it."""
    rest = {name: value for name, value in NEEDED.items() if name != missing}

    (fault,) = faults(rest)

    assert fault.variable == missing
    assert "is not set" in fault.wrong
    assert f"{missing}={fault.example}" in str(fault)


def test_every_fault_is_told_at_once() -> None:
    """Nothing set: each required variable has its fault, in one go."""
    assert set(NEEDED) == {fault.variable for fault in faults({})}


@pytest.mark.parametrize(
    ("variables", "name", "expected"),
    [
        ({"SESSION_TIMEOUT_MINUTES": "0.05"}, "session_timeout_minutes", 0.05),
        ({"AI_RESPONSES_ENABLED": "off"}, "ai_responses_enabled", False),
        ({"AI_RESPONSES_ENABLED": "YES"}, "ai_responses_enabled", True),
        ({"AI_RESPONSES_ENABLED": "0"}, "ai_responses_enabled", False),
        ({"LOG_LEVEL": "WARNING"}, "log_level", "warning"),
        ({"PORT": " 9000 "}, "port", 9000),
        ({"SESSION_POLICY": ""}, "session_policy", None),
        ({"SESSION_POLICY": "timegap"}, "session_policy", "timegap"),
        ({"DAILY_BUDGET_TURNS": "off"}, "daily_budget_turns", 0),
        ({"ALLOWED_COUNTRIES": "us, ca"}, "allowed_countries", ("US", "CA")),
        ({"ALLOWED_COUNTRIES": "all"}, "allowed_countries", ()),
        ({"DEFAULT_REGION": "gb"}, "default_region", "GB"),
        (
            {"PUBLIC_BASE_URL": "https://bot.example.com:8443/"},
            "public_base_url",
            "https://bot.example.com:8443",
        ),
        ({"TWILIO_API_BASE_URL": "http://127.0.0.1:8081/"}, "twilio_rest_origin", "http://127.0.0.1:8081"),
        ({"TWILIO_API_BASE_URL": "http://127.0.0.1:8081"}, "twilio_is_local", True),
        ({"TWILIO_API_BASE_URL": "http://[::1]:8081"}, "twilio_is_local", True),
        ({"TWILIO_API_BASE_URL": "http://127.evil.example"}, "twilio_is_local", False),
        ({"TWILIO_WHATSAPP_NUMBER": "whatsapp:+15550002222"}, "whatsapp_number", "+15550002222"),
        ({"TWILIO_WHATSAPP_NUMBER": "+15550002222"}, "our_numbers", ("+15550001111", "+15550002222")),
        ({"TWILIO_AUTH_TOKEN_SECONDARY": "67890"}, "auth_tokens", ("12345", "67890")),
        ({"ADMIN_API_KEY": "a" * 16 + " , " + "b" * 16}, "admin_keys", ("a" * 16, "b" * 16)),
        ({"REDIS_URL": "rediss://:p%40ss@host:6380"}, "redis_connection_url", "rediss://:p%40ss@host:6380"),
        ({"SESSION_REDIS_URL": "redis://other/1"}, "session_redis_connection_url", "redis://other/1"),
        ({"DATABASE_URL": "postgres://u:p@h/d"}, "database_connection_url", "postgresql://u:p@h/d"),
        ({"DATABASE_URL": "sqlite:///file.db"}, "database_connection_url", "sqlite:///file.db"),
        ({"RECONCILE_SECONDS": "2, 6.5"}, "reconcile_seconds", (2, 6.5)),
        ({"OPENAI_BASE_URL": "http://localhost:11434/v1/"}, "openai_base_url", "http://localhost:11434/v1"),
        ({"AGENTS_DIR": str(PROJECT / "tests")}, "agents_path", PROJECT / "tests"),
    ],
)
def test_what_is_set_is_used(variables: dict[str, str], name: str, expected: Any) -> None:
    """Values are read as people write them; an empty one counts as not set."""
    assert expected == getattr(settings(**variables), name)


def test_redis_by_its_parts() -> None:
    """REDIS_HOST and its kin stand for the URL; the password may hold any character."""
    parts = {"REDIS_HOST": "cache", "REDIS_PORT": "6380", "REDIS_PASSWORD": "p@ss/w:rd", "REDIS_DB": "2"}

    made = load_settings({**NEEDED, "REDIS_URL": "", **parts}, env_file=None)

    assert made.redis_connection_url == "redis://:p%40ss%2Fw%3Ard@cache:6380/2"


def test_the_stand_in_model_needs_no_key() -> None:
    """AI_PROVIDER=mock starts without OPENAI_API_KEY."""
    made = load_settings({**NEEDED, "OPENAI_API_KEY": "", "AI_PROVIDER": "mock"}, env_file=None)

    assert made.openai_api_key is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "eight"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("WEB_THREADS", "0"),
        ("WEB_THREADS", "1.5"),
        ("SESSION_TIMEOUT_MINUTES", "0"),
        ("SESSION_TIMEOUT_MINUTES", "-1"),
        ("SESSION_GAP_MINUTES", "nan"),
        ("SESSION_EXPIRE_HOURS", "inf"),
        ("SESSION_EXPIRE_HOURS", "soon"),
        ("SESSION_SCOPE", "number"),
        ("SESSION_POLICY", "unheard-of"),
        ("AI_RESPONSES_ENABLED", "maybe"),
        ("AI_RESPONSE_DELAY", "-1"),
        ("AI_PROVIDER", "other"),
        ("DEFAULT_REGION", "UK"),
        ("ALLOWED_COUNTRIES", "US,XX"),
        ("RATE_LIMIT_PER_MINUTE", "-1"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("REDIS_URL", "http://localhost"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://localhost:port/0"),
        ("REDIS_URL", "redis://localhost/first"),
        ("DATABASE_URL", "localhost"),
        ("PUBLIC_BASE_URL", "bot.example.com"),
        ("PUBLIC_BASE_URL", "ftp://bot.example.com"),
        ("PUBLIC_BASE_URL", "https://bot.example.com/path"),
        ("PUBLIC_BASE_URL", "https://bot.example.com?x=1"),
        ("PUBLIC_BASE_URL", "https://user:pass@bot.example.com"),
        ("PUBLIC_BASE_URL", "https://bot.example.com:port"),
        ("PUBLIC_BASE_URL", "https://"),
        ("TWILIO_ACCOUNT_SID", "SK0123456789abcdefABCDEF0123456789"),
        ("TWILIO_ACCOUNT_SID", "ACxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("TWILIO_AUTH_TOKEN", "two words"),
        ("TWILIO_PHONE_NUMBER", "15550001111"),
        ("TWILIO_PHONE_NUMBER", "+1 555 000 1111"),
        ("TWILIO_PHONE_NUMBER", "+0123456789"),
        ("TWILIO_API_BASE_URL", "http://127.0.0.1:8081/2010-04-01"),
        ("OPENAI_BASE_URL", "localhost:11434"),
        ("ADMIN_API_KEY", "short"),
        ("ADMIN_API_KEY", "a-key-of-16-characters-or-more,short"),
        ("ADMIN_API_KEY", ","),
        ("CUSTOMER_ID_KEY", "fifteen-letters"),
        ("CONSOLE_PASSWORD", "password"),
        ("SECRET_KEY", "secret"),
        ("RECONCILE_SECONDS", "20"),
        ("RECONCILE_SECONDS", "65,20"),
        ("RECONCILE_SECONDS", "1,2,3"),
        ("AGENTS_DIR", "no/such/folder"),
        ("MAX_ATTEMPTS", "0"),
    ],
)
def test_what_is_wrong_is_told(variable: str, value: str) -> None:
    """One fault, of this variable, with an example that would do."""
    (fault,) = faults({**NEEDED, variable: value})

    assert fault.variable == variable
    assert fault.wrong.startswith("must ")
    load_settings({**NEEDED, variable: fault.example}, env_file=None)


@pytest.mark.parametrize(
    ("variables", "blamed"),
    [
        ({"MODEL_TIMEOUT_SECONDS": "60"}, "MODEL_TIMEOUT_SECONDS"),
        ({"TURN_SECONDS": "100"}, "TURN_SECONDS"),
        ({"CLAIM_LIMIT_SECONDS": "120"}, "CLAIM_LIMIT_SECONDS"),
        ({"JOB_SECONDS": "90"}, "CLAIM_LIMIT_SECONDS"),
        ({"CLAIM_RENEW_SECONDS": "30"}, "CLAIM_RENEW_SECONDS"),
        ({"TWILIO_API_KEY_SID": "SK" + "0" * 32}, "TWILIO_API_KEY_SECRET"),
        ({"TWILIO_API_KEY_SECRET": "secret"}, "TWILIO_API_KEY_SID"),
    ],
)
def test_what_must_stand_together(variables: dict[str, str], blamed: str) -> None:
    """model < turn < claim < job, renewal < claim, and the two halves of an API key."""
    (fault,) = faults(NEEDED | variables)

    assert fault.variable == blamed


def test_idle_gap_and_expiry_stand_in_any_order() -> None:
    """Nothing is asserted between the times of a session."""
    settings(SESSION_TIMEOUT_MINUTES="90", SESSION_GAP_MINUTES="0.1", SESSION_EXPIRE_HOURS="0.001")


def test_the_protocol_runs_at_a_tenth() -> None:
    """All times of the protocol a tenth as long are a valid setting."""
    settings(
        MODEL_TIMEOUT_SECONDS="2", TURN_SECONDS="6", CLAIM_LIMIT_SECONDS="10", JOB_SECONDS="12",
        CLAIM_SECONDS="3", CLAIM_RENEW_SECONDS="1", RING_SECONDS="0.5", RECONCILE_SECONDS="2,6.5",
    )  # fmt: skip


def test_http_is_accepted_and_warned_about() -> None:
    """A plain-text origin starts, with a sentence that names it."""
    (warning,) = settings(PUBLIC_BASE_URL="http://bot.example.com").warnings

    assert "PUBLIC_BASE_URL" in warning


def test_settings_do_not_change() -> None:
    """What a process started with is what it runs with."""
    with pytest.raises(ValidationError):
        settings().port = 1  # type: ignore[misc]


def test_no_secret_prints() -> None:
    """Neither the settings' text nor any fault holds a secret; the redaction of logs knows them all."""
    secrets = {
        "REDIS_URL": "redis://:hidden-redis@localhost/0",
        "DATABASE_URL": "postgres://u:hidden-sql@localhost/d",
        "SESSION_REDIS_URL": "redis://:hidden-session@localhost/0",
        "TWILIO_AUTH_TOKEN": "hidden-token",
        "TWILIO_AUTH_TOKEN_SECONDARY": "hidden-token-2",
        "TWILIO_API_KEY_SID": "SK" + "0" * 32,
        "TWILIO_API_KEY_SECRET": "hidden-key-secret",
        "OPENAI_API_KEY": "hidden-openai",
        "ADMIN_API_KEY": "hidden-admin-01234,hidden-admin-56789",
        "CUSTOMER_ID_KEY": "hidden-customer-01234",
        "CONSOLE_PASSWORD": "hidden-console-01234",
        "SECRET_KEY": "hidden-cookie-01234",
        "ENCRYPTION_KEYS": "hidden-encryption",
        "ENCRYPTION_KEY": "hidden-encryption-2",
        "REDIS_PASSWORD": "hidden-part",
    }

    made = settings(**secrets)
    told = faults(
        NEEDED | secrets | {"PORT": "x", "REDIS_URL": "hidden-redis", "SECRET_KEY": "hidden-cookie"}
    )

    assert "hidden" not in repr(made) + str(made)
    assert "hidden" not in "".join(map(str, told))
    assert {"hidden-token", "hidden-admin-01234", "hidden-admin-56789", "hidden-part"} <= set(
        made.secret_values
    )
    printed = {n for n in Variables.model_fields if isinstance(getattr(made, n), SecretStr)}
    assert {name.lower() for name in secrets} - printed == {"twilio_api_key_sid"}
