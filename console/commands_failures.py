"""``ringback failures`` and ``ringback retry``: what needs a person, and trying it again."""

from __future__ import annotations

import click
import redis

from console.running import Trouble, system_or_exit
from console.shapes import time_of
from session.failures import Failure, NoSuchFailure
from session.retries import NotRetried
from workers import jobs
from workers.bell import Bell


@click.command(short_help="List what needs a person.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="Failures at most.")
@click.option("--all", "resolved", is_flag=True, help="Also those that were retried.")
@click.option("--cursor", default="", help="Go on after an earlier list, with what it ended with.")
def failures(limit: int, resolved: bool, cursor: str) -> None:
    """List what needs a person, newest first: cause, last error, attempts, and what a retry will do.

    \b
    Example:
      ringback failures --limit 5
    """
    door = system_or_exit().manager().failures
    try:
        found, following = door.page(limit, cursor, resolved=resolved)
    except ValueError:
        raise click.UsageError("--cursor is what an earlier list ended with.") from None
    if not found and not cursor:
        click.echo("No failures.")
        return
    for failure in found:
        _show(failure)
    if following:
        click.echo(f"... and more: use --cursor {following}")
    if not resolved:
        total = door.count()
        click.echo(f"{total} failure{'' if total == 1 else 's'} in all; ringback retry ID tries one again.")


@click.command(short_help="Try a failure again.")
@click.argument("failure_id", metavar="ID")
def retry(failure_id: str) -> None:
    """Try the failure ID again, once. Exit status 1 when that is not possible, with the reason.

    \b
    Example:
      ringback retry p16-c1c3aa901952e89465590737878a7b42-f21
    """
    system = system_or_exit()
    try:
        failure = system.manager().retry_failure(failure_id)
    except NoSuchFailure:
        raise Trouble("There is no such failure; ringback failures lists them.") from None
    except NotRetried as refusal:
        when = time_of(refusal.failure.resolved_at)
        raise Trouble(f"{refusal.sentence}{f' (At {when}.)' if when else ''}") from None
    click.echo(failure.effect)
    settings = system.settings
    queue = jobs.connect(settings.redis_connection_url, settings.redis_timeout_seconds)
    try:
        Bell(queue, settings.job_seconds).ring(failure.cid)
    except redis.RedisError:
        click.echo("The queue does not answer; a worker will find it within seconds.", err=True)
    finally:
        queue.close()


def _show(failure: Failure) -> None:
    click.echo(f"{failure.id}  {failure.reason}")
    click.echo(f"  {time_of(failure.at)}  {_plain(failure.phone) or 'nobody we could answer'}")
    tries = f"; attempts: {failure.attempts}" if failure.attempts else ""
    error = f"; last error: {_plain(failure.last_error)}" if failure.last_error else ""
    click.echo(f"  {failure.cause}{tries}{error}")
    about = failure.part_id or ", ".join(failure.message_ids)
    session = f" in {failure.session_id}" if failure.session_id else ""
    click.echo(f"  about {about}{session}")
    if failure.resolved_at:
        click.echo(f"  {failure.resolution} {time_of(failure.resolved_at)}\n")
    else:
        click.echo(f"  retry: {failure.effect}\n")


def _plain(text: str) -> str:
    """One line without control characters: what came from outside must not steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
