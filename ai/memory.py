"""Pure: what a customer told us, merged. Values in, values out; nothing is stored here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from session.model import Entity


def merge_entities(
    known: Mapping[str, Entity], reported: Mapping[str, Any], message_id: str, at: int
) -> dict[str, Entity]:
    """What is known after a turn reported these values, each from ``message_id`` at ``at`` (ms).

    A later value replaces an earlier one. A value that is only repeated keeps the message that told it first:
    a model likes to report again what it was shown, and "thank you" is not where the order number came from.
    """
    merged = dict(known)
    for name, value in reported.items():
        before = merged.get(name)
        if before is not None and type(before.value) is type(value) and before.value == value:
            continue
        merged[name] = Entity(value, message_id, at)
    return merged
