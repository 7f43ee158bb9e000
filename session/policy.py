"""When a session is reused, resumed, ended and opened anew. Pure: values and ``now`` in, a decision out.

All times are milliseconds. A limit that is exactly reached is not yet passed: the
gap that equals ``gap_ms`` reuses, the silence that equals ``expire_ms`` has not expired.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from config.settings import Settings
from session.machine import Event
from session.model import Channel, HandledBy, Session, State

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

Scope = Literal["customer", "channel"]
SCOPES: tuple[Scope, ...] = ("customer", "channel")
EVERY_CHANNEL = "*"  # the scope of a session that follows its customer from channel to channel


@dataclass(frozen=True, slots=True)
class Policy:
    scope: Scope
    gap_ms: int  # a longer silence of the customer opens a new session
    idle_ms: int  # ACTIVE to IDLE
    expire_ms: int  # then CLOSED, expired
    history_window: int  # messages shown to the model
    retention_ms: int  # sliding life of a customer's data
    alert_ms: int = 10 * MINUTE_MS  # how long a customer waits for a person before somebody is alerted


@dataclass(frozen=True, slots=True)
class Preset:
    """A named policy: what the seeds recommend for one kind of conversation."""

    gap_ms: int
    scope: Scope | None = None  # None: whatever is set otherwise


PRESETS: dict[str, Preset] = {
    "support": Preset(10 * MINUTE_MS),
    "sales": Preset(60 * MINUTE_MS),
    "notifications": Preset(2 * MINUTE_MS),
    "chatbot": Preset(15 * MINUTE_MS),
    "timegap": Preset(5 * MINUTE_MS, scope="channel"),
}


class Decision(StrEnum):
    REUSE = "reuse"
    RESUME = "resume"  # it was idle
    EXPIRED_THEN_NEW = "expired_then_new"
    SUPERSEDED_THEN_NEW = "superseded_then_new"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a customer's message does to their session, and why, in words for people."""

    decision: Decision
    gap_ms: int | None  # since the customer's previous message; None when there was none
    because: str

    @property
    def opens(self) -> bool:
        return self.decision not in (Decision.REUSE, Decision.RESUME)


def scope_of(policy: Policy, channel: Channel) -> str:
    """The ``Session.scope`` in which a message on ``channel`` belongs."""
    return str(channel) if policy.scope == "channel" else EVERY_CHANNEL


def judge(session: Session | None, policy: Policy, channel: Channel, now_ms: int) -> Verdict:
    """Decide for one inbound message; ``session`` is the latest of its scope, open or closed.

    Expiry is judged first, then the gap. WAITING_AGENT is left alone by both, an
    operator's session by the gap.
    """
    if session is None:
        where = f" on {channel}" if policy.scope == "channel" else ""
        return Verdict(Decision.NEW, None, f"first message{where}")
    gap_ms = max(0, now_ms - session.last_inbound_at) if session.last_inbound_at else None
    if session.state is State.CLOSED:
        return Verdict(Decision.NEW, gap_ms, f"the last session {_how_it_ended(session)}")
    if due_event(session, policy, now_ms) is Event.EXPIRED:
        return Verdict(Decision.EXPIRED_THEN_NEW, gap_ms, "the last session expired")
    if gap_ms is not None and gap_ms > policy.gap_ms and _may_be_superseded(session):
        return Verdict(Decision.SUPERSEDED_THEN_NEW, gap_ms, f"a gap of {_seconds(gap_ms)} s")
    if gap_ms is None:
        because = "opened before the customer wrote"
    else:
        because = f"last message {_seconds(gap_ms)} s ago"
    return Verdict(Decision.RESUME if session.state is State.IDLE else Decision.REUSE, gap_ms, because)


def due_event(session: Session, policy: Policy, now_ms: int) -> Event | None:
    """What time alone does to a session now; expiry wins over idling where its limit is shorter."""
    if session.state in (State.WAITING_AGENT, State.CLOSED):
        return None
    silence_ms = now_ms - session.last_activity
    if silence_ms > policy.expire_ms:
        return Event.EXPIRED
    if session.state is State.ACTIVE and silence_ms > policy.idle_ms:
        return Event.WENT_QUIET
    return None


def alert_due(session: Session, policy: Policy, now_ms: int) -> bool:
    """Whether a customer has waited for a person for too long, and nobody was told yet."""
    waits = session.state is State.WAITING_AGENT and not session.alerted_at
    return waits and now_ms - session.waiting_since > policy.alert_ms


