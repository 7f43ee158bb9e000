"""One turn's questions to the model: what it is shown and told of this moment, and what is made of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ai.tools import Toolbox
from config.agents import Agent
from session import languages
from session.calls import ANONYMOUS
from session.claims import Claim, Waiting
from session.model import Answer, Channel, Message, Session
from workers import concluding, lines, thinking
from workers.concluding import Conclusion
from workers.recording import Recorder
from workers.runtime import Runtime
from workers.why import Why


@dataclass(frozen=True, slots=True)
class SaidBack:
    """The model's answer (None: none that may be sent), and what is made of it."""

    answer: Answer | None
    conclusion: Conclusion


@dataclass(slots=True)
class Asking:
    """``ends_at``: when the turn must be through (``time.monotonic()``'s); ``told`` goes into its line in the log."""

    rt: Runtime
    claim: Claim
    agent: Agent
    recorder: Recorder
    why: Why
    ends_at: float
    told: dict[str, Any]
    toolbox: Toolbox = field(init=False)

    def __post_init__(self) -> None:
        claim = self.claim
        assert claim.lane is not None
        attach = self.rt.attaching.to(claim.lane, claim.customer.address, self.agent.links)
        self.toolbox = Toolbox(self.agent, {"now_ms": claim.taken_at}, attach)

    def think(
        self, session: Session, history: list[Message], asked: Sequence[Waiting], language: str, closed: bool
    ) -> SaidBack:
        """The answer to ``asked``. ``language``: where the answer tells none; ``closed``: nobody of the team is there.

        Raises what ``thinking.ask`` does, but ``Blocked``.
        """
        rt, claim = self.rt, self.claim
        rt.typing.begin(claim.customer, asked[-1].message, claim.now())
        shown = rt.media.show(rt.ledger, claim, history, [w.message for w in asked], self.ends_at)
        question = thinking.Question(
            self.agent, session, shown.history, shown.asked, claim.memory(self.agent.id),
            self._notes(history, asked[-1].message, closed), shown.pictures,
        )  # fmt: skip
        self.why.decide("the model is asked")
        last = asked[-1].message
        try:
            answer = thinking.ask(rt, claim, question, self.toolbox, self.why, self.ends_at)
        except thinking.Blocked:
            thinking.check(claim)
            return self.conclude(session, None, last, language)
        thinking.check(claim)
        usage = answer.usage
        self.told |= {
            "model": usage.model, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
            "model_ms": usage.duration_ms, "model_tries": usage.tries, "model_calls": usage.calls,
        }  # fmt: skip
        return self.conclude(session, answer, last, language)

    def conclude(self, session: Session, answer: Answer | None, last: Message, language: str) -> SaidBack:
        """What is made of an answer (None: of none that may be sent) to ``last``, as the recorder's line takes it."""
        channel, now = self.recorder.line.lane.channel, self.claim.now()
        reachable = not last.from_number.startswith(ANONYMOUS)
        if answer is None:
            held = concluding.blocked(self.agent, session, channel, language, now, reachable=reachable)
            return SaidBack(None, held)
        language = languages.code(answer.language) or language
        self.go_on_in(language)
        done = concluding.conclude(
            self.agent, session, answer, channel, language, now, last.id, reachable=reachable
        )
        return SaidBack(answer, done)

    def go_on_in(self, language: str) -> None:
        """What is said on the line from now on is in this language, if the agent speaks it."""
        if language in self.agent.languages:
            self.recorder.line.goes_on_in(language)

    def _notes(self, history: Sequence[Message], last: Message, closed: bool) -> tuple[str, ...]:
        """What the model must know of this moment."""
        lane, told = self.claim.lane, []
        if history and lane and history[-1].channel is not lane.channel:
            told.append(
                f"The customer has moved from {history[-1].channel} to {lane.channel}: "
                "go on with the same matter, in this channel's style."
            )
        if last.channel is Channel.VOICE:
            told += lines.heard_as(last, self.agent.voice.min_confidence)
        if closed:
            told.append("It is outside business hours: no person of the team is there now.")
        return tuple(told)
