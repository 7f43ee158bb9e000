"""Behind ``make run``: everything on embedded defaults, started in order, stopped in reverse.

    .venv/bin/python -m simulator.launcher        (LIVE=1 in the environment: the real Twilio)

State lives in ``.ringback/`` (``runfolder.py`` says what stands there, ``run.json`` for tools among it).
Exit status: 0 stopped on request, 1 could not start or gave up, 2 faulty settings.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import redis

from config.agents import AgentFileError, Agents, load_agents
from config.settings import SettingsError, load_settings
from simulator import embedded
from simulator.answering import Answering
from simulator.environment import (
    EMBEDDED_PASSWORD,
    CannotStart,
    Surroundings,
    decide,
    for_simulator,
    users_settings,
    with_redis,
)
from simulator.runfolder import (
    forget_run,
    kept_secrets,
    last_lines,
    rotate,
    state_folder,
    take_lock,
    write_run,
)
from simulator.supervisor import GaveUp, Program, Supervisor, stop_leftovers

PROJECT = Path(__file__).resolve().parent.parent
CONSOLE = "/console/"
READY_SECONDS = 90.0
PATIENCE_SECONDS = 15.0  # after this a word to say that it is still starting
POLL_SECONDS, PROBE_SECONDS = 0.1, 2.0
UNTIL_PARENT_ENDS = "--until-parent-ends"

# Seconds from SIGTERM to SIGKILL: each a little more than the process itself takes at most.
GRACE_SECONDS = {"clock": 5.0, "worker": 27.0, "web": 23.0, "simulator": 5.0, "redis": 10.0}


@dataclass(frozen=True)
class Link:
    """A page worth opening: printed last on its line when it answers."""

    name: str
    url: str


class Shutdown:
    """Whether we were asked to stop, and whether we were asked twice.

    With ``until_parent_ends`` the end of our parent asks too: a killed ``make`` passes no signal on.
    """

    def __init__(self, until_parent_ends: bool) -> None:
        self._is_asked = False
        self._parent = os.getppid() if until_parent_ends else None
        self.is_hurried = False

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.is_hurried = self._is_asked
        self._is_asked = True

    def is_asked(self) -> bool:
        return self._is_asked

    def wait(self, seconds: float) -> bool:
        """Sleeps this long; True when asked to stop.

        No ``threading.Event``: the handler of a signal that arrives inside ``wait()`` would wait for its lock for ever.
        """
        if self._parent is not None and os.getppid() != self._parent:
            self._is_asked = True
        if not self._is_asked:
            time.sleep(seconds)
        return self._is_asked


def say(sentence: str) -> None:
    """To the terminal, which may be gone: that is no reason to leave children behind."""
    with contextlib.suppress(OSError, ValueError):
        print(sentence, flush=True)


def procfile(project: Path) -> dict[str, tuple[str, ...]]:
    """The project's Procfile: process type to command, the program found beside our own Python."""
    commands: dict[str, tuple[str, ...]] = {}
    for line in (project / "Procfile").read_text().splitlines():
        name, colon, command = line.partition(":")
        if colon and not line.startswith("#"):
            commands[name.strip()] = located(shlex.split(command))
    return commands


def located(words: list[str]) -> tuple[str, ...]:
    beside = Path(sys.executable).with_name(words[0])
    return (str(beside) if beside.exists() else words[0], *words[1:])


def links_of(made: Surroundings) -> list[Link]:
    """The pages that exist, the best first: ``/`` redirects to it."""
    phone = Link("Phone", f"{made.simulator_url}/phone")
    ours = [Link("Console", f"{made.base_url}{CONSOLE}"), Link("Queues", f"{made.base_url}/rq/")]
    return ours if made.is_live else [phone, *ours]


