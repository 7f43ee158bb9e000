"""Every environment variable: its kind, default, meaning and an example.

Only the table; ``config.settings`` reads it and answers questions about it.
``docs/settings.md`` and ``.env.example`` are kept the same as this page by a test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config import kinds

PolicyName = Literal["support", "sales", "notifications", "chatbot", "timegap"]


def _setting(default: Any, meaning: str, example: str = "") -> Any:
    return Field(default, description=meaning, examples=[example or str(default)])


def _needed(meaning: str, example: str) -> Any:
    return Field(description=meaning, examples=[example])


class Variables(BaseSettings):
    """One attribute per variable, in lower case; secrets do not print. Times are in the unit of their name."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # The processes
    port: Annotated[int, Field(ge=1, le=65535)] = _setting(8000, "where web listens")
    web_concurrency: kinds.Count = _setting(2, "gunicorn processes")
    web_threads: kinds.Count = _setting(16, "threads in each gunicorn process")
    worker_concurrency: kinds.Count = _setting(50, "turns in flight in one worker process")
    log_level: Annotated[Literal["debug", "info", "warning", "error", "critical"], kinds.Word] = _setting(
        "info", "the least level that is logged"
    )
    log_format: Annotated[Literal["json", "pretty"] | None, kinds.Word] = _setting(
        None, "`json` or `pretty`; when not set, pretty on a terminal and JSON elsewhere", "json"
    )

    # Where data lives
    redis_url: kinds.RedisUrl | None = _setting(
        None,
        "queue and, by default, sessions: `redis://`, `rediss://` or Sentinel",
        "redis://localhost:6379/0",
    )
    redis_host: str | None = _setting(
        None, "in place of `REDIS_URL`, together with the next three", "localhost"
    )
    redis_port: Annotated[int, Field(ge=1, le=65535)] = _setting(6379, "see `REDIS_HOST`")
    redis_password: SecretStr | None = _setting(None, "see `REDIS_HOST`", "a-long-password")
    redis_db: Annotated[int, Field(ge=0)] = _setting(0, "see `REDIS_HOST`")
    session_redis_url: kinds.RedisUrl | None = _setting(
        None,
        "where sessions live, when not on `REDIS_URL`; may be a Redis Cluster",
        "redis://localhost:6380/0",
    )
    database_url: kinds.DatabaseUrl | None = _setting(
        None,
        "durable record, an SQLAlchemy URL; `postgres://` is accepted",
        "postgresql://user:password@localhost/ringback",
    )

    # Twilio
    public_base_url: kinds.Origin = _needed(
        "the origin Twilio calls; `http` is accepted and warned about", "https://bot.example.com"
    )
    twilio_account_sid: kinds.AccountSid = _needed("the account", "AC00000000000000000000000000000000")
    twilio_auth_token: kinds.Printable = _needed(
        "checks webhook signatures, and signs REST calls without an API key",
        "0123456789abcdef0123456789abcdef",
    )
    twilio_auth_token_secondary: kinds.Printable | None = _setting(
        None,
        "a second token that webhooks may be signed with, while rotating",
        "fedcba9876543210fedcba9876543210",
    )
    twilio_phone_number: kinds.Phone = _needed("our number, E.164", "+15550001111")
    twilio_whatsapp_number: kinds.Phone | None = _setting(
        None, "our WhatsApp sender; `TWILIO_PHONE_NUMBER` when not set", "+15550001111"
    )
    whatsapp_typing: kinds.Switch = _setting(
        True, "`false`: no typing indicator and no read receipt on WhatsApp", "true"
    )
    twilio_api_key_sid: kinds.KeySid | None = _setting(
        None, "API key for REST calls, together with its secret", "SK00000000000000000000000000000000"
    )
    twilio_api_key_secret: kinds.Printable | None = _setting(
        None, "see `TWILIO_API_KEY_SID`", "0123456789abcdef0123456789abcdef"
    )
    twilio_messaging_service_sid: kinds.ServiceSid | None = _setting(
        None, "messages are sent through this service", "MG00000000000000000000000000000000"
    )
    twilio_api_base_url: kinds.Origin | None = _setting(
        None, "every REST call goes to this origin instead of Twilio's, same paths", "http://127.0.0.1:8081"
    )

    # The model
    ai_provider: Annotated[Literal["openai", "openai-compatible", "mock"], kinds.Word] = _setting(
        "openai",
        "`openai` (Responses API), `openai-compatible` (Chat Completions) or `mock` (the stand-in, no key)",
    )
    openai_api_key: kinds.Printable | None = _setting(
        None, "required unless `AI_PROVIDER=mock`", "sk-0123456789abcdef"
    )
    openai_base_url: kinds.Endpoint | None = _setting(
        None, "any OpenAI-compatible server; OpenAI's own when not set", "http://localhost:11434/v1"
    )
    openai_model: str = _setting("gpt-6-luna", "the model asked for an answer")
    openai_transcribe_model: str = _setting(
        "whisper-1", "the model of the same server that writes down voice notes"
    )
    ai_responses_enabled: kinds.Switch = _setting(True, "`false`: record everything, answer nothing", "true")
    ai_response_delay: Annotated[int, Field(ge=0)] = _setting(
        0, "milliseconds of quiet to wait for before answering, so that bursts collect"
    )

    # Sessions
    session_timeout_minutes: kinds.Positive = _setting(30.0, "ACTIVE to IDLE", "30")
    session_gap_minutes: kinds.Positive = _setting(
        1440.0, "a longer silence of the customer starts a new session", "1440"
    )
    session_expire_hours: kinds.Positive = _setting(24.0, "after this silence CLOSED, expired", "24")
    session_scope: Annotated[Literal["customer", "channel"], kinds.Word] = _setting(
        "customer", "one session for all channels, or one for each (`channel`)"
    )
    session_policy: Annotated[PolicyName | None, kinds.Word] = _setting(
        None,
        "a named policy: `support`, `sales`, `notifications`, `chatbot` or `timegap`; single settings override it",
        "support",
    )
    handoff_alert_minutes: kinds.Positive = _setting(
        10.0, "a failure is raised when a waiting customer has had no answer for so long", "10"
    )
    sweep_interval_seconds: kinds.Positive = _setting(
        5.0, "how often the clock idles, expires and rings again", "5"
    )
    max_message_history: kinds.Count = _setting(20, "messages shown to the model")
    retention_days: kinds.Positive = _setting(30.0, "sliding life of a customer's data in Redis", "30")
    media_retention_days: kinds.Positive = _setting(
        7.0, "how long what was made of a picture, voice note or document is kept after it came", "7"
    )
    default_agent_id: str = _setting("default-agent", "agent for numbers that no agent claims")
    agents_dir: Path = _setting(
        Path("config/agents"), "folder of the agents' files, seen from the project's folder"
    )
    default_region: kinds.Region = _setting("US", "country of numbers typed without a country code")

    # Limits
    rate_limit_per_minute: kinds.Limit = _setting(20, "turns per customer and minute; 0 is off")
    daily_turn_limit: kinds.Limit = _setting(300, "turns per customer and day; 0 is off")
    daily_budget_turns: kinds.Limit = _setting(0, "turns per day of the whole deployment; 0 is off", "10000")
    allowed_countries: kinds.Regions = _setting(
        (), "countries whose numbers are answered, two letters each; all when not set", "US,CA"
    )

    # Calls
    call_hold_seconds: kinds.Positive = _setting(
        45.0,
        "how long a caller waits for an answer before they are asked whether there is anything else",
        "45",
    )
    call_poll_seconds: kinds.Count = _setting(
        2, "how often a waiting call asks for its answer itself, whole seconds"
    )
    call_turns_max: kinds.Count = _setting(100, "questions of one call; then it is ended")
    call_silences_max: kinds.Count = _setting(
        3, "questions in a row that nobody answers; then a call is ended"
    )

    # Keys of our own
    admin_api_key: kinds.Keys = _needed(
        "for the API; several with commas between while rotating", "a-key-of-16-characters-or-more"
    )
    customer_id_key: kinds.Strong = _needed(
        "keys the hash that stands for a phone number; changing it loses every customer",
        "a-key-of-16-characters-or-more",
    )
    console_password: kinds.Strong = _needed("operator sign-in", "a-password-of-16-characters-or-more")
    secret_key: kinds.Strong = _needed("signs session cookies", "a-key-of-16-characters-or-more")
    encryption_keys: SecretStr | None = _setting(
        None, "encryption at rest: the first encrypts, all decrypt", "newest-key,older-key"
    )
    encryption_key: SecretStr | None = _setting(None, "the same with one key", "one-key")

    # The protocol's times, so that tests can run it at a tenth. Those of a turn stand in order:
    # MODEL_TIMEOUT_SECONDS < TURN_SECONDS < CLAIM_LIMIT_SECONDS < JOB_SECONDS.
    model_timeout_seconds: kinds.Positive = _setting(20.0, "one model call", "20")
    turn_seconds: kinds.Positive = _setting(60.0, "one turn, tools and redos included", "60")
    claim_limit_seconds: kinds.Positive = _setting(100.0, "a claim in all, renewals included", "100")
    job_seconds: kinds.Positive = _setting(120.0, "one RQ job", "120")
    claim_seconds: kinds.Positive = _setting(30.0, "a claim that is not renewed", "30")
    claim_renew_seconds: kinds.Positive = _setting(
        10.0, "how often a claim is renewed; less than `CLAIM_SECONDS`", "10"
    )
    ring_seconds: kinds.Positive = _setting(
        5.0, "a ring nobody answers is repeated after so long, then twice, four and eight times that", "5"
    )
    ring_max_seconds: kinds.Positive = _setting(60.0, "then every so often", "60")
    reconcile_seconds: kinds.Pair = _setting(
        (20.0, 65.0), "when a part with an unknown outcome is looked up in Twilio's list, twice", "20,65"
    )
    send_timeout_seconds: kinds.Positive = _setting(10.0, "one REST call to Twilio", "10")
    send_deadline_seconds: kinds.Positive = _setting(
        3.0, "a send that does not begin this soon after its mark in the ledger is put off", "3"
    )
    part_limit_seconds: kinds.Positive = _setting(
        900.0, "a part that is not sent by then is a failure for a person", "900"
    )
    sender_busy_seconds: kinds.Pair = _setting(
        (30.0, 240.0),
        "a full queue at Twilio: sent again after the first, then twice that, at most the second",
        "30,240",
    )
    fault_retry_seconds: kinds.Pair = _setting(
        (5.0, 60.0), "a fault of our configuration or account: tried again likewise", "5,60"
    )
    quarantine_seconds: kinds.Positive = _setting(
        120.0,
        "a Redis that is not the one we knew: each send is looked up at Twilio first, for so long",
        "120",
    )
    unsent_seconds: kinds.Positive = _setting(
        60.0, "a part so old that was never sent is looked up at Twilio before it is", "60"
    )
    backfill_seconds: kinds.Positive = _setting(
        300.0, "how often messages that Twilio could not deliver to us are fetched", "300"
    )
    backfill_late_seconds: kinds.Positive = _setting(
        900.0, "fetched so long after it was sent, a message goes to a person, not to the assistant", "900"
    )
    media_fetch_seconds: kinds.Positive = _setting(
        10.0, "fetching one picture, voice note or document, or writing one down", "10"
    )
    media_turn_seconds: kinds.Positive = _setting(20.0, "all that came with the messages of one turn", "20")
    model_away_seconds: kinds.Pair = _setting(
        (30.0, 300.0), "model away: asked again after the first, at most the second", "30,300"
    )
    model_give_up_seconds: kinds.Positive = _setting(
        900.0, "model away for so long: a person is asked", "900"
    )
    apology_seconds: kinds.Positive = _setting(900.0, "one apology per customer in this time", "900")
    max_attempts: kinds.Count = _setting(3, "tries of a turn before it is a failure")
    inbox_take: kinds.Count = _setting(50, "messages that one turn takes at most")
    shutdown_seconds: kinds.Positive = _setting(25.0, "from SIGTERM to exit", "25")
    word_push_seconds: kinds.Positive = _setting(5.0, "putting an answer into a live call", "5")
    redis_timeout_seconds: kinds.Positive = _setting(1.5, "one Redis command")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # ``load_settings`` merges the sources itself, so that a test can hand in a plain mapping.
        return (init_settings,)
