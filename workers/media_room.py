"""How many bytes of media this process holds at once, and the pictures that it may be asked for again. Safe for threads."""

from __future__ import annotations

import ctypes
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ai.enclosed import Image
from session.media import CannotRead, Unread

LARGE_BYTES = 1024 * 1024
_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h


def give_back_large_blocks() -> None:
    """Let what held a file go back to the system at once. glibc left alone learns to keep it, for twice what is in use.

    For the whole process; elsewhere than on glibc, nothing happens.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)


class Room:
    """How many bytes this process may hold. ``shed`` is asked to let go of what nobody needs, before anybody waits."""

    def __init__(self, bytes_max: int) -> None:
        self._left = bytes_max
        self._freed = threading.Condition()
        self.shed: Callable[[], None] = lambda: None

    def take(self, count: int, until: float) -> None:
        """Raises ``CannotRead`` when there is no room by then (``time.monotonic()``'s)."""
        if self._left < count:
            self.shed()  # not under our lock: what it lets go of is given back to us
        with self._freed:
            if not self._freed.wait_for(lambda: self._left >= count, max(0.0, until - time.monotonic())):
                raise CannotRead(Unread.UNAVAILABLE)
            self._left -= count

    def give(self, count: int) -> None:
        with self._freed:
            self._left += count
            self._freed.notify_all()


@dataclass(slots=True)
class Loan:
    """What one fetch holds of the room; a picture keeps its part as long as anybody has it."""

    room: Room
    until: float
    held: int = 0

    def take(self, count: int) -> None:
        self.room.take(count, self.until)
        self.held += count

    def keep(self, image: Image) -> None:
        self.held -= len(image.data)
        weakref.finalize(image, self.room.give, len(image.data)).atexit = False


class Shelf:
    """The pictures that were looked at last, by message and place. Safe for threads."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._lock = threading.Lock()
        self._images: OrderedDict[tuple[str, int], Image] = OrderedDict()

    def put(self, place: tuple[str, int], image: Image) -> None:
        gone = []
        with self._lock:
            if before := self._images.pop(place, None):
                self._bytes -= len(before.data)
                gone.append(before)
            self._images[place] = image
            self._bytes += len(image.data)
            while self._bytes > self._bytes_max:
                _, oldest = self._images.popitem(last=False)
                self._bytes -= len(oldest.data)
                gone.append(oldest)

    def get(self, place: tuple[str, int]) -> Image | None:
        with self._lock:
            if place in self._images:
                self._images.move_to_end(place)
            return self._images.get(place)

    def clear(self) -> None:
        with self._lock:
            gone, self._images, self._bytes = self._images, OrderedDict(), 0
        gone.clear()
