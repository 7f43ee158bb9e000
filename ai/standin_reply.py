"""The stand-in model's reply to a scene: rules, the most particular first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ai import standin_memory as memory
from ai import standin_tools
from ai.standin_phrases import (
    LIST_CHARS_MAX,
    between,
    fitted,
    issue_name,
    listed,
    question,
    say,
    short,
    weekdays,
    word,
)
from ai.standin_scene import Scene, described, roles
from ai.standin_words import (
    AGAIN,
    ASKS,
    BYE,
    EMERGENCY,
    FORGET,
    GREETING,
    HOURS,
    KNOWN,
    NO_NEWS,
    NOT_SHIPPED,
    NOTHING_ELSE,
    SEARCH,
    THANKS,
    TOTAL,
    UPDATE,
    WHO,
    language,
    rating,
    wants_person,
)  # fmt: skip

_OPENING = re.compile(r"People are there \([^()\n]{1,40}\): ([^\n]{1,300}?); at no other time")
_GREET_WITH = re.compile(r'Greet with: "((?:[^"\\]|\\.){1,300})"')


def reply(scene: Scene, handoff: bool, changes: int) -> str:
    """What to say. ``handoff``: a person takes over; ``changes``: of memory, made in this turn."""
    if unseen := scene.talk.unseen():
        return _unseen(scene, unseen)
    if handoff:
        return _say(scene, "handoff")
    if scene.talk.results:
        return _from_tools(scene)
    about_memory = _about_memory(scene, changes)
    if about_memory:
        return about_memory
    small_talk = _small_talk(scene)
    if small_talk and not (scene.new_order or scene.new_issue or (scene.found and not scene.desk)):
        return small_talk
    return _desk(scene) if scene.desk else _form(scene)


def _unseen(scene: Scene, came: Sequence[Mapping[str, Any]]) -> str:
    """What came, by name and size; first of all what could not be read."""
    first = next((item for item in came if _may_be_sent_again(item)), came[0])
    label = " ".join(part for part in (short(str(first.get("name", ""))), _size(first)) if part)
    told = [word(scene.language, str(first.get("what", ""))) or word(scene.language, "file"), label]
    more = f" +{len(came) - 1}" if len(came) > 1 else ""
    phrase = "unread" if _may_be_sent_again(first) else "unseen"
    return _say(scene, phrase, what=" ".join(filter(None, told)) + more)


def _may_be_sent_again(item: Mapping[str, Any]) -> bool:
    """Whether something went wrong with this one; what cannot be done "here" at all is no better the second time."""
    unread = str(item.get("unread") or "")
    return bool(unread) and not unread.endswith(" here")


def _size(item: Mapping[str, Any]) -> str:
    return f"({short(str(item['size']))})" if item.get("size") else ""


def _say(scene: Scene, phrase: str, **values: object) -> str:
    return fitted(say(scene.language, phrase, **values))


def _from_tools(scene: Scene) -> str:
    """What the tools gave, and the next question where there is room for it."""
    told = standin_tools.reply(scene.language, scene.talk.results, scene.known)
    asks = [] if scene.desk or "?" in told else _questions(scene)
    if scene.new_order and not (scene.issue or scene.says(UPDATE) or "?" in told):
        asks = [say(scene.language, "ask_issue")]
    return listed([told, *asks], LIST_CHARS_MAX, " ")


def _questions(scene: Scene) -> list[str]:
    """The one to ask next, if anything is missing: first the price of what was ordered without one."""
    for field in scene.fields if scene.found else ():
        for item in roles(field, scene.known.get(field.name)) if field.kind == "items" else ():
            if "price" in item and not item["price"] and item.get("name"):
                return [say(scene.language, "price_of", label=short(str(item["name"])))]
    return [question(scene.language, field.kind, field.name) for field in scene.missing[:1]]


def _name(scene: Scene) -> str:
    first = scene.name.split()[:1]
    return ("، " if scene.language == "ar" else ", ") + short(first[0]) if first else ""


def _about_memory(scene: Scene, changes: int) -> str:
    if scene.says(KNOWN):
        return _known(scene)
    if scene.says(FORGET) and not scene.new_order:
        here = "still_known" if scene.order or scene.name or scene.known else "nothing_to_forget"
        return _say(scene, "forgotten" if changes else here)
    if memory.sensitive(scene.talk.said):
        return _say(scene, "not_kept")
    if changes and not (scene.new_order or scene.new_issue or scene.found):
        return _say(scene, "kept")
    return ""


def _known(scene: Scene) -> str:
    names = [field.name for field in scene.fields if field.kind != "person"]
    parts = [short(scene.name)] if scene.name else []
    parts += described(scene, names)
    if scene.order and not any(scene.order in part for part in parts):
        parts.append(f"{word(scene.language, 'order')} #{short(scene.order)}")
    parts += memory.contents(scene.talk.memory)
    if not parts:
        return _say(scene, "nothing_known")
    told = listed(parts, LIST_CHARS_MAX - 40, between(scene.language))
    return fitted(say(scene.language, "known", list=told), LIST_CHARS_MAX)


def _small_talk(scene: Scene) -> str:
    said = scene.talk.said
    if rating(said, scene.talk.asked_or_noticed):
        return _say(scene, "rated")
    if scene.says(WHO):
        return _say(scene, "who_order" if scene.desk else "who")
    if wants_person(said):
        return _say(scene, "no_person")
    if scene.says(HOURS):
        return _opening(scene) or _say(scene, "hours")
    if scene.says(BYE):
        return _say(scene, "bye")
    if scene.says(f"{THANKS}|{NOTHING_ELSE}"):
        return _say(scene, "thanks_order" if scene.order else "thanks", order=short(scene.order))
    return ""


def _opening(scene: Scene) -> str:
    """The hours as the prompt tells them, with the days of the customer's language; nothing where it tells none."""
    told = next((match[1] for note in scene.talk.notes if (match := _OPENING.search(note))), "")
    text = told.replace(" to ", "-").replace(" and ", ", ")
    for english, day in zip(weekdays("en"), weekdays(scene.language), strict=True):
        text = text.replace(english, day)
    return fitted(say(scene.language, "open_hours", list=text), LIST_CHARS_MAX) if text else ""


