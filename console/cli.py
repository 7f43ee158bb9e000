"""``ringback``: the command line. Exit status 0: done; 1: not found or no answer; 2: usage or settings."""

from __future__ import annotations

from typing import Any

import click
import redis

from console import (
    commands_agents,
    commands_call,
    commands_customers,
    commands_eval,
    commands_failures,
    commands_senders,
    commands_sessions,
    commands_setup,
    commands_talk,
)
from console.running import Trouble
from session.claims import LedgerConflict


class Program(click.Group):
    """The commands, in the order a newcomer meets them; what goes wrong outside is one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except redis.AuthenticationError:
            raise Trouble("Redis refuses the password of REDIS_URL; ringback doctor says more.") from None
        except redis.RedisError:
            raise Trouble("Redis does not answer; ringback doctor says more.") from None
        except LedgerConflict:
            raise Trouble("Somebody else changed the session meanwhile; try again.") from None


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Commands find the system that make run started from this folder, else the one .env describes.",
)
@click.version_option(package_name="ringback")
def main() -> None:
    """Ringback answers a phone number. These commands set it up, look into it, and text it without a phone."""


for command in (
    commands_setup.doctor,
    commands_setup.init,
    commands_talk.text,
    commands_call.call,
    commands_talk.curl,
    commands_sessions.sessions,
    commands_sessions.show,
    commands_sessions.sweep,
    commands_customers.why,
    commands_failures.failures,
    commands_failures.retry,
    commands_customers.export,
    commands_customers.forget,
    commands_agents.agents,
    commands_senders.senders,
    commands_eval.evaluate,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
