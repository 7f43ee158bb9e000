"""Leaves no orphan: stops the launcher's children when the launcher is gone.

    python -I -S simulator/guardian.py        (standard library only: it starts in milliseconds)

It leads the process group that every child joins, holds the reading end of a pipe on
standard input, and is told each child in the order of starting, one line each:

    <pid> <grace in seconds> <name>

The pipe ends when the launcher does, however it does. Then the children still alive are
stopped in reverse order, and last whatever else is left in the group, the guardian included.
A process is only touched while it is in the guardian's own group, so a number that the
system has given to a stranger meanwhile is never hit.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

POLL_SECONDS = 0.05
STRAY_SECONDS = 0.3  # for a child the launcher had no time to name, and for grandchildren


def is_zombie(pid: int) -> bool:
    """Dead but not collected, as happens where process 1 collects nobody."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"Z"
    except (OSError, IndexError):
        return False


def is_ours(pid: int) -> bool:
    """Alive and in our group."""
    try:
        return os.getpgid(pid) == os.getpgrp() and not is_zombie(pid)
    except OSError:
        return False


def stop(pid: int, grace_s: float) -> None:
    """SIGTERM, then SIGKILL after ``grace_s`` seconds."""
    if not is_ours(pid):
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while is_ours(pid) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    if is_ours(pid):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def listen() -> dict[int, float]:
    """What the launcher said until it fell silent: pid to grace, in the order of starting."""
    children: dict[int, float] = {}
    for line in sys.stdin:
        with contextlib.suppress(ValueError, IndexError):  # the last line may be cut off
            words = line.split()
            children[int(words[0])] = float(words[1])
    return children


def main() -> None:
    # The terminal's signals are for the launcher; this process has only one reason to act.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    children = listen()
    for pid, grace_s in reversed(children.items()):
        with contextlib.suppress(OSError):
            stop(pid, grace_s)
    if os.getpgrp() != os.getpid():  # not the leader: the group is somebody else's
        return
    os.killpg(0, signal.SIGTERM)
    time.sleep(STRAY_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
