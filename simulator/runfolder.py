"""The folder of ``make run``, ``.ringback/`` (0700, git-ignored), and what stands in it.

secrets.json     generated secrets, the same at every start (0600)
redis/           the embedded server's configuration and append-only file
simulator.db     what the local Twilio remembers
logs/            ringback.log: the output of every process
lock             held while a run, or its guardian, lives
processes.json   for finding the leftovers of a run that was killed together with its guardian
run.json         the running system, for tools (0600); gone when it has stopped:
    pid             of the launcher
    started_at      RFC 3339, UTC
    is_live         true: the real Twilio
    base_url        where web answers
    simulator_url   where the local Twilio answers; null when there is none
    phone_url       the phone page; null when there is none
    redis_url       with its password; null when the user's own settings name the server
    account_sid     of the account that web and worker use
    phone_number    ours, E.164
    log             path of ringback.log
    environment     {name: value} that the launcher set itself, secrets included; a blank value means that
                    the user's own was taken away. A tool that wants the settings of the running
                    system reads ``.env`` and the real environment and lays this on top.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from simulator.environment import CannotStart, Surroundings, secret_makers

LOG_BYTES_MAX = 10_000_000
PREVIOUS_RUN_SECONDS = 75.0  # the guardian's graces added up
POLL_SECONDS = 0.1
TAIL_LINES = 5
SECRET_LENGTH_MIN = 8  # shorter values are words and ports, and would blot out half the log


def state_folder(project: Path) -> Path:
    state = project / ".ringback"
    try:
        for folder in (state, state / "logs", state / "redis"):
            folder.mkdir(mode=0o700, exist_ok=True)
        state.chmod(0o700)
    except OSError as error:
        raise CannotStart(f"{state} cannot be written ({error.strerror}): make it writable.") from None
    return state


def take_lock(state: Path, say: Callable[[str], None]) -> int:
    """A descriptor that holds the run's lock. Raises CannotStart when another run has it."""
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + PREVIOUS_RUN_SECONDS
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            pass
        _refuse_second_run(state)
        if time.monotonic() > deadline:
            raise CannotStart("Another run in this folder does not end: stop it, then start again.")
        if not told:
            say("Waiting for the previous run to stop.")
            told = True
        time.sleep(POLL_SECONDS)


def _refuse_second_run(state: Path) -> None:
    """The lock is taken: by a living launcher, or by the guardian that still cleans up after a dead one."""
    try:
        running = json.loads((state / "run.json").read_text())
        os.kill(running["pid"], 0)
    except (OSError, ValueError, KeyError):
        return
    page = f" The phone page is {running['phone_url']}" if running.get("phone_url") else ""
    raise CannotStart("Ringback already runs from this folder: stop it with Ctrl-C where it runs." + page)


def kept_secrets(state: Path) -> dict[str, str]:
    """The generated secrets of this project, made at the first run and the same ever after."""
    path = state / "secrets.json"
    try:
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
            raise ValueError
    except (OSError, ValueError):
        raise CannotStart(
            f"{path} cannot be read: repair it, or delete it, and the customers known so far with it."
        ) from None
    missing = {name: make() for name, make in secret_makers().items() if not kept.get(name)}
    if missing:
        kept |= missing
        write_privately(path, json.dumps(kept, indent=2))
    return kept


def rotate(log: Path) -> None:
    """One older log is kept; the new one starts readable by us alone."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))
    os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))


def write_run(state: Path, made: Surroundings, phone_url: str | None, log: Path) -> None:
    """``run.json``, whole or not at all."""
    environment = made.environment
    run = {
        "pid": os.getpid(),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "is_live": made.is_live,
        "base_url": made.base_url,
        "simulator_url": made.simulator_url if made.needs_simulator else None,
        "phone_url": phone_url,
        "redis_url": environment.get("REDIS_URL") or None,
        "account_sid": environment.get("TWILIO_ACCOUNT_SID") or None,
        "phone_number": environment.get("TWILIO_PHONE_NUMBER") or None,
        "log": str(log),
        "environment": made.added,
    }
    write_privately(state / "run.json", json.dumps(run, indent=2))


def write_privately(path: Path, text: str) -> None:
    """Readable by us alone, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def forget_run(state: Path) -> None:
    (state / "run.json").unlink(missing_ok=True)


def last_lines(log: Path, offset: int, secrets: Iterable[str]) -> list[str]:
    """What a process wrote last, fit for a terminal: no secret, no address, no phone number."""
    with log.open("rb") as file:
        file.seek(offset)
        written = file.read().decode(errors="replace")
    for secret in secrets:
        if len(secret) >= SECRET_LENGTH_MIN:
            written = written.replace(secret, "(secret)")
    written = re.sub(r"\w+://\S+", "(address)", written)
    written = re.sub(r"\+?\d{7,15}", "(number)", written)
    return [line for line in written.splitlines() if line.strip()][-TAIL_LINES:]