def programs(project: Path, state: Path, made: Surroundings, answering: Answering) -> list[Program]:
    """What runs beside Redis, in the order of starting."""
    environment = made.environment | {"PYTHONUNBUFFERED": "1"}
    # Live, `/` is asked for by its public name too, and leads to the same page without naming this machine.
    home = {"RINGBACK_HOME_URL": CONSOLE if made.is_live else links_of(made)[0].url}
    commands = procfile(project)
    run = []
    if made.needs_simulator:
        command = (sys.executable, "-m", "simulator", "--port", str(made.simulator_port))
        own = for_simulator(made, state / "simulator.db") | answering.environment()
        own |= {"PYTHONUNBUFFERED": "1"}
        run.append(Program("simulator", command, own, GRACE_SECONDS["simulator"]))
    for name in ("web", "worker", "clock"):
        added = home if name == "web" else {}
        run.append(Program(name, commands[name], environment | added, GRACE_SECONDS[name]))
    return run


def check_ports(made: Surroundings) -> None:
    wanted = {"PORT": made.port}
    if made.needs_simulator:
        wanted["SIMULATOR_PORT"] = made.simulator_port
    if len(set(wanted.values())) < len(wanted):
        raise CannotStart("PORT and SIMULATOR_PORT are the same: choose two different ports.")
    for name, port in wanted.items():
        if not embedded.is_port_free(port):
            raise CannotStart(
                f"Port {port} is taken by another program: stop it, or choose another port with "
                f"{name}={port + 10 if port < 65500 else port - 10} make run."
            )


def settings_faults(project: Path, made: Surroundings) -> list[str]:
    """What the processes would refuse to start for, in their own words."""
    faults = list(made.faults)
    try:
        settings = load_settings(made.environment, project / ".env")
        load_agents(settings.agents_path, settings.default_agent_id)
    except SettingsError as error:
        return [*map(str, error.faults), *faults]
    except AgentFileError as error:
        return [*error.faults, *faults]
    return faults


def answering_of(agents: Agents, ours: str, is_live: bool) -> Answering:
    """Who answers our number ``ours``, and who else could by another DEFAULT_AGENT_ID."""
    agent = agents.for_number(ours)
    is_chosen = agent is agents.default and not is_live
    others = sorted(other.id for other in agents if is_chosen and other is not agent and not other.numbers)
    return Answering(agent.id, agent.name, tuple(others))


def http_answers(url: str) -> bool:
    """Whether a GET gives a 2xx or 3xx."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback never goes by a proxy
    try:
        with opener.open(url, timeout=PROBE_SECONDS):
            return True
    except (urllib.error.URLError, OSError):
        return False


def registered_workers(redis_url: str) -> set[bytes]:
    """RQ's own list of workers; empty when it cannot be read (a Sentinel, a cluster)."""
    try:
        waits = {"socket_timeout": PROBE_SECONDS, "socket_connect_timeout": PROBE_SECONDS}
        client = redis.Redis.from_url(redis_url, **waits)
        with contextlib.closing(client):
            return set(client.smembers("rq:workers"))  # type: ignore[arg-type]
    except (redis.RedisError, OSError, ValueError):
        return set()