def next_check(session: Session, policy: Policy) -> int | None:
    """The first millisecond at which ``due_event`` or ``alert_due`` says something; ``None`` when never."""
    if session.state is State.WAITING_AGENT and not session.alerted_at:
        return session.waiting_since + policy.alert_ms + 1
    if session.state in (State.WAITING_AGENT, State.CLOSED):
        return None
    idles = session.state is State.ACTIVE
    limit_ms = min(policy.idle_ms, policy.expire_ms) if idles else policy.expire_ms
    return session.last_activity + limit_ms + 1


def policy_for(agent_policy: Mapping[str, Any], settings: Settings) -> Policy:
    """The policy of an agent: its own settings, over its named policy, over the environment's.

    ``agent_policy`` is the ``policy`` table of the agent's file: ``name``, ``scope``,
    ``new_session_after``, ``idle_after``, ``expire_after``, ``history_window``,
    ``retention``, ``alert_after``. A time is a text with its unit ("90s", "5m", "24h", "30d"), or a
    number in the unit of the environment's variable (minutes, minutes, hours, days).
    Raises ``ValueError`` naming the entry that is wrong.
    """
    unknown = sorted(set(agent_policy) - _AGENT_KEYS)
    if unknown:
        raise ValueError(f"policy: {unknown[0]} is unknown; known are {', '.join(sorted(_AGENT_KEYS))}")
    own, own_preset = agent_policy, _preset(agent_policy.get("name"))
    explicit = settings.model_fields_set
    named = _preset(settings.session_policy)

    gap_ms = _to_ms(settings.session_gap_minutes, MINUTE_MS)
    if named and "session_gap_minutes" not in explicit:
        gap_ms = named.gap_ms
    scope: Scope = settings.session_scope
    # One named policy at a time: the agent's takes the place of the environment's.
    if named and named.scope and not own_preset and "session_scope" not in explicit:
        scope = named.scope
    if own_preset:
        gap_ms, scope = own_preset.gap_ms, own_preset.scope or scope
    return Policy(
        scope=_scope(own.get("scope", scope)),
        gap_ms=_duration(own, "new_session_after", MINUTE_MS, gap_ms),
        idle_ms=_duration(own, "idle_after", MINUTE_MS, _to_ms(settings.session_timeout_minutes, MINUTE_MS)),
        expire_ms=_duration(own, "expire_after", HOUR_MS, _to_ms(settings.session_expire_hours, HOUR_MS)),
        history_window=_count(own, "history_window", settings.max_message_history),
        retention_ms=_duration(own, "retention", DAY_MS, _to_ms(settings.retention_days, DAY_MS)),
        alert_ms=_duration(own, "alert_after", MINUTE_MS, _to_ms(settings.handoff_alert_minutes, MINUTE_MS)),
    )


_AGENT_KEYS = frozenset(
    {
        "name",
        "scope",
        "new_session_after",
        "idle_after",
        "expire_after",
        "history_window",
        "retention",
        "alert_after",
    }
)
_UNITS_MS = {"s": SECOND_MS, "m": MINUTE_MS, "min": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)", re.ASCII)


def _how_it_ended(session: Session) -> str:
    reasons = {
        "completed": "was completed",
        "expired": "expired",
        "superseded": "was superseded",
        "opted_out": "ended when the customer opted out",
    }
    return reasons.get(str(session.end_reason), "had ended")


def _may_be_superseded(session: Session) -> bool:
    return session.state is not State.WAITING_AGENT and session.handled_by is HandledBy.ASSISTANT


def _seconds(ms: int) -> int:
    return round(ms / SECOND_MS)


def _preset(name: Any) -> Preset | None:
    if name is None:
        return None
    if name not in PRESETS:
        raise ValueError(f"policy: name must be one of {', '.join(PRESETS)}")
    return PRESETS[name]


def _scope(value: Any) -> Scope:
    for scope in SCOPES:
        if value == scope:
            return scope
    raise ValueError(f"policy: scope must be one of {', '.join(SCOPES)}")


def _to_ms(number: float, unit_ms: int) -> int:
    return max(1, round(number * unit_ms))  # a limit of 0 would end a session in its own first moment


def _duration(own: Mapping[str, Any], key: str, unit_ms: int, default_ms: int) -> int:
    if key not in own:
        return default_ms
    value = own[key]
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
        return _to_ms(value, unit_ms)
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) <= 0:
        raise ValueError(f'policy: {key} must be a time with its unit, for example {key} = "5m"')
    return _to_ms(float(match[1]), _UNITS_MS[match[2]])


def _count(own: Mapping[str, Any], key: str, default: int) -> int:
    value = own.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"policy: {key} must be a whole number of 1 or more, for example {key} = 20")
    return value
