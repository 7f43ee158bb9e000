"""What a text tells of the things an agent wants to know, in six languages, for the entities of any schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ai import standin_numbers as numbers
from ai.standin_terms import ISSUES, PLACES, SAME, TERMS

# What an answer has beside its entities.
_NO_ENTITIES = frozenset({
    "reply", "intent", "language", "memory", "handoff", "ends", "satisfaction", "summary", "open_matter",
})  # fmt: skip
_CODE = r"[A-Z]{0,4}-?[0-9][0-9A-Z-]{2,18}"
_ORDER = re.compile(
    rf"#\s?(?P<sharp>{_CODE})\b"
    r"|(?:\b(?:order|ordr|oder|orde|odrer|pedido|encomenda|commande|bestellung|bestellnummer|auftrag|auftragsnummer)|طلب\w{0,2}|الطلب)\s{1,3}"
    r"(?:(?:number|no\.?|id|nr\.?|n[º°o]\.?|número|numéro|nummer|mit der nummer|رقم)\s{0,2})?"
    rf"(?:(?:is|es|est|ist|é|هو)\s|:\s?)?(?P<word>{_CODE})\b",
    re.IGNORECASE,
)
_NUMBER_ALONE = re.compile(
    r"\W{0,3}(?:it'?s |it is |es el |c'est |es ist |é o )?(?:(?:number|no\.?|número|numéro|nummer|رقم) )?#?(?P<number>[0-9]{4,9})\W{0,3}",
    re.IGNORECASE,
)
_CODE_ALONE = re.compile(rf"\W{{0,3}}(?:it'?s |it is )?#?(?P<number>{_CODE})\W{{0,3}}", re.IGNORECASE)
_WORDS_AFTER = r"[^\W\d_][\w'-]{0,20}(?:\s[A-Z][\w'-]{0,20}){0,2}"
_NAME = re.compile(
    r"\b(?i:my name is|my name's|call me(?: by my (?:nick|first ?)?name,?)?|me llamo|mi nombre es|je m'appelle|mon nom est|ich heiße|ich heisse"
    rf"|mein name ist|meu nome é|me chamo|chamo-me)\s(?P<told>{_WORDS_AFTER})"
    r"|\b(?i:i'?m|i am|this is|soy|je suis|ich bin|sou (?:o|a)|sou)\s"
    r"(?P<said>[A-Z][^\W\d_'-]{1,20}(?:\s[A-Z][a-z'-]{1,20}){0,2})\b"
    r"|(?:اسمي|إسمي)\s(?:هو\s)?(?P<arabic>[^\W\d_]{2,20}(?:\s(?!و)[^\W\d_]{2,20})?)"
)
# Words with which a sentence goes on after "I'm", written large by mistake or by an autocorrection.
_NO_NAMES = frozenset({
    "a", "an", "the", "it", "me", "my", "not", "no", "still", "sorry", "having", "very", "so",
    "waiting", "looking", "here", "back", "done", "fine", "good", "ok", "okay", "sure", "trying",
    "in", "at", "on", "from", "about", "urgent", "ridiculous", "unacceptable", "wrong", "what",
    "why", "how", "just", "again", "by", "when", "if", "before", "after", "later", "tomorrow", "yo", "de", "un", "une", "ein", "eine", "um", "uma",
})  # fmt: skip
_COUNTED = {
    "bedrooms": (
        r"(?:bed(?:room)?s?|br|bdr|bhk|habitaci(?:ón|ones)|dormitorios?|rec[aá]maras?|chambres?|(?:schlaf)?zimmer|"
        r"quartos?|غرفة|غرف)"
    ),
    "bathrooms": r"(?:bath(?:room)?s?|baños?|salles? de bains?|badezimmer|bäder|bad|banheiros?|حمامات|حمام)",
    "people": r"(?:people|persons?|guests?|pax|personas?|personnes?|personen|pessoas?|أشخاص|اشخاص)",
}
_TWO_IN_ARABIC = {"bedrooms": r"غرفتين|غرفتي|غرفتان", "bathrooms": r"حمامين|حمامان", "people": r"شخصين"}
_AREA = re.compile(
    r"(\d{2,5})\s?(?:sq\.?\s?m\b|sqm|m2|m²|square met|metros cuadrados|mètres carrés|quadratmeter|qm\b|متر|sq\.?\s?ft|square f)",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|near|around|en|cerca de|à|au|près de|nahe|em|perto de)\s(?:the\s|el\s|la\s)?"
    r"(?P<place>[A-ZÀ-Þ][\w'-]{1,20}(?:\s(?:de\s|al\s)?[A-ZÀ-Þ][\w'-]{1,20}){0,2})"
    r"|(?:^|\s)(?:في|بمدينة|قرب)\s(?:مدينة\s)?(?P<arabic>[^\W\d_]{2,20})"
)
_NO_PLACES = re.compile(
    r"(January|February|March|April|May|June|July|August|September|October|November|December|\w+day|Cash|USD|AED|EUR"
    r"|Total|Order|English|Arabic|الصباح|المساء|انتظار)\b"
)
_MAIL = re.compile(r"\b[\w.+-]{1,40}@[\w-]{1,40}(?:\.[\w-]{2,20}){1,3}\b")


@dataclass(frozen=True)
class Field:
    """One entity of the schema: its kind says how it is found and asked for, ``words`` are an enum's."""

    name: str
    kind: str
    words: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()  # of items: a role (name, quantity, price) and its property


