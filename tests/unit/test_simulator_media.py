"""The local Twilio's files and windows: bounded, and read again by a later run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from simulator.media import MediaStore, path_beside, type_of
from simulator.messages import Message, from_json, now_ms
from simulator.store import Store
from simulator.whatsapp import WINDOW_S, WhatsApp

HEARD = Message(
    "SM1", "inbound", "whatsapp:+15551234567", "whatsapp:+15703251809", "hi", "received", 1_000, 1_000
)


def test_the_oldest_files_go_first() -> None:
    """No more bytes are kept than there is room for; what is deleted makes room."""
    store = MediaStore(kept_max=100)
    first, second, third = (store.add(b"x" * 40) for _ in range(3))

    assert [False, True, True] == [store.find(each.sid) is not None for each in (first, second, third)]
    store.delete(second.sid)
    store.add(b"x" * 60)
    assert store.find(third.sid)


def test_files_are_read_again(tmp_path: Path) -> None:
    """A second run finds the files of the first, and counts their bytes."""
    path = path_beside(str(tmp_path / "twilio.sqlite"))
    first = MediaStore(path)
    kept = first.add(b"x" * 60, "image/png", "a.png")
    first.close()
    second = MediaStore(path, kept_max=100)

    assert (kept, b"x" * 60) == (second.find(kept.sid), second.read(kept.sid))
    second.add(b"x" * 60)
    assert second.find(kept.sid) is None


def test_a_file_has_a_type_and_a_plain_name() -> None:
    """The type is the one told, else the name's, else none; a name is no path and no header."""
    assert ["image/png", "image/jpeg", "application/octet-stream", "audio/ogg; codecs=opus"] == [
        type_of("image/PNG"), type_of("", "a.jpg"), type_of("x\r\ny: z"), type_of("audio/ogg; codecs=opus"),
    ]  # fmt: skip
    assert "_.._etc_pass_wd" == MediaStore().add(b"x", name='../../etc/pass"wd').name


def test_a_window_outlives_a_restart(tmp_path: Path) -> None:
    """Windows are kept, and made up for a file of an earlier release from its messages."""
    path = str(tmp_path / "twilio.sqlite")
    first = Store(path)
    first.add(HEARD)
    first.close()
    second = Store(path)
    whatsapp = WhatsApp(second)

    assert [1_000 + WINDOW_S * 1000] == [window["ends"] for window in whatsapp.picture()["windows"]]
    ends = whatsapp.end_in("+15551234567", "+15703251809", 60)
    second.close()
    assert [ends] == [window["ends"] for window in WhatsApp(Store(path)).picture()["windows"]]


def test_messages_of_an_earlier_release_are_read() -> None:
    """A message that was stored before there were kinds and read receipts has none."""
    old = asdict(HEARD)
    for name in ("kind", "params", "read_at"):
        del old[name]

    assert HEARD == from_json(json.dumps(old))


def test_typing_ends_by_itself() -> None:
    """The indicator is not shown for longer than WhatsApp does."""
    store = Store()
    store.add(HEARD)
    whatsapp = WhatsApp(store)
    whatsapp.begin_typing(HEARD)
    [shown] = whatsapp.picture()["typing"]

    assert 0 < shown["until"] - now_ms() <= 25_000
