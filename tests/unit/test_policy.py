"""When a session is reused, resumed, ended and opened anew: PRODUCT "Sessions", DECISIONS 20, 21, 24."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings, load_settings
from config.variables import PolicyName
from session.machine import Event
from session.model import Channel, EndReason, HandledBy, Session, State
from session.policy import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    PRESETS,
    Decision,
    Policy,
    Preset,
    alert_due,
    due_event,
    judge,
    next_check,
    policy_for,
    scope_of,
)

NOW = 1_760_000_000_000
POLICY = Policy("customer", 5 * MINUTE_MS, 30 * MINUTE_MS, 24 * HOUR_MS, 20, 30 * DAY_MS)
PER_CHANNEL = replace(POLICY, scope="channel")
NEEDED = {
    "REDIS_URL": "redis://localhost/0",
    "PUBLIC_BASE_URL": "https://bot.example.com",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_PHONE_NUMBER": "+15550001111",
    "AI_PROVIDER": "mock",
    "ADMIN_API_KEY": "0123456789abcdef",
    "CUSTOMER_ID_KEY": "0123456789abcdef",
    "CONSOLE_PASSWORD": "0123456789abcdef",
    "SECRET_KEY": "0123456789abcdef",
}

limits = st.integers(min_value=1, max_value=10 * DAY_MS)
policies = st.builds(
    Policy,
    scope=st.sampled_from(["customer", "channel"]),
    gap_ms=limits,
    idle_ms=limits,
    expire_ms=limits,
    history_window=st.just(20),
    retention_ms=limits,
)
silences = st.integers(min_value=0, max_value=20 * DAY_MS)
places = st.sampled_from([(state, hands) for state in State for hands in HandledBy])


def session(state: State = State.ACTIVE, hands: HandledBy = HandledBy.ASSISTANT, **changes: Any) -> Session:
    values: dict[str, Any] = {
        "id": "s",
        "agent_id": "a",
        "channel": Channel.SMS,
        "title": "",
        "created_at": NOW - DAY_MS,
    }
    values |= {"last_activity": NOW, "last_inbound_at": NOW, "state": state, "handled_by": hands}
    return Session(**(values | changes))


def settings(**variables: str) -> Settings:
    return load_settings(NEEDED | variables, env_file=None)


def test_a_first_message_opens() -> None:
    """A customer without a session gets a new one; per channel, the reason names the channel."""
    assert (Decision.NEW, None, "first message") == _told(judge(None, POLICY, Channel.SMS, NOW))
    assert judge(None, PER_CHANNEL, Channel.WHATSAPP, NOW).because == "first message on whatsapp"


@pytest.mark.parametrize(
    ("gap_ms", "decision", "because"),
    [
        (60_000, Decision.REUSE, "last message 60 s ago"),
        (5 * MINUTE_MS - 1, Decision.REUSE, "last message 300 s ago"),
        (5 * MINUTE_MS, Decision.REUSE, "last message 300 s ago"),
        (5 * MINUTE_MS + 1, Decision.SUPERSEDED_THEN_NEW, "a gap of 300 s"),
        (6 * MINUTE_MS, Decision.SUPERSEDED_THEN_NEW, "a gap of 360 s"),
    ],
)
def test_the_seeds_five_minutes(gap_ms: int, decision: Decision, because: str) -> None:
    """Exactly the gap reuses, one millisecond longer starts a new session."""
    before = session(last_inbound_at=NOW - gap_ms)

    assert (decision, gap_ms, because) == _told(judge(before, POLICY, Channel.SMS, NOW))


def test_our_reply_does_not_shorten_the_gap() -> None:
    """The gap runs from the customer's previous message, whatever we sent meanwhile."""
    before = session(last_inbound_at=NOW - 6 * MINUTE_MS, last_activity=NOW - 1000)

    assert judge(before, POLICY, Channel.SMS, NOW).decision is Decision.SUPERSEDED_THEN_NEW


def test_a_session_that_a_program_opened_has_no_gap_yet() -> None:
    """Before the customer's first message there is nothing to measure a gap from."""
    before = session(State.NEW, last_inbound_at=0, last_activity=NOW - HOUR_MS)

    verdict = judge(before, POLICY, Channel.SMS, NOW)

    assert (Decision.REUSE, None, "opened before the customer wrote") == _told(verdict)


def test_an_idle_session_is_resumed() -> None:
    """The customer's next message wakes an idle session, when the gap allows."""
    verdict = judge(session(State.IDLE), replace(POLICY, gap_ms=HOUR_MS), Channel.SMS, NOW + 40 * MINUTE_MS)

    assert verdict.decision is Decision.RESUME
    assert not verdict.opens


