"""Which system a command talks to: the one ``make run`` started here, else the one ``.env`` describes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from config import logging as log_lines
from config.agents import AgentFileError, Agents, load_agents
from config.settings import PROJECT, Settings, SettingsError, load_settings, read_environment
from config.tool_check import tool_environment
from session.claims import Timing
from session.ledger import Ledger, connect
from session.manager import SessionManager

RUN_FILE = Path(".ringback") / "run.json"
# A deployment has one of these; secrets alone may come from init, TWILIO_* may be there for other programs.
SIGNS_OF_LIFE = frozenset({"REDIS_URL", "REDIS_HOST", "PUBLIC_BASE_URL"})
SECRETS_FILE = Path(".ringback") / "secrets.json"


class Trouble(click.ClickException):
    """Not found, or no answer: said in one sentence on stderr, exit status 1."""

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


class Unfit(Trouble):
    """Settings or a command line that nothing can be done with: exit status 2."""

    exit_code = 2


@dataclass(frozen=True)
class Run:
    """What ``make run`` wrote down of itself (``simulator/runfolder.py`` has the fields)."""

    base_url: str
    simulator_url: str | None
    environment: dict[str, str]


@dataclass(frozen=True)
class System:
    """The settings of the system that commands work on, and where it runs if ``make run`` started it."""

    project: Path
    settings: Settings
    run: Run | None

    @property
    def base_url(self) -> str:
        """Where its web process answers."""
        return self.run.base_url if self.run else self.settings.public_base_url

    @property
    def local_twilio_url(self) -> str | None:
        """The local Twilio's origin; None when texts would reach real phones."""
        return self.settings.twilio_rest_origin if self.settings.twilio_is_local else None

    def manager(self) -> SessionManager:
        """The door to its sessions; connects at the first question."""
        settings = self.settings
        agents = self.agents()
        client = connect(settings.session_redis_connection_url, settings.redis_timeout_seconds)
        return SessionManager(Ledger(client, Timing.of(settings)), settings, agents)

    def agents(self) -> Agents:
        """Everybody who answers there."""
        try:
            return load_agents(self.settings.agents_path, self.settings.default_agent_id)
        except AgentFileError as error:
            raise Unfit("\n".join(error.faults)) from None


def project_folder() -> Path:
    """Where the user stands when a project is there, else the folder the program was installed from."""
    here = Path.cwd()
    return here if (here / RUN_FILE.parent).is_dir() or (here / ".env").is_file() else PROJECT


def find_run(project: Path) -> Run | None:
    """The run that lives now. A file left behind by a run that was killed does not count."""
    try:
        text = (project / RUN_FILE).read_text(encoding="utf-8")
    except PermissionError:
        raise Trouble(f"{RUN_FILE} belongs to another user: run this as whoever started Ringback.") from None
    except OSError:
        return None
    try:
        written = json.loads(text)
        os.kill(int(written["pid"]), 0)
        return Run(written["base_url"], written.get("simulator_url"), dict(written["environment"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_system() -> System:
    """Raises ``SettingsError``."""
    project = project_folder()
    run = find_run(project)
    env_file = project / ".env"
    environment = {**os.environ, **(run.environment if run else {})}
    settings = load_settings(environment, env_file, "tool")
    # Lines of the library would stand between the lines of an answer: only what went wrong is said.
    log_lines.configure(settings.model_copy(update={"log_level": "error"}), "tool")
    return System(project, settings, run)


def system_or_exit() -> System:
    """The system; else every fault in its settings and exit status 2, or 1 where there is nothing at all."""
    try:
        return find_system()
    except SettingsError as error:
        if not find_run(project_folder()) and not is_set_up():
            raise Trouble("Ringback does not run here: start it with make run.") from None
        raise Unfit("\n".join(map(str, error.faults))) from None


def is_set_up() -> bool:
    """Whether somebody has begun to set up a system of their own."""
    try:
        return not SIGNS_OF_LIFE.isdisjoint(read_environment(os.environ, project_folder() / ".env"))
    except SettingsError:
        return True


def environment_of_tools() -> dict[str, str]:
    """What tools' secrets are looked up in: as the processes of the system that commands work on have it."""
    project = project_folder()
    run = find_run(project)
    return {**tool_environment(project / ".env"), **(run.environment if run else {})}


def endpoint(url: str) -> str:
    """``host:port`` of a URL (several for Sentinel), without the password that may stand in it."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] if parts.hostname else "its address"
