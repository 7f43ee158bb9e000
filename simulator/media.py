"""Pictures, voice notes and documents that the local Twilio keeps: what a phone sent, and what it fetched to send on."""

from __future__ import annotations

import mimetypes
import re
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from simulator.messages import API_VERSION, new_sid

MB = 1024 * 1024
SMS_MEDIA_MAX = 5 * MB  # of all files together
WHATSAPP_IMAGE_MAX = 5 * MB
WHATSAPP_TYPES = frozenset(
    [
        "image/jpeg",
        "image/png",
        "image/webp",
        "audio/ogg",
        "audio/amr",
        "audio/3gpp",
        "audio/aac",
        "audio/mpeg",
        "audio/mp4",
        "audio/opus",
        "audio/webm",
        "video/mp4",
        "video/3gpp",
        "application/pdf",
        "text/vcard",
        "text/x-vcard",
        "application/msword",
        "text/plain",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.ms-excel",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ]
)
# Bytes; the oldest go first. A toy's memory must not fill a disk.
KEPT_MAX = 200 * MB
# Of one file, WhatsApp's own bound; no channel carries more.
FILE_MAX = 16 * MB
NAME_MAX = 100
PAGE_PATH = "/phone/media/"  # where the phone page finds what it sent

SCHEMA = """
CREATE TABLE IF NOT EXISTS media (seq INTEGER PRIMARY KEY, sid TEXT UNIQUE NOT NULL, content_type TEXT NOT NULL,
 name TEXT NOT NULL, size INTEGER NOT NULL, source TEXT NOT NULL, created INTEGER NOT NULL, data BLOB NOT NULL);
"""
INSERT = (
    "INSERT INTO media (sid, content_type, name, size, source, created, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
FIND = "SELECT sid, content_type, name, size, source, created FROM media WHERE sid = ?"
DROP_OLDEST = "DELETE FROM media WHERE seq = (SELECT seq FROM media ORDER BY seq LIMIT 1) RETURNING size"

_OURS = re.compile(rf"/{API_VERSION}/Accounts/AC\w{{32}}/Messages/\w+/Media/(ME[0-9a-f]{{32}})$")
_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,80}(;[ a-z0-9=.\"-]{0,60})?", re.IGNORECASE)
_UNFIT = re.compile(r"[\x00-\x1f\x7f\"\\/:*?<>|\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Medium:
    """One file, without its bytes. ``source`` is where it was fetched from, "" of what was uploaded. Time in ms."""

    sid: str
    content_type: str
    name: str
    size: int
    source: str = ""
    created: int = 0


class MediaStore:
    """Thread-safe. Without a path everything is forgotten at exit."""

    def __init__(self, path: str = "", kept_max: int = KEPT_MAX) -> None:
        """Raises sqlite3.Error or OSError for a file that cannot be used."""
        self._lock = threading.Lock()
        self._kept_max = kept_max
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._file.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + SCHEMA)
        self._size = int(self._file.execute("SELECT COALESCE(SUM(size), 0) FROM media").fetchone()[0])

    def add(self, data: bytes, content_type: str = "", name: str = "", source: str = "") -> Medium:
        """Keeps a file, and lets the oldest go where there are too many bytes."""
        name = _UNFIT.sub("_", name).strip(" .")[-NAME_MAX:]
        kind = type_of(content_type, name)
        medium = Medium(new_sid("ME"), kind, name, len(data), source, time.time_ns() // 1_000_000)
        row = (medium.sid, kind, name, medium.size, source, medium.created, data)
        with self._lock:
            self._file.execute(INSERT, row)
            self._size += medium.size
            self._make_room()
        return medium

    def find(self, sid: str) -> Medium | None:
        with self._lock:
            row = self._file.execute(FIND, (sid,)).fetchone()
        return Medium(*row) if row else None

    def read(self, sid: str) -> bytes | None:
        with self._lock:
            row = self._file.execute("SELECT data FROM media WHERE sid = ?", (sid,)).fetchone()
        return row[0] if row else None

    def delete(self, sid: str) -> bool:
        with self._lock:
            row = self._file.execute("DELETE FROM media WHERE sid = ? RETURNING size", (sid,)).fetchone()
            self._size -= row[0] if row else 0
            return row is not None

    def clear(self) -> None:
        with self._lock:
            self._file.executescript("DELETE FROM media; VACUUM;")
            self._size = 0

    def close(self) -> None:
        with self._lock:
            self._file.close()
            self._file = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
            self._file.executescript(SCHEMA)
            self._size = 0

    def _make_room(self) -> None:
        while self._size > self._kept_max:
            row = self._file.execute(DROP_OLDEST).fetchone()
            self._size -= row[0]


def path_beside(state_path: str) -> str:
    """The file of the media for that of the messages; "" for none."""
    return str(Path(state_path).with_suffix(".media.sqlite")) if state_path else ""


def type_of(told: str, name: str = "") -> str:
    """The content type as told, else by the file's name, else one that says nothing."""
    told = told.strip().lower()
    if _TYPE.fullmatch(told) and not told.startswith("application/octet-stream"):
        return told
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def twilio_path(account_sid: str, message_sid: str, medium_sid: str) -> str:
    return f"/{API_VERSION}/Accounts/{account_sid}/Messages/{message_sid}/Media/{medium_sid}"


def medium_sid_in(url: str) -> str:
    """The ME... of a URL or path of ours, "" where it is somebody else's."""
    found = _OURS.search(url)
    return found[1] if found else ""


def uploaded_sid(url: str) -> str:
    """The ME... of what POST /phone/media answered as ``url``, "" where it is another address."""
    return url.removeprefix(PAGE_PATH) if re.fullmatch(rf"{PAGE_PATH}ME[0-9a-f]{{32}}", url) else ""


def bare_type(content_type: str) -> str:
    """``audio/ogg`` of ``audio/ogg; codecs=opus``."""
    return content_type.partition(";")[0].strip().lower()
