"""The stand-in model: rules instead of a language model. No key, no network, nothing outside Python.

Good enough to try the product: it finds an order number, a name and the kind of trouble, remembers them
through what the prompt tells it, answers within one SMS, and says nothing about an order that the customer
did not say. It honours whatever JSON schema it is given, and fills what it does not know with neutral values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ai.neutral import fill

MODEL_NAME = "stand-in"

# One SMS in the GSM alphabet.
REPLY_CHARS_MAX = 160
# What matters in a text message stands in its first lines; more would only cost time.
READ_CHARS_MAX = 4_000

_ORDER = re.compile(
    r"#\s?(?P<sharp>[A-Z]{0,4}-?[0-9][0-9A-Z-]{2,18})\b"
    r"|\border\s{1,3}(?:number\s|no\.?\s|id\s|nr\.?\s)?(?:is\s|:\s?)?(?P<word>[A-Z]{0,4}-?[0-9][0-9A-Z-]{2,18})\b",
    re.IGNORECASE,
)
_NUMBER_ALONE = re.compile(r"\W{0,3}(?:it'?s |it is )?#?(?P<number>[0-9]{4,9})\W{0,3}", re.IGNORECASE)
_NAME = re.compile(
    r"\b(?i:my name is|my name's|call me)\s(?P<told>[^\W\d_][\w'-]{0,20}(?:\s[A-Z][\w'-]{0,20}){0,2})"
    r"|\b(?i:i'm|i am|this is)\s(?P<said>[A-Z][a-z'-]{1,20}(?:\s[A-Z][a-z'-]{1,20}){0,2})\b"
)
# Words with which a sentence goes on after "I'm", written large by mistake or by an autocorrection.
_NO_NAMES = frozenset({
    "a", "an", "the", "it", "me", "my", "not", "no", "still", "sorry", "having", "very", "so",
    "waiting", "looking", "here", "back", "done", "fine", "good", "ok", "okay", "sure", "trying",
    "in", "at", "on", "from", "about", "urgent", "ridiculous", "unacceptable", "wrong", "what",
    "why", "how", "just", "again",
})  # fmt: skip
_PLACEHOLDERS = {"[picture]": "pictures", "[voice note]": "voice notes", "[document]": "documents"}
_CAME_WITH = re.compile(r"This turn came with ([^.(]{1,60})\. You cannot look")

# Kind of trouble, how a customer words it, and how it is called in a sentence.
_ISSUES = (
    ("wrong_item", r"wrong (item|product|size|colou?r|one|order)|not what i ordered", "the wrong item"),
    ("damaged_item", r"\b(damaged|broken|cracked|defective|faulty|(doesn'?t|does not) work)\b", "the damage"),
    ("missing_item", r"\b(missing|incomplete)\b", "what is missing"),
    ("refund", r"\b(refund|money back)\b", "the refund"),
    ("return", r"\b(return|send (it|them) back|exchange)\b", "the return"),
    ("cancellation", r"\bcancel", "the cancellation"),
    ("billing", r"\b(charged|invoice|billing|double charge|overcharged|payment)\b", "the payment"),
    (
        "shipping_delay",
        (r"(n'?t|not|never|yet to)\b.{0,20}\b(ship(ped)?|arrived?|come|delivered|received?|got|get|here)\b"
        r"|\b(late|delay(ed)?|overdue|shipping|delivery|shipped|tracking|stuck)\b"
        r"|where('s| is| are)\b.{0,20}\b(order|package|parcel|delivery|stuff)\b"),
        "the late shipping",
    ),
)  # fmt: skip
_NOT_SHIPPED = re.compile(r"(n'?t|not|never)\b.{0,12}\bship", re.IGNORECASE)


@dataclass(frozen=True)
class _Found:
    """What one text tells; empty where it tells nothing."""

    order: str = ""
    name: str = ""
    issue: str = ""

    def over(self, earlier: _Found) -> _Found:
        return _Found(self.order or earlier.order, self.name or earlier.name, self.issue or earlier.issue)


def respond(items: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> dict[str, Any]:
    """An answer in the schema's shape to a conversation of role and content; the last user items are new."""
    notes, earlier, newest = _split(items)
    said = "\n".join(newest)
    found = _find(said)
    known = found.over(_find_known(notes, earlier))
    reply = _reply(
        said, found, known, returning=bool(earlier) or bool(known.order), unseen=_unseen(notes, newest)
    )
    values = {
        "reply": _fitted(reply),
        "order_number": found.order,
        "customer_name": found.name,
        "issue_type": found.issue,
        "intent": found.issue or ("order" if found.order else ""),
        "language": _language(said),
    }
    filled = fill(schema, values)
    return filled if isinstance(filled, dict) and filled else {"reply": values["reply"]}


