"""Contacts as phones send them (vCard 2.1 to 4.0): name and numbers, and nothing else. Pure."""

from __future__ import annotations

import quopri
import re

from session.inbound import clean

CARDS_MAX = 10
FIELDS_MAX = 5  # of one kind in a card
VALUE_CHARS_MAX = 100
LINES_MAX = 2000  # a card with a photograph has more; what matters stands before it

_FOLDED = re.compile(r"\r?\n[ \t]")
# Of a quoted line alone: a photograph's last line may end with = too, and a number stand behind it.
_QUOTED = re.compile(r"(?im)^[^:\r\n]{0,200}QUOTED-PRINTABLE[^:\r\n]{0,100}:(?:[^\r\n]*=\r?\n)+")
_SOFT_BREAK = re.compile(r"=\r?\n")
_LINE = re.compile(r"(?:[\w-]+\.)?(FN|N|TEL|EMAIL|ORG)((?:;[^:\n]*)?):(.*)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([\\,;nN])")


def contacts(text: str) -> str:
    """``Ann Lee, +15551234567, ann@example.com``, one line for each contact; '' when there is none."""
    text = _QUOTED.sub(lambda found: _SOFT_BREAK.sub("", found[0]), text)
    text = _FOLDED.sub("", text)
    told = [card for card in map(_card, re.split(r"(?i)BEGIN:VCARD", text)[1 : CARDS_MAX + 1]) if card]
    return "\n".join(told)


def _card(text: str) -> str:
    found: dict[str, list[str]] = {"FN": [], "N": [], "TEL": [], "EMAIL": [], "ORG": []}
    for line in text.splitlines()[:LINES_MAX]:
        match = _LINE.fullmatch(line.strip())
        if match:
            name, value = match[1].upper(), _value(match[3], match[2])
            if value and value not in found[name] and len(found[name]) < FIELDS_MAX:
                found[name].append(value)
    # N is "family;given": FN says the same as people write it.
    names = found["FN"][:1] or [" ".join(reversed(value.split()[:2])) for value in found["N"][:1]]
    return ", ".join([*names, *found["ORG"][:1], *found["TEL"], *found["EMAIL"]])


def _value(raw: str, parameters: str) -> str:
    if "quoted-printable" in parameters.lower():
        raw = quopri.decodestring(raw.encode("utf-8", "replace")).decode("utf-8", "replace")
    raw = _ESCAPED.sub(lambda match: " " if match[1] in "nN" else match[1], raw.replace("tel:", ""))
    return " ".join(clean(raw).replace(";", " ").split())[:VALUE_CHARS_MAX]
