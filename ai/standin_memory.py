"""What the stand-in model wants remembered or forgotten of a customer, and what it says of what is known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ai.standin_read import Talk, says
from ai.standin_words import EVERYTHING, FORGET

_STOP = r"(?P<rest>[^.!?\n؟]{3,120})"
_PREFERS = re.compile(
    rf"(?P<whole>\b(?:i(?:'d| would)?\s(?:really\s|always\s)?prefer|prefiero|je préfère|ich bevorzuge|prefiro)\s{_STOP})"
    rf"|(?P<arabic>(?:^|\s)(?:أفضّل|أفضل|افضل)\s[^.!?\n؟]{{3,120}})"
    rf"|(?P<contact>\b(?:please\s|only\s){{0,2}}(?:call|text|write|contact)\sme\s(?:only\s)?"
    r"(?:in|after|before|at|on|by(?! my)|between|via)\s[^.!?\n]{1,80})",
    re.IGNORECASE,
)
_FACT = re.compile(
    r"\b(?:please\s)?(?:remember|note|keep in mind|recuerde?|acuérdese|n'oubliez pas|retenez|merken sie sich|merk dir"
    r"|denken sie daran|lembre-se|lembre)\s?,?\s?(?:that\s|que\s|dass\s|de que\s)(?P<rest>[^.!?\n]{3,120})"
    r"|(?:تذكر|تذكّر)\s(?:أن|ان)\s(?P<arabic>[^.!?\n؟]{3,120})"
    r"|\b(?P<home>i live in [^.!?,\n]{2,60}|vivo en [^.!?,\n]{2,60}|j'habite [^.!?,\n]{2,60}|ich wohne in [^.!?,\n]{2,60}"
    r"|moro em [^.!?,\n]{2,60})",
    re.IGNORECASE,
)
_ASKS_TO_REMEMBER = r"\b(remember|note|keep) (my|that|this)\b"
# What nobody should keep: figures as long as a card's, secrets, health.
_SENSITIVE = (
    r"(\d[ -]?){12,19}|\b[A-Z]{2}\d{2}[A-Z0-9 ]{10,30}\b"
    r"|\b(password|passcode|pin|cvv|cvc|ssn|secret|contraseña|clave|mot de passe|passwort|kennwort|senha)\b|كلمة (ال)?(سر|مرور)"
    r"|\b(diabet\w+|cancer|hiv|pregnan\w+|depress\w+|allerg\w+|asthma|epilep\w+|disease|illness|diagnos\w+|cáncer|alergi\w+"
    r"|embarazad\w+|enceinte|krebs|schwanger|krank\w*|grávida)\b|سكري|سرطان|حامل"
)
_UNTELLING = frozenset(
    [
        "forget",
        "please",
        "that",
        "about",
        "delete",
        "erase",
        "this",
        "what",
        "the",
        "you",
        "have",
        "has",
        "with",
        "and",
    ]
)
# The slot that a new item of the same kind fills again.
_SLOTS = (
    (
        "delivery time",
        r"(deliver|entrega|livraison|liefer|توصيل|التوصيل)",
    ),
    ("contact", r"\b(call|text|sms|whatsapp|e-?mail|write|phone|contact|llam\w+|appel\w*|anruf\w*)\b|واتساب|رسائل"),
    ("time of day", r"\b(morning|afternoon|evening|noon|weekends?|mañana|tarde|matin|soir|vormittag\w*|abends?|manhã)\b|صباح|مساء"),
    ("payment", r"\b(cash|card|invoice|efectivo|tarjeta|carte|rechnung|karte|dinheiro|cartão)\b|نقد|بطاقة"),
    ("language", r"\b(english|spanish|arabic|french|german|portuguese|español|français|deutsch|português)\b|العربية"),
    ("home", r"\b(i live|vivo en|j'habite|ich wohne|moro em)\b"),
    ("food", r"\b(vegetarian|vegan|halal|kosher|spicy|food|meat)\b"),
)  # fmt: skip


def sensitive(text: str) -> bool:
    """Whether the customer wants something kept that should not be."""
    return says(text, _SENSITIVE) and (says(text, _ASKS_TO_REMEMBER) or _told(text) is not None)


def changes(talk: Talk) -> list[dict[str, Any]]:
    """The changes of memory that the newest messages ask for, in the shape of the answer's schema."""
    text = talk.said
    if says(text, FORGET):
        return [{"op": "forget", "about": about} for about in _to_forget(talk)]
    told = _told(text)
    if told is None or says(text, _SENSITIVE):
        return []
    kind, content = told
    return [{"op": "remember", "type": kind, "about": _slot(content), "content": content, "confidence": 0.9}]


def contents(memory: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is remembered, as a list in a sentence names it."""
    told = [" ".join(str(item["content"]).split()).rstrip(".") for item in memory]
    return [text for text in dict.fromkeys(told) if text]


def _told(text: str) -> tuple[str, str] | None:
    """ "preference" or "fact", and its content; the last thing told counts."""
    found = None
    for match in _PREFERS.finditer(text):
        words = (match["whole"] or match["arabic"] or match["contact"]).strip().rstrip(",;")
        found = (
            "preference",
            re.sub(r"(?i)^i(?:'d| would)?\s(?:(?:really|always)\s)?prefer", "Prefers", words),
        )
    for match in _FACT.finditer(text):
        found = ("fact", (match["rest"] or match["arabic"] or match["home"]).strip())
    return found


def _slot(content: str) -> str:
    known = next((slot for slot, words in _SLOTS if says(content, words)), "")
    return known or " ".join(re.findall(r"\w+", content.lower())[:3])[:40]


def _to_forget(talk: Talk) -> list[str]:
    """The slots meant: all of them, those that share a word with the message, or the one last spoken of."""
    text = talk.said.lower()
    slots = {str(item.get("about", "")): str(item.get("content", "")) for item in talk.memory}
    if says(text, EVERYTHING):
        return [slot for slot in slots if slot]
    words = set(re.findall(r"\w{3,}", text)) - _UNTELLING
    named = [
        slot
        for slot, content in slots.items()
        if words & set(re.findall(r"\w{3,}", f"{slot} {content}".lower()))
    ]
    if named:
        return named
    spoken = (_told(earlier) for earlier in reversed(talk.earlier))
    last = next((_slot(told[1]) for told in spoken if told), "")
    return [last] if last in slots or (last and not slots) else [slot for slot in list(slots)[:1] if slot]
