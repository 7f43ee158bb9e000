"""How many SMS segments a text costs, as carriers count them."""

from __future__ import annotations

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_TWO_UNITS = frozenset("\f^{}\\[~]|€")

# One message alone holds the first number of units; in a chain each part gives some to its header.
GSM7_LIMITS = (160, 153)
UCS2_LIMITS = (70, 67)


def count_segments(text: str) -> int:
    """Segments of ``text``, at least 1. A character of two units never straddles two segments."""
    units = [1 if c in GSM7 else 2 for c in text]
    limits = GSM7_LIMITS
    if not all(c in GSM7 or c in GSM7_TWO_UNITS for c in text):
        units = [utf16_units(c) for c in text]
        limits = UCS2_LIMITS
    alone, chained = limits
    if sum(units) <= alone:
        return 1
    segments, used = 1, 0
    for unit in units:
        if used + unit > chained:
            segments, used = segments + 1, 0
        used += unit
    return segments


def utf16_units(text: str) -> int:
    """Length as Twilio's 1600-character limit counts it: a character outside the BMP is two."""
    return sum(2 if ord(c) > 0xFFFF else 1 for c in text)
