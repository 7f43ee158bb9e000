"""``ringback sessions``, ``show`` and ``sweep``: looking into the ledger, and doing what the clock does."""

from __future__ import annotations

import json
from typing import Any

import click

from console.running import Trouble, system_or_exit
from console.shapes import time_of
from session import customers, keys, records
from session.manager import NoSuchSession, NotANumber, SessionManager
from session.model import Customer, Direction, Message, Session
from session.policy import EVERY_CHANNEL

ROW = "{:<16} {:<13} {:<9} {:<8} {:>8}  {:<19}  {}"
NO_EXPIRY, NO_KEY = -1, -2  # Redis' answers to PTTL


@click.command(short_help="List the sessions that are not closed.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Rows at most.")
def sessions(limit: int) -> None:
    """List the sessions that are not closed, newest activity first.

    \b
    Example:
      ringback sessions --limit 10
    """
    manager = system_or_exit().manager()
    rows = manager.get_all_sessions(limit)
    if not rows:
        click.echo("No active sessions.")
        return
    click.echo(ROW.format("PHONE", "STATE", "HANDLED", "CHANNEL", "MESSAGES", "LAST ACTIVITY", "AGENT"))
    for customer, s in rows:
        count, seen = s.message_count, _clock(s.last_activity)
        click.echo(ROW.format(customer.legible, s.state, _hands(s), s.channel, count, seen, s.agent_id))
    total = manager.get_active_sessions_count()
    if total > len(rows):
        click.echo(f"... and {total - len(rows)} more: use --limit {total}.")


@click.command(short_help="Show one customer's conversation.")
@click.argument("phone")
@click.option(
    "--keys",
    "with_keys",
    is_flag=True,
    help="Also the Redis keys, their types and TTL, and what is stored, as JSON.",
)
def show(phone: str, with_keys: bool) -> None:
    """Show the conversation of PHONE: its session, messages, entities, and why each session was opened.

    PHONE may be written in any way, and a session's id does as well. Exit status 1 when nobody is known there.

    \b
    Example:
      ringback show +15551234567 --keys
    """
    manager = system_or_exit().manager()
    customer, session, messages = _find(manager, phone)
    _show_customer(customer)
    _show_session(session)
    for item in customers.memory_of(manager, customer.id, session.agent_id):
        _line("Remembers", f"{_plain(item.content)} ({item.type}, {item.confidence:.0%} sure)")
    _show_messages(session, messages)
    _show_openings(manager.sessions_of(customer.id), session)
    if with_keys:
        _show_keys(manager, customer.id, session)


@click.command(short_help="Idle and expire sessions now.")
def sweep() -> None:
    """Do now what the clock does every few seconds: idle quiet sessions, end expired ones.

    Prints how many sessions were moved. It does no harm to run it beside the clock.

    \b
    Example:
      ringback sweep
    """
    manager = system_or_exit().manager()
    click.echo(f"idle: {manager.check_idle_sessions()}")
    click.echo(f"expired: {manager.cleanup_expired_sessions()}")


def _find(manager: SessionManager, name: str) -> tuple[Customer, Session, list[Message]]:
    try:
        if keys.parse_id(name):
            return manager.read_session(name)
        customer, session, messages = manager.read(name)
    except NotANumber:
        raise click.UsageError(f'"{name}" is no phone number; write it like +15551234567.') from None
    except NoSuchSession:
        session = None
    if session is None:
        raise Trouble(f"Nothing is known about {name}; ringback sessions lists whom Ringback talks with.")
    return customer, session, messages


def _show_customer(customer: Customer) -> None:
    click.echo(f"Customer  {customer.legible}{f' ({_plain(customer.name)})' if customer.name else ''}")
    _line("Seen", f"first {_clock(customer.first_seen)}, last {_clock(customer.last_seen)}")
    counts = ", ".join(f"{channel} {n}" for channel, n in sorted(customer.channel_counts.items()))
    _line("Received", counts)
    _line("Opted out", ", ".join(sorted(customer.opted_out)))


