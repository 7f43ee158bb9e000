"""What happens to sessions, for whoever watches: each event is stored by the step that makes it happen, so it is there once.

An event is a plain dict: ``type`` (one of ``TYPES``) and what belongs to it. It names sessions and values' names,
never what a customer said. Pure.
"""

from __future__ import annotations

from typing import Any

from session.model import Session, State

JSON = dict[str, Any]

TYPES = {
    "session_started": "A session began; `because` says why, `channel` where.",
    "session_resumed": "An idle session goes on, after `silence_ms`.",
    "modality_switched": "The customer went on another channel: `from`, `to`.",
    "context_bridged": "A new session took over from an earlier one, `from`; it took `took_ms`.",
    "entities_extracted": "Values were told: `names` of the entities.",
    "handoff_requested": "A person is wanted; `reason` says by whose wish.",
    "handoff_unanswered": "Nobody answered within HANDOFF_ALERT_MINUTES.",
    "operator_answered": "A person wrote to the customer.",
    "handed_back": "The assistant has the conversation again.",
    "session_idle": "Nothing was said for a while.",
    "session_closed": "It ended; `reason` is completed, expired, superseded or opted_out.",
}


def event(kind: str, **told: Any) -> JSON:
    """One event. ``kind`` must be known: what watches us reads ``TYPES``."""
    if kind not in TYPES:
        raise ValueError(f"unknown event {kind!r}")
    return {"type": kind, **{name: value for name, value in told.items() if value not in (None, "", [])}}


def ended(session: Session) -> tuple[JSON, ...]:
    """The event of a session that is over."""
    return (event("session_closed", reason=str(session.end_reason)),)


def of_move(before: Session, after: Session, reason: str = "") -> tuple[JSON, ...]:
    """What the move from one state of a session to another is called; nothing when it stayed."""
    if before.state is after.state:
        return ()
    if after.state is State.CLOSED:
        return ended(after)
    if after.state is State.IDLE:
        return (event("session_idle"),)
    if after.state is State.WAITING_AGENT:
        return (event("handoff_requested", reason=reason or "operator"),)
    return ()


def of_turn(before: Session, after: Session, handoff: str) -> tuple[JSON, ...]:
    """The events of a turn's commit."""
    names = sorted(name for name, entity in after.entities.items() if before.entities.get(name) != entity)
    told = (event("entities_extracted", names=names),) if names else ()
    return (*told, *of_move(before, after, handoff))
