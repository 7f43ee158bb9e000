"""Sets up ``.venv`` from a lock file; behind every verb of the Makefile.

    python3 simulator/install.py runtime      what `make run` needs
    python3 simulator/install.py everything   the tools of tests and checks too

Standard library only, and run by any Python from 3.11 on. When nothing has changed since the
last time it ends at once. An interrupted or damaged set-up is made again from nothing, because
pip takes a half-copied package for an installed one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / "ringback-unfinished"
LOCKS = {"runtime": PROJECT / "requirements.txt", "everything": PROJECT / "requirements-dev.txt"}
PIP_LOG = PROJECT / ".ringback" / "logs" / "setup.log"

# A pip told to install for the user, as some machines do, refuses inside .venv.
PIP_OVERRIDES = {"PIP_USER": "0"}
# pip's 15 s are short for a slow network; the user's own choice wins.
PIP_DEFAULTS = {"PIP_DEFAULT_TIMEOUT": "60", "PIP_RETRIES": "5", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

# Without a build: setuptools is not on a newcomer's lock file, and Python 3.12 brings none.
# Through sh, because a #! line takes neither a blank in a path nor a long one.
COMMAND = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

sys.path.insert(0, {project!r})

from console.cli import main

if __name__ == "__main__":
    sys.argv[0] = "ringback"
    sys.exit(main())
"""


class SetupError(Exception):
    """The message is a sentence that says what to do."""


def fingerprint(what: str) -> str:
    """Of the lock files, the Python and the place: a moved folder's scripts name the old one."""
    digest = hashlib.sha256()
    for lock in [LOCKS["runtime"], LOCKS[what]]:
        digest.update(lock.read_bytes())
    return f"{digest.hexdigest()} {sys.version_info[0]}.{sys.version_info[1]} {PROJECT}"


def stamp(what: str) -> Path:
    return VENV / f"ringback-{what}"


def is_set_up(what: str) -> bool:
    """Whether this, or more than this, stands complete in .venv."""
    if UNFINISHED.exists() or not os.access(PYTHON, os.X_OK) or not (VENV / "bin" / "ringback").exists():
        return False
    for enough in {what, "everything"}:
        with contextlib.suppress(OSError):
            if stamp(enough).read_text() == fingerprint(enough):
                return True
    return False


def is_sound() -> bool:
    """Whether the .venv that is there can be added to: finished, of this Python, made in this place, with pip."""
    pip = VENV / "bin" / "pip"
    if UNFINISHED.exists() or not os.access(PYTHON, os.X_OK) or not os.access(pip, os.X_OK):
        return False
    if str(PYTHON.parent) not in pip.read_text(
        errors="replace"
    ):  # moved or copied here: scripts name their Python
        return False
    question = "import sys, pip; print(*sys.version_info[:2])"
    answer = subprocess.run([str(PYTHON), "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == f"{sys.version_info[0]} {sys.version_info[1]}"


def make_venv() -> None:
    """A new .venv in the place of the old."""
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    shutil.rmtree(VENV, ignore_errors=True)
    base = getattr(sys, "_base_executable", sys.executable)  # .venv's own Python may be running this
    made = subprocess.run([base, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupError(
            f"{base} cannot make a virtual environment: install its venv module (on Debian and Ubuntu the package "
            f"python{sys.version_info[0]}.{sys.version_info[1]}-venv), or name another Python with PYTHON=."
        )


def install(what: str) -> None:
    lock = LOCKS[what]
    count = sum(1 for line in lock.read_text().splitlines() if re.match(r"[a-z0-9]", line))
    print(f"Setting up: {count} packages into .venv, a minute or so, this once.", flush=True)
    if not is_sound():
        make_venv()
    UNFINISHED.touch()
    for folder in (PIP_LOG.parent.parent, PIP_LOG.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    command = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--require-hashes",
        "-r",
        str(lock),
    ]
    with PIP_LOG.open("w") as log:
        done = subprocess.run(
            command,
            env={**PIP_DEFAULTS, **os.environ, **PIP_OVERRIDES},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode != 0:
        raise SetupError(
            "The set-up did not work: pip could not install the packages, its reasons are in "
            f"{PIP_LOG.relative_to(PROJECT)}. Is there a way to the package index? The same command tries again."
        )
    place_project()
    stamp(what).write_text(fingerprint(what))
    UNFINISHED.unlink()


def place_project() -> None:
    """The project's packages on the path of .venv, and the command ``ringback``."""
    [packages] = (VENV / "lib").glob("python3*/site-packages")
    (packages / "ringback.pth").write_bytes(os.fsencode(PROJECT) + b"\n")
    command = VENV / "bin" / "ringback"
    command.write_text(COMMAND.format(python=PYTHON, project=str(PROJECT)))
    command.chmod(0o755)


def main() -> int:
    what = sys.argv[1]
    if is_set_up(what):
        return 0
    place = os.open(PROJECT, os.O_RDONLY)
    fcntl.flock(place, fcntl.LOCK_EX)  # two verbs at once: the second finds the first one's work
    try:
        if not is_set_up(what):
            install(what)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the next start sets up again.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
