"""Sentences for tests of what is read in them."""

from __future__ import annotations


def lines(text: str) -> list[str]:
    """One sentence of each line, without the blanks around it."""
    return [line.strip() for line in text.strip().splitlines()]