def _split(items: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str], list[str]]:
    """Notes (system, developer), the customer's earlier messages, and those that wait for this answer."""
    talk = [item for item in items if item.get("role") in ("user", "assistant")]
    notes = [_text(item) for item in items if item.get("role") not in ("user", "assistant")]
    start = len(talk)
    while start and talk[start - 1].get("role") == "user":
        start -= 1
    earlier = [_text(item) for item in talk[:start] if item.get("role") == "user"]
    return notes, earlier, [_text(item) for item in talk[start:]]


def _text(item: Mapping[str, Any]) -> str:
    content = item.get("content")
    if isinstance(content, list):
        content = "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _find(text: str) -> _Found:
    text = text[:READ_CHARS_MAX].replace("\u2019", "'")
    order = ""
    for match in _ORDER.finditer(text):
        order = (match["sharp"] or match["word"]).rstrip(
            "-"
        )  # the last one counts: people correct themselves
    for line in text.split("\n"):
        if alone := _NUMBER_ALONE.fullmatch(line.strip()):
            order = alone["number"]
    name = ""
    for match in _NAME.finditer(text):
        words = (match["told"] or match["said"]).split()
        if words[0].lower() not in _NO_NAMES:
            name = " ".join(word[:1].upper() + word[1:] for word in words)
    issue = next((kind for kind, words, _ in _ISSUES if re.search(words, text, re.IGNORECASE)), "")
    return _Found(order, name, issue)


def _find_known(notes: Sequence[str], earlier: Sequence[str]) -> _Found:
    """From earlier messages, the newest first, then from the lines of JSON in the notes."""
    known = _Found()
    for text in reversed(earlier):
        known = known.over(_find(text))
    for line in (line for note in notes for line in note.split("\n") if line.rstrip().endswith("}")):
        data = _json_object(line[line.find("{") :])
        words = {name: value for name, value in data.items() if isinstance(value, str)}
        name = words.get("customer_name") or words.get("profile_name", "")
        told = _Found(words.get("order_number", ""), name, words.get("issue_type", ""))
        known = known.over(told)
    return known


def _json_object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _unseen(notes: Sequence[str], newest: Sequence[str]) -> str:
    for text in newest:
        if text in _PLACEHOLDERS:
            return _PLACEHOLDERS[text]
    came = next((match[1] for note in notes if (match := _CAME_WITH.search(note))), "")
    return next((plural for plural in _PLACEHOLDERS.values() if plural[:-1] in came), "")


def _says(text: str, words: str) -> bool:
    return re.search(words, text[:READ_CHARS_MAX].replace("\u2019", "'"), re.IGNORECASE) is not None


def _reply(said: str, found: _Found, known: _Found, returning: bool, unseen: str) -> str:
    """The rules, the most particular first."""
    if unseen:
        return f"Thanks, but I can't look at {unseen} yet. Could you tell me in words what it is about?"
    small_talk = _small_talk(said, known)
    if small_talk and not (found.order or found.issue):
        return small_talk
    if found.issue and known.order:
        return _issue_reply(said, found.issue, known.order)
    if found.issue:
        return f"I'm sorry about {_called(found.issue)}. Which order is it? Please send me the order number."
    if found.order:
        return _order_reply(found, known)
    if _says(said, r"\b(update|news|status|progress|any word|heard anything)\b"):
        return _update_reply(known)
    if found.name:
        return f"Nice to meet you, {_short(found.name)}. {_ask(known)}"
    if _says(said, r"\b(again|i'm back|i am back|remember)\b") and returning:
        return _welcome_back(known)
    if _says(said, r"^\W*(hi|hello|hey|good (morning|afternoon|evening)|hola|salut|hallo)\b"):
        return _greeting(known)
    if known.order:
        return f"Thanks, I've noted that with order #{_short(known.order)}. Is there anything else?"
    return "Thanks for your message. How can I help? If it is about an order, please send me its number."


