"""The state machine of a session, as a table.

A session is in one state and in one pair of hands; an event moves both. Every
(state, handled_by, event) stands either in ``TRANSITIONS`` or in ``REFUSALS``, the
latter with its reason. ``docs/states.md`` is printed from here (``table()``).
"""

from __future__ import annotations

from enum import StrEnum

from session.model import EndReason, HandledBy, State


class Event(StrEnum):
    WORKED_ON = "worked_on"  # a worker took the message up
    WENT_QUIET = "went_quiet"  # the scheduled job: nothing happened for long enough
    CUSTOMER_WROTE = "customer_wrote"  # or called
    HANDED_OFF = "handed_off"  # to a person
    OPERATOR_ANSWERED = "operator_answered"
    HANDED_BACK = "handed_back"  # to the assistant
    COMPLETED = "completed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"  # by a new session, because of the time gap
    OPTED_OUT = "opted_out"


Place = tuple[State, HandledBy]
Move = tuple[State, HandledBy, Event]

END_REASONS = {
    Event.COMPLETED: EndReason.COMPLETED,
    Event.EXPIRED: EndReason.EXPIRED,
    Event.SUPERSEDED: EndReason.SUPERSEDED,
    Event.OPTED_OUT: EndReason.OPTED_OUT,
}

# The state an event is after, named when it is refused.
AIMS = {
    Event.WORKED_ON: State.ACTIVE,
    Event.WENT_QUIET: State.IDLE,
    Event.CUSTOMER_WROTE: State.ACTIVE,
    Event.HANDED_OFF: State.WAITING_AGENT,
    Event.OPERATOR_ANSWERED: State.ACTIVE,
    Event.HANDED_BACK: State.ACTIVE,
    **dict.fromkeys(END_REASONS, State.CLOSED),
}

_NEW = (State.NEW, HandledBy.ASSISTANT)
_ACTIVE = (State.ACTIVE, HandledBy.ASSISTANT)
_IDLE = (State.IDLE, HandledBy.ASSISTANT)
_WAITING = (State.WAITING_AGENT, HandledBy.ASSISTANT)
_CLOSED = (State.CLOSED, HandledBy.ASSISTANT)
_NEW_OPERATOR = (State.NEW, HandledBy.OPERATOR)
_ACTIVE_OPERATOR = (State.ACTIVE, HandledBy.OPERATOR)
_IDLE_OPERATOR = (State.IDLE, HandledBy.OPERATOR)
_WAITING_OPERATOR = (State.WAITING_AGENT, HandledBy.OPERATOR)
_CLOSED_OPERATOR = (State.CLOSED, HandledBy.OPERATOR)

# Entries that lead where they started are steps that may be repeated: "already so" is no error.
TRANSITIONS: dict[Move, Place] = {
    (*_NEW, Event.WORKED_ON): _ACTIVE,
    (*_NEW, Event.CUSTOMER_WROTE): _NEW,
    (*_NEW, Event.HANDED_OFF): _WAITING,
    (*_NEW, Event.OPERATOR_ANSWERED): _ACTIVE_OPERATOR,  # answering takes over first
    (*_NEW, Event.HANDED_BACK): _NEW,
    (*_NEW, Event.COMPLETED): _CLOSED,
    (*_NEW, Event.EXPIRED): _CLOSED,
    (*_NEW, Event.SUPERSEDED): _CLOSED,
    (*_NEW, Event.OPTED_OUT): _CLOSED,
    (*_ACTIVE, Event.WORKED_ON): _ACTIVE,
    (*_ACTIVE, Event.WENT_QUIET): _IDLE,
    (*_ACTIVE, Event.CUSTOMER_WROTE): _ACTIVE,
    (*_ACTIVE, Event.HANDED_OFF): _WAITING,
    (*_ACTIVE, Event.OPERATOR_ANSWERED): _ACTIVE_OPERATOR,  # answering takes over first
    (*_ACTIVE, Event.HANDED_BACK): _ACTIVE,
    (*_ACTIVE, Event.COMPLETED): _CLOSED,
    (*_ACTIVE, Event.EXPIRED): _CLOSED,
    (*_ACTIVE, Event.SUPERSEDED): _CLOSED,
    (*_ACTIVE, Event.OPTED_OUT): _CLOSED,
    (*_IDLE, Event.CUSTOMER_WROTE): _ACTIVE,
    (*_IDLE, Event.HANDED_OFF): _WAITING,
    (*_IDLE, Event.OPERATOR_ANSWERED): _ACTIVE_OPERATOR,  # answering takes over first
    (*_IDLE, Event.HANDED_BACK): _IDLE,
    (*_IDLE, Event.COMPLETED): _CLOSED,
    (*_IDLE, Event.EXPIRED): _CLOSED,
    (*_IDLE, Event.SUPERSEDED): _CLOSED,
    (*_IDLE, Event.OPTED_OUT): _CLOSED,
    (*_WAITING, Event.CUSTOMER_WROTE): _WAITING,
    (*_WAITING, Event.HANDED_OFF): _WAITING,
    (*_WAITING, Event.OPERATOR_ANSWERED): _ACTIVE_OPERATOR,
    (*_WAITING, Event.HANDED_BACK): _ACTIVE,
    (*_WAITING, Event.COMPLETED): _CLOSED,
    (*_WAITING, Event.OPTED_OUT): _CLOSED,
    (*_ACTIVE_OPERATOR, Event.WENT_QUIET): _IDLE_OPERATOR,
    (*_ACTIVE_OPERATOR, Event.CUSTOMER_WROTE): _WAITING_OPERATOR,
    (*_ACTIVE_OPERATOR, Event.HANDED_OFF): _WAITING_OPERATOR,
    (*_ACTIVE_OPERATOR, Event.OPERATOR_ANSWERED): _ACTIVE_OPERATOR,
    (*_ACTIVE_OPERATOR, Event.HANDED_BACK): _ACTIVE,
    (*_ACTIVE_OPERATOR, Event.COMPLETED): _CLOSED_OPERATOR,
    (*_ACTIVE_OPERATOR, Event.EXPIRED): _CLOSED_OPERATOR,
    (*_ACTIVE_OPERATOR, Event.OPTED_OUT): _CLOSED_OPERATOR,
    (*_IDLE_OPERATOR, Event.CUSTOMER_WROTE): _WAITING_OPERATOR,
    (*_IDLE_OPERATOR, Event.HANDED_OFF): _WAITING_OPERATOR,
    (*_IDLE_OPERATOR, Event.OPERATOR_ANSWERED): _ACTIVE_OPERATOR,
    (*_IDLE_OPERATOR, Event.HANDED_BACK): _IDLE,  # quiet it stays until somebody writes
    (*_IDLE_OPERATOR, Event.COMPLETED): _CLOSED_OPERATOR,
    (*_IDLE_OPERATOR, Event.EXPIRED): _CLOSED_OPERATOR,
    (*_IDLE_OPERATOR, Event.OPTED_OUT): _CLOSED_OPERATOR,
    (*_WAITING_OPERATOR, Event.CUSTOMER_WROTE): _WAITING_OPERATOR,
    (*_WAITING_OPERATOR, Event.HANDED_OFF): _WAITING_OPERATOR,
    (*_WAITING_OPERATOR, Event.OPERATOR_ANSWERED): _ACTIVE_OPERATOR,
    (*_WAITING_OPERATOR, Event.HANDED_BACK): _ACTIVE,
    (*_WAITING_OPERATOR, Event.COMPLETED): _CLOSED_OPERATOR,
    (*_WAITING_OPERATOR, Event.OPTED_OUT): _CLOSED_OPERATOR,
}


