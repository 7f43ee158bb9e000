"""Starts the processes of one run, keeps them running, and stops them in reverse order.

Every child joins the process group of the guardian (``guardian.py``), never the
launcher's: a Ctrl-C in the terminal reaches the launcher alone, which then stops the
children one after the other, Redis last.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

GUARDIAN = Path(__file__).with_name("guardian.py")
QUICK_DEATH_SECONDS = 10.0  # a process that lived longer is started again as if for the first time
QUICK_DEATHS_MAX = 4
BACKOFF_SECONDS = 0.25  # doubled after each quick death
POLL_SECONDS = 0.05
HURRIED_SECONDS = 3.0


@dataclass(frozen=True)
class Program:
    """One process to run: ``environment`` is the whole of it, ``grace_s`` how long it may take to leave."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    grace_s: float


@dataclass
class Child:
    program: Program
    process: subprocess.Popen[bytes]
    started: float  # monotonic seconds
    log_offset: int  # where its lines begin in the log
    quick_deaths: int = 0
    restart_at: float | None = None


class GaveUp(Exception):
    """A process that keeps dying; the message is a sentence, ``log_offset`` where its last life begins."""

    def __init__(self, sentence: str, log_offset: int) -> None:
        super().__init__(sentence)
        self.log_offset = log_offset


def how_it_ended(code: int) -> str:
    """Popen's return code in words."""
    if code >= 0:
        return f"exit status {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


def birth_of(pid: int) -> str | None:
    """A mark that tells this process from a later one with the same number; None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return None
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False
    )
    return shown.stdout.strip() or None


def stop_leftovers(record: Path) -> int:
    """Stops what a run left whose launcher and guardian were both killed; returns how many there were."""
    try:
        left = json.loads(record.read_text())
        alive = [entry for entry in left if entry["birth"] and birth_of(entry["pid"]) == entry["birth"]]
    except (OSError, ValueError, KeyError, TypeError):
        return 0  # not written by us: nothing to stop
    for entry in reversed(alive):
        with contextlib.suppress(OSError):
            os.kill(entry["pid"], signal.SIGTERM)
        deadline = time.monotonic() + entry["grace_s"]
        while birth_of(entry["pid"]) == entry["birth"] and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if birth_of(entry["pid"]) == entry["birth"]:
            with contextlib.suppress(OSError):
                os.kill(entry["pid"], signal.SIGKILL)
    record.unlink(missing_ok=True)
    return len(alive)


class Supervisor:
    """Owns the children of one run. ``record`` is the file that a later run looks for leftovers in."""

    def __init__(self, folder: Path, log: Path, record: Path, say: Callable[[str], None], lock: int) -> None:
        """``folder``: where the programs run. ``lock``: a descriptor the guardian holds while it lives."""
        self._folder = folder
        self._log: IO[bytes] = log.open("ab", buffering=0)
        self._record = record
        self._say = say
        self._children: list[Child] = []
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARDIAN)],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            process_group=0,
            pass_fds=(lock,),
        )

    def start(self, program: Program) -> subprocess.Popen[bytes]:
        offset = self._end_of_log()
        child = Child(program, self._spawn(program), time.monotonic(), offset)
        self._children.append(child)
        self._tell(child)
        return child.process

    def _end_of_log(self) -> int:
        return self._log.seek(0, os.SEEK_END)

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            program.command,
            cwd=self._folder,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            process_group=self._guardian.pid,
        )

    def _tell(self, child: Child) -> None:
        """To the guardian first, then to the file."""
        assert self._guardian.stdin is not None
        line = f"{child.process.pid} {child.program.grace_s} {child.program.name}\n"
        with contextlib.suppress(BrokenPipeError):  # check() says so
            self._guardian.stdin.write(line.encode())
            self._guardian.stdin.flush()
        entries = [
            {
                "name": each.program.name,
                "pid": each.process.pid,
                "birth": birth_of(each.process.pid),
                "grace_s": each.program.grace_s,
            }
            for each in self._children
        ]
        fresh = self._record.with_suffix(".new")
        fresh.write_text(json.dumps(entries))
        fresh.replace(self._record)

    def check(self) -> None:
        """One look at every child; starts the dead again, each later than the last time. Raises GaveUp."""
        if self._guardian.poll() is not None:
            raise GaveUp("The guardian process, which leaves no orphans, was killed.", self._end_of_log())
        for child in self._children:
            if child.restart_at is not None:
                if time.monotonic() >= child.restart_at:
                    self._restart(child)
            elif child.process.poll() is not None:
                self._note_death(child)

    def _note_death(self, child: Child) -> None:
        name, ended = child.program.name, how_it_ended(child.process.returncode)
        lived_s = time.monotonic() - child.started
        child.quick_deaths = child.quick_deaths + 1 if lived_s < QUICK_DEATH_SECONDS else 0
        if child.quick_deaths >= QUICK_DEATHS_MAX:
            raise GaveUp(
                f"The {name} process stopped {child.quick_deaths} times in a row ({ended}).", child.log_offset
            )
        pause_s = BACKOFF_SECONDS * 2 ** max(child.quick_deaths - 1, 0)
        child.restart_at = time.monotonic() + pause_s
        self._say(f"The {name} process stopped ({ended}); it is started again.")

    def _restart(self, child: Child) -> None:
        child.log_offset = self._end_of_log()
        child.process = self._spawn(child.program)
        child.started = time.monotonic()
        child.restart_at = None
        self._tell(child)

    def stop_all(self, is_hurried: Callable[[], bool]) -> None:
        """In reverse order of starting, each with its grace; ``is_hurried`` cuts every grace short."""
        for child in reversed(self._children):
            self._stop(child, is_hurried)
        self._record.unlink(missing_ok=True)
        assert self._guardian.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._guardian.stdin.close()
        self._guardian.wait()
        self._log.close()

    def _stop(self, child: Child, is_hurried: Callable[[], bool]) -> None:
        process = child.process
        if process.poll() is not None:
            return
        process.terminate()
        asked = time.monotonic()
        while process.poll() is None:
            waited_s = time.monotonic() - asked
            limit_s = min(child.program.grace_s, HURRIED_SECONDS) if is_hurried() else child.program.grace_s
            if waited_s >= limit_s:
                process.kill()
                process.wait()
                return
            time.sleep(POLL_SECONDS)