@pytest.mark.parametrize(("silence_ms", "expired"), [(24 * HOUR_MS, False), (24 * HOUR_MS + 1, True)])
def test_expiry_is_judged_before_the_gap(silence_ms: int, expired: bool) -> None:
    """A silence longer than both limits is an expiry; exactly equal has not expired, so the gap rules."""
    before = session(last_inbound_at=NOW - silence_ms, last_activity=NOW - silence_ms)

    decision = judge(before, POLICY, Channel.SMS, NOW).decision

    assert decision is (Decision.EXPIRED_THEN_NEW if expired else Decision.SUPERSEDED_THEN_NEW)


@pytest.mark.parametrize(
    ("reason", "because"),
    [
        (EndReason.COMPLETED, "the last session was completed"),
        (EndReason.EXPIRED, "the last session expired"),
        (EndReason.SUPERSEDED, "the last session was superseded"),
        (EndReason.OPTED_OUT, "the last session ended when the customer opted out"),
        (None, "the last session had ended"),
    ],
)
def test_a_closed_session_stays_closed(reason: EndReason | None, because: str) -> None:
    """After the end a new session opens and says how the last one ended."""
    before = session(State.CLOSED, end_reason=reason)

    assert (Decision.NEW, 1000, because) == _told(judge(before, POLICY, Channel.SMS, NOW + 1000))


@given(policies, silences, st.sampled_from(HandledBy))
def test_nobody_who_waits_for_a_person_is_sent_away(policy: Policy, silence: int, hands: HandledBy) -> None:
    """WAITING_AGENT neither idles, expires nor is superseded, however long it takes."""
    waiting = session(State.WAITING_AGENT, hands)

    assert judge(waiting, policy, Channel.SMS, NOW + silence).decision is Decision.REUSE
    assert due_event(waiting, policy, NOW + silence) is None
    assert next_check(replace(waiting, alerted_at=NOW), policy) is None


@given(policies, silences)
def test_whoever_waits_too_long_is_told_of_once(policy: Policy, silence: int) -> None:
    """One alert for each wait, when it is longer than the policy's limit."""
    waiting = replace(session(State.WAITING_AGENT), waiting_since=NOW)

    assert alert_due(waiting, policy, NOW + silence) == (silence > policy.alert_ms)
    assert not alert_due(replace(waiting, alerted_at=NOW), policy, NOW + silence)


@given(policies, silences, st.sampled_from([State.ACTIVE, State.IDLE]))
def test_an_operators_session_is_never_superseded(policy: Policy, silence: int, state: State) -> None:
    """A gap does not end what an operator handles; expiry does."""
    decision = judge(session(state, HandledBy.OPERATOR), policy, Channel.SMS, NOW + silence).decision

    assert decision is not Decision.SUPERSEDED_THEN_NEW
    assert (decision is Decision.EXPIRED_THEN_NEW) == (silence > policy.expire_ms)


@given(policies, st.sampled_from(["gap_ms", "expire_ms"]), st.integers(-1, 1))
def test_every_limit_is_exclusive(policy: Policy, limit: str, past: int) -> None:
    """On the millisecond of a limit the session lives on, one later it does not."""
    policy = replace(
        policy, **{"gap_ms": 20 * DAY_MS, "expire_ms": 20 * DAY_MS, limit: getattr(policy, limit)}
    )

    verdict = judge(session(), policy, Channel.SMS, NOW + getattr(policy, limit) + past)

    assert verdict.opens == (past > 0)


@given(policies, places, silences)
def test_the_sweep_comes_exactly_when_something_is_due(
    policy: Policy, place: tuple[State, HandledBy], silence: int
) -> None:
    """``due_event`` and ``alert_due`` say nothing before ``next_check``, and one of them something from then on."""
    quiet = replace(session(*place), waiting_since=NOW)
    check = next_check(quiet, policy)

    due = due_event(quiet, policy, NOW + silence) or alert_due(quiet, policy, NOW + silence) or None

    assert (due is not None) == (check is not None and NOW + silence >= check)


@pytest.mark.parametrize(
    ("state", "idle_ms", "expire_ms", "silence_ms", "expected"),
    [
        (State.ACTIVE, 10, 100, 10, None),
        (State.ACTIVE, 10, 100, 11, Event.WENT_QUIET),
        (State.ACTIVE, 10, 100, 101, Event.EXPIRED),
        (State.ACTIVE, 100, 10, 11, Event.EXPIRED),
        (State.IDLE, 10, 100, 50, None),
        (State.IDLE, 10, 100, 101, Event.EXPIRED),
        (State.NEW, 10, 100, 50, None),
        (State.NEW, 10, 100, 101, Event.EXPIRED),
        (State.CLOSED, 10, 100, 101, None),
    ],
)
def test_what_time_alone_does(
    state: State, idle_ms: int, expire_ms: int, silence_ms: int, expected: Event | None
) -> None:
    """ACTIVE idles, what is not waiting expires, and the shorter expiry wins over idling."""
    policy = replace(POLICY, idle_ms=idle_ms, expire_ms=expire_ms)

    assert expected == due_event(session(state), policy, NOW + silence_ms)


