"""Logs: one line per event, and never a phone number, a text or a secret (issue 2, ARCHITECTURE rule 12)."""

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from config.logging import configure, mask
from config.redaction import Redaction

PROJECT = Path(__file__).parents[2]
NUMBER = "+15551234567"
TEXT = "my parcel is late"
LOUD = ("gunicorn.error", "werkzeug", "rq.worker", "twilio.http_client", "urllib3", "httpx2", "openai")


@pytest.fixture
def log_to() -> Iterator[Any]:
    """Configure logging to a stream, and put everything back afterwards."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    handlers, level = root.handlers[:], root.level

    def start(level: str = "info", form: str = "json") -> io.StringIO:
        stream = io.StringIO()
        # pytest's own handlers would interpolate what ours must not.
        root.handlers[:] = [handler for handler in root.handlers if type(handler) is logging.StreamHandler]
        configure((level, form), "web", stream)
        return stream

    yield start
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    sys.excepthook, threading.excepthook = hooks


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line(log_to: Any) -> None:
    """A moment in UTC, the level, the event, the process, and what was said."""
    stream = log_to()

    structlog.get_logger().info("session_reused", customer="abc123", last_message_ago_s=60)

    (event,) = events(stream)
    moment = event.pop("timestamp")
    assert datetime.fromisoformat(moment).utcoffset() == timedelta(0)
    assert event == {
        "level": "info",
        "event": "session_reused",
        "customer": "abc123",
        "last_message_ago_s": 60,
        "process": "web",
    }


def test_the_level_is_obeyed(log_to: Any) -> None:
    """Events below the level cost nothing and say nothing."""
    stream = log_to("warning")

    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")

    assert ["loud"] == [event["event"] for event in events(stream)]


def test_configuring_twice_does_not_say_it_twice(log_to: Any) -> None:
    """A web process configures itself after gunicorn's master did."""
    log_to()
    stream = log_to()

    structlog.get_logger().info("ours")
    logging.getLogger("library").warning("theirs")

    assert ["ours", "theirs"] == [event["event"] for event in events(stream)]


@pytest.mark.parametrize(
    ("event", "values", "expected"),
    [
        ("message_received", {"channel": "sms"}, "SMS message received"),
        (
            "session_created",
            {"channel": "sms", "session_id": "s1", "because": "a gap of 360 s"},
            "Created new SMS session: s1 (a gap of 360 s)",
        ),
        (
            "session_reused",
            {"session_id": "s1", "last_message_ago_s": 60},
            "Reusing existing session s1 (last message 60s ago)",
        ),
        ("time_gap_detected", {"gap_s": 360}, "Time gap of 360s detected. Creating new session."),
        ("state_transitioned", {"from": "NEW", "to": "ACTIVE"}, "Session state transitioned: NEW → ACTIVE"),
        (
            "message_added_to_history",
            {"total_messages": 3},
            "Message added to session history (total messages: 3)",
        ),
        ("reply_generated", {}, "Reply generated"),
        ("session_reused", {}, "session_reused"),
    ],
)
def test_a_terminal_sees_the_seeds_words(
    log_to: Any, event: str, values: dict[str, Any], expected: str
) -> None:
    """The pretty format words the steps as the seeds do; an event that lacks a value keeps its name."""
    stream = log_to(form="pretty")

    structlog.get_logger().info(event, **values)

    assert expected in stream.getvalue()


@pytest.mark.parametrize(
    "said",
    [
        NUMBER,
        f"whatsapp:{NUMBER}",
        "whatsapp:US.13491208655302741918",
        "%2B15551234567",
        "+1 (555) 123-4567",
        "(555) 123-4567",
        "15551234567",
        "GET /session/15551234567 failed",
        f"https://api.example.com/Messages.json?To={NUMBER}&Page=0",
        "+1234567",
    ],
)
def test_a_number_is_masked_wherever_it_stands(log_to: Any, said: str) -> None:
    """In the event, in a value, in a list, in a name: no run of a number's digits is left."""
    stream = log_to()

    structlog.get_logger().info(said, value=said, values=[said, {"deep": (said,)}], **{said: 1})
    logging.getLogger("library").warning(said)

    written = stream.getvalue()
    assert "[number]" in written
    assert not any(digits in written for digits in ("5551234", "123-4567", "1234567", "13491208655302741918"))


@pytest.mark.parametrize(
    "said",
    [
        "p07-9f86d081884c7d659a2feaa0c55ad015",
        "SM0123456789abcdef0123456789abcdef",
        "2026-11-20T18:57:03Z",
        "2026-11-20 18:57:03",
        "Error 30003",
        "127.0.0.1:8000",
        "ingress/app.py:1045 in receive",
    ],
)
def test_what_is_no_number_stays(said: str) -> None:
    """Ids, moments, codes and places are what a log is for."""
    assert said == Redaction().text(said)


