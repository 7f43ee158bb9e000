"""``ringback call``: being a customer on the telephone without one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import click

from console import wire
from console.commands_talk import WAIT_SECONDS, has_lone_surrogates, number_typed
from console.running import Trouble, Unfit, system_or_exit

ANSWER_SECONDS = 10.0  # for the local Twilio itself to answer, beyond what it is asked to wait
WORDS_MAX = 10_000  # characters; Twilio transcribes a minute at most
ANONYMOUS = "anonymous"
# With one of these verbs a document waits for the caller, lets go of them or puts them through: what it says before
# is the answer. One that ends in a pause and a redirect only holds the line.
ANSWERING = frozenset({"gather", "hangup", "dial", "enqueue"})
HOLDING = frozenset({"pause", "play", "redirect"})

REFUSAL = (
    "TWILIO_API_BASE_URL is not a loopback address, and only the local Twilio can call for a customer without a "
    "phone: use make run, or take a phone and call the number."
)
NOT_OURS = "The Twilio at TWILIO_API_BASE_URL is not Ringback's local one, so it cannot call for a customer: use make run."


@click.command(short_help="Call Ringback as a customer, print what it says.")
@click.argument("phone")
@click.argument("words")
@click.option("--to", metavar="NUMBER", help="Which number of ours to call; default: TWILIO_PHONE_NUMBER.")
def call(phone: str, words: str, to: str | None) -> None:
    """Call Ringback as the customer PHONE, say WORDS when it asks, and print its answer.

    The call takes the whole way: local Twilio, signed webhooks, queue, worker, model, and the answer spoken into the
    live call. Then the customer hangs up. Waits 30 seconds at most. Standard output is the answer alone, without the
    greeting and without what is said to bridge the wait; without an answer the exit status is 1 and standard error says
    why. PHONE may be "anonymous": a caller who withholds the number.

    \b
    Example:
      ringback call +15551234567 "Where is my order #12345?"
    """
    system = system_or_exit()
    if not system.local_twilio_url:
        raise Unfit(REFUSAL)
    if not words.strip() or len(words) > WORDS_MAX or has_lone_surrogates(words):
        raise Unfit(f"WORDS are 1 to {WORDS_MAX} characters of UTF-8 text.")
    caller = ANONYMOUS if phone.strip().lower() == ANONYMOUS else number_typed(system, phone)
    ours = number_typed(system, to or system.settings.twilio_phone_number)
    try:
        click.echo(Calling(system.local_twilio_url, caller, ours, words).answer())
    except wire.Unreachable as error:
        raise Trouble(f"The local Twilio {error}: start it with make run, or see ringback doctor.") from None


@dataclass(frozen=True)
class Calling:
    """One call of one question. ``phone`` is E.164 or "anonymous", ``ours`` E.164."""

    twilio: str
    phone: str
    ours: str
    words: str

    def answer(self) -> str:
        """What is said in answer. Raises ``Trouble`` without one, ``wire.Unreachable``."""
        deadline = time.monotonic() + WAIT_SECONDS
        sid = self._placed()
        try:
            self._say(sid, self._asked(sid, deadline), deadline)
            return self._answered(sid, deadline)
        finally:
            wire.post_json(f"{self.twilio}/_control/calls/{sid}/hangup", {}, ANSWER_SECONDS)

    def _placed(self) -> str:
        given = {"from": self.phone, "to": self.ours}
        placed = wire.post_json(f"{self.twilio}/_control/calls", given, ANSWER_SECONDS)
        if placed.status == 404:
            raise Trouble(NOT_OURS)
        if placed.status != 201:
            raise Trouble(f"The local Twilio refused the call: {_reason(placed)}.")
        return str(placed.json()["call_sid"])

    def _asked(self, sid: str, deadline: float) -> dict[str, Any]:
        """The call once somebody listens for the first time."""
        call = self._call(sid, deadline, "&until=listening")
        if call["doing"] == "listening":
            return call
        raise Trouble(f"Ringback asked nothing{_why(call)}.")

    def _say(self, sid: str, asked: dict[str, Any], deadline: float) -> None:
        if not asked["listening"]["speech"]:
            raise Trouble("Ringback asked for keys alone, so nothing could be said.")
        given = {"speech": self.words, "wait": 1}
        said = wire.post_json(f"{self.twilio}/_control/calls/{sid}/say", given, ANSWER_SECONDS)
        if said.status != 200:
            raise Trouble(f"The local Twilio could not say it: {_reason(said)}.")

    def _answered(self, sid: str, deadline: float) -> str:
        """Waits line by line until a document comes that is more than a hold."""
        seen, call = 0, self._call(sid, deadline)
        while True:
            answer = answer_in(call["transcript"], is_over=not call["live"])
            if answer:
                return answer
            if not call["live"]:
                raise Trouble(f"Ringback gave no answer{_why(call)}.")
            if time.monotonic() >= deadline:
                raise Trouble(f"No answer came within {WAIT_SECONDS:.0f} seconds{_why(call)}.")
            seen = call["lines"]
            self._call(sid, deadline, f"&after={seen}")
            call = self._call(sid, deadline, wait=False)

    def _call(self, sid: str, deadline: float, query: str = "", *, wait: bool = True) -> dict[str, Any]:
        """The call as it stands; with ``wait`` when something was added to it."""
        seconds = max(0.0, deadline - time.monotonic()) if wait else 0.0
        url = f"{self.twilio}/_control/calls/{sid}?wait={seconds:.1f}{query}"
        answer = wire.call(url, seconds + ANSWER_SECONDS)
        given = answer.json()
        if answer.status != 200 or not isinstance(given, dict):
            raise Trouble("The local Twilio has forgotten the call: somebody reset it meanwhile.")
        return given


def answer_in(transcript: list[dict[str, Any]], *, is_over: bool) -> str:
    """What was said to the caller's last words; empty while only the hold was heard.

    It is what one document says that then listens, hangs up or puts the caller through; and where the call is over, what
    its last document said.
    """
    spoken_at = max((line["seq"] for line in transcript if line["kind"] == "speech"), default=0)
    after = [line for line in transcript if line["seq"] > spoken_at and line["who"] == "bot"]
    ends = [line["doc"] for line in after if line["kind"] in ANSWERING]
    document = ends[0] if ends else after[-1]["doc"] if after and is_over else 0
    held = not ends and any(line["doc"] == document and line["kind"] in HOLDING for line in after)
    words = [line["text"] for line in after if line["doc"] == document and line["kind"] == "say"]
    return "" if held else "\n".join(words)


def _why(call: dict[str, Any]) -> str:
    """The rest of the sentence "Ringback gave no answer", as far as the call tells."""
    errors = [line for line in call["transcript"] if line["kind"] == "error"]
    if errors:
        return f": Twilio met error {errors[-1]['code']} at its webhook ({errors[-1]['text']})"
    said = [line["text"] for line in call["transcript"] if line["kind"] == "say"]
    if call["status"] in ("busy", "no-answer", "failed"):
        return f": the call ended as {call['status']}"
    if said:
        return f"; what was heard last: {said[-1].rstrip('.')}"
    return "; the call is silent (is a worker running?)"


def _reason(answer: wire.Answer) -> str:
    given = answer.json()
    said = given.get("error") if isinstance(given, dict) else None
    why = said.get("message") if isinstance(said, dict) else None
    return str(why or f"status {answer.status}").rstrip(".")
