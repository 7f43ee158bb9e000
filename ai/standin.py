"""The stand-in model: rules instead of a language model. No key, no network, nothing outside Python.

Good enough to try the product: it finds what an agent's schema asks for (order numbers, names, kinds of
trouble, money, places, items, dates), remembers through what the prompt tells it, calls a tool that fits,
answers shortly in six languages, and says nothing that neither the customer, the prompt nor a tool told.
It honours whatever JSON schema it is given, and fills what it does not know with neutral values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ai import standin_memory, standin_tools
from ai.neutral import fill
from ai.standin_find import fields_of, place
from ai.standin_phrases import issue_name
from ai.standin_read import read
from ai.standin_reply import reply
from ai.standin_scene import Scene, described, look
from ai.standin_words import BYE, HOURS, language, rating, wants_person

MODEL_NAME = "stand-in"

_VIEWING = r"\b(viewing|(view|see) (it|them|the (flat|apartment|house|villa|place))|visit|besichtig\w*|visita|visiter)\b|معاينة|زيارة"


def respond(
    items: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], tools: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """An answer in the schema's shape to a conversation of role and content; the last user items are new.

    With ``tools`` (name, description, parameters) it may be ``{"tool_calls": [{"name", "arguments"}]}`` instead;
    what they gave comes back as items ``{"role": "tool", "name", "content"}`` behind the same conversation.
    """
    scene = look(read(items), fields_of(schema))
    properties = schema.get("properties")
    offered = properties if isinstance(properties, Mapping) else {}
    handoff = _handoff(scene) if "handoff" in offered else ""
    if not handoff and not scene.talk.unseen():
        called = [name for name, _ in scene.talk.results]
        calls = standin_tools.choose(
            tools, scene.talk.said, scene.found, scene.known, called, scene.talk.facts
        )
        if calls:
            return {"tool_calls": calls}
    changes = standin_memory.changes(scene.talk) if "memory" in offered else []
    values = {
        **scene.found,
        "reply": reply(scene, bool(handoff), len(changes)),
        "intent": _intent(scene),
        "language": language(scene.talk.said),
        "memory": changes,
        "handoff": handoff,
        "ends": scene.says(BYE) or None,
        "satisfaction": rating(scene.talk.said, scene.talk.asked_or_noticed),
        "summary": _summary(scene) if "summary" in offered else None,
        "open_matter": _open_matter(scene) if "open_matter" in offered else None,
    }
    filled = fill(schema, values)
    return filled if isinstance(filled, dict) and filled else {"reply": values["reply"]}


def _handoff(scene: Scene) -> str:
    """Why a person is needed, in a few words."""
    if wants_person(scene.talk.said):
        return "the customer asks for a person"
    if not scene.desk and scene.says(_VIEWING):
        return "the customer asks for a viewing"
    return "a legal matter" if scene.new_issue == "legal" else ""


def _intent(scene: Scene) -> str:
    kinds = {field.kind for field in scene.fields if field.name in scene.found}
    if scene.new_issue or scene.new_order:
        return scene.new_issue or "order"
    if not scene.desk and scene.says(_VIEWING):
        return "viewing"
    if "items" in kinds:
        return "order"
    if kinds & {"place", "property", "bedrooms"}:
        return "property search"
    if "date" in kinds:
        return "appointment"
    return "opening hours" if scene.says(HOURS) else ""


def _summary(scene: Scene) -> str:
    """What the whole conversation told, in the customer's last words where no value was found."""
    texts = [*scene.talk.earlier, *scene.talk.newest]
    parts = described(scene, list(scene.known))
    for text in texts:
        told = look(read([{"role": "user", "content": text}]), scene.fields)
        found = [
            told.name,
            f"order #{told.order}" if told.order else "",
            issue_name("en", told.issue) if told.issue else "",
        ]
        parts += [part for part in (*found, place(text)) if part and part not in parts]
    if parts:
        return "The customer told: " + "; ".join(parts)[:600] + "."
    last = " ".join(texts[-1].split())[:200] if texts else ""
    return f"The customer wrote: {last}" if last else ""


def _open_matter(scene: Scene) -> str:
    order = f"order #{scene.order}" if scene.order else ""
    issue = issue_name("en", scene.issue) if scene.issue else ""
    return ", ".join(part for part in (order, issue) if part)
