"""Reading short texts by phrase: how they are folded, cut into clauses and matched. Pure.

A phrase is a regular expression over folded text: small letters without accents, plain apostrophes, one blank
between words. It is written with its accents and folded when it is compiled, so it must hold no capital letter
(hence no ``\\W``, ``\\S``, ``\\D``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

# A wish stands in few words; what comes later in a long text is the model's to read.
CHARS_LOOKED_AT = 2000

Phrases = Mapping[str, tuple[str, ...]]  # by language

# Arabic letters that are written one for the other, and apostrophes.
_ALIKE = str.maketrans({"ى": "ي", "ة": "ه", "ـ": None, "’": "'", "‘": "'", "`": "'", "´": "'"})
_CLAUSE = re.compile(
    r"[.!?;:\n،؟؛¿¡()\"“”«»…]+|,(?=\s)|\s[-–—]\s|\s(?:but|pero|mais|aber|sondern|لكن|ولكن)(?=\s)"
)


def fold(text: str) -> str:
    """``text`` in small letters without accents; an umlaut is its vowel."""
    letters = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text.translate(_ALIKE)).casefold())
    plain = "".join(letter for letter in letters if unicodedata.category(letter) not in ("Mn", "Cf"))
    return plain.translate(_ALIKE)


def clauses(text: str) -> list[str]:
    """The folded clauses of the beginning of ``text``, one blank between words."""
    parts = (" ".join(part.split()) for part in _CLAUSE.split(fold(text[:CHARS_LOOKED_AT])))
    return [part for part in parts if part]


def compiled(phrases: Iterable[str]) -> re.Pattern[str]:
    """One expression for all ``phrases``, each beginning and ending at a word's edge."""
    return re.compile("|".join(rf"(?<!\w)(?:{fold(phrase)})(?!\w)" for phrase in phrases))


def everywhere(phrases: Phrases) -> re.Pattern[str]:
    """One expression for the phrases of all languages."""
    return compiled(phrase for language in phrases.values() for phrase in language)