def _small_talk(said: str, known: _Found) -> str:
    if _says(said, r"\b(who|what) are you\b|are you (a |an )?(bot|robot|human|real|person|ai|machine)"):
        return (
            "I'm a simple stand-in for a language model, here for trying things out. Ask me about an order!"
        )
    if _says(said, r"\b(real|human|live) (person|agent|being)|\b(speak|talk) (to|with) (a|an|some)"):
        return "I can't connect you to a person, but I'll keep what you tell me on record. What is it about?"
    if _says(said, r"\b(opening hours|hours|when (are|do) you (open|close))\b"):
        return "I don't have the opening hours at hand, but you can text here at any time. How can I help?"
    if _says(said, r"\b(thanks|thank you|thx|cheers|gracias|merci|danke)\b"):
        about = f" I'll keep order #{_short(known.order)} in mind." if known.order else ""
        return f"You're welcome!{about} Text me whenever you need anything else."
    if _says(said, r"^\W*(bye|goodbye|see you|that's all|that is all)\b"):
        return "Goodbye, and thanks for writing. Text me whenever you need anything else."
    return ""


def _issue_reply(said: str, issue: str, order: str) -> str:
    order = _short(order)
    if issue == "shipping_delay" and _NOT_SHIPPED.search(said[:READ_CHARS_MAX].replace("\u2019", "'")):
        return (
            f"I'm sorry. I've noted that order #{order} hasn't shipped yet. When were you told it would ship?"
        )
    return (
        f"I'm sorry to hear that. I've noted {_called(issue)} for order #{order}. Can you tell me a bit more?"
    )


def _order_reply(found: _Found, known: _Found) -> str:
    thanks = f"Thanks, {_short(found.name)}." if found.name else "I can help you with that."
    if known.issue:
        return (
            f"{thanks} I've noted {_called(known.issue)} for order #{_short(found.order)}. Anything to add?"
        )
    return f"{thanks} What exactly is the trouble with order #{_short(found.order)}?"


def _update_reply(known: _Found) -> str:
    if not known.order:
        return "I'm happy to help. Which order is it about? Please send me the order number."
    noted = f" I still have {_called(known.issue)} on record." if known.issue else ""
    return f"I have no news on order #{_short(known.order)} yet.{noted} Is there anything you'd like to add?"


def _welcome_back(known: _Found) -> str:
    name = f", {_short(known.name.split()[0])}" if known.name.split() else ""
    if not known.order:
        return f"Welcome back{name}! {_ask(known)}"
    matter = f" and {_called(known.issue)}" if known.issue else ""
    order = f"your order #{_short(known.order)}"
    return f"Welcome back{name}! I remember we talked about {order}{matter}. How can I help?"


def _greeting(known: _Found) -> str:
    if known.order:
        return _welcome_back(known)
    name = f", {_short(known.name.split()[0])}" if known.name.split() else ""
    return f"Hello{name}! How can I help you today?"


def _ask(known: _Found) -> str:
    return f"Is it about order #{_short(known.order)}?" if known.order else "How can I help you?"


def _called(issue: str) -> str:
    """A kind of trouble as a sentence says it; one of ours, or whatever the prompt told."""
    return next((called for kind, _, called in _ISSUES if kind == issue), _short(issue.replace("_", " ")))


def _short(text: str) -> str:
    return " ".join(text.split())[:24]


def _fitted(reply: str) -> str:
    return reply if len(reply) <= REPLY_CHARS_MAX else reply[: REPLY_CHARS_MAX - 3].rstrip() + "..."


def _language(text: str) -> str:
    """English when it is plainly so, Arabic by its script, else nothing to report."""
    if re.search("[\u0600-\u06ff]", text[:READ_CHARS_MAX]):
        return "ar"
    return "en" if _says(text, r"\b(the|my|is|it|hi|hello|hey|thank|thanks|order|you|what)\b") else ""
