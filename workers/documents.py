"""The words of a PDF, found by a process of its own: it has no secrets, little memory and little time.

What a stranger sends may be made to break its reader: a page that unpacks to gigabytes, a loop, a fault of the library's.
So it is opened by ``python -I workers/documents.py``, which reads the file from standard input and writes its words to
standard output; the process limits itself before it loads anything, and whatever happens to it is ``NotRead`` here.
This file imports nothing of ours, so that the process needs nothing of ours either.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import Any

PAGES_MAX = 30
TEXT_CHARS_MAX = 8_000
MEMORY_BYTES_MAX = 384 * 1024 * 1024
OUTPUT_BYTES_MAX = 256 * 1024
NICENESS = 10
OOM_SCORE = "1000"  # the most: where memory runs out, this process ends before the worker does
PASSED_ON = ("PATH", "LD_LIBRARY_PATH")  # of the environment: without them some Pythons do not start
READERS_MAX = 2  # at once, so that a small machine is not filled

_turn = threading.BoundedSemaphore(READERS_MAX)


class NotRead(Exception):
    """``why``: "encrypted", "too_slow" or "unreadable"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def text_of_pdf(data: bytes, seconds: float) -> str:
    """Its words, the first ``TEXT_CHARS_MAX`` of them; '' when it has none, as of a scanned page. Raises ``NotRead``."""
    if seconds <= 0 or not _turn.acquire(timeout=seconds):
        raise NotRead("too_slow")
    try:
        with tempfile.TemporaryFile() as output:
            # Its output is a file, whose size the process' own limit bounds; a pipe would have to be watched.
            done = subprocess.run(
                [sys.executable, "-I", __file__, str(max(1, round(seconds)))],
                input=data, stdout=output, stderr=subprocess.DEVNULL, timeout=seconds,
                env={name: os.environ[name] for name in PASSED_ON if name in os.environ}, cwd="/", check=False,
            )  # fmt: skip
            output.seek(0)
            told = output.read(OUTPUT_BYTES_MAX) if done.returncode == 0 else b""
    except subprocess.TimeoutExpired:
        raise NotRead("too_slow") from None
    except OSError:
        raise NotRead("unreadable") from None
    finally:
        _turn.release()
    return _told(told)


def _told(output: bytes) -> str:
    try:
        answer: Any = json.loads(output)
    except ValueError:
        raise NotRead("unreadable") from None  # it was stopped, or broke
    if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
        raise NotRead("encrypted" if answer == {"error": "encrypted"} else "unreadable")
    return answer["text"][:TEXT_CHARS_MAX]


def _limit(seconds: int) -> None:
    """Of this very process. Where a system does not know a limit, the others and the parent's time-out remain."""
    import resource

    for name, value in (
        ("RLIMIT_AS", MEMORY_BYTES_MAX),
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_FSIZE", OUTPUT_BYTES_MAX),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", 64),
        ("RLIMIT_NPROC", 0),
    ):
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, ValueError, OSError):
            continue


def _give_way() -> None:
    """To every other process of the machine; and a stop of the worker is not this one's: its turn is answered first."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(NICENESS)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write(OOM_SCORE)


def _read(data: bytes) -> dict[str, str]:
    import logging

    from pypdf import PdfReader

    logging.disable(logging.CRITICAL)
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted:
        try:
            opened = bool(reader.decrypt(""))
        except Exception:  # noqa: BLE001  a cipher that is not there
            opened = False
        if not opened:
            return {"error": "encrypted"}
    text = ""
    for page in reader.pages[:PAGES_MAX]:
        text += page.extract_text() + "\n"
        if len(text) >= TEXT_CHARS_MAX:
            break
    return {"text": text.strip()[:TEXT_CHARS_MAX]}


if __name__ == "__main__":
    _give_way()
    _limit(int(sys.argv[1]))
    sys.stdout.write(json.dumps(_read(sys.stdin.buffer.read())))
