"""The state table: PRODUCT "Sessions", DECISIONS 20-25."""

import itertools
from pathlib import Path

import pytest

from session.machine import AIMS, END_REASONS, REFUSALS, TRANSITIONS, Event, IllegalTransition, advance, table
from session.model import HandledBy, State

EVERY_MOVE = list(itertools.product(State, HandledBy, Event))
A, OP = HandledBy.ASSISTANT, HandledBy.OPERATOR
DOCS = Path(__file__).parents[2] / "docs" / "states.md"


@pytest.mark.parametrize("move", EVERY_MOVE, ids=lambda move: "-".join(move))
def test_every_move_is_written_down(move: tuple[State, HandledBy, Event]) -> None:
    """Each (state, handled_by, event) is either in the table or refused with a reason, never both."""
    assert (move in TRANSITIONS) != (move in REFUSALS)

    if move in TRANSITIONS:
        assert TRANSITIONS[move] == advance(*move)
    else:
        with pytest.raises(IllegalTransition) as refusal:
            advance(*move)
        assert refusal.value.from_state == move[0]
        assert refusal.value.to_state == AIMS[move[2]]
        assert str(move[0]) in str(refusal.value)
        assert str(AIMS[move[2]]) in str(refusal.value)
        assert REFUSALS[move] in str(refusal.value)


def test_nothing_else_is_written_down() -> None:
    """The table and the refusals hold these moves and no others."""
    assert set(EVERY_MOVE) == set(TRANSITIONS) | set(REFUSALS)


@pytest.mark.parametrize(
    ("state", "hands", "event", "expected"),
    [
        (State.NEW, A, Event.WORKED_ON, (State.ACTIVE, A)),
        (State.ACTIVE, A, Event.WENT_QUIET, (State.IDLE, A)),
        (State.IDLE, A, Event.CUSTOMER_WROTE, (State.ACTIVE, A)),
        (State.NEW, A, Event.HANDED_OFF, (State.WAITING_AGENT, A)),
        (State.ACTIVE, A, Event.HANDED_OFF, (State.WAITING_AGENT, A)),
        (State.IDLE, A, Event.HANDED_OFF, (State.WAITING_AGENT, A)),
        (State.WAITING_AGENT, A, Event.OPERATOR_ANSWERED, (State.ACTIVE, OP)),
        (State.WAITING_AGENT, A, Event.HANDED_BACK, (State.ACTIVE, A)),
        (State.WAITING_AGENT, OP, Event.HANDED_BACK, (State.ACTIVE, A)),
        (State.ACTIVE, OP, Event.CUSTOMER_WROTE, (State.WAITING_AGENT, OP)),
        (State.IDLE, OP, Event.CUSTOMER_WROTE, (State.WAITING_AGENT, OP)),
        (State.ACTIVE, OP, Event.WENT_QUIET, (State.IDLE, OP)),
        (State.ACTIVE, OP, Event.EXPIRED, (State.CLOSED, OP)),
        (State.IDLE, OP, Event.EXPIRED, (State.CLOSED, OP)),
        (State.ACTIVE, OP, Event.HANDED_BACK, (State.ACTIVE, A)),
        (State.ACTIVE, A, Event.OPERATOR_ANSWERED, (State.ACTIVE, OP)),
        (State.WAITING_AGENT, A, Event.COMPLETED, (State.CLOSED, A)),
        (State.WAITING_AGENT, A, Event.OPTED_OUT, (State.CLOSED, A)),
    ],
)
def test_the_moves_of_the_product_page(
    state: State, hands: HandledBy, event: Event, expected: tuple[State, HandledBy]
) -> None:
    """The moves that the product page and the decisions name lead where these say."""
    assert expected == advance(state, hands, event)


@pytest.mark.parametrize(
    ("state", "hands", "event"),
    [
        (State.WAITING_AGENT, A, Event.WENT_QUIET),
        (State.WAITING_AGENT, A, Event.EXPIRED),
        (State.WAITING_AGENT, A, Event.SUPERSEDED),
        (State.WAITING_AGENT, OP, Event.EXPIRED),
        (State.ACTIVE, OP, Event.SUPERSEDED),
        (State.IDLE, OP, Event.SUPERSEDED),
        (State.ACTIVE, OP, Event.WORKED_ON),
        (State.WAITING_AGENT, A, Event.WORKED_ON),
        (State.NEW, A, Event.WENT_QUIET),
        (State.CLOSED, A, Event.COMPLETED),
        (State.CLOSED, A, Event.CUSTOMER_WROTE),
        (State.CLOSED, A, Event.HANDED_OFF),
        (State.CLOSED, A, Event.HANDED_BACK),
    ],
)
def test_the_refusals_of_the_product_page(state: State, hands: HandledBy, event: Event) -> None:
    """What the product page rules out is an error."""
    with pytest.raises(IllegalTransition):
        advance(state, hands, event)


@pytest.mark.parametrize("event", [Event.HANDED_OFF, Event.HANDED_BACK, Event.OPERATOR_ANSWERED])
def test_a_persons_step_may_be_repeated(event: Event) -> None:
    """Handing off, handing back and answering twice is no error: the second leads where it starts."""
    once = advance(State.ACTIVE, A, event)

    assert once == advance(*once, event)


def test_what_a_session_can_become() -> None:
    """From NEW every state is reached, but never NEW in an operator's hands; CLOSED is the end."""
    reached = {(State.NEW, A)}
    while True:
        further = {TRANSITIONS[move] for move in TRANSITIONS if move[:2] in reached} | reached
        if further == reached:
            break
        reached = further

    assert set(itertools.product(State, HandledBy)) - {(State.NEW, OP)} == reached
    assert not [move for move in TRANSITIONS if move[0] is State.CLOSED]


def test_only_an_end_closes() -> None:
    """A move leads to CLOSED exactly when its event has an end reason."""
    assert all((to is State.CLOSED) == (move[2] in END_REASONS) for move, (to, _) in TRANSITIONS.items())


def test_the_page_shows_the_table() -> None:
    """docs/states.md holds the table as the code prints it."""
    page = DOCS.read_text(encoding="utf-8")

    assert table() == page.partition("<!-- table -->\n")[2].partition("\n<!-- end of table -->")[0]
