"""What held a file is the system's again as soon as nobody holds it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.flow.system import PROJECT

# Files come and go, and the smaller half of them stays; prints how much the process has then beside what it holds, in MB.
COMING_AND_GOING = """
from pathlib import Path
from workers import media_room

def resident():
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in l).split()[1]) // 1000

media_room.give_back_large_blocks()
before = resident()
bytes(8_000_000)  # the first that goes is what glibc learns from
held = [bytes([1]) * size for _ in range(20) for size in (4_000_000, 2_000_000)]
del held[::2]
print(resident() - before - 40)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_held_a_file_is_given_back() -> None:
    """Twenty files of 4 MB that are gone take no memory, though others of 2 MB between them stay."""
    said = subprocess.run(
        [sys.executable, "-c", COMING_AND_GOING], cwd=PROJECT, capture_output=True, check=True, timeout=60
    )

    assert int(said.stdout) < 20
