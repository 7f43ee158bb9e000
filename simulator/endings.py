"""How one thing a call does ends before its time: raised wherever the call waits."""

from __future__ import annotations

from simulator.mailbox import Source


class Ended(Exception):
    """The call is over, with this status where somebody answered it or not."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Moved(Exception):
    """A REST call gave other instructions."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source


class Stumbled(Exception):
    """Twilio's application error: ``code`` is the debugger's."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
