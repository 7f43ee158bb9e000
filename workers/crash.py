"""Dying on purpose: the crash tests' hook at each step of the protocol's crash table (docs/proof.md).

``CRASH_AT=after_commit`` kills this process with SIGKILL when it gets there, ``after_commit:3`` the third
time; with ``CRASH_SIGNAL=STOP`` it is frozen there instead, until somebody sends SIGCONT. Unset, a step costs
one comparison of two short strings.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading

STEPS = (
    "before_receive", "after_receive", "after_ring",
    "after_claim", "after_open", "before_commit", "after_commit",
    "before_deadline", "before_post", "after_post", "after_sent", "after_release",
)  # fmt: skip
CALL_STEPS = ("before_word", "before_push", "after_push")  # of a word on its way into a live call

# Read once: what a process is to die of is decided before it starts.
_STEP, _, _NTH = os.environ.get("CRASH_AT", "").partition(":")
_SIGNAL = signal.SIGSTOP if os.environ.get("CRASH_SIGNAL") == "STOP" else signal.SIGKILL
_times = itertools.count(1)  # next() of it is atomic


def at(step: str) -> None:
    """This process is at ``step`` now. Does not return where it is to die."""
    if step == _STEP and next(_times) == int(_NTH or 1):
        # To this very thread: a signal to the process may first be taken by another, while this one goes on.
        signal.pthread_kill(threading.get_ident(), _SIGNAL)
