"""Log lines by a thread of their own: in order, whole, and none lost when the process ends by itself."""

from __future__ import annotations

import subprocess
import sys

from tests.flow.system import PROJECT

PROGRAM = """
import sys, structlog
from config import logging
logging.configure(("info", "json"), "web")
log = structlog.get_logger("test")
for n in range(2000):
    log.info("line", position=n)
sys.exit(3)
"""


def test_every_line_is_written_in_order_before_the_process_ends() -> None:
    """Two thousand lines at once and then the end: all of them, in order."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], cwd=PROJECT, capture_output=True, text=True)
    positions = [line.split('"position": ')[1].split(",")[0] for line in ended.stdout.splitlines()]

    assert positions == [str(n) for n in range(2000)]
    assert ended.returncode == 3
