"""The launcher behind ``make run``, as a process of its own, over small programs that stand in for ours."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from simulator import embedded
from simulator.supervisor import birth_of

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 30

DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, {repository!r})
from simulator.launcher import main
sys.exit(main(Path({project!r})))
"""

# Each notes its end in one file, so that the order of stopping can be read there.
STAND_IN = """
import http.server, os, signal, sys, time
name = sys.argv[1]
def leave(*_):
    with open("ended", "a") as file:
        file.write(name + chr(10))
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
"""
SERVER = """
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get("RINGBACK_HOME_URL", "").encode())
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["STAND_IN_PORT"])), Handler).serve_forever()
"""
WORKER = """
import redis
redis.Redis.from_url(os.environ["REDIS_URL"]).sadd("rq:workers", f"rq:worker:{os.getpid()}")
time.sleep(3600)
"""
PROCFILE = "web: python web.py web\nworker: python worker.py worker\nclock: python clock.py clock\n"


class Project:
    """A folder that looks to the launcher like a checkout of ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_pair_of_ports()
        self.write("Procfile", PROCFILE)
        self.write("web.py", STAND_IN + SERVER.replace('"STAND_IN_PORT"', '"PORT"'))
        self.write("worker.py", STAND_IN + WORKER)
        self.write("clock.py", STAND_IN + "time.sleep(3600)")
        (folder / "simulator").mkdir()
        self.write("simulator/__init__.py", "")  # else the real package, on the path of .venv, comes first
        server = SERVER.replace('int(os.environ["STAND_IN_PORT"])', "int(sys.argv[-1])")
        self.write("simulator/__main__.py", STAND_IN.replace("sys.argv[1]", '"simulator"') + server)
        self.write("drive.py", DRIVER.format(repository=str(REPOSITORY), project=str(folder)))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def state(self, name: str) -> Path:
        return self.folder / ".ringback" / name

    def run_json(self) -> dict:
        return json.loads(self.state("run.json").read_text())

    def pids(self) -> dict[str, int]:
        return {entry["name"]: entry["pid"] for entry in json.loads(self.state("processes.json").read_text())}

    def popen(self, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "drive.py"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PORT": str(self.port), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def running(self) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
        """The launcher and what it printed up to the line that says it runs."""
        launcher = self.popen()
        try:
            yield launcher, list(lines_until(launcher, "Ringback is running."))
        finally:
            launcher.terminate()
            launcher.communicate(timeout=PATIENCE_SECONDS)


def lines_until(launcher: subprocess.Popen[str], beginning: str) -> Iterator[str]:
    assert launcher.stdout is not None
    for line in launcher.stdout:
        yield line.rstrip("\n")
        if line.startswith(beginning):
            return
    pytest.fail(f"the launcher ended with {launcher.wait()} and never said {beginning!r}")


def free_pair_of_ports() -> int:
    """A port whose successor is free too."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port < 65535 and embedded.is_port_free(port) and embedded.is_port_free(port + 1):
            return port


def wait_until(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.02)
    return False


def all_gone(pids: list[int]) -> bool:
    return all(birth_of(pid) is None for pid in pids)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@dataclass(frozen=True)
