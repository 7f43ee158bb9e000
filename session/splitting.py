"""Cutting a long reply into parts that Twilio takes (DECISIONS 26). Pure.

Twilio refuses bodies over 1,600 characters and counts some of them twice, so a part
stays at 1,500 UTF-16 units. It ends at a sentence where there is one, else at a
word, else between two graphemes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

PART_UNITS_MAX = 1500
PARTS_MAX = 5
ELLIPSIS = "…"

# A sentence ends at a mark with its closing quotes and a blank after it, at a line's end, or at an
# East Asian mark, which no blank follows.
_SENTENCE_END = re.compile(r"[.!?…؟۔।]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[」』”’）]*|(?<=\S)(?=\s*\n)")
_WORD_END = re.compile(r"(?<=\S)(?=\s)")

_ZERO_WIDTH_JOINER = "\u200d"


def split(text: str) -> tuple[str, ...]:
    """``text`` as 0 to 5 parts of 1 to 1,500 UTF-16 units each, in order, outer blanks removed.

    What is over after the fifth part is dropped, and an ellipsis says so. Lone surrogates
    become U+FFFD, because no wire carries them.
    """
    rest = _without_lone_surrogates(text).strip()
    parts: list[str] = []
    while rest:
        if len(parts) == PARTS_MAX - 1 and units(rest) > PART_UNITS_MAX:
            parts.append(rest[: _cut(rest, PART_UNITS_MAX - units(ELLIPSIS))].rstrip() + ELLIPSIS)
            break
        end = _cut(rest, PART_UNITS_MAX)
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return tuple(parts)


def cut(text: str, limit: int) -> str:
    """The beginning of ``text`` in at most ``limit`` UTF-16 units; it ends as a part does."""
    return text[: _cut(text, limit)].rstrip()


def units(text: str) -> int:
    """The length of ``text`` in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def _cut(text: str, limit: int) -> int:
    """The index at which the first part of ``text`` ends, at most ``limit`` units in."""
    window = _window(text, limit)
    if window == len(text):
        return window
    for boundary in (_SENTENCE_END, _WORD_END):
        # One character more is looked at: the blank after a part that fills the limit exactly.
        ends = [match.end() for match in boundary.finditer(text, 0, window + 1)]
        fitting = [end for end in ends if 0 < end <= window]
        if fitting:
            return fitting[-1]
    return _grapheme_end(text, window)


def _window(text: str, limit: int) -> int:
    """How many characters of ``text`` fit into ``limit`` UTF-16 units."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > limit:
            return index
    return len(text)


def _grapheme_end(text: str, window: int) -> int:
    """The last index up to ``window`` between two graphemes, else ``window``: a pile of accents is cut."""
    for index in range(window, 0, -1):
        if not _joined(text, index):
            return index
    return window


def _joined(text: str, index: int) -> bool:
    """Whether the characters before and at ``index`` belong to one grapheme (the common rules of UAX 29)."""
    before, after = text[index - 1], text[index]
    if _ZERO_WIDTH_JOINER in (before, after) or _extends(after):
        return True
    if _is_flag_half(before) and _is_flag_half(after):
        return _run_before(text, index, _is_flag_half) % 2 == 1
    return _is_hangul_jamo(before) and _is_hangul_jamo(after)


def _extends(character: str) -> bool:
    """Marks, variation selectors, skin tones and the tags of regional flags."""
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_hangul_jamo(character: str) -> bool:
    return "\u1100" <= character <= "\u11ff"


def _run_before(text: str, index: int, belongs: Callable[[str], bool]) -> int:
    start = index
    while start > 0 and belongs(text[start - 1]):
        start -= 1
    return index - start


def _without_lone_surrogates(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