def _desk(scene: Scene) -> str:
    """About an order and the trouble with it."""
    order, tongue = short(scene.order), scene.language
    asks = scene.says(UPDATE) and re.search(r"[?؟]", scene.talk.said) and not scene.says(NOT_SHIPPED)
    if scene.order and asks and scene.new_issue in ("", "shipping_delay"):
        return _no_news(scene)
    if scene.new_issue and scene.order:
        shipping = scene.new_issue == "shipping_delay" and scene.says(NOT_SHIPPED)
        phrase = "not_shipped" if shipping else "issue_noted"
        return _say(scene, phrase, order=order, issue=issue_name(tongue, scene.new_issue))
    if scene.new_issue:
        return _say(scene, "which_order_issue", issue=issue_name(tongue, scene.new_issue))
    if scene.new_order:
        phrase = ("order_issue" if scene.issue else "order_help") + ("_named" if scene.new_name else "")
        phrase = {"order_help_named": "order_named"}.get(phrase, phrase)
        person, issue = short(scene.new_name), issue_name(tongue, scene.issue)
        return _say(scene, phrase, person=person, order=order, issue=issue)
    if scene.says(UPDATE):
        return _no_news(scene) if scene.order else _say(scene, "which_order")
    if scene.new_name:
        person = short(scene.new_name)
        return _say(scene, "met_order" if scene.order else "met", person=person, order=order)
    if scene.says(AGAIN) and (scene.talk.returning or scene.order or scene.known):
        return _welcome_back(scene)
    if scene.says(GREETING):
        return _welcome_back(scene) if scene.order else _hello(scene)
    if scene.order:
        return _say(scene, "unclear_order" if _is_unclear(scene) else "noted_order", order=order)
    return _say(scene, "opening")


