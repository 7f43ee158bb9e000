"""What ``make run`` tells its processes, keeps, and shows: the pure part of the launcher."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.environment import CannotStart, decide, for_simulator, secret_makers, users_settings
from simulator.runfolder import kept_secrets, last_lines
from simulator.supervisor import stop_leftovers

KEPT = {name: f"kept-{name}" for name in secret_makers()}
LOCAL = "http://127.0.0.1:8001"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"TWILIO_API_BASE_URL": LOCAL, "PUBLIC_BASE_URL": "http://127.0.0.1:8000"}),
        ({"TWILIO_AUTH_TOKEN": "real"}, {"TWILIO_AUTH_TOKEN": "kept-TWILIO_AUTH_TOKEN"}),
        ({"TWILIO_MESSAGING_SERVICE_SID": "MGreal"}, {"TWILIO_MESSAGING_SERVICE_SID": ""}),
        ({"PUBLIC_BASE_URL": "https://bot.example.com"}, {"PUBLIC_BASE_URL": "http://127.0.0.1:8000"}),
        ({"LIVE": "1", "TWILIO_AUTH_TOKEN": "real"}, {"TWILIO_AUTH_TOKEN": "real"}),
        ({"LIVE": "1"}, {"TWILIO_ACCOUNT_SID": None, "TWILIO_API_BASE_URL": None, "PUBLIC_BASE_URL": None}),
        ({}, {"OPENAI_BASE_URL": f"{LOCAL}/v1", "OPENAI_API_KEY": "stand-in"}),
        ({"OPENAI_API_KEY": "sk-mine"}, {"OPENAI_API_KEY": "sk-mine", "OPENAI_BASE_URL": None}),
        (
            {"OPENAI_BASE_URL": "http://o/v1"},
            {"OPENAI_BASE_URL": "http://o/v1", "OPENAI_API_KEY": "stand-in"},
        ),
        ({"AI_PROVIDER": "mock"}, {"OPENAI_BASE_URL": None, "OPENAI_API_KEY": None}),
        ({"ADMIN_API_KEY": "mine"}, {"ADMIN_API_KEY": "mine", "SECRET_KEY": "kept-SECRET_KEY"}),
        ({"ADMIN_API_KEY": " "}, {"ADMIN_API_KEY": "kept-ADMIN_API_KEY"}),
        ({"PORT": "9000"}, {"TWILIO_API_BASE_URL": "http://127.0.0.1:9001"}),
    ],
)
def test_what_is_set_is_used_and_only_the_missing_is_made_up(
    settings: dict[str, str], expected: dict[str, str | None]
) -> None:
    """The user's settings stand, but for Twilio's without LIVE=1; what is missing is embedded."""
    environment = decide(settings, KEPT).environment

    assert expected == {name: environment.get(name) for name in expected}


@pytest.mark.parametrize(
    ("settings", "redis_and_simulator"),
    [
        ({}, (True, True)),
        ({"REDIS_URL": "redis://elsewhere"}, (False, True)),
        ({"REDIS_HOST": "elsewhere"}, (False, True)),
        ({"LIVE": "1"}, (True, True)),  # for the stand-in model
        ({"LIVE": "1", "OPENAI_API_KEY": "sk-mine"}, (True, False)),
        ({"LIVE": "0", "OPENAI_API_KEY": "sk-mine"}, (True, True)),
    ],
)
def test_only_what_is_needed_is_started(
    settings: dict[str, str], redis_and_simulator: tuple[bool, bool]
) -> None:
    """A Redis of the user's own, or a live account with a model, leaves ours unstarted."""
    made = decide(settings, KEPT)

    assert redis_and_simulator == (made.needs_redis, made.needs_simulator)


@pytest.mark.parametrize("live", ["0", "1"])
def test_simulator_never_holds_the_real_account(live: str, tmp_path: Path) -> None:
    """The local Twilio signs with its own token, live or not, so that its phone page texts no stranger."""
    made = decide({"LIVE": live, "TWILIO_AUTH_TOKEN": "real", "TWILIO_API_KEY_SECRET": "real"}, KEPT)

    assert "real" not in for_simulator(made, tmp_path).values()


def test_real_environment_wins_over_dotenv_even_blank(tmp_path: Path) -> None:
    """A variable that is set blank hides the line of .env, and nothing in .env is expanded."""
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-file\nSECRET_KEY=a${HOME}b\nPORT=9000\n")

    settings = users_settings(tmp_path, {"OPENAI_API_KEY": "", "PORT": "9100"})

    assert {"OPENAI_API_KEY": "", "SECRET_KEY": "a${HOME}b", "PORT": "9100"} == settings


def test_damaged_secrets_are_never_replaced(tmp_path: Path) -> None:
    """Secrets that cannot be read stop the start: new ones would lose every customer."""
    (tmp_path / "secrets.json").write_text("{")

    with pytest.raises(CannotStart, match="cannot be read"):
        kept_secrets(tmp_path)

    assert "{" == (tmp_path / "secrets.json").read_text()


def test_log_shown_on_a_terminal_holds_no_secret_number_or_address(tmp_path: Path) -> None:
    """The lines a dead process wrote last are shown without secrets, phone numbers and URLs."""
    log = tmp_path / "log"
    log.write_text("before\nkey 0123456789abcdef-key\nto +15551234567\nat redis://:pw@host:1/0\n")

    shown = last_lines(log, len("before\n"), ["0123456789abcdef-key"])

    assert ["key (secret)", "to (number)", "at (address)"] == shown


@pytest.mark.parametrize("text", ["[]", "null", '{"ADMIN_API_KEY": 7}', "{", ""])
def test_secrets_that_are_no_secrets_are_said(tmp_path: Path, text: str) -> None:
    """A file that somebody broke is named with what to do, and not written over."""
    (tmp_path / "secrets.json").write_text(text)

    with pytest.raises(CannotStart, match=r"secrets\.json cannot be read"):
        kept_secrets(tmp_path)
    assert (tmp_path / "secrets.json").read_text() == text


@pytest.mark.parametrize("text", ["[1]", '{"a": 1}', '[{"pid": 1}]', "null", "{"])
def test_a_record_of_processes_that_is_none_stops_nothing(tmp_path: Path, text: str) -> None:
    """What we did not write says nothing about what we left."""
    (tmp_path / "processes.json").write_text(text)

    assert stop_leftovers(tmp_path / "processes.json") == 0
