"""What a signal handler may do."""

from __future__ import annotations

import threading


def set_soon(event: threading.Event) -> None:
    """``event.set()`` from a signal handler, by a thread.

    A handler runs in the main thread between two of its instructions, and these may be inside ``event.wait()``
    with the event's lock taken: ``set()`` would then wait for it for ever.
    """
    threading.Thread(target=event.set, name="set-soon", daemon=True).start()
