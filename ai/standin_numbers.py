"""Numbers, money, dates and ordered items in the words of six languages."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

NUMBER_WORDS = {
    1: "a|an|one|un|una|uno|une|ein|eine|einen|um|uma|واحد|واحدة",
    2: "two|dos|deux|zwei|dois|duas|اثنين|اثنان|إثنين",
    3: "three|tres|trois|drei|três|ثلاث|ثلاثة",
    4: "four|cuatro|quatre|vier|quatro|أربع|أربعة|اربع",
    5: "five|cinco|cinq|fünf|خمس|خمسة",
    6: "six|seis|sechs|ست|ستة",
    7: "seven|siete|sept|sieben|sete|سبع|سبعة",
    8: "eight|ocho|huit|acht|oito|ثمان|ثماني|ثمانية",
    9: "nine|nueve|neuf|neun|nove|تسع|تسعة",
    10: "ten|diez|dix|zehn|dez|عشر|عشرة",
}
_BY_WORD = {word: number for number, words in NUMBER_WORDS.items() for word in words.split("|")}
COUNT = rf"(?:\d{{1,4}}|(?:{'|'.join(sorted(_BY_WORD, key=len, reverse=True))})(?!\w))"

_CURRENCIES = {
    "USD": r"usd|us\$|\$|dollars?|d[oó]lar(?:es)?|دولار(?:ات)?",
    "EUR": r"eur|€|euros?|يورو",
    "GBP": r"gbp|£|pounds?|libras?|livres? sterling",
    "AED": r"aed|dirhams?|dhs?|د\.إ|درهم|دراهم",
    "SAR": r"sar|riyals?|ريال",
    "EGP": r"egp|جنيه",
    "BRL": r"brl|r\$|reais|real",
    "MXN": r"mxn",
    "CHF": r"chf|franken",
}
_ANY_CURRENCY = "|".join(sorted("|".join(_CURRENCIES.values()).split("|"), key=len, reverse=True))
_SCALES = {
    1_000: r"k|thousand|mil|mille|tausend|ألف|الف|آلاف",
    1_000_000: r"m|mio|mn|mill?ions?|mill[oó]n(?:es)?|million(?:en)?|milh[aãoões]{2,3}|مليون|ملايين",
}
# Two of them are one word in Arabic.
_DUALS = ((re.compile(r"مليون(?:ين|ان)"), "2 مليون"), (re.compile(r"[أا]لف(?:ين|ان)"), "2 ألف"))
_ANY_SCALE = "|".join(sorted("|".join(_SCALES.values()).split("|"), key=len, reverse=True))
_FIGURE = r"\d{1,3}(?:[., ']\d{3}){1,3}(?:[.,]\d{1,2})?|\d{1,9}(?:[.,]\d{1,2})?"
_MONEY = re.compile(
    rf"(?:(?<!\w)(?P<before>{_ANY_CURRENCY})\s?)?(?<![\w.,])(?P<figure>{_FIGURE})"
    rf"(?:\s?(?P<scale>{_ANY_SCALE})(?!\w))?(?:\s?(?:de\s)?(?P<after>{_ANY_CURRENCY})(?!\w))?(?![\d])",
    re.IGNORECASE,
)

_MONTHS = (
    r"jan|ene|يناير", r"feb|fév|fev|فبراير", r"mar|mär|مارس", r"apr|abr|avr|أبريل|ابريل", r"may|mai\b|مايو",
    r"jun|juin|يونيو", r"jul|juil|يوليو", r"aug|ago|aoû|أغسطس", r"sep|set|سبتمبر", r"oct|okt|out|أكتوبر|اكتوبر",
    r"nov|نوفمبر", r"dec|dic|déc|dez|ديسمبر",
)  # fmt: skip
_WEEKDAYS = (
    r"monday|lunes|lundi|montag|segunda|الاثنين|الإثنين", r"tuesday|martes|mardi|dienstag|terça|الثلاثاء",
    r"wednesday|miércoles|mercredi|mittwoch|quarta|الأربعاء|الاربعاء", r"thursday|jueves|jeudi|donnerstag|quinta|الخميس",
    r"friday|viernes|vendredi|freitag|sexta|الجمعة", r"saturday|sábado|samedi|samstag|السبت",
    r"sunday|domingo|dimanche|sonntag|الأحد|الاحد",
)  # fmt: skip
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_DAY_MONTH = re.compile(
    r"\b(\d{1,2})(?:st|nd|rd|th|\.|er|º)?\s(?:of\s|de\s)?([^\W\d_]{3,10})(?:\s(?:de\s)?(\d{4}))?"
)
_MONTH_DAY = re.compile(r"\b([^\W\d_]{3,10})\s(\d{1,2})(?:st|nd|rd|th)?\b(?:,?\s(\d{4}))?")
_TOMORROW = re.compile(
    r"\b(tomorrow|demain|morgen(?!s)|amanhã)\b|(?<!la )(?<!esta )\bmañana\b(?! por)|غدا|غداً|بكرة",
    re.IGNORECASE,
)
_TODAY = re.compile(r"\b(today|hoy|aujourd'hui|heute|hoje)\b|اليوم", re.IGNORECASE)

# "two large pizzas at 12.50", "a cola for 3", "2x tea".
_ITEM = re.compile(
    rf"^(?:.*?(?<![\w.,]))??(?P<count>{COUNT})\s?[x×]?\s(?P<name>[^\W\d_][^\d,;:!?]{{1,40}}?)"
    r"(?:\s(?:(?P<how>at|for|@|zu|für|à|a|por|je|pour|ب|بسعر)\s?[$€£]?\s?|[$€£]\s?|(?=\d+[.,]\d))"
    r"(?P<price>\d{1,6}(?:[.,]\d{1,2})?)"
    r"\s?(?:[$€£]|usd|eur|euros?|dollars?)?(?P<each>\s(?:each|apiece|cada|chacune?|pièce|pro stück))?)?"
    r"(?:\s(?:please|pls|plz|thanks|thx|instead|too|as well|por favor|s'il vous plaît|bitte|من فضلك))?\s*[.!?]?$",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r",\s|;|\n|\s(?:and|plus|y|et|und|e|with|&)\s|\sو(?=\w)|[.!?]\s", re.IGNORECASE)
# Things that are counted in a message without being ordered.
_NO_ITEMS = re.compile(
    r"\b(order|question|problem|minute|hour|day|week|month|time|moment|person|human|lot|few|thing|number|name|"
    r"people|table|bit|look|update|pedido|pregunta|persona|question|personne|frage|menschen|pergunta|pessoa|"
    r"mitarbeiter|day|delivery|message|text|call)\w*\b|^(سؤال|طلب)",
    re.IGNORECASE,
)


def number(word: str) -> int:
    """The number that a match of ``COUNT`` stands for."""
    return int(word) if word.isdigit() else _BY_WORD.get(word.lower(), 0)


def figure(text: str) -> float:
    """The number behind digits with the separators of any language."""
    text = text.replace(" ", "").replace("'", "")
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", text):
        return float(re.sub("[.,]", "", text))
    whole, _, cents = re.sub(r"[.,](?=\d{3}(?!\d))", "", text).replace(",", ".").partition(".")
    return float(f"{whole}.{cents or 0}")


def tidy(value: float) -> float:
    """A whole number without a fraction, another with at most two digits of it."""
    return int(value) if value == int(value) else round(value, 2)


def money(text: str, bare: bool = False) -> dict[str, Any] | None:
    """``{"amount", "currency"}`` of the largest sum told; ``bare``: also without a word for a currency or thousands."""
    best: dict[str, Any] | None = None
    for dual, counted in _DUALS:
        text = dual.sub(counted, text)
    for match in _MONEY.finditer(text):
        unit, scale = match["before"] or match["after"], match["scale"]
        if not (unit or bare or scale):
            continue
        factor = next(
            (by for by, words in _SCALES.items() if scale and re.fullmatch(words, scale, re.IGNORECASE)), 1
        )
        amount = tidy(figure(match["figure"]) * factor)
        found = {"amount": amount, "currency": _currency(unit)}
        if best is None or (bool(found["currency"]), amount) > (bool(best["currency"]), best["amount"]):
            best = found
    return best


def currency(text: str) -> str:
    """The ISO 4217 code of the currency named in a text, or nothing."""
    match = re.search(rf"(?<!\w)(?:{_ANY_CURRENCY})(?!\w)", text, re.IGNORECASE)
    return _currency(match[0]) if match else ""


def _currency(unit: str | None) -> str:
    codes = (code for code, words in _CURRENCIES.items() if unit and re.fullmatch(words, unit, re.IGNORECASE))
    return next(codes, "")


def day(text: str, today: date | None) -> str:
    """The date told, as 2026-11-20; what is relative needs to know today."""
    if match := _ISO.search(text):
        return _iso(int(match[1]), int(match[2]), int(match[3]))
    for pattern, first in ((_DAY_MONTH, 1), (_MONTH_DAY, 2)):
        for match in pattern.finditer(text):
            name, place = match[3 - first].lower(), int(match[first])
            month = next((i for i, words in enumerate(_MONTHS, 1) if re.match(words, name)), 0)
            if month and (match[3] or today):
                year = int(match[3]) if match[3] else _next_year(today or date.min, month, place)
                return _iso(year, month, place)
    if today is None:
        return ""
    if _TODAY.search(text):
        return today.isoformat()
    if _TOMORROW.search(text):
        return (today + timedelta(days=1)).isoformat()
    for weekday, words in enumerate(_WEEKDAYS):
        if re.search(rf"(?<!\w)(?:{words})(?!\w)", text, re.IGNORECASE):
            return (today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)).isoformat()
    return ""


def _next_year(today: date, month: int, place: int) -> int:
    return today.year + ((month, place) < (today.month, today.day))


def _iso(year: int, month: int, place: int) -> str:
    try:
        return date(year, month, place).isoformat()
    except ValueError:
        return ""


def items(text: str) -> list[dict[str, Any]]:
    """What is ordered: ``{"name", "quantity", "price"}``, the price of one, None when it is not told."""
    found = []
    for clause in _BETWEEN.split(text):
        match = _ITEM.match(clause.strip())
        if match and not _NO_ITEMS.search(match["name"]):
            quantity = number(match["count"])
            price = figure(match["price"]) if match["price"] else None
            # "two colas for 6" is what both cost.
            both = (
                price and (match["how"] or "").lower() in ("for", "für", "por", "pour") and not match["each"]
            )
            one = tidy(price / quantity) if price and both and quantity else price and tidy(price)
            found.append({"name": match["name"].strip(), "quantity": quantity, "price": one})
    return found


def total(ordered: Sequence[Mapping[str, Any]]) -> float | None:
    """The sum of what is ordered, when every price and quantity is known."""
    sums = []
    for item in ordered:
        price, quantity = item.get("price"), item.get("quantity")
        if not (
            isinstance(price, (int, float)) and isinstance(quantity, (int, float)) and price and quantity
        ):
            return None
        sums.append(price * quantity)
    return tidy(sum(sums)) if sums and math.isfinite(sum(sums)) else None
