"""The calls the local Twilio remembers, with what was said in them: beside the messages, in the same file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from simulator.calls import (
    Call,
    Line,
    call_from_json,
    call_to_json,
    line_from_json,
    line_to_json,
    picture,
)
from simulator.messages import Exchange, now_ms
from simulator.store import Store

CALLS_KEPT = 300
LINES_KEPT = 5_000  # of one call; a hundred turns with a hold of 45 s each stay below
EXCHANGES_KEPT = 200  # of one call, in memory alone
TAIL = 50  # lines of a call that come with a change of it
# What changes while a call lasts and is worth nothing after it: not written down each time.
FLEETING = frozenset({"doing", "listening", "transfer", "queue"})


@dataclass
class Kept:
    call: Call
    lines: deque[Line]
    exchanges: deque[Exchange]
    revision: int = 0


class CallStore:
    """Thread-safe, under the lock of the message store, whose revisions it shares: one cursor is for both.

    Calls that were live when an earlier process died come back as ended (``left_over``).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = store.changed
        self._calls: dict[str, Kept] = {}
        self._gone: deque[tuple[int, str]] = deque(maxlen=10 * CALLS_KEPT)
        self.left_over: tuple[Call, ...] = ()
        self._load()

    def _load(self) -> None:
        with self._changed:
            for (text,) in self._store.run("SELECT json FROM calls ORDER BY seq"):
                call = call_from_json(text)
                self._calls[call.sid] = _kept(call)
            for sid, text in self._store.run("SELECT sid, json FROM call_lines ORDER BY sid, seq"):
                if sid in self._calls:
                    self._calls[sid].lines.append(line_from_json(text))
            self._last_seq = max((kept.call.seq for kept in self._calls.values()), default=0)
            broken = [kept.call for kept in self._calls.values() if kept.call.live]
            self.left_over = tuple(call for call in map(self._break_off, broken) if not call.parent_sid)

    def _break_off(self, call: Call) -> Call:
        last = self._calls[call.sid].lines
        at = max(call.updated, last[-1].at if last else 0)
        status = "completed" if call.started else "failed"
        self.say(call.sid, Line("system", "status", status))
        return self.change(call.sid, status=status, ended=at, doing="ended") or call

    # Reading

    def get(self, sid: str) -> Call | None:
        with self._changed:
            kept = self._calls.get(sid)
            return kept.call if kept else None

    def newest_first(self) -> list[Call]:
        with self._changed:
            return [kept.call for kept in reversed(self._calls.values())]

    def lines(self, sid: str, after: int = 0) -> tuple[Line, ...]:
        with self._changed:
            kept = self._calls.get(sid)
            return tuple(line for line in kept.lines if line.seq > after) if kept else ()

    def exchanges(self, sid: str) -> tuple[Exchange, ...]:
        with self._changed:
            kept = self._calls.get(sid)
            return tuple(kept.exchanges) if kept else ()

    def picture(self, sid: str, after: int = 0) -> dict[str, Any] | None:
        """The call with the lines after ``after``; None when it is not there."""
        with self._changed:
            kept = self._calls.get(sid)
            return _picture(kept, [line for line in kept.lines if line.seq > after]) if kept else None

    def changed_since(self, seen: int, *, whole: bool) -> tuple[list[dict[str, Any]], list[str]]:
        """(pictures of the calls that changed since that revision, sids of those dropped since), oldest first.

        A whole picture holds every call and no lines; else each comes with its last lines. Legs of a transfer are
        left out, they belong to the call that dialled them.
        """
        with self._changed:
            fresh = [kept for kept in self._calls.values() if whole or kept.revision > seen]
            shown = [
                _picture(kept, [] if whole else list(kept.lines)[-TAIL:])
                for kept in fresh
                if not kept.call.parent_sid
            ]
            return shown, [sid for revision, sid in self._gone if revision > seen and not whole]

    def wait(self, sid: str, ready: Callable[[Call], bool], seconds: float) -> Call | None:
        """The call, as soon as ``ready`` is true of it or it is gone, or after ``seconds`` as it is then."""
        with self._changed:

            def done() -> bool:
                kept = self._calls.get(sid)
                return self._store.closed or kept is None or ready(kept.call)

            self._changed.wait_for(done, seconds)
            return self.get(sid)

    # Writing

    def add(self, call: Call) -> Call:
        """Keeps the call under the next sequence number; the oldest ended one beyond the limit goes."""
        with self._changed:
            self._last_seq += 1
            stored = replace(call, seq=self._last_seq)
            self._calls[stored.sid] = _kept(stored)
            self._touch(stored.sid)
            self._write(stored)
            self._drop_oldest()
            return stored

    def change(self, sid: str, **changes: Any) -> Call | None:
        """Sets these fields. None when the call is gone."""
        with self._changed:
            kept = self._calls.get(sid)
            if kept is None:
                return None
            changed = replace(kept.call, **changes)
            if changed != kept.call:
                lasting = not changes.keys() <= FLEETING
                kept.call = replace(changed, updated=now_ms()) if lasting else changed
                self._touch(sid)
                if lasting:
                    self._write(kept.call)
            return kept.call

    def say(self, sid: str, line: Line) -> int:
        """Adds a line to the transcript and gives its number; 0 when the call is gone."""
        with self._changed:
            kept = self._calls.get(sid)
            if kept is None:
                return 0
            added = replace(line, seq=kept.lines[-1].seq + 1 if kept.lines else 1, at=now_ms())
            kept.lines.append(added)
            self._touch(sid)
            self._write_line(sid, added)
            return added.seq

    def cut(self, sid: str, seq: int, spoken: int) -> None:
        """That line was interrupted after so many characters."""
        with self._changed:
            kept = self._calls.get(sid)
            place = seq - kept.lines[0].seq if kept and kept.lines else -1
            if kept and 0 <= place < len(kept.lines):
                kept.lines[place] = replace(kept.lines[place], cut=spoken)
                self._touch(sid)
                self._write_line(sid, kept.lines[place])

    def note(self, sid: str, exchanges: Iterable[Exchange]) -> None:
        with self._changed:
            if sid in self._calls:
                self._calls[sid].exchanges.extend(exchanges)
                self._touch(sid)

    def delete(self, sid: str) -> bool:
        with self._changed:
            if self._calls.pop(sid, None) is None:
                return False
            self._gone.append((self._store.revise(), sid))
            self._store.run("DELETE FROM calls WHERE sid = ?", sid)
            self._store.run("DELETE FROM call_lines WHERE sid = ?", sid)
            return True

    def clear(self) -> None:
        """Forgets every call; the message store's own ``clear`` tells the readers."""
        with self._changed:
            self._calls.clear()
            self._gone.clear()
            self._store.run("DELETE FROM calls")
            self._store.run("DELETE FROM call_lines")

    def _touch(self, sid: str) -> None:
        self._calls[sid].revision = self._store.revise()

    def _write(self, call: Call) -> None:
        self._store.run(
            "INSERT OR REPLACE INTO calls VALUES (?, ?, ?)", call.seq, call.sid, call_to_json(call)
        )

    def _write_line(self, sid: str, line: Line) -> None:
        self._store.run(
            "INSERT OR REPLACE INTO call_lines VALUES (?, ?, ?)", sid, line.seq, line_to_json(line)
        )

    def _drop_oldest(self) -> None:
        excess = len(self._calls) - CALLS_KEPT
        for sid in [sid for sid, kept in self._calls.items() if not kept.call.live][: max(0, excess)]:
            self.delete(sid)


def _kept(call: Call) -> Kept:
    return Kept(call, deque(maxlen=LINES_KEPT), deque(maxlen=EXCHANGES_KEPT))


def _picture(kept: Kept, lines: list[Line]) -> dict[str, Any]:
    last = kept.lines[-1].seq if kept.lines else 0
    return picture(kept.call, lines, last, len(kept.exchanges))
