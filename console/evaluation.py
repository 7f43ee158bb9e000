"""Playing dialogues: each step is done in the house, looked at and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from config.agents import Agent
from console.dialogue_checks import Check, Seen, check
from console.dialogues import ON_A_CALL, Dialogue, Step
from console.evaluation_calls import BadAnswer, Handset, NoCall
from console.evaluation_system import CUSTOMER, House, NotTaken
from session.address import Address
from session.model import Answer, Channel

BETWEEN_STEPS_MS = 20_000


@dataclass(frozen=True)
class Failure:
    """A check that did not hold: "file:line", what was said or done there, and both ends."""

    where: str
    step: str
    check: Check


@dataclass
class Result:
    """What a dialogue came to. ``cost`` in USD; None where no price is known."""

    dialogue: Dialogue
    passed: int = 0
    failures: list[Failure] = field(default_factory=list)
    calls: int = 0
    tokens: int = 0
    cost: float | None = None


def play(house: House, dialogue: Dialogue) -> Result:
    """Every step of a dialogue, from an empty store on; its agent must be one of the house's."""
    agent = house.agents.by_id(dialogue.agent)
    assert agent is not None
    result = Result(dialogue)
    answers_before = len(house.listener.answers)
    house.begin(dialogue.starts_ms)
    before = ""
    for step in dialogue.steps:
        seen, errors = _take(house, dialogue, step, agent, before)
        before = str(seen.session.get("session_id", "")) or before
        for error in errors:
            _count(result, step, Check(step.action, ok=False, wanted="no error", got=error))
        for found in check(step.expect, seen, agent):
            _count(result, step, found)
    answers = house.listener.answers[answers_before:]
    result.calls = sum(answer.usage.calls for answer in answers)
    result.tokens = sum(answer.usage.input_tokens + answer.usage.output_tokens for answer in answers)
    result.cost = _cost(agent, answers)
    return result


def _take(
    house: House, dialogue: Dialogue, step: Step, agent: Agent, before: str
) -> tuple[Seen, Sequence[str]]:
    """Do what a step says, and look; gives what went wrong on our side, too."""
    sent, errors = len(house.twilio.sent), len(house.errors)
    answered, failed = len(house.listener.answers), len(house.listener.faults)
    if step.action != "pause":
        house.ledger.advance(BETWEEN_STEPS_MS)
    try:
        _do(house, dialogue, step, agent)
    except NotTaken as error:
        house.errors.append(f"the API refused it: {error}")
    except NoCall:
        house.errors.append("no call is live: somebody hung up, or nobody called")
    except BadAnswer as error:
        house.errors.append(str(error))
    session, customer = house.conversation()
    to = {str(Address(channel, CUSTOMER)) for channel in Channel}
    seen = Seen(
        said=tuple(text for receiver, text in house.twilio.sent[sent:] if receiver in to),
        session=session,
        customer=customer,
        session_before=before,
        tools=tuple(use.name for answer in house.listener.answers[answered:] for use in answer.tools),
        memory=house.memory(agent.id),
        trouble=tuple(house.listener.faults[failed:]),
        call=house.handset.state,
    )
    return seen, house.errors[errors:]


def _do(house: House, dialogue: Dialogue, step: Step, agent: Agent) -> None:
    spoken = step.action == "customer" and step.channel is Channel.VOICE
    if spoken or step.action in ON_A_CALL:
        _call(house.handset, step, agent.numbers[0])
    elif step.action == "customer":
        for text in step.value:
            house.customer(text, step.channel, agent.numbers[0], dialogue.profile_name)
    elif step.action == "pause":
        house.pause(step.value)
    elif step.action == "operator":
        house.operate("messages", {"body": step.value})
    elif step.action == "takes_over":
        house.operate("handoff", {})
    else:
        house.operate("handback", {"note": step.value} if step.value else {})
    _settle(house)


def _call(handset: Handset, step: Step, ours: str) -> None:
    """What the customer does on the telephone; whoever says something and is in no call, calls."""
    if step.action == "hangs_up":
        return handset.hangs_up()
    handset.calls(ours)
    if step.action == "keys":
        handset.presses(step.value)
    elif step.action == "says_nothing":
        handset.says_nothing()
    else:
        handset.says(step.value[0], step.confidence)
    return None


def _settle(house: House) -> None:
    """Whatever is due now is rung for and done."""
    for _ in range(2):  # the second time for what comes of a call's end
        house.rt.bell.ring_all(house.ledger.due())
        house.work()
        house.handset.settle()


def _count(result: Result, step: Step, found: Check) -> None:
    if found.ok:
        result.passed += 1
        return
    line = step.lines.get(found.name.partition(".")[0], step.line)
    result.failures.append(Failure(f"{result.dialogue.path}:{line}", f"{step.action}: {_words(step)}", found))


def _words(step: Step) -> str:
    """What a step says or does, on one line."""
    if step.action == "pause":
        return f"{step.value / 3_600_000:g}h"
    texts = step.value if isinstance(step.value, tuple) else (str(step.value),)
    return " / ".join(" ".join(text.split()) for text in texts)


def _cost(agent: Agent, answers: list[Answer]) -> float | None:
    """USD; None where the agent's file names no prices."""
    if not any(agent.prices):
        return None
    into, out = agent.prices
    return sum(a.usage.input_tokens * into + a.usage.output_tokens * out for a in answers) / 1_000_000