@pytest.mark.parametrize(
    "name", ["body", "content", "text", "token", "password", "Authorization", "from_number"]
)
def test_a_private_name_is_dropped(log_to: Any, name: str) -> None:
    """What travels under such a name is left out, at any depth; counts of tokens are not."""
    stream = log_to()

    structlog.get_logger().info("event", tokens=7, message={name: TEXT, "kept": 1}, **{name: TEXT})

    (event,) = events(stream)
    assert TEXT not in stream.getvalue()
    assert (7, {"kept": 1}) == (event["tokens"], event["message"])


def test_a_known_secret_is_masked() -> None:
    """A secret of the settings is masked even inside another text; too short ones would mask everything."""
    redaction = Redaction(["s3cret-value", "s3cret-value-longer", "12345", ""])

    assert "url=redis://:[secret]@host x=[secret]" == redaction.text(
        "url=redis://:s3cret-value@host x=s3cret-value-longer"
    )
    assert "12345 ms" == redaction.text("12345 ms")


def test_a_name_is_judged_every_time() -> None:
    """What is remembered of names lets no private one through, nor a number in one, however many there were."""
    redaction = Redaction()
    names = [*(f"name_{n}" for n in range(1200)), "Body", NUMBER, "count"]
    for _ in range(2):
        event = redaction(None, "info", dict.fromkeys(names, 1))

    assert set(event) == {*names[:1200], "[number]", "count"}


def test_an_exception_is_its_class_and_its_frames(log_to: Any) -> None:
    """Where it happened and what kind it was, of the first cause too; not what it says, nor any local."""
    stream = log_to()

    try:
        _fail(TEXT)
    except RuntimeError:
        structlog.get_logger().exception("turn_failed")
        logging.getLogger("library").exception("failed with %s after %d", TEXT, 3)

    ours, theirs = events(stream)
    assert TEXT not in stream.getvalue()
    assert "RuntimeError < LookupError" == ours["exception"] == theirs["exception"]
    assert ours["frames"][-1].startswith("tests/unit/test_logging.py:") and ours["frames"][-1].endswith(
        " in _fail"
    )
    assert ours["cause_frames"] == theirs["cause_frames"]
    assert "failed with … after 3" == theirs["event"]


@pytest.mark.parametrize("name", LOUD)
def test_a_library_speaks_only_in_warnings(log_to: Any, name: str) -> None:
    """Its infos are not logged even when it lowers its own level; of its warnings, the first line without texts."""
    stream = log_to("debug")
    library = logging.getLogger(name)
    library.setLevel(logging.DEBUG)

    library.info("POST %s", f"/Messages.json?To={NUMBER}")
    library.warning("POST %s failed with %s\nbody: %s", "/x", 500, TEXT)

    (event,) = events(stream)
    assert ("warning", name, "POST … failed with 500") == (event["level"], event["logger"], event["event"])


@pytest.mark.parametrize("args", [(), ("a", "b"), ({"key": TEXT},)])
def test_a_librarys_odd_record_breaks_nothing(log_to: Any, args: tuple[Any, ...]) -> None:
    """A template whose arguments do not fit is logged as it is."""
    stream = log_to()

    logging.getLogger("library").warning("took %d of %s in %s", *args)

    assert "took %d of %s in %s" == events(stream)[0]["event"]


def test_what_nobody_caught_is_logged_without_its_words() -> None:
    """A process and a thread that die leave a line with the class, on stdout, and no traceback."""
    code = (
        "import threading; from config.logging import configure; configure(('info', 'json'), 'worker')\n"
        f"t = threading.Thread(target=int, args=({TEXT!r},)); t.start(); t.join()\n"
        f"raise ValueError({TEXT!r})"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [("uncaught_exception", "ValueError")] * 2 == [
        (line["event"], line["exception"]) for line in lines
    ]
    assert TEXT not in done.stdout + done.stderr
    assert (1, "") == (done.returncode, done.stderr)


def test_a_tool_keeps_its_stdout_for_its_answer() -> None:
    """The log lines of a command go to stderr."""
    code = (
        "import structlog; from config.logging import configure; configure(('info', 'json'), 'tool')\n"
        "structlog.get_logger().info('looked')"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "looked"


def test_a_masked_customer() -> None:
    """Six characters of the id tell conversations apart and give nobody away."""
    assert "9f86d0" == mask("9f86d081884c7d659a2feaa0c55ad015")


def _fail(text: str) -> None:
    try:
        raise LookupError(text)
    except LookupError as error:
        raise RuntimeError(text) from error
