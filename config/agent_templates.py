"""WhatsApp's templates: what may be sent when the customer's last message is more than a day old.

WhatsApp approves their texts; an agent's file names those that it may use. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from config.agent import Template
from config.agent_table import Table

LATE_REPLY = "late_reply"  # the template that takes the place of an answer which comes too late

TEMPLATES_MAX = 50
VARIABLES_MAX = 20
VALUE_CHARS_MAX = 1024  # WhatsApp's limit for a template's whole text

CONTENT_SID = re.compile(r"HX[0-9a-fA-F]{32}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_VARIABLE = re.compile(r"[A-Za-z0-9_]{1,32}")
_PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,32})\s*\}\}")


class UnfitVariables(ValueError):
    """The values given are not those that a template takes; the text is a sentence."""


def read_templates(table: Table) -> tuple[Template, ...]:
    """Every [[templates]] of an agent's file."""
    templates = tuple(_read(inner) for inner in table.tables("templates", "template"))
    if len(templates) > TEMPLATES_MAX:
        table.fault(
            f"it has {len(templates)} templates; an agent has at most {TEMPLATES_MAX}.",
            f"templates.{TEMPLATES_MAX}",
        )
    seen: set[tuple[str, str]] = set()
    for place, template in enumerate(templates):
        if template.name and (template.name, template.language) in seen:
            table.fault(
                f'templates holds "{template.name}" in {template.language} more than once; keep one.',
                f"templates.{place}.name",
            )
        seen.add((template.name, template.language))
    return templates


def _read(table: Table) -> Template:
    table.only("name", "content_sid", "language", "variables", "text")
    template = Template(
        name=table.text("name", required=True),
        content_sid=table.text("content_sid", required=True),
        language=table.text("language") or Template.language,
        variables=table.texts("variables", _VARIABLE.fullmatch, 'a list of names like ["1", "2"].'),
        text=table.text("text", chars_max=VALUE_CHARS_MAX),
    )
    if template.name and not _NAME.fullmatch(template.name):
        table.fault("the name must be like order_shipped: lower-case letters, digits and _.", "name")
    if template.content_sid and not CONTENT_SID.fullmatch(template.content_sid):
        table.fault("content_sid must be HX and 32 hexadecimal digits, as Twilio shows it.", "content_sid")
    if not _LANGUAGE.fullmatch(template.language):
        table.fault(f'"{template.language}" is not a language; write a code like en or pt-BR.', "language")
    if len(template.variables) > VARIABLES_MAX:
        table.fault(f"a template has at most {VARIABLES_MAX} variables.", "variables")
    strangers = set(_PLACE.findall(template.text)) - set(template.variables)
    if strangers:
        table.fault(f"text holds {{{{{min(strangers)}}}}}, which is none of its variables.", "text")
    if template.name == LATE_REPLY and len(template.variables) > 1:
        table.fault(f"{LATE_REPLY} has one variable at most, which takes the answer.", "variables")
    return template


def choose(
    templates: Sequence[Template], name: str, languages: Sequence[str], content_sid: str = ""
) -> Template | None:
    """The template of this name (or SID) in the first of ``languages`` that it is written in, else in any; None: there is none."""
    fitting = [t for t in templates if (t.name == name if name else t.content_sid == content_sid)]
    for language in languages:
        for template in fitting:
            if language and _head(template.language) == _head(language):
                return template
    return fitting[0] if fitting else None


def content_variables(values: Mapping[str, str], known: Sequence[str] | None = None) -> str:
    """``values`` as Twilio's ContentVariables, '' for none. ``known``: the names that must all be there, no others.

    Raises ``UnfitVariables``.
    """
    if known is not None and set(values) != set(known):
        wanted = ", ".join(known) if known else "none"
        raise UnfitVariables(f"variables must be just those of the template: {wanted}.")
    if len(values) > VARIABLES_MAX or not all(_VARIABLE.fullmatch(name) for name in values):
        raise UnfitVariables('variables must be an object like {"1": "Ana"}, of 20 names at most.')
    for name, value in values.items():
        if not value.strip() or len(value) > VALUE_CHARS_MAX:
            raise UnfitVariables(f"variable {name} must be text of 1 to {VALUE_CHARS_MAX} characters.")
    # Twilio refuses line ends, tabs and runs of blanks in them (21656).
    flat = {name: " ".join(value.split()) for name, value in values.items()}
    return json.dumps(flat, ensure_ascii=False) if flat else ""


def said(template: Template | None, content_sid: str, variables: str) -> str:
    """What a template says, for our own record: its text as far as the agent's file tells it."""
    values: dict[str, str] = json.loads(variables) if variables else {}
    if template and template.text:
        return _PLACE.sub(lambda place: values.get(place[1], ""), template.text)
    name = template.name if template else content_sid
    return f"[template {name}]" + "".join(f" {value}" for value in values.values())


def late_variables(template: Template, text: str) -> str:
    """ContentVariables of the template for late replies, whose one variable, if it has one, takes the answer."""
    if not template.variables:
        return ""
    flat = " ".join(text.split())
    cut = flat if len(flat) <= VALUE_CHARS_MAX else flat[: VALUE_CHARS_MAX - 1].rstrip() + "…"
    return content_variables({template.variables[0]: cut}, template.variables)


def _head(language: str) -> str:
    return re.split(r"[-_]", language.lower(), maxsplit=1)[0]
