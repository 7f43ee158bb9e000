"""The command line as a person types it, against a running system or none."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flow.system import PROJECT, System


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


class Shell:
    """Runs ``ringback`` from a folder, with an environment of nothing but what is given."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | env

    def ringback(self, *words: str, **env: str) -> Ended:
        command = [sys.executable, "-m", "console.cli", *words]
        path = {"PYTHONPATH": str(PROJECT)}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.env | path | env,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def shell(system: System, tmp_path: Path) -> Shell:
    """In a folder without a .env, in the environment of the system."""
    return Shell(tmp_path, {name: value for name, value in system.env.items() if name.isupper()})


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """In an empty project folder, where nothing is set and nothing runs."""
    (tmp_path / ".ringback").mkdir()
    return Shell(tmp_path, {})