class Run:
    """One start of everything, from the first process to the last farewell."""

    def __init__(
        self, project: Path, state: Path, lock: int, made: Surroundings, redis: Program | None
    ) -> None:
        """``redis``: the embedded server, None when the user has one."""
        self._state, self._made, self._redis = state, made, redis
        self._settings = settings = load_settings(made.environment, project / ".env")
        agents = load_agents(settings.agents_path, settings.default_agent_id)
        self._answering = answering_of(agents, settings.twilio_phone_number, made.is_live)
        self._programs = programs(project, state, made, self._answering)
        self._log = state / "logs" / "ringback.log"
        rotate(self._log)
        self._shutdown = Shutdown(UNTIL_PARENT_ENDS in sys.argv)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._shutdown.on_signal)
        self._supervisor = Supervisor(project, self._log, state / "processes.json", say, lock)

    def to_the_end(self) -> int:
        """Returns the exit status."""
        status = 0
        try:
            if self._start():
                self._announce()
                while not self._shutdown.wait(POLL_SECONDS):
                    self._supervisor.check()
        except (GaveUp, CannotStart) as error:
            self._explain(error)
            status = 1
        finally:
            forget_run(self._state)
            self._supervisor.stop_all(lambda: self._shutdown.is_hurried)
        say("Stopped.")
        return status

    def _start(self) -> bool:
        """False when asked to stop meanwhile."""
        redis_url = self._settings.redis_connection_url
        if self._redis is not None:
            self._supervisor.start(self._redis)
            if not self._wait_until(lambda: embedded.answers(redis_url)):
                return False
        workers_before = registered_workers(redis_url)  # a killed worker stays on the list for minutes
        for program in self._programs:
            self._supervisor.start(program)
        waited_for = [lambda: http_answers(f"{self._made.base_url}/ready")]
        if self._made.needs_simulator:
            waited_for.append(lambda: http_answers(f"{self._made.simulator_url}/phone"))
        if embedded.answers(redis_url):  # not so for a Sentinel: /ready has to do
            waited_for.append(lambda: bool(registered_workers(redis_url) - workers_before))
        return all(self._wait_until(is_up) for is_up in waited_for)

    def _wait_until(self, is_up: Callable[[], bool]) -> bool:
        """False when asked to stop meanwhile; raises GaveUp, and CannotStart when it takes too long."""
        started = time.monotonic()
        told = False
        while not is_up():
            self._supervisor.check()
            if self._shutdown.wait(POLL_SECONDS):
                return False
            waited_s = time.monotonic() - started
            if waited_s > READY_SECONDS:
                raise CannotStart(f"Not everything answers after {READY_SECONDS:.0f} seconds.")
            if waited_s > PATIENCE_SECONDS and not told:
                say("Still starting.")
                told = True
        return not self._shutdown.is_asked()

    def _announce(self) -> None:
        links = links_of(self._made)
        write_run(self._state, self._made, None if self._made.is_live else links[0].url, self._log)
        if self._made.has_stand_in_model:
            say("No OPENAI_API_KEY is set: a stand-in model answers.")
        say(f"Agent    {self._answering.id}{another(self._answering)}")
        say(f"Logs     {shown(self._log)}")
        for link in links:
            say(f"{link.name:<8} {link.url}")
        if "CONSOLE_PASSWORD" in self._made.added:
            say(f"Password CONSOLE_PASSWORD in {shown(self._state / 'secrets.json')}")
        say("Ringback is running. Ctrl-C stops everything.")

    def _explain(self, error: GaveUp | CannotStart) -> None:
        say(f"{error} Everything is stopped; more stands in {shown(self._log)}")
        if isinstance(error, GaveUp):
            for line in last_lines(self._log, error.log_offset, self._settings.secret_values):
                say(f"    {line}")


def another(answering: Answering) -> str:
    """How to let another agent answer, behind the name of the one that does."""
    if not answering.others:
        return ""
    first, *more = answering.others
    rest = f" (or {', '.join(more)})" if more else ""
    return f"; for another: DEFAULT_AGENT_ID={first} make run{rest}"


def shown(path: Path) -> str:
    """Relative to where the user stands, when that is shorter."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def main(project: Path = PROJECT) -> int:
    """Exit status: 0 stopped on request, 1 could not start or gave up, 2 faulty settings."""
    os.umask(0o077)
    try:
        state = state_folder(project)
        lock = take_lock(state, say)
        stop_leftovers(state / "processes.json")
        kept = kept_secrets(state)
        made = decide(users_settings(project, os.environ), kept)
        redis_program = None
        if made.needs_redis:
            planned = embedded.plan(state / "redis", kept[EMBEDDED_PASSWORD])
            made = with_redis(made, planned.url)
            redis_program = Program("redis", planned.command, {}, GRACE_SECONDS["redis"])
        faults = settings_faults(project, made)
        if faults:
            print("\n".join(faults), file=sys.stderr)
            return 2
        check_ports(made)
        say("Starting Ringback.")
        return Run(project, state, lock, made, redis_program).to_the_end()
    except (CannotStart, embedded.EmbeddedServerError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
