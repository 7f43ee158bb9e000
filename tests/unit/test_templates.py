"""WhatsApp's templates: the faults of a file, which one is chosen, and what Twilio is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import agent_templates
from config.agent import Template
from config.agent_templates import VALUE_CHARS_MAX, UnfitVariables, choose, content_variables, late_variables
from config.agents import AgentFileError, load_agents

SID = "HX" + "a" * 32
HEAD = 'name = "Shop"\ninstructions = "Answer."\n\n[[templates]]\n'


def faults(folder: Path, templates: str) -> list[str]:
    (folder / "shop.toml").write_text(HEAD + templates, encoding="utf-8")
    try:
        load_agents(folder, "shop")
    except AgentFileError as error:
        return error.faults
    return []


@pytest.mark.parametrize(
    ("templates", "line", "word"),
    [
        (f'content_sid = "{SID}"', 4, "name is missing"),
        ('name = "shipped"', 4, "content_sid is missing"),
        (f'name = "Order Shipped"\ncontent_sid = "{SID}"', 5, "lower-case"),
        ('name = "shipped"\ncontent_sid = "HX12"', 6, "HX and 32"),
        (f'name = "shipped"\ncontent_sid = "{SID}"\nlanguage = "English"', 7, "language"),
        (f'name = "shipped"\ncontent_sid = "{SID}"\nvariables = ["a b"]', 7, "variables"),
        (f'name = "shipped"\ncontent_sid = "{SID}"\nvariables = ["1"]\ntext = "Hi {{{{2}}}}"', 8, "{{2}}"),
        (f'name = "late_reply"\ncontent_sid = "{SID}"\nvariables = ["1", "2"]', 7, "one variable"),
        (f'name = "shipped"\ncontent_sid = "{SID}"\nbody = "Hi"', 7, '"body"'),
        (
            f'name = "shipped"\ncontent_sid = "{SID}"\n[[templates]]\nname = "shipped"\ncontent_sid = "{SID}"',
            8,
            "more than once",
        ),
    ],
)
def test_each_fault_has_its_line(tmp_path: Path, templates: str, line: int, word: str) -> None:
    """A template that cannot be used is a fault of the agent's file, told at start with its line."""
    (told,) = faults(tmp_path, templates)

    assert told.startswith(f"shop.toml:{line}: ")
    assert word in told


def test_a_good_one_is_read(tmp_path: Path) -> None:
    """A template's language is English when nothing is said, and one name may have several languages."""
    one = f'name = "shipped"\ncontent_sid = "{SID}"\nvariables = ["1"]\ntext = "Hi {{{{1}}}}"\n'
    two = f'[[templates]]\nname = "shipped"\ncontent_sid = "{SID}"\nlanguage = "pt-BR"\n'

    assert [] == faults(tmp_path, one + two)
    assert (Template("shipped", SID, "en", ("1",), "Hi {{1}}"), Template("shipped", SID, "pt-BR")) == (
        load_agents(tmp_path, "shop").default.templates
    )


ENGLISH, SPANISH, OTHER = Template("a", "HX1"), Template("a", "HX2", "es"), Template("b", "HX3", "pt-BR")


@pytest.mark.parametrize(
    ("name", "languages", "sid", "chosen"),
    [
        ("a", ["es"], "", SPANISH),
        ("a", ["es-MX", "en"], "", SPANISH),
        ("a", ["", "en"], "", ENGLISH),
        ("a", ["de", "es"], "", SPANISH),
        ("a", ["de"], "", ENGLISH),  # better in another language than not at all
        ("b", ["pt"], "", OTHER),
        ("c", ["en"], "", None),
        ("", ["en"], "HX2", SPANISH),
        ("", ["en"], "HX9", None),
    ],
)
def test_the_customers_language_decides(name: str, languages: list[str], sid: str, chosen: Template) -> None:
    """Of the templates of one name the first language that there is one in."""
    assert chosen == choose((ENGLISH, SPANISH, OTHER), name, languages, sid)


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ({"1": "x"}, ()),
        ({}, ("1",)),
        ({"1": "x", "2": "y"}, ("1",)),
        ({"1": " \n"}, ("1",)),
        ({"1": "x" * (VALUE_CHARS_MAX + 1)}, ("1",)),
        ({"a b": "x"}, None),
        ({str(i): "x" for i in range(21)}, None),
    ],
)
def test_variables_must_be_those_of_the_template(
    values: dict[str, str], known: tuple[str, ...] | None
) -> None:
    """What Twilio would refuse (21656) is refused with a sentence."""
    with pytest.raises(UnfitVariables):
        content_variables(values, known)


@given(st.text(min_size=1).filter(str.strip))
def test_a_late_answer_fits_its_variable(text: str) -> None:
    """Whatever the assistant says becomes one line that Twilio takes, within its limit, never empty."""
    variables = late_variables(Template("late_reply", SID, variables=("1",)), text)

    (value,) = json.loads(variables).values()
    assert 1 <= len(value) <= VALUE_CHARS_MAX
    assert not any(mark in value for mark in ("\n", "\r", "\t", "     "))


def test_a_late_template_may_say_its_own_words_alone() -> None:
    """Without a variable nothing is filled in."""
    assert "" == late_variables(Template("late_reply", SID), "An answer")


@pytest.mark.parametrize(
    ("template", "variables", "text"),
    [
        (
            Template("a", SID, variables=("1", "x"), text="Hi {{1}}, {{ x }}!"),
            '{"1": "Ana", "x": "{{1}}"}',
            "Hi Ana, {{1}}!",
        ),
        (Template("a", SID, variables=("1",)), '{"1": "Ana"}', "[template a] Ana"),
        (None, "", f"[template {SID}]"),
    ],
)
def test_the_record_says_what_was_said(template: Template | None, variables: str, text: str) -> None:
    """A template's text stands in the history as far as the agent's file tells it; a value is never read as a place."""
    assert text == agent_templates.said(template, SID, variables)