class Running:
    project: Project
    launcher: subprocess.Popen[str]
    lines: list[str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One launcher for the tests that only look."""
    project = Project(tmp_path_factory.mktemp("running"))
    with project.running() as (launcher, lines):
        yield Running(project, launcher, lines)


def test_prints_each_link_last_on_its_line_and_no_other_url(running: Running) -> None:
    """What the terminal shows: the links that work, where log and password stand, no other URL and no secret."""
    with_url = [line for line in running.lines if "://" in line]
    kept = json.loads(running.project.state("secrets.json").read_text())

    assert [
        f"Phone    http://127.0.0.1:{running.project.port + 1}/phone",
        f"Console  http://127.0.0.1:{running.project.port}/console/",
        f"Queues   http://127.0.0.1:{running.project.port}/rq/",
    ] == with_url
    assert "Logs     .ringback/logs/ringback.log" in running.lines
    assert "Password CONSOLE_PASSWORD in .ringback/secrets.json" in running.lines
    assert not [name for name, value in kept.items() if any(value in line for line in running.lines)]


def test_web_is_told_the_first_link(running: Running) -> None:
    """Web gets the first link as RINGBACK_HOME_URL, which `/` redirects to."""
    with urllib.request.urlopen(f"http://127.0.0.1:{running.project.port}/", timeout=5) as answer:
        assert f"http://127.0.0.1:{running.project.port + 1}/phone" == answer.read().decode()


def test_tells_tools_where_everything_is_and_keeps_it_private(running: Running) -> None:
    """run.json says what the module promises; the folder and the secrets are for the owner alone."""
    project, run = running.project, running.project.run_json()
    modes = {name: project.state(name).stat().st_mode & 0o777 for name in ("", "run.json", "secrets.json")}

    assert {"": 0o700, "run.json": 0o600, "secrets.json": 0o600} == modes
    assert redis.Redis.from_url(run["redis_url"], socket_timeout=5).ping()
    assert running.launcher.pid == run["pid"]
    assert f"http://127.0.0.1:{project.port}" == run["base_url"]
    assert f"http://127.0.0.1:{project.port + 1}" == run["simulator_url"]
    assert re.fullmatch(r"AC[0-9a-f]{32}", run["account_sid"])
    assert f"{run['simulator_url']}/v1" == run["environment"]["OPENAI_BASE_URL"]


def test_second_start_is_refused_while_one_runs(running: Running) -> None:
    """A second start says in one line that one runs, with its link last, and exits 1."""
    second = running.project.popen()
    said, _ = second.communicate(timeout=PATIENCE_SECONDS)

    assert 1 == second.returncode
    assert 1 == len(said.splitlines())
    assert said.rstrip().endswith(f"http://127.0.0.1:{running.project.port + 1}/phone")


def test_ctrl_c_stops_in_reverse_order_and_exits_0(project: Project) -> None:
    """SIGINT ends every process, the last started first, Redis last of all, with exit status 0."""
    with project.running() as (launcher, _):
        pids = project.pids()
        launcher.send_signal(signal.SIGINT)
        rest, _ = launcher.communicate(timeout=PATIENCE_SECONDS)

    assert 0 == launcher.returncode
    assert "Stopped.\n" == rest
    assert ["clock", "worker", "web", "simulator"] == (project.folder / "ended").read_text().split()
    assert {"redis", "simulator", "web", "worker", "clock"} == set(pids)
    assert all_gone(list(pids.values()))
    assert not project.state("run.json").exists()


def test_next_start_finds_the_data_and_the_secrets_of_the_last(project: Project) -> None:
    """What was stored, and every generated secret, is the same after a restart."""
    with project.running():
        before = project.run_json()
        redis.Redis.from_url(before["redis_url"], socket_timeout=5).set("kept", "yes")
    with project.running():
        after = project.run_json()
        kept = redis.Redis.from_url(after["redis_url"], socket_timeout=5).get("kept")

    assert b"yes" == kept
    assert before["environment"]["CUSTOMER_ID_KEY"] == after["environment"]["CUSTOMER_ID_KEY"]
    assert before["account_sid"] == after["account_sid"]


def test_killed_launcher_leaves_no_orphan(project: Project) -> None:
    """After a SIGKILL of the launcher its guardian stops all the others, in order."""
    with project.running() as (launcher, _):
        pids = project.pids()
        launcher.kill()
        launcher.wait()

        assert wait_until(lambda: all_gone(list(pids.values())))
        assert ["clock", "worker", "web", "simulator"] == (project.folder / "ended").read_text().split()


def test_start_cleans_up_after_launcher_and_guardian_were_both_killed(project: Project) -> None:
    """Processes that nobody was left to stop are stopped by the next start, which then runs."""
    with project.running() as (launcher, _):
        left = project.pids()
        guardian = os.getpgid(left["redis"])
        os.kill(guardian, signal.SIGKILL)
        launcher.kill()
        launcher.wait()
        assert not all_gone(list(left.values()))

    with project.running():
        assert all_gone(list(left.values()))


def test_dead_process_is_named_and_started_again(project: Project) -> None:
    """A process that dies is named in one sentence and started again."""
    with project.running() as (launcher, _):
        first = project.pids()["worker"]
        os.kill(first, signal.SIGKILL)
        *_, sentence = lines_until(launcher, "The worker process")

        assert "The worker process stopped (killed by SIGKILL); it is started again." == sentence
        assert wait_until(lambda: project.pids()["worker"] != first)


def test_process_that_keeps_dying_stops_everything(project: Project) -> None:
    """After repeated quick deaths all is stopped, the sentence says which and why, exit status 1."""
    project.write("clock.py", "import sys; sys.exit('no clock today, see http://user:secret@host/')")
    launcher = project.popen()
    said, _ = launcher.communicate(timeout=PATIENCE_SECONDS)

    assert 1 == launcher.returncode
    assert "The clock process stopped 4 times in a row (exit status 1)." in said
    assert "no clock today, see (address)" in said
    ours = f"http://127.0.0.1:{project.port}"
    for link in (f"http://127.0.0.1:{project.port + 1}/phone", f"{ours}/console/", f"{ours}/rq/"):
        said = said.replace(link, "")
    assert "://" not in said


@pytest.mark.parametrize(("offset", "variable"), [(0, "PORT"), (1, "SIMULATOR_PORT")])
def test_taken_port_is_said_in_one_sentence(project: Project, offset: int, variable: str) -> None:
    """A taken port gives one sentence with the remedy and exit status 1, before anything starts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", project.port + offset))
        taken.listen()
        launcher = project.popen()
        said, _ = launcher.communicate(timeout=PATIENCE_SECONDS)

    assert 1 == launcher.returncode
    assert [f"Port {project.port + offset} is taken by another program"] == re.findall(
        r"^Port.*program", said
    )
    assert f"{variable}={project.port + offset + 10} make run" in said
    assert 1 == len(said.splitlines())
    assert not project.state("processes.json").exists()


def test_faulty_settings_are_all_reported_with_exit_status_2(project: Project) -> None:
    """Every fault of .env and of the launcher's own variables is said at once; nothing starts."""
    project.write(".env", "SESSION_TIMEOUT_MINUTES=soon\nWEB_THREADS=many\n")
    launcher = project.popen(PORT="no", SIMULATOR_PORT="neither")
    said, _ = launcher.communicate(timeout=PATIENCE_SECONDS)

    assert 2 == launcher.returncode
    named = {line.split()[0] for line in said.splitlines()}
    assert {"PORT", "SIMULATOR_PORT", "SESSION_TIMEOUT_MINUTES", "WEB_THREADS"} == named
    assert not project.state("processes.json").exists()


def test_an_agent_that_is_none_is_said_before_anything_starts(project: Project) -> None:
    """A name mistyped in DEFAULT_AGENT_ID is told with the one that was meant; nothing starts."""
    launcher = project.popen(DEFAULT_AGENT_ID="suport")
    said, _ = launcher.communicate(timeout=PATIENCE_SECONDS)

    assert 2 == launcher.returncode
    assert "did you mean support?" in said
    assert not project.state("processes.json").exists()


def test_who_answers_is_said(project: Project) -> None:
    """The agent that answers is named when all is up, with how to choose another."""
    with project.running() as (_, said):
        (agent,) = [line for line in said if line.startswith("Agent ")]

    assert agent.startswith("Agent    default-agent; for another: DEFAULT_AGENT_ID=")
    assert agent.endswith("support)")