def _is_unclear(scene: Scene) -> bool:
    """A question without an answer, a word or two, anger: nothing of it can be said to be noted."""
    said = scene.talk.said.strip()
    return said.endswith(("?", "؟")) or len(said.split()) <= 2 or scene.says(f"{ASKS}|{NO_NEWS}")


def _no_news(scene: Scene) -> str:
    known = scene.issue if scene.issue != scene.new_issue else ""
    issue = say(scene.language, "still_issue", issue=issue_name(scene.language, known)) if known else ""
    return _say(scene, "no_news", order=short(scene.order), issue=issue)


def _welcome_back(scene: Scene) -> str:
    if scene.desk and scene.order:
        tongue = scene.language
        issue = say(tongue, "and_issue", issue=issue_name(tongue, scene.issue)) if scene.issue else ""
        return _say(scene, "welcome_order", name=_name(scene), order=short(scene.order), issue=issue)
    matter = _matter(scene)
    if matter:
        return _say(scene, "welcome_matter", name=_name(scene), matter=matter)
    return _say(scene, "welcome", name=_name(scene))


def _matter(scene: Scene) -> str:
    """What was spoken about: what is known of it, else as the prompt calls it."""
    kinds = ("person", "payment", "urgency") if not scene.desk else ("person",)
    parts = described(scene, [field.name for field in scene.fields if field.kind not in kinds])
    if parts:
        return listed(parts, 70)
    told = (scene.talk.bridge.get("matter"), scene.talk.bridge.get("open_matter"), scene.talk.facts.get("matter"),
            scene.talk.bridge.get("summary"), scene.talk.facts.get("summary"))  # fmt: skip
    text = next((text for text in told if isinstance(text, str) and text.strip()), "")
    return " ".join(text.replace("_", " ").split())[:70].rstrip(" .")


def _hello(scene: Scene) -> str:
    greeting = next((match[1] for note in scene.talk.notes if (match := _GREET_WITH.search(note))), "")
    if greeting and "\\" not in greeting and language(greeting) in ("", scene.language):
        return fitted(greeting)
    return _say(scene, "hello", name=_name(scene))


def _form(scene: Scene) -> str:
    """About what the agent must find out: note what is new, ask for what is missing."""
    if scene.says(EMERGENCY):
        return _say(scene, "emergency")
    asks = _questions(scene)
    if usable := [name for name, value in scene.found.items() if not _half_told(value)]:
        if scene.new_name and len(usable) == 1:
            start = _first_sentence(say(scene.language, "met", person=short(scene.new_name)))
        else:
            start = say(scene.language, "noted", list=listed(described(scene, usable), LIST_CHARS_MAX // 2))
        return fitted(" ".join([start, *(asks or [say(scene.language, "done")])]), LIST_CHARS_MAX)
    if scene.says(TOTAL) and (ordered := _ordered(scene)):
        start = say(scene.language, "noted", list=listed(ordered, LIST_CHARS_MAX // 2))
        return fitted(" ".join([start, *(asks or [say(scene.language, "done")])]), LIST_CHARS_MAX)
    if scene.says(AGAIN) and (scene.talk.returning or scene.known):
        return _welcome_back(scene)
    if scene.says(GREETING) and len(scene.talk.said.split()) <= 4:
        return _welcome_back(scene) if _matter(scene) else _hello(scene)
    if asks:
        return fitted(" ".join([_first_sentence(say(scene.language, "opening_plain")), *asks]))
    if scene.known and scene.says(f"{SEARCH}|{UPDATE}"):
        return _welcome_back(scene)
    return _say(scene, "unclear" if scene.talk.answers else "opening_plain")


def _ordered(scene: Scene) -> list[str]:
    """What is ordered, with its total where all prices are known."""
    return described(scene, [field.name for field in scene.fields if field.kind == "items"])


def _half_told(value: object) -> bool:
    """A sum without its currency."""
    return isinstance(value, dict) and not value.get("currency")


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.])\s", text)[0]