def _every(place: Place, reason: str) -> dict[Move, str]:
    return {(*place, event): reason for event in Event}


_ENDED = "it has ended; the customer's next message opens a new session"
_NOT_BY_TIME = "somebody waits for a person, so time alone does not end it"
_A_PERSON_HAS_IT = "an operator handles it, so the assistant stays silent"
_KEPT_BY_A_PERSON = "an operator handles it, so a gap does not end it"

REFUSALS: dict[Move, str] = {
    **_every(_CLOSED, _ENDED),
    **_every(_CLOSED_OPERATOR, _ENDED),
    **_every(
        _NEW_OPERATOR, "a new session is the assistant's until somebody takes over, and then it is not NEW"
    ),
    (*_NEW, Event.WENT_QUIET): "nothing has been said in it yet; it can only expire",
    (*_IDLE, Event.WORKED_ON): "it is idle until the customer writes again",
    (*_IDLE, Event.WENT_QUIET): "it is idle already",
    (*_IDLE_OPERATOR, Event.WENT_QUIET): "it is idle already",
    (*_WAITING, Event.WENT_QUIET): _NOT_BY_TIME,
    (*_WAITING, Event.EXPIRED): _NOT_BY_TIME,
    (*_WAITING, Event.SUPERSEDED): _NOT_BY_TIME,
    (*_WAITING_OPERATOR, Event.WENT_QUIET): _NOT_BY_TIME,
    (*_WAITING_OPERATOR, Event.EXPIRED): _NOT_BY_TIME,
    (*_WAITING_OPERATOR, Event.SUPERSEDED): _NOT_BY_TIME,
    (*_WAITING, Event.WORKED_ON): "it waits for a person, so the assistant stays silent",
    (*_WAITING_OPERATOR, Event.WORKED_ON): "it waits for a person, so the assistant stays silent",
    (*_ACTIVE_OPERATOR, Event.WORKED_ON): _A_PERSON_HAS_IT,
    (*_IDLE_OPERATOR, Event.WORKED_ON): _A_PERSON_HAS_IT,
    (*_ACTIVE_OPERATOR, Event.SUPERSEDED): _KEPT_BY_A_PERSON,
    (*_IDLE_OPERATOR, Event.SUPERSEDED): _KEPT_BY_A_PERSON,
}


class IllegalTransition(Exception):
    """A move the table does not hold; carries both states and the reason.

    Without an event somebody asked for NEW, where none leads.
    """

    def __init__(self, state: State, handled_by: HandledBy, event: Event | None) -> None:
        self.from_state = state
        self.to_state = AIMS[event] if event else State.NEW
        self.handled_by = handled_by
        self.event = event
        self.reason = REFUSALS[(state, handled_by, event)] if event else "it has begun"
        by = f" ({event})" if event else ""
        super().__init__(f"A session cannot go from {state} to {self.to_state}{by}: {self.reason}.")


def advance(state: State, handled_by: HandledBy, event: Event) -> Place:
    """Where ``event`` leads from here. Raises ``IllegalTransition`` for any move not in the table."""
    try:
        return TRANSITIONS[(state, handled_by, event)]
    except KeyError:
        raise IllegalTransition(state, handled_by, event) from None


def table() -> str:
    """Every (state, handled_by, event) as Markdown, for ``docs/states.md``."""
    lines = ["| state | handled by | event | becomes | handled by |", "| --- | --- | --- | --- | --- |"]
    for state in State:
        for hands in HandledBy:
            for event in Event:
                lines.append(f"| {state} | {hands} | {event} | {_outcome((state, hands, event))} |")
    return "\n".join(lines)


def _outcome(move: Move) -> str:
    if move in TRANSITIONS:
        state, hands = TRANSITIONS[move]
        return f"{state} | {hands}"
    return f"refused: {REFUSALS[move]} | "
