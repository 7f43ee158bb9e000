"""A customer's telephone over the local Twilio: dials, hears, says, keys and hangs up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from config.notices import NOTICES
from config.notices_voice import HOLDS
from tests.flow.system import OURS, System, call, wait_for

ENGLISH = {name: texts["en"] for name, texts in NOTICES.items()}
# What is said while somebody thinks, and is no answer.
HOLDING = {ENGLISH[name] for name in (*HOLDS, "voice_still")}


class Caller:
    """One call. ``phone``: E.164; an anonymous caller withholds it. What was heard is English but where a test says so."""

    def __init__(self, system: System, phone: str, to: str = OURS, *, anonymous: bool = False) -> None:
        self.system = system
        asked = {"from": phone, "to": to, "anonymous": anonymous}
        status, placed = call("POST", f"{system.simulator}/_control/calls", asked)
        assert status == 201, placed
        self.sid = str(placed["call_sid"])
        self._after = 0  # what was heard up to this line of the transcript was asked for already

    def picture(self, query: str = "") -> dict[str, Any]:
        return dict(call("GET", f"{self.system.simulator}/_control/calls/{self.sid}{query}")[1])

    def hears(self, *, until: str = "") -> str:
        """What was said since the caller last did something, once it is their turn again or the call is over."""
        found: list[dict[str, Any]] = wait_for(lambda: self._heard(until), f"an answer in {self.sid}")
        self._after = found[-1]["seq"]
        said = [line["text"] for line in found if line["kind"] == "say" and line["who"] == "bot"]
        return " ".join(text for text in said if text not in HOLDING)

    def _heard(self, until: str) -> list[dict[str, Any]]:
        picture = self.picture()
        new = [line for line in picture["transcript"] if line["seq"] > self._after]
        doing = picture["status"] == "completed" or (new and new[-1]["kind"] in ("gather", "dial", "enqueue"))
        is_said = any(until in line["text"] for line in new) if until else doing
        return new if is_said else []

    def says(self, words: str, confidence: float | None = 0.95) -> None:
        self._does({"speech": words, "confidence": confidence})

    def keys(self, digits: str) -> None:
        self._does({"digits": digits})

    def is_silent(self) -> None:
        self._does({"silence": True})

    def asks(self, words: str) -> str:
        """Says it, and what is heard then."""
        self.says(words)
        return self.hears()

    def hangs_up(self) -> None:
        self._do("hangup", {})

    @property
    def is_over(self) -> bool:
        return bool(self.picture()["status"] == "completed")

    @property
    def lines(self) -> list[dict[str, Any]]:
        return list(self.picture()["transcript"])

    def times(self, words: str) -> int:
        """How often something was said to the caller."""
        return sum(words in line["text"] for line in self.lines if line["kind"] == "say")

    def verbs(self, after: int = 0) -> Sequence[str]:
        """The kinds of what happened after that line."""
        return [line["kind"] for line in self.lines if line["seq"] > after]

    def _does(self, act: dict[str, Any]) -> None:
        """Once it is the caller's turn."""
        wait_for(lambda: self.picture("?until=listening&wait=5")["listening"], "the caller's turn")
        before = len(self._own())
        self._do("say", act)
        self._after = wait_for(lambda: self._own()[before:], "the words")[-1]["seq"]

    def _own(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["who"] == "caller"]

    def _do(self, what: str, act: dict[str, Any]) -> None:
        status, given = call("POST", f"{self.system.simulator}/_control/calls/{self.sid}/{what}", act)
        assert status == 200, given