def fields_of(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """The entities of an answer's schema: its object ``entities``, or every property when there is none."""
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    inner = properties.get("entities")
    if isinstance(inner, Mapping) and isinstance(inner.get("properties"), Mapping):
        properties = inner["properties"]
    named = {
        name: part
        for name, part in properties.items()
        if name not in _NO_ENTITIES and isinstance(part, Mapping)
    }
    return tuple(_field(name, part) for name, part in named.items())


def _field(name: str, schema: Mapping[str, Any]) -> Field:
    choices = schema.get("anyOf")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, Mapping) and choice.get("type") != "null":
            schema = choice
    types = schema.get("type")
    types = types if isinstance(types, list) else [types]
    parts = schema.get("properties")
    if isinstance(schema.get("enum"), list):
        return Field(
            name, kind_of(name, False), tuple(word for word in schema["enum"] if isinstance(word, str))
        )
    if "object" in types and isinstance(parts, Mapping) and {"amount", "currency"} <= parts.keys():
        return Field(name, "money")
    if "array" in types and isinstance(schema.get("items"), Mapping):
        parts = schema["items"].get("properties")
        return (
            Field(name, "items", parts=_parts(parts)) if isinstance(parts, Mapping) else Field(name, "list")
        )
    if "boolean" in types or "object" in types:
        return Field(name, "none")
    described = str(schema.get("description", ""))
    if "YYYY-MM-DD" in described or schema.get("format") == "date":
        return Field(name, "date")
    return Field(name, kind_of(name, "number" in types or "integer" in types))


_KINDS = (
    ("order", r"^order(_(number|id|no))?$|tracking_number"),
    ("person", r"name$"),
    ("issue", r"issue|problem|trouble|complaint"),
    ("place", r"location|city|place|area_name|district|where"),
    ("area", r"area|square|sqm"),
    ("bedrooms", r"bedroom|^beds?$|^rooms?$"),
    ("bathrooms", r"bath"),
    ("people", r"party|people|guests|persons"),
    ("money", r"budget|price|amount"),
    ("property", r"property|home_type|dwelling"),
    ("payment", r"payment"),
    ("urgency", r"urgency|timeline|timeframe|when"),
    ("mail", r"e?mail"),
    ("reason", r"reason|concern|service|subject|topic"),
)
_NUMERIC = ("area", "bedrooms", "bathrooms", "people", "money")


def kind_of(name: str, numeric: bool) -> str:
    kind = next((kind for kind, words in _KINDS if re.search(words, name)), "plain")
    if numeric and kind not in (*_NUMERIC, "order"):
        return "number"
    return kind


