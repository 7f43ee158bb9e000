"""Whether the job on this thread was told to stop: asked between the steps of a turn."""

from __future__ import annotations

import threading

_here = threading.local()


class Halted(Exception):
    """The job was told to stop and let go of what it held."""


def use(event: threading.Event | None) -> None:
    """The event that says so for the job on this thread; None when the job has ended."""
    _here.event = event


def halted() -> bool:
    """False on a thread that nobody can stop."""
    event: threading.Event | None = getattr(_here, "event", None)
    return event is not None and event.is_set()
