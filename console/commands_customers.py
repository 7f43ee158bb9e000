"""``ringback export``, ``forget`` and ``why``: what is held about a customer, forgetting it, and why a reply was given."""

from __future__ import annotations

import json
from typing import Any

import click

from console import erasure
from console.customer_shapes import holding_json, story_json
from console.running import Trouble, system_or_exit
from console.twilio_erasure import TwilioAway
from session import customers
from session.manager import NotANumber, SessionManager
from workers import jobs


@click.command(short_help="Print everything held about a customer.")
@click.argument("phone")
def export(phone: str) -> None:
    """Print everything held about the customer PHONE as JSON. Exit status 1 when nobody is known there.

    \b
    Example:
      ringback export +15551234567 > customer.json
    """
    manager = system_or_exit().manager()
    try:
        held = customers.holding(manager, _cid(manager, phone))
    except customers.NoSuchCustomer:
        raise Trouble(f"Nothing is known about {phone}.") from None
    click.echo(json.dumps(holding_json(held), indent=2, ensure_ascii=False))


@click.command(short_help="Delete everything held about a customer.")
@click.argument("phone")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--twilio", is_flag=True, help="Delete at Twilio too, what our record names.")
def forget(phone: str, yes: bool, twilio: bool) -> None:
    """Delete everything held about the customer PHONE, everywhere, and print what went. Asks before it does.

    A turn that runs meanwhile stores and sends nothing more. Twilio's own records stay, unless --twilio is given.

    \b
    Example:
      ringback forget +15551234567 --yes
    """
    system = system_or_exit()
    manager = system.manager()
    cid, settings = _cid(manager, phone), system.settings
    if not yes and not click.confirm(f"Delete everything held about {phone}?", err=True):
        raise Trouble("Nothing was deleted.")
    queue = jobs.connect(settings.redis_connection_url, settings.redis_timeout_seconds)
    report = None
    try:
        if twilio:
            removed, report = erasure.erase_everywhere(manager, settings, queue, cid)
        else:
            removed = erasure.erase(manager, queue, cid)
    except TwilioAway as error:
        raise Trouble(f"Nothing was deleted: Twilio {error}.") from None
    finally:
        queue.close()
    for name, count in removed.items():
        click.echo(f"{name}: {count}")
    for name, count in report.deleted.items() if report else ():
        click.echo(f"{name} at Twilio: {count}")
    for sid, why in report.left.items() if report else ():
        click.echo(f"still at Twilio: {sid} ({why})", err=True)


@click.command(short_help="Show why a reply was given.")
@click.argument("turn_id", metavar="ID")
def why(turn_id: str) -> None:
    """Show the turn ID: what was asked, decided, shown to the model, and sent. The id of a message or of a reply
    finds its turn too; ringback export has them all. Turns are kept for seven days.

    \b
    Example:
      ringback why p16-c1c3aa901952e89465590737878a7b42-t22
    """
    manager = system_or_exit().manager()
    found = customers.turn(manager, turn_id)
    if found is None:
        raise Trouble(
            "There is no such turn, or no more: they are kept for seven days; ringback export PHONE lists the ids."
        )
    told = story_json(customers.story(manager, found))
    for show in (_show_turn, _show_decisions, _show_model, _show_replies):
        show(told)


def _cid(manager: SessionManager, phone: str) -> str:
    try:
        return manager.find_customer(phone)[0]
    except NotANumber:
        raise click.UsageError(f'"{phone}" is no phone number; write it like +15551234567.') from None


def _show_turn(told: dict[str, Any]) -> None:
    click.echo(f"Turn      {told['turn_id']}")
    _line("Kind", str(told["kind"]).replace("_", " "))
    _line("Session", told["session_id"] or "")
    _line("Lane", (told["lane"] or "").replace("|", " to "))
    took = f", committed after {told['duration_ms']} ms" if told["duration_ms"] is not None else ""
    _line("Began", f"{_clock(told['began_at'])}{took}")
    click.echo("\nThe customer wrote")
    _show_messages(told["messages"])


def _show_messages(messages: list[dict[str, Any]]) -> None:
    for said in messages:
        if said["content"] is None:
            click.echo(f"  {said['id']} is kept no more")
        else:
            click.echo(f"  {_clock(said['timestamp'])}  {said['channel']:<8} {_plain(said['content'])}")
    if not messages:
        click.echo("  nothing that this turn answered")


def _show_decisions(told: dict[str, Any]) -> None:
    click.echo("\nDecided")
    for number, decision in enumerate(told["decisions"] or ["nothing that was noted"], 1):
        click.echo(f"  {number}. {_plain(decision)}")


def _show_model(told: dict[str, Any]) -> None:
    model, shown = told["model"], told["shown"]
    if not model["calls"]:
        click.echo("\nThe model was not asked")
        return
    click.echo("\nThe model")
    _line("Saw", f"{_times(len(shown['message_ids']), 'message')}, {_times(len(shown['memory_ids']), 'item')} of memory, "
          f"about {shown['estimated_tokens']} tokens")  # fmt: skip
    for name in (*shown["message_ids"], *shown["memory_ids"]):
        click.echo(f"             {name}")
    for use in told["tools"]:
        ended = "gave" if use["ok"] else "failed:"
        asked = json.dumps(use["arguments"], ensure_ascii=False)
        _line(
            "Tool",
            f"{use['name']} {_plain(asked)} {ended} {_plain(str(use['result']))} ({use['duration_ms']} ms)",
        )
    _line(
        "Asked", f"{model['name'] or 'a model'}: {_times(model['calls'], 'call')}, {model['duration_ms']} ms"
    )
    _line(
        "Tokens",
        f"{model['input_tokens']} in ({model['cached_tokens']} cached), {model['output_tokens']} out",
    )
    _line("Cost", f"${model['cost_usd']:.6f}" if model["cost_usd"] else "")


def _show_replies(told: dict[str, Any]) -> None:
    click.echo("\nSaid")
    for reply in told["replies"]:
        _show_messages([reply])
        for part in reply["parts"]:
            sent = f", taken {_clock(part['sent_at'])}" if part["sent_at"] else ""
            error = f", Twilio {part['error_code']}" if part["error_code"] else ""
            click.echo(
                f"    {part['part_id']}  {part['status']}{error}{sent}  {part['twilio_message_sid'] or ''}".rstrip()
            )
    if not told["replies"]:
        click.echo("  nothing")


def _times(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _line(name: str, value: str) -> None:
    if value:
        click.echo(f"  {name:<10} {value}")


def _clock(moment: str | None) -> str:
    """UTC to the millisecond; a dash for never."""
    return f"{moment[:10]} {moment[11:23]}" if moment else "-"


def _plain(text: str) -> str:
    """One line without control characters: what a customer wrote must not steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
