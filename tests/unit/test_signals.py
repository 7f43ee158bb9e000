"""What the handlers of signals may do."""

from __future__ import annotations

import threading

from workers.signals import set_soon


def test_a_signal_inside_wait_hangs_nobody() -> None:
    """An event is set from a handler that interrupted its own thread inside ``wait()``, where the lock is taken."""
    event = threading.Event()

    def interrupted() -> None:
        with event._cond:
            set_soon(event)

    thread = threading.Thread(target=interrupted, daemon=True)
    thread.start()

    assert event.wait(5)
    thread.join(5)
    assert not thread.is_alive()