def _parts(properties: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    roles = (("quantity", r"quant|count|qty|number|how_many"), ("price", r"price|cost"), ("name", r""))
    return tuple((next(role for role, words in roles if re.search(words, name)), name) for name in properties)


def find(
    fields: Sequence[Field], text: str, asked: Collection[str] = (), today: date | None = None
) -> dict[str, Any]:
    """What the text tells, by entity; ``asked`` are the kinds or names that our last question was about."""
    found = {field.name: value for field in fields if _tells(value := _value(field, text, False, today))}
    if found or not asked:
        return found
    answering = (field for field in fields if field.kind in asked or field.name in asked)
    return {field.name: value for field in answering if _tells(value := _value(field, text, True, today))}


def _tells(value: Any) -> bool:
    return value not in (None, "", 0, [])


def _value(field: Field, text: str, asked: bool, today: date | None) -> Any:
    kind = field.kind
    if field.words:
        return enum_word(field.words, kind, text)
    if kind in ("none", "list"):
        return None
    if kind == "money":
        named = "total" not in field.name or "total" in text.lower()
        return numbers.money(text, bare=asked or "budget" in text.lower()) if named else None
    if kind == "date":
        return numbers.day(text, today)
    if kind == "items":
        return [{name: item[role] for role, name in field.parts} for item in numbers.items(text)]
    if kind == "order":
        return order_number(text, asked)
    if kind in _COUNTED:
        return _counted(kind, text, asked)
    if kind == "area":
        return next((int(match[1]) for match in [_AREA.search(text)] if match), None)
    if kind in TERMS:
        return term(kind, text) or (_short_answer(text) if asked else "")
    if kind == "mail":
        return next(iter(_MAIL.findall(text)), "")
    simple = {"person": person, "issue": issue, "place": place}
    if kind in simple and (value := simple[kind](text)):
        return value
    if kind == "person" and asked:
        name = _short_answer(text, words_max=3)
        return name[:1].upper() + name[1:] if re.fullmatch(r"[^\d@#/]*", name) else ""
    return _plainly(field, text) or (_short_answer(text) if asked and kind != "issue" else "")


def order_number(text: str, asked: bool = False) -> str:
    """The last one counts: people correct themselves."""
    order = ""
    for match in _ORDER.finditer(text):
        order = (match["sharp"] or match["word"]).rstrip("-")
    for line in text.split("\n"):
        if alone := (_CODE_ALONE if asked else _NUMBER_ALONE).fullmatch(line.strip()):
            order = alone["number"]
    return order


def person(text: str) -> str:
    name = ""
    for match in _NAME.finditer(text):
        words = (match["told"] or match["said"] or match["arabic"]).split()
        if words[0].lower() not in _NO_NAMES:
            name = " ".join(word[:1].upper() + word[1:] for word in words)
    return name


def issue(text: str) -> str:
    return next((kind for kind, words in ISSUES if re.search(words, text, re.IGNORECASE)), "")


def place(text: str) -> str:
    """The last place named, or a well-known one written small."""
    found = ""
    for match in _PLACE.finditer(text):
        told = match["place"] or match["arabic"]
        if not _NO_PLACES.match(told):
            found = told
    known = re.search(PLACES, text, re.IGNORECASE)
    return found or (known[0].title() if known else "")


def term(topic: str, text: str) -> str:
    """The standard word of a topic ("property", "payment", "urgency") that the text has in any language."""
    return next((word for word, words in TERMS.get(topic, ()) if re.search(words, text, re.IGNORECASE)), "")


def enum_word(words: Sequence[str], kind: str, text: str) -> str:
    """The enum's word that a text means: said as it is, or by a standard word of its kind that is like it."""
    words = [word for word in words[1:] if word != "other"]
    for word in words:
        said = r"[\s_-]".join(re.escape(part) for part in word.split("_"))
        if re.search(rf"(?<!\w){said}s?(?!\w)", text, re.IGNORECASE):
            return word
    return next(
        (word for standard in _standard_words(kind, text) for word in words if _alike(standard, word)), ""
    )


def _standard_words(kind: str, text: str) -> Iterator[str]:
    terms = ISSUES if kind == "issue" else TERMS.get(kind, ())
    yield from (word for word, words in terms if re.search(words, text, re.IGNORECASE))


def _alike(one: str, other: str) -> bool:
    """Whether two such words share the beginning of a part: "damaged_item" and "damage"."""
    one = f"{one}_{SAME.get(one, '')}"
    stems = {part[:5] for part in one.split("_") if part not in ("", "item", "this")}
    return any(part[:5] in stems for part in other.lower().split("_"))


def _counted(kind: str, text: str, asked: bool) -> int:
    if re.search(_TWO_IN_ARABIC[kind], text):
        return 2
    # The last count told: people correct themselves.
    for match in re.finditer(
        rf"(?<!\w)({numbers.COUNT})[\s-]{{0,2}}{_COUNTED[kind]}(?!\w)", text, re.IGNORECASE
    ):
        return numbers.number(match[1])
    if kind == "bedrooms" and re.search(r"غرفة نوم|غرفة واحدة", text):
        return 1
    alone = (
        re.fullmatch(rf"\W*(?:\w+\s){{0,2}}({numbers.COUNT})(?:\s\w+)?\W*", text, re.IGNORECASE)
        if asked
        else None
    )
    return numbers.number(alone[1]) if alone else 0


def _plainly(field: Field, text: str) -> Any:
    """ "Party size: 4", "my party size is 4": a value said with the entity's own name."""
    label = re.escape(field.name.replace("_", " "))
    match = re.search(rf"(?<!\w){label}(?:\sis|:|=)\s?([^\n.,;!?]{{1,60}})", text, re.IGNORECASE)
    if not match:
        return ""
    if field.kind == "number":
        figure = re.search(numbers.COUNT, match[1], re.IGNORECASE)
        return numbers.number(figure[0]) if figure else ""
    return match[1].strip()


_LEAD_IN = re.compile(
    r"^(?:(?:well|it'?s|it is|in|at|for|my|the|es|en|c'est|à|au|es ist|das ist|é|em|في)\s){1,3}",
    re.IGNORECASE,
)


_NO_ANSWER = re.compile(
    r"(yes|no|nope|yeah|yep|ok|okay|sure|later|why|what|please|that'?s|nothing|done|stop|how|when|where|sí|si|claro|oui|non|ja|nein|sim|não|نعم|لا)\b.*",
    re.IGNORECASE | re.DOTALL,
)


def _short_answer(text: str, words_max: int = 7) -> str:
    """The whole of a few words that answer a question; nothing of a longer text or another question."""
    text = text.strip().strip(".!")
    if not text or re.search(r"[?؟\n]", text) or len(text) > 60 or len(text.split()) > words_max:
        return ""
    return "" if _NO_ANSWER.fullmatch(text) else _LEAD_IN.sub("", text)
