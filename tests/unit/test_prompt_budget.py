"""What of a long conversation is shown: within the budget, in whole exchanges, by reference."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from ai.prompt import (
    ASKED_HEADING,
    KNOWN_HEADING,
    Item,
    build,
)
from ai.window import tokens
from session.model import (
    Direction,
    Entity,
    Message,
    MessageType,
    Role,
)
from tests.unit.prompts import (
    AGENT,
    CUSTOMER,
    NAME,
    NOW,
    SESSION,
    TEA,
    budgeted,
    inbound,
    line,
    outbound,
    prompt,
)


def test_shown_by_reference() -> None:
    """A prompt names what of the customer it shows: messages in their order, this turn's last."""
    shown = prompt([inbound("a", id="m1"), outbound("b", id="m2"), inbound("c")])

    assert shown.messages == ("m1", "m2", "w")
    assert shown.tokens >= sum(tokens(item.content) for item in shown.items)


def exchange(n: int, words: int = 200, asks: bool = False) -> list[Message]:
    answer = f"A{n} " + "y" * words + ("?" if asks else ".")
    return [inbound(f"Q{n} " + "x" * words, id=f"q{n}"), outbound(answer, id=f"a{n}", generated_by="ai")]


def test_the_oldest_exchanges_go_first() -> None:
    """Over the budget whole exchanges go, the oldest first; the newest stay beside the summary."""
    history = [message for n in range(20) for message in exchange(n)]
    session = dataclasses.replace(SESSION, summary="They spoke about a parcel.")
    room = prompt([], budgeted(10**6), session).tokens + 5 * 112 + 100

    shown = prompt(history, budgeted(room), session)

    assert shown.messages == (*(id for n in range(15, 20) for id in (f"q{n}", f"a{n}")), "w")
    assert line(shown, KNOWN_HEADING)["summary"] == "They spoke about a parcel."
    assert line(shown, ASKED_HEADING) is None
    assert prompt(history, budgeted(10**6), session).messages[0] == "q0"


def test_a_question_before_the_cut_is_kept() -> None:
    """Where the cut falls between our question and its answer, the question is told, its end where it is long."""
    history = [*exchange(1, 2_000, asks=True), inbound("yes", id="q2"), outbound("Done.", id="a2")]
    room = prompt([], budgeted(10**6)).tokens

    shown = prompt(history, budgeted(room + 150))

    assert shown.messages == ("q2", "a2", "w")
    assert line(shown, ASKED_HEADING).endswith("yyy?")
    assert shown.tokens <= room + 150
    assert line(prompt(history, budgeted(10**6)), ASKED_HEADING) is None


def test_the_last_answer_is_kept_when_nothing_else_fits() -> None:
    """A newest exchange too long to show leaves its answer, which this turn's message may be about."""
    history = [inbound("x" * 50_000, id="q"), outbound("Please tell me your order number.", id="a")]

    shown = prompt(history)

    assert shown.messages == ("w",)
    assert line(shown, ASKED_HEADING) == "Please tell me your order number."


def test_an_answer_without_its_question_is_not_shown() -> None:
    """Where the caller's own limit cut off a question, its answer goes too; what a person began stays."""
    answer = outbound("It is on its way.", id="a0", generated_by="ai")
    begun = outbound("Your table is free, will you come?", Role.AGENT, id="a0")

    assert prompt([answer, *exchange(1)]).messages == ("q1", "a1", "w")
    assert prompt([begun, *exchange(1)]).messages == ("a0", "q1", "a1", "w")


def test_this_turn_is_shown_whatever_it_costs() -> None:
    """Fifty thousand characters are shown unaltered; what is known gives way to them, the agent's texts do not."""
    long = "ä" * 50_000
    items = [TEA, NAME]
    shown = build(AGENT, CUSTOMER, SESSION, exchange(1), [inbound(long)], NOW, memory=items)

    assert shown.items[-1] == Item("user", long)
    assert shown.items[0] == Item("developer", AGENT.instructions)
    assert (shown.messages, shown.memory) == ((), ())
    assert shown.tokens > AGENT.limits.prompt_tokens


def test_what_is_longest_gives_way() -> None:
    """Of what is known the longest value is left out first, so that one letter does not push out the rest."""
    entities = {"letter": Entity("x" * 20_000, "m", 1), "order_number": Entity("7", "m", 2)}
    known = line(prompt([], session=dataclasses.replace(SESSION, entities=entities)), KNOWN_HEADING)

    assert known == {"order_number": "7", "profile_name": "Ann"}


_WORDS = st.text(st.sampled_from('ab ?\n"مش日😀'), max_size=300)
_PAST = st.lists(
    st.tuples(st.sampled_from(["in", "ai", "agent", "system", "failed", "picture"]), _WORDS), max_size=30
)


def _message(n: int, kind: str, words: str) -> Message:
    if kind in ("in", "picture"):
        return inbound(words, id=f"q{n}", kind=MessageType.IMAGE if kind == "picture" else MessageType.TEXT)
    role = {"agent": Role.AGENT, "system": Role.SYSTEM}.get(kind, Role.ASSISTANT)
    status = "failed" if kind == "failed" else "sent"
    return outbound(words, role, status, id=f"o{n}", generated_by="ai" if kind == "ai" else "")


@given(_PAST, _WORDS, st.lists(_WORDS, max_size=20), st.integers(300, 3_000))
def test_budget_and_order_hold_for_any_history(
    past: list[tuple[str, str]], known: str, remembered: list[str], limit: int
) -> None:
    """Never over the budget but for what must be shown, and what is shown is the end of the history, begun whole."""
    history = [_message(n, kind, words) for n, (kind, words) in enumerate(past)]
    agent = budgeted(limit)
    memory = [dataclasses.replace(TEA, id=str(n), content=words) for n, words in enumerate(remembered)]
    session = dataclasses.replace(SESSION, entities={"order_number": Entity(known, "m", 1)}, summary=known)
    bare = prompt(history, budgeted(0), session, memory=memory)

    shown = prompt(history, agent, session, memory=memory)

    assert shown.tokens <= max(limit, bare.tokens)
    assert (bare.messages, bare.memory) == (("w",), ())
    ids = [message.id for message in history]
    first = len(ids) - (len(shown.messages) - 1)
    assert [*shown.messages] == [*ids[first:], "w"]
    if 0 < first < len(ids):
        assert history[first].direction is Direction.INBOUND
        before = next(m for m in reversed(history[:first]) if m.role is not Role.SYSTEM)
        assert before.direction is Direction.OUTBOUND
    if first == 0 and history:
        spoken = [m for m in history if m.role is not Role.SYSTEM]
        assert not spoken or spoken[0].generated_by != "ai"
