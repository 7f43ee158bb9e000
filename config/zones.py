"""Time zones by name, and what is wrong when one cannot be read."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# In every copy of the time zone data: without it there is no data at all.
_ALWAYS_THERE = "Europe/London"


def zone_fault(name: str) -> str:
    """A sentence that says what to write instead; empty when ``name`` is a time zone of this machine."""
    if _readable(name):
        return ""
    if not _readable(_ALWAYS_THERE):
        return "this machine has no time zone data; install the Python package tzdata beside Ringback."
    return f'the zone "{name[:60]}" is unknown; write a name of the tz database like "Europe/Berlin".'


def _readable(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown; not a plain path; a folder ("Europe")
        return False
    return True
