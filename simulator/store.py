"""What the local Twilio remembers: messages and opt-outs, in memory and in one SQLite file."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator.messages import Message, from_json, now_ms, to_json

# A long load test must not fill memory with requests nobody will look at.
RAW_KEPT = 2_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (seq INTEGER PRIMARY KEY, sid TEXT UNIQUE NOT NULL, json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS opted_out (sender TEXT, customer TEXT, PRIMARY KEY (sender, customer));
CREATE TABLE IF NOT EXISTS calls (seq INTEGER PRIMARY KEY, sid TEXT UNIQUE NOT NULL, json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS call_lines (sid TEXT, seq INTEGER, json TEXT NOT NULL, PRIMARY KEY (sid, seq));
"""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new since a cursor. ``whole`` means the reader's picture is stale: start again from this."""

    messages: tuple[Message, ...]
    deleted: tuple[str, ...]
    cursor: str
    whole: bool
    seen: int = -1  # the revision the cursor stood for; -1 with ``whole``


class Store:
    """Thread-safe. Reads come from memory; each write goes through to the file before it returns.

    Without a path everything is forgotten at exit. A cursor names a revision of this run of the
    process; a cursor of an earlier run gets the whole picture.
    """

    def __init__(self, path: str = "") -> None:
        self._changed = threading.Condition(threading.RLock())
        self._run = uuid.uuid4().hex[:8]
        self._revision = 0
        self._deleted: list[tuple[int, str]] = []
        self._closed = False
        # Autocommit, and no fsync: this is a toy's memory, a power cut may cost its last second.
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._file.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + SCHEMA)
        rows = self._file.execute("SELECT json FROM messages ORDER BY seq").fetchall()
        self._messages = {m.sid: m for m in (from_json(json) for (json,) in rows)}
        self._revisions: OrderedDict[str, int] = OrderedDict.fromkeys(self._messages, 0)
        self._last_seq = max((m.seq for m in self._messages.values()), default=0)
        self._opted_out = set(self._file.execute("SELECT sender, customer FROM opted_out").fetchall())

    @property
    def changed(self) -> threading.Condition:
        """The one lock and bell, for what is kept beside the messages."""
        return self._changed

    def add(self, message: Message) -> Message:
        """Keeps the message under the next sequence number and returns it so."""
        with self._changed:
            self._last_seq += 1
            stored = replace(message, seq=self._last_seq)
            self._write(stored)
            self._drop_old_exchanges()
            return stored

    def get(self, sid: str) -> Message | None:
        with self._changed:
            return self._messages.get(sid)

    def change(self, sid: str, step: Callable[[Message], Message]) -> Message | None:
        """Applies ``step`` atomically. None when the message is gone, or when the step changed nothing."""
        with self._changed:
            before = self._messages.get(sid)
            after = step(before) if before else None
            if before is None or after is None or after == before:
                return None
            if (after.status, after.body) != (before.status, before.body):
                after = replace(after, updated=now_ms())
            self._write(after)
            return after

    def delete(self, sid: str) -> bool:
        with self._changed:
            if self._messages.pop(sid, None) is None:
                return False
            self._revision += 1
            self._revisions.pop(sid)
            self._deleted.append((self._revision, sid))
            self._file.execute("DELETE FROM messages WHERE sid = ?", (sid,))
            self._changed.notify_all()
            return True

    def clear(self) -> None:
        with self._changed:
            self._file.executescript("DELETE FROM messages; DELETE FROM opted_out;")
            self._messages.clear()
            self._revisions.clear()
            self._deleted.clear()
            self._opted_out.clear()
            self._run = uuid.uuid4().hex[:8]  # every reader starts again
            self._changed.notify_all()

    def newest_first(self) -> list[Message]:
        with self._changed:
            return list(reversed(self._messages.values()))

    def changes(self, cursor: str, wait_s: float = 0) -> Changes:
        """What happened after ``cursor``, waiting up to ``wait_s`` seconds for something to happen."""
        run, _, number = cursor.partition("-")
        with self._changed:
            seen = int(number) if run == self._run and number.isdigit() else -1
            if seen >= 0 and wait_s:
                self._changed.wait_for(
                    lambda: self._closed or self._revision > seen or run != self._run, wait_s
                )
                seen = seen if run == self._run else -1
            cursor = f"{self._run}-{self._revision}"
            if seen < 0:
                return Changes(tuple(self._messages.values()), (), cursor, whole=True)
            fresh = []
            for sid, revision in reversed(self._revisions.items()):
                if revision <= seen:
                    break
                fresh.append(self._messages[sid])
            gone = tuple(sid for revision, sid in self._deleted if revision > seen)
            return Changes(tuple(sorted(fresh, key=lambda m: m.seq)), gone, cursor, whole=False, seen=seen)

    def revise(self) -> int:
        """The next revision, for what is kept beside the messages; wakes every reader. Under ``changed`` only."""
        self._revision += 1
        self._changed.notify_all()
        return self._revision

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement on the file, for what is kept beside the messages. Under ``changed`` only."""
        return self._file.execute(statement, values).fetchall()

    def opted_out(self, sender: str, customer: str) -> bool:
        with self._changed:
            return (sender, customer) in self._opted_out

    def opt(self, sender: str, customer: str, out: bool) -> bool:
        """Puts the customer on (or takes them off) the sender's list; True when that changed something."""
        with self._changed:
            if self.opted_out(sender, customer) == out:
                return False
            if out:
                self._opted_out.add((sender, customer))
                self._file.execute("INSERT INTO opted_out VALUES (?, ?)", (sender, customer))
            else:
                self._opted_out.remove((sender, customer))
                self._file.execute(
                    "DELETE FROM opted_out WHERE sender = ? AND customer = ?", (sender, customer)
                )
            return True

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Wakes every reader that waits and closes the file. Later writes stay in memory."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._file.close()
                self._file = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
                self._file.executescript(SCHEMA)
            self._changed.notify_all()

    def _write(self, message: Message) -> None:
        self._revision += 1
        self._messages[message.sid] = message
        self._revisions[message.sid] = self._revision
        self._revisions.move_to_end(message.sid)
        row = (message.seq, message.sid, to_json(message))
        self._file.execute("INSERT OR REPLACE INTO messages VALUES (?, ?, ?)", row)
        self._changed.notify_all()

    def _drop_old_exchanges(self) -> None:
        if len(self._messages) <= RAW_KEPT:
            return
        old = self._by_seq(self._last_seq - RAW_KEPT)
        if old is not None and old.exchanges:
            self._write(replace(old, exchanges=()))

    def _by_seq(self, seq: int) -> Message | None:
        row = self._file.execute("SELECT sid FROM messages WHERE seq = ?", (seq,)).fetchone()
        return self._messages.get(row[0]) if row else None