def test_the_scope_of_a_message() -> None:
    """One session for all channels, or one for each."""
    assert "*" == scope_of(POLICY, Channel.WHATSAPP)
    assert "whatsapp" == scope_of(PER_CHANNEL, Channel.WHATSAPP)


def test_the_named_policies_of_the_product_page() -> None:
    """The presets are the product page's, and the environment accepts exactly these names."""
    assert {
        "support": Preset(10 * MINUTE_MS),
        "sales": Preset(60 * MINUTE_MS),
        "notifications": Preset(2 * MINUTE_MS),
        "chatbot": Preset(15 * MINUTE_MS),
        "timegap": Preset(5 * MINUTE_MS, "channel"),
    } == PRESETS
    assert set(get_args(PolicyName)) == set(PRESETS)


def test_the_defaults_of_the_contract() -> None:
    """Nothing set: 24 h gap, 30 min to idle, 24 h to expiry, 20 messages, 30 days, one session per customer."""
    expected = Policy("customer", 24 * HOUR_MS, 30 * MINUTE_MS, 24 * HOUR_MS, 20, 30 * DAY_MS)

    assert expected == policy_for({}, settings())


@pytest.mark.parametrize(
    ("variables", "agent", "gap_ms", "scope"),
    [
        ({"SESSION_POLICY": "sales"}, {}, 60 * MINUTE_MS, "customer"),
        ({"SESSION_POLICY": "timegap"}, {}, 5 * MINUTE_MS, "channel"),
        ({"SESSION_POLICY": "timegap", "SESSION_SCOPE": "customer"}, {}, 5 * MINUTE_MS, "customer"),
        ({"SESSION_POLICY": "sales", "SESSION_GAP_MINUTES": "0.05"}, {}, 3000, "customer"),
        ({"SESSION_POLICY": "sales", "SESSION_GAP_MINUTES": "1440"}, {}, 24 * HOUR_MS, "customer"),
        ({"SESSION_GAP_MINUTES": "7"}, {"name": "support"}, 10 * MINUTE_MS, "customer"),
        ({"SESSION_SCOPE": "channel"}, {"name": "support"}, 10 * MINUTE_MS, "channel"),
        ({"SESSION_POLICY": "timegap"}, {"name": "support"}, 10 * MINUTE_MS, "customer"),
        ({"SESSION_SCOPE": "customer"}, {"name": "timegap"}, 5 * MINUTE_MS, "channel"),
        ({}, {"name": "timegap", "scope": "customer", "new_session_after": "90s"}, 90_000, "customer"),
        ({"SESSION_GAP_MINUTES": "7"}, {"new_session_after": 3}, 3 * MINUTE_MS, "customer"),
    ],
)
def test_what_overrides_what(
    variables: dict[str, str], agent: dict[str, Any], gap_ms: int, scope: str
) -> None:
    """Single settings override a named policy, and the agent's file overrides the environment."""
    policy = policy_for(agent, settings(**variables))

    assert (gap_ms, scope) == (policy.gap_ms, policy.scope)


def test_an_agents_own_times() -> None:
    """An agent's times carry their unit, or are numbers in the unit of the environment's variable."""
    own = {"idle_after": "30 min", "expire_after": 2, "history_window": 7, "retention": "7d"}

    policy = policy_for(own, settings())

    assert (30 * MINUTE_MS, 2 * HOUR_MS, 7, 7 * DAY_MS) == (
        policy.idle_ms,
        policy.expire_ms,
        policy.history_window,
        policy.retention_ms,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "unheard-of"},
        {"scope": "number"},
        {"new_session_after": "soon"},
        {"new_session_after": 0},
        {"idle_after": "-5m"},
        {"idle_after": True},
        {"expire_after": float("inf")},
        {"retention": "0d"},
        {"history_window": 0},
        {"history_window": "20"},
        {"idle": "5m"},
    ],
)
def test_a_wrong_entry_of_an_agent_is_named(wrong: dict[str, Any]) -> None:
    """The error names the entry that is wrong."""
    with pytest.raises(ValueError, match=f"policy: {next(iter(wrong))}"):
        policy_for(wrong, settings())


def _told(verdict: Any) -> tuple[Decision, int | None, str]:
    return verdict.decision, verdict.gap_ms, verdict.because
