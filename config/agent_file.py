"""Reading one agent's file into an ``Agent``. Every fault of the file is told, with its line.

What can be judged from the file alone is judged here. What a tool's code and the environment have to do with it is
judged by ``config.tool_check``, the session policy by ``session.policy``.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from config.agent import ORDER_TOTAL, Agent, EntityField, Handoff, HandoffRule, Limits, MemoryRules, OrderRule
from config.agent_entities import read_fields
from config.agent_hours import read_hours
from config.agent_table import Source, Table
from config.agent_templates import read_templates
from config.agent_tools import read_tools
from config.agent_voice import read_voice
from config.notices import notice_fault
from config.toml_lines import lines_of

FILE_BYTES_MAX = 256 * 1024
# Strict JSON schemas have room for more, prompts and operators' pages do not.
ENTITIES_MAX = 50
HISTORY_WINDOW_MAX = 200
GREETING_CHARS_MAX = 1000
LANGUAGES_MAX = 20
HANDOFF_RULES_MAX = 20
NOTIFY_MAX = 10
REPLY_CHARS_LEAST, REPLY_CHARS_MAX = 40, 7500  # five parts of an SMS are the most that is sent

AGENT_KEYS = (
    "name", "instructions", "style", "greeting", "languages", "numbers", "model", "fallback_model", "prices",
    "history_window", "links", "closing_question", "entities", "policy", "hours", "handoff", "tools", "limits",
    "memory", "order", "notices", "templates", "voice",
)  # fmt: skip

_AGENT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_ABOVE_TYPES = ("number", "integer", "money")
_EQUALS_TYPES = ("string", "enum")


def read_agent(path: Path, source: Source) -> Agent | None:
    """The agent of this file; None when it has faults, which ``source`` then holds."""
    values = _values(path, source)
    if values is None:
        return None
    table = Table(source, values)
    if not _AGENT_ID.fullmatch(path.stem):
        table.fault("the file's name is the agent's id: use lower-case letters, digits, - and _, at most 64.")
    table.only(*AGENT_KEYS)
    entities = read_fields(table, "entities", "entity")
    if len(entities) > ENTITIES_MAX:
        table.fault(
            f"it has {len(entities)} entities; an agent has at most {ENTITIES_MAX}.",
            f"entities.{ENTITIES_MAX}",
        )
    order = _order(table.table("order"), entities)
    numbers = table.texts(
        "numbers",
        _E164.fullmatch,
        "a list of our own numbers, each in quotation marks: + and 7 to 15 digits.",
    )
    languages = _languages(table)
    agent = Agent(
        id=path.stem,
        name=table.text("name", required=True),
        instructions=table.text("instructions", required=True),
        style=table.text("style"),
        entities=entities,
        numbers=numbers,
        policy=_policy(table.table("policy")),
        model=table.text("model", chars_max=200),
        history_window=_window(table),
        languages=languages,
        greeting=table.text("greeting", chars_max=GREETING_CHARS_MAX),
        hours=read_hours(table.table("hours")),
        handoff=_handoff(table.table("handoff"), entities, numbers, order),
        tools=read_tools(table),
        limits=_limits(table.table("limits")),
        memory=_memory(table.table("memory")),
        order=order,
        links=table.texts("links", _HOST.fullmatch, 'a list of hosts like ["shop.example.com"].'),
        fallback_model=table.text("fallback_model", chars_max=200),
        closing_question=table.flag("closing_question", default=False),
        notices=_notices(table.table("notices")),
        templates=read_templates(table),
        voice=read_voice(table.table("voice"), languages, numbers),
        prices=_prices(table.table("prices")),
        lines=source.lines,
    )
    return None if source.faults else agent


def _values(path: Path, source: Source) -> dict[str, Any] | None:
    try:
        raw = path.read_bytes()
    except OSError as error:
        source.fault("", f"it cannot be read: {error.strerror or 'unknown reason'}.")
        return None
    if len(raw) > FILE_BYTES_MAX:
        source.fault("", f"it has {len(raw)} bytes; an agent's file has at most {FILE_BYTES_MAX}.")
        return None
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
        values = tomllib.loads(text)
        source.lines = lines_of(text)
    except UnicodeDecodeError as error:
        source.lines = {"here": raw.count(b"\n", 0, error.start) + 1}
        source.fault("here", "it is not UTF-8 text; save it as UTF-8.")
    except tomllib.TOMLDecodeError as error:
        # tomllib says "Invalid value (at line 3, column 4)" or "... (at end of document)".
        said, _, place = str(error).partition(" (at ")
        number = re.match(r"line (\d+)", place)
        source.lines = {"here": int(number[1]) if number else text.rstrip("\n").count("\n") + 1}
        source.fault("here", f"it is not TOML: {said}.")
    except RecursionError:
        source.fault("", "it is not an agent's file: its values are nested too deeply.")
    except ValueError:  # a whole number of thousands of digits
        source.fault("", "it holds a number that is too long.")
    else:
        return values
    return None


def _policy(table: Table | None) -> dict[str, Any]:
    if table is None:
        return {}
    for key, value in table.values.items():
        if not isinstance(value, str | int | float):
            table.fault("it must be a table of single settings, headed [policy].", key)
    return dict(table.values)


def _window(table: Table) -> int | None:
    if "history_window" not in table:
        return None
    return table.whole("history_window", 1, 1, HISTORY_WINDOW_MAX)


def _languages(table: Table) -> tuple[str, ...]:
    languages = table.texts(
        "languages", _LANGUAGE.fullmatch, 'a list of language codes like ["en", "pt-BR"].'
    )
    if "languages" in table and not table.values["languages"]:
        table.fault('languages is empty; write at least one, like ["en"].', "languages")
    if len(languages) > LANGUAGES_MAX:
        table.fault(f"languages has {len(languages)} codes; have at most {LANGUAGES_MAX}.", "languages")
    return languages or Agent.languages


def _limits(table: Table | None) -> Limits:
    if table is None:
        return Limits()
    table.only("reply_chars", "prompt_tokens", "tool_rounds")
    return Limits(
        reply_chars=table.whole("reply_chars", Limits.reply_chars, REPLY_CHARS_LEAST, REPLY_CHARS_MAX),
        prompt_tokens=table.whole("prompt_tokens", Limits.prompt_tokens, 1000, 200_000),
        tool_rounds=table.whole("tool_rounds", Limits.tool_rounds, 1, 5),
    )


def _memory(table: Table | None) -> MemoryRules:
    if table is None:
        return MemoryRules()
    table.only("enabled", "items_max", "sensitive")
    return MemoryRules(
        enabled=table.flag("enabled", MemoryRules.enabled),
        items_max=table.whole("items_max", MemoryRules.items_max, 1, 200),
        sensitive=table.flag("sensitive", MemoryRules.sensitive),
    )


def _prices(table: Table | None) -> tuple[float, float]:
    if table is None:
        return Agent.prices
    table.only("input", "output")
    read = []
    for key in ("input", "output"):
        price = table.number(key)
        if price is None and key not in table:
            table.fault(f"{key} is missing; write USD per million tokens, like {key} = 0.4.")
        elif price is not None and price < 0:
            table.fault(f"{key} must not be negative.", key)
        read.append(price or 0.0)
    return float(read[0]), float(read[1])


def _order(table: Table | None, entities: tuple[EntityField, ...]) -> OrderRule | None:
    if table is None:
        return None
    table.only("items", "quantity", "price")
    rule = OrderRule(*(table.text(key, required=True) for key in ("items", "quantity", "price")))
    entity = next((entity for entity in entities if entity.name == rule.items), None)
    if rule.items and (entity is None or entity.type != "items"):
        table.fault(f'items names "{rule.items}", which is no entity of the type items.', "items")
    if entity is None:
        return rule
    for key, name, types in (
        ("quantity", rule.quantity, ("integer", "number")),
        ("price", rule.price, ("number", "integer", "money")),
    ):
        if name and not any(field.name == name and field.type in types for field in entity.fields):
            table.fault(
                f'{key} names "{name}", which is no field of {rule.items} of the type {" or ".join(types)}.',
                key,
            )
    if any(entity.name == ORDER_TOTAL for entity in entities):
        table.fault(f"an entity is called {ORDER_TOTAL}, which means the computed total; rename it.")
    return rule


def _handoff(
    table: Table | None, entities: tuple[EntityField, ...], numbers: tuple[str, ...], order: OrderRule | None
) -> Handoff:
    if table is None:
        return Handoff()
    table.only("words", "when", "after_failures", "notify", "by_model")
    types = {entity.name: entity for entity in entities}
    if order:
        types[ORDER_TOTAL] = EntityField(ORDER_TOTAL, "number", "the computed total")
    rules = tuple(_rule(inner, types) for inner in table.tables("when", "rule"))
    if len(rules) > HANDOFF_RULES_MAX:
        table.fault(f"it has {len(rules)} rules; have at most {HANDOFF_RULES_MAX}.", "when")
    notify = table.texts(
        "notify",
        _E164.fullmatch,
        "a list of operators' numbers, each in quotation marks: + and 7 to 15 digits.",
    )
    if len(notify) > NOTIFY_MAX:
        table.fault(f"notify has {len(notify)} numbers; have at most {NOTIFY_MAX}.", "notify")
    for place, number in enumerate(notify):
        if number in numbers:
            table.fault(
                "notify holds a number that this agent answers itself; write an operator's.",
                f"notify.{place}",
            )
    return Handoff(
        words=_handoff_words(table.table("words", "handoff.words")),
        when=rules,
        after_failures=table.whole("after_failures", Handoff.after_failures, 0, 100),
        notify=notify,
        by_model=table.flag("by_model", Handoff.by_model),
    )


def _handoff_words(table: Table | None) -> dict[str, tuple[str, ...]]:
    words: dict[str, tuple[str, ...]] = {}
    if table is None:
        return words
    for language in table.values:
        if not _LANGUAGE.fullmatch(language):
            table.fault(f'"{language}" is not a language; write a code like en or pt-BR.', language)
        words[language] = table.texts(
            language, lambda text: 2 <= len(text) <= 100, 'a list of words like ["supervisor", "manager"].'
        )
    return words


def _rule(table: Table, types: dict[str, EntityField]) -> HandoffRule:
    table.only("entity", "equals", "above", "intent")
    rule = HandoffRule(
        entity=table.text("entity"), equals=table.text("equals"), above=table.number("above"),
        intent=table.text("intent", chars_max=120),
    )  # fmt: skip
    if not rule.entity and not rule.intent:
        table.fault('a rule names what to look at: entity = "..." with equals or above, or intent = "...".')
    if not rule.entity and (rule.equals or rule.above is not None):
        table.fault("equals and above need an entity; write which one.")
    if rule.entity and not rule.equals and rule.above is None:
        table.fault("an entity needs equals or above; write what it must be.", "entity")
    entity = types.get(rule.entity)
    if entity is None:
        if rule.entity:
            table.fault(f'entity names "{rule.entity}", which this agent does not find out.', "entity")
        return rule
    if rule.above is not None and entity.type not in _ABOVE_TYPES:
        table.fault(f"above compares {', '.join(_ABOVE_TYPES)}; {entity.name} is {entity.type}.", "above")
    if rule.equals and entity.type not in _EQUALS_TYPES:
        table.fault(f"equals compares {', '.join(_EQUALS_TYPES)}; {entity.name} is {entity.type}.", "equals")
    if rule.equals and entity.type == "enum" and rule.equals not in entity.values:
        table.fault(f'"{rule.equals}" is none of the values of {entity.name}.', "equals")
    return rule


def _notices(table: Table | None) -> dict[str, dict[str, str]]:
    notices: dict[str, dict[str, str]] = {}
    if table is None:
        return notices
    for name in table.values:
        notices[name] = table.words(name)
        for language, text in notices[name].items():
            if fault := notice_fault(name, language, text):
                table.fault(fault, f"{name}.{language}")
    return notices