def _show_session(s: Session) -> None:
    click.echo(f"\nSession   {s.id}")
    _line("Title", _plain(s.title))
    _line("State", f"{s.state} ({s.status}), handled by the {s.handled_by}")
    _line("Agent", s.agent_id)
    _line("Channel", str(s.channel))
    _line("Opened", f"{_clock(s.created_at)}: {s.opened_because}")
    _line("Active", _clock(s.last_activity))
    _line("Ended", f"{_clock(s.ended_at)}: {s.end_reason}" if s.ended_at else "")
    _line("Messages", f"{s.message_count} ({s.inbound_count} in, {s.outbound_count} out)")
    _line("Intent", _plain(s.intent))
    _line("Language", _plain(s.language))
    _line("Summary", _plain(s.summary))
    _line("Note", _plain(s.note))
    _line("Waits", f"for a person since {_clock(s.waiting_since)}" if s.waiting_since else "")
    for name, entity in s.entities.items():
        before = ", ".join(_plain(str(value)) for value, _, _ in entity.earlier)
        _line("Entity", f"{name} = {_plain(str(entity.value))}{f' (before: {before})' if before else ''}")
    if s.order_details:
        _line("Order", json.dumps(s.order_details, ensure_ascii=False))


def _show_messages(session: Session, messages: list[Message]) -> None:
    """The conversation; at each of the customer's messages why it stayed in this session."""
    click.echo("\nMessages")
    heard_at: dict[str, int] = {}  # by channel where the agent keeps a session for each
    for message in messages:
        inbound = message.direction is Direction.INBOUND
        who = "customer" if inbound else str(message.role)
        channel = "*" if session.scope == EVERY_CHANNEL else str(message.channel)
        note = f"  [{message.status}]"
        if inbound:
            before = heard_at.get(channel)
            gap = f"reused: last message {(message.at - before) / 1000:.0f} s ago" if before else ""
            note = f"  [{gap or 'opened: ' + session.opened_because}]"
            heard_at[channel] = message.at
        click.echo(f"  {_clock(message.at)}  {message.channel:<8} {who:<9} {_plain(message.content)}{note}")


def _show_openings(all_of_them: list[Session], shown: Session) -> None:
    click.echo("\nSessions of this customer, and why each was opened")
    for s in all_of_them:
        mark = "*" if s.id == shown.id else " "
        scope = "" if s.scope == EVERY_CHANNEL else f" on {s.scope}"
        end = f"; ended {_clock(s.ended_at)}: {s.end_reason}" if s.ended_at else ""
        count = f"{s.message_count} message{'' if s.message_count == 1 else 's'}"
        click.echo(
            f"{mark} {_clock(s.created_at)}  {s.state:<13} {s.agent_id}{scope}, {count}: {s.opened_because}{end}"
        )


def _show_keys(manager: SessionManager, cid: str, session: Session) -> None:
    """The customer's keys as Redis has them, and what is stored of the session."""
    client = manager.ledger.redis
    click.echo("\nRedis keys")
    for name in (*keys.CUSTOMER, *keys.CLAIM):
        key = keys.customer_key(name, cid)
        pipe = client.pipeline(transaction=False)
        pipe.type(key)
        pipe.pttl(key)
        kind, ttl_ms = pipe.execute()
        if ttl_ms != NO_KEY:
            click.echo(f"  {key}  {kind}  {_life(ttl_ms)}")
    number = keys.parse_id(session.id)
    member = f"{cid}:{number.number if number else 0}"
    for name, entry in (("active", member), ("deadlines", member), ("waiting", cid)):
        key = keys.partition_key(name, keys.partition(cid))
        score: Any = client.zscore(key, entry)
        if score is not None:
            click.echo(f"  {key}  zset  no TTL  entry of this customer: {_clock(int(score))}")
    click.echo(f"\nSession JSON (version {session.version}, epoch {session.epoch})")
    click.echo(json.dumps(records.readable_session(session), indent=2, ensure_ascii=False))


def _life(ttl_ms: int) -> str:
    return "no TTL" if ttl_ms == NO_EXPIRY else f"TTL {ttl_ms // 1000} s"


def _line(name: str, value: str) -> None:
    if value:
        click.echo(f"  {name:<10} {value}")


def _hands(session: Session) -> str:
    return str(session.handled_by)


def _clock(ms: int) -> str:
    """UTC to the second; a dash for never."""
    moment = time_of(ms)
    return f"{moment[:10]} {moment[11:19]}" if moment else "-"


def _plain(text: str) -> str:
    """One line without control characters: what a customer wrote must not steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
