"""``ringback senders``: which number may be used for what."""

from __future__ import annotations

import click

from console.running import Trouble, system_or_exit
from console.senders import CHANNEL_WORDS, Sender, Senders, TwilioAway

HEADINGS = ("NUMBER", "NAME", "MAY BE USED FOR", "IS A")


@click.command(short_help="List which number may be used for what.")
def senders() -> None:
    """List the numbers that Ringback may write and call from, as Twilio has them, and what each may be used for.

    A verified caller ID is for calls alone: Twilio sends no text from it.

    \b
    Example:
      ringback senders
    """
    try:
        found = Senders(system_or_exit().settings).all()
    except TwilioAway as fault:
        raise Trouble(f"Twilio {fault}.") from None
    for line in listed(found):
        click.echo(line)


def listed(found: tuple[Sender, ...]) -> list[str]:
    """The senders as lines of a table."""
    rows = [HEADINGS, *(_row(sender) for sender in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _row(sender: Sender) -> tuple[str, ...]:
    uses = [word for channel, word in CHANNEL_WORDS.items() if channel in sender.uses]
    name = "".join(c if c.isprintable() else " " for c in sender.name)
    return sender.number, name, ", ".join(uses) or "nothing", sender.kind
