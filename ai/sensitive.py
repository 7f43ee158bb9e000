"""Pure: what is never kept about a customer: card and account numbers, secrets, and health unless it may be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

REMOVED = "[removed]"

CARD_DIGITS = range(13, 20)
IBAN_CHARACTERS = range(15, 35)

# Digits as people write long numbers: blanks, dots or dashes between them.
_DIGITS = re.compile(r"(?<!\w)\d(?:[ .\u2010-\u2014-]{0,2}\d){12,}(?!\w)")
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,40}")

_SECRETS = re.compile(
    # English
    r"\b(?:pass[ -]?(?:word|code|phrase)s?|pin(?:[ -]?(?:code|number|nummer))?s?|cvv2?|cvc2?|otp"
    r"|security (?:code|number)|one[ -]time code|(?:api|secret|private) keys?|social security|ssn|passport (?:no|number)"
    # Spanish, French, German, Portuguese
    r"|contraseñas?|clave|código de seguridad|mots? de passe|code (?:secret|pin)|cryptogramme"
    r"|\w*passw(?:ort|örter)\w*|kennw(?:ort|örter)|geheimzahl|prüf(?:nummer|ziffer)|(?-i:TANs?)"
    r"|senhas?|palavra[ -]passe|código de segurança)\b"
    # Arabic
    r"|كلمة (?:ال)?(?:سر|مرور)|الرقم السري|الرمز السري",
    re.IGNORECASE,
)

# Beginnings of words, since languages inflect; where a whole word is meant, it ends in \b.
_HEALTH = re.compile(
    r"\b(?:allerg|alérg|alerg|asthm|asma\b|diabet|diabét|diabèt|cancer|cáncer|câncer|tumou?r|krebs\b|chemotherap"
    r"|hiv\b|aids\b|vih\b|sida\b|hepatit|epilep|épilep|depress|depresi|dépress|bipolar|schizo|psychiatr|psychother"
    r"|pregnan|embaraz|gravid|grávid|gestaç|enceinte|grossesse|schwanger|miscarr|abort|avort|abtreib"
    r"|disabled|disabilit|discapaci|deficiência|handicap|behinder|wheelchair|rollstuhl"
    r"|illness|disease|sickness|diagnos|diagnós|surger|medicat|medicin|medicament|médicament|medikament|insulin"
    r"|prescribed|prescription|antidepress|enferm(?:o|a|os|as|edad\w*)\b|doença|doente|malad(?:e|ie)"
    r"|krank(?:heit|en)?\b|\w+krank(?:heit)?\b|cirug|cirurg|chirurg|dialysis|dementia|demenz|alzheimer"
    r"|health (?:condition|problem|issue)|heart (?:condition|attack|disease)|blood pressure|addict|alcoholi)"
    r"|\b[وبل]?(?:ال)?(?:مرض\w*|مريض\w*|حساسية|سكري|سرطان\w*|حامل|حبلى|اكتئاب|ربو|دواء|أدوية|إعاقة)\b",
    re.IGNORECASE,
)


def sensitive(text: str, health_too: bool = True) -> bool:
    """Whether a text holds a card or account number, speaks of a secret or, with ``health_too``, of health."""
    text = _folded(text)
    if any(_numbers(text)) or _SECRETS.search(text):
        return True
    return health_too and _HEALTH.search(text) is not None


def without_numbers(text: str) -> str:
    """The text with its card and account numbers taken out."""
    folded = _folded(text)
    parts, upto = [], 0
    for start, end in sorted(_numbers(folded)):
        if start >= upto:
            parts.append(folded[upto:start])
        upto = max(upto, end)
    return REMOVED.join([*parts, folded[upto:]]) if parts else text


def _folded(text: str) -> str:
    """One form for what looks alike: full-width letters, accents as one character, the digits of every script."""
    text = unicodedata.normalize("NFKC", text)
    return (
        text if text.isascii() else "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)
    )


def _numbers(folded: str) -> Iterator[tuple[int, int]]:
    """Where card and account numbers stand; the spans may overlap."""
    for match in _DIGITS.finditer(folded):
        yield from _cards(match[0], match.start())
    for match in _IBAN.finditer(folded):
        yield from _ibans(match[0], match.start())


def _cards(run: str, start: int) -> Iterator[tuple[int, int]]:
    """Cards among groups of digits: another number may stand right before or behind one. They begin with 2 to 6."""
    groups = [(m.start(), m.end(), m[0]) for m in re.finditer(r"\d+", run)]
    for i, (first, _, _) in enumerate(groups):
        digits = ""
        for _, end, group in groups[i:]:
            digits += group
            if len(digits) >= CARD_DIGITS.stop:
                break
            if len(digits) in CARD_DIGITS and digits[0] in "23456" and _luhn([int(c) for c in digits]):
                yield start + first, start + end


def _ibans(run: str, start: int) -> Iterator[tuple[int, int]]:
    """An account number at the beginning of the run: words may follow it without a mark."""
    code = ""
    for place, character in enumerate(run):
        code += character if character.isalnum() else ""
        ends = place + 1 == len(run) or not run[place + 1].isalnum()
        if ends and len(code) in IBAN_CHARACTERS and _is_iban(code):
            yield start, start + place + 1
            return


def _luhn(digits: list[int]) -> bool:
    """The check sum of card numbers (ISO 7812)."""
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(code: str) -> bool:
    """The check sum of account numbers (ISO 13616)."""
    moved = code[4:] + code[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1
