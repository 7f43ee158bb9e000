"""Faults in agents' files: each kind is told with file, line and a sentence, and nothing else ever happens."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config.agents
from config.agent_file import read_agent
from config.agent_table import Source
from config.agents import AgentFileError, load_agents
from config.toml_lines import lines_of

SHIPPED = Path(config.agents.__file__).parent / "agents"
GOOD = 'name = "N"\ninstructions = "I"\n'
ENTITY = '[[entities]]\nname = "colour"\ndescription = "D"\n'
ITEMS = (
    '[[entities]]\nname = "parts"\ndescription = "D"\ntype = "items"\n'
    '[[entities.fields]]\nname = "count"\ndescription = "D"\ntype = "integer"\n'
)
HOURS = '[hours]\nzone = "Europe/Berlin"\n'
TOOL = '[[tools]]\nname = "t"\ndescription = "D"\n'
HTTP = TOOL + 'http = "https://shop.example.com/x"\n'
PARAMETER = '[[tools.parameters]]\nname = "p"\ntype = "string"\ndescription = "D"\n'


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(AgentFileError) as caught:
        load_agents(folder, "shop")
    return caught.value.faults


def many(head: str, count: int, rest: str) -> str:
    return "".join(f'{head}\nname = "n{number}"\n{rest}\n' for number in range(count))


WHOLE_FILE = [
    ("name = ", 1, "it is not TOML: Invalid value"),
    (GOOD + 'style = "a\nlinks = []', 3, "it is not TOML"),
    (GOOD + 'style = """\n\n', 3, "it is not TOML"),
    ("name = " + "[" * 5_000, 1, ""),
    ('name = "\x00"', 1, "it is not TOML"),
    ("history_window = " + "1" * 5_000, 1, "number that is too long"),
]
OF_THE_AGENT = [
    ("", 1, "name is missing"),
    ('name = "N"', 1, "instructions is missing"),
    ('\nname = 3\ninstructions = "I"', 2, "name must be text"),
    ('name = " "\ninstructions = "I"', 1, "name is missing"),
    (GOOD + f'style = "{"a" * 20_001}"', 3, "style must be at most 20000"),
    (GOOD + "\ncolour = 1", 4, '"colour" is not a setting of an agent; known are'),
    (GOOD + "number = []", 3, "did you mean numbers?"),
    (GOOD + 'numbers = "+15550001111"', 3, "numbers must be a list"),
    (GOOD + 'numbers = [\n  "+15550001111",\n  "5550001111"]', 5, "numbers must be a list"),
    (GOOD + 'numbers = ["+15550001111",\n "+15550001111"]', 4, "more than once"),
    (GOOD + "history_window = 0", 3, "history_window must be"),
    (GOOD + "history_window = true", 3, "history_window must be"),
    (GOOD + "policy = 3", 3, "policy must be a table"),
    (GOOD + "[policy]\nscope = []", 4, "policy: it must be a table of single settings"),
    (GOOD + "languages = []", 3, "languages is empty"),
    (GOOD + 'languages = ["en",\n"English"]', 4, "languages must be a list of language codes"),
    (GOOD + 'links = ["https://x.example"]', 3, "links must be a list of hosts"),
    (GOOD + 'closing_question = "yes"', 3, "closing_question must be true or false"),
    (GOOD + f'greeting = "{"a" * 1001}"', 3, "greeting must be at most 1000"),
    (GOOD + "[limits]\nprompt_tokens = 10", 4, "limits: prompt_tokens must be a whole number"),
    (GOOD + "[limits]\nreply_chars = 5", 4, "limits: reply_chars must be a whole number from 40"),
    (GOOD + "[limits]\ntool_rounds = 50", 4, "limits: tool_rounds must be a whole number"),
    (GOOD + "[limits]\nfoo = 50", 4, '"foo" is not a setting of limits'),
    (GOOD + "[memory]\nitems_max = 0", 4, "memory: items_max must be"),
    (GOOD + "[memory]\nsensitive = 1", 4, "memory: sensitive must be true or false"),
    (GOOD + "[prices]\ninput = 1", 3, "prices: output is missing"),
    (GOOD + "[prices]\ninput = -1\noutput = nan", 4, "prices: input must not be negative"),
    (GOOD + "[prices]\ninput = -1\noutput = nan", 5, "prices: output must be a number"),
    (GOOD + '[notices.hello]\nen = "Hi"', 4, 'there is no notice "hello"'),
    (GOOD + '[notices.apology]\nen = "Hi {name}"', 4, "the notice apology must hold no braces"),
    (GOOD + "[notices]\napology = 3", 4, "notices: apology must be a table"),
]
OF_ENTITIES = [
    (GOOD + "entities = 3", 3, "entities must be tables, each headed [[entities]]"),
    (GOOD + ENTITY, 3, "type is missing"),
    (GOOD + ENTITY + 'type = "colour"', 6, 'the type "colour" is not known here'),
    (GOOD + ENTITY + 'type = "string"\nvalues = ["a"]', 7, "values belong to the type enum"),
    (GOOD + ENTITY + 'type = "enum"', 3, "an enum needs between 1"),
    (GOOD + ENTITY + 'type = "enum"\nvalues = [1]', 7, "values must be a list of words"),
    (GOOD + ENTITY + 'type = "enum"\nvalues = ["a", "a"]', 7, "more than once"),
    (GOOD + ENTITY + 'type = "enum"\nvalues = ["a", "unknown"]', 7, "put it first"),
    (
        GOOD + ENTITY + f'type = "enum"\nvalues = {list(map(str, range(101)))}',
        7,
        "an enum needs between 1 and 100",
    ),
    (GOOD + (ENTITY + 'type = "string"\n') * 2, 8, "more than once"),
    (GOOD + ENTITY.replace("colour", "Colour No") + 'type = "string"', 4, "must be like order_number"),
    (GOOD + ENTITY + 'type = "string"\nhue = 1', 7, '"hue" is not a setting of entity 1'),
    (GOOD + ENTITY + 'type = "string"\nminimum = 1', 7, "minimum belongs to number"),
    (GOOD + ENTITY + 'type = "number"\nminimum = 2\nmaximum = 1', 8, "maximum is less than minimum"),
    (GOOD + ENTITY + 'type = "number"\nminimum = "2"', 7, "minimum must be a number"),
    (GOOD + ENTITY + 'type = "number"\nminimum = inf', 7, "minimum must be a number"),
    (GOOD + ENTITY + 'type = "number"\npattern = "a"', 7, "pattern belongs to the type string"),
    (GOOD + ENTITY + 'type = "string"\npattern = "("', 7, "pattern is not a regular expression"),
    (
        GOOD + ENTITY + 'type = "string"\npattern = "(a+)+b"',
        7,
        "pattern repeats something that repeats itself",
    ),
    (GOOD + ENTITY + 'type = "string"\npattern = "(?:x|(\\\\w{1,9} ?)*)*"', 7, "pattern repeats something"),
    (GOOD + ENTITY + 'type = "string"\nrequired = 1', 7, "required must be true or false"),
    (GOOD + ENTITY + 'type = "items"', 3, "items need at least one field"),
    (GOOD + ENTITY + 'type = "string"\nfields = []', 7, "fields belong to the type items"),
    (GOOD + ITEMS.replace("integer", "items"), 10, 'field 1: the type "items" is not known here'),
    (GOOD + ITEMS.replace("integer", "list"), 10, 'field 1: the type "list" is not known here'),
    (GOOD + ITEMS + "required = true", 11, '"required" is not a setting of entity 1: field 1'),
    (GOOD + many("[[entities]]", 51, 'description = "D"\ntype = "string"'), 203, "it has 51 entities"),
    (
        GOOD + many("[[entities]]", 31, 'description = "D"\ntype = "money"'),
        3,
        "entities make 93 properties of the model's schema",
    ),
    (
        GOOD
        + many("[[entities]]", 6, f'description = "D"\ntype = "enum"\nvalues = {list(map(str, range(90)))}'),
        3,
        "entities have 540 values of enums",
    ),
    (
        GOOD
        + many(
            "[[entities]]", 4, f'description = "D"\ntype = "enum"\nvalues = {[f"{n:050}" for n in range(90)]}'
        ),
        3,
        "characters of names and values",
    ),
    (
        GOOD + ITEMS + '[order]\nitems = "x"\nquantity = "count"\nprice = "count"',
        12,
        "no entity of the type items",
    ),
    (
        GOOD + ITEMS + '[order]\nitems = "parts"\nquantity = "count"\nprice = "x"',
        14,
        "which is no field of parts",
    ),
    (GOOD + "[order]", 3, "order: items is missing"),
    (
        GOOD
        + ENTITY.replace("colour", "order_total")
        + 'type = "number"\n'
        + ITEMS
        + '[order]\nitems = "parts"\nquantity = "count"\nprice = "count"',
        15,
        "which means the computed total",
    ),
]
OF_HOURS = [
    (GOOD + "hours = 3", 3, "hours must be a table"),
    (GOOD + HOURS, 3, "hours: week is missing"),
    (GOOD + "[hours]\n[hours.week]\nmonday = []", 3, "hours: zone is missing"),
    (GOOD + '[hours]\nzone = "Mars/Base"\n[hours.week]\nmonday = []', 4, '"Mars/Base" is unknown'),
    (GOOD + '[hours]\nzone = "Europe"\n[hours.week]\nmonday = []', 4, '"Europe" is unknown'),
    (GOOD + '[hours]\nzone = "../../etc/passwd"\n[hours.week]\nmonday = []', 4, "is unknown"),
    (GOOD + HOURS + "[hours.week]", 5, "it names no day"),
    (GOOD + HOURS + '[hours.week]\nMonday = ["09:00-17:00"]', 6, '"Monday" is not a setting of hours.week'),
    (GOOD + HOURS + '[hours.week]\nmonday = ["9-17"]', 6, "monday must be a list of times"),
    (GOOD + HOURS + '[hours.week]\nmonday = ["17:00-09:00"]', 6, "monday must be a list of times"),
    (GOOD + HOURS + '[hours.week]\nmonday = ["09:60-17:00"]', 6, "monday must be a list of times"),
    (GOOD + HOURS + '[hours.week]\nmonday = ["09:00-24:01"]', 6, "monday must be a list of times"),
    (
        GOOD + HOURS + '[hours.week]\nmonday = ["09:00-12:00",\n"11:00-13:00"]',
        7,
        "overlap or are out of order",
    ),
    (
        GOOD + HOURS + 'after_hours = "sleep"\n[hours.week]\nmonday = []',
        5,
        "after_hours must be one of answer",
    ),
    (
        GOOD + HOURS + 'holidays = ["2026-12-25",\n"2026-02-30"]\n[hours.week]\nmonday = []',
        6,
        "holidays must be",
    ),
    (GOOD + HOURS + "holidays = [2026-12-25T00:00:00Z]\n[hours.week]\nmonday = []", 5, "holidays must be"),
]
OF_HANDOFF = [
    (GOOD + "[handoff]\nafter_failures = -1", 4, "handoff: after_failures must be"),
    (GOOD + "[handoff]\nby_model = 0", 4, "handoff: by_model must be true or false"),
    (GOOD + '[handoff]\nnotify = ["123"]', 4, "handoff: notify must be a list of operators' numbers"),
    (
        GOOD + 'numbers = ["+15550001111"]\n[handoff]\nnotify = ["+15550001111"]',
        5,
        "notify holds a number that this agent answers itself",
    ),
    (GOOD + '[handoff.words]\nenglish = ["x y"]', 4, '"english" is not a language'),
    (GOOD + '[handoff.words]\nen = "boss"', 4, "en must be a list of words"),
    (GOOD + "[[handoff.when]]\n", 3, "rule 1: a rule names what to look at"),
    (GOOD + '[[handoff.when]]\nentity = "colour"', 4, "an entity needs equals or above"),
    (GOOD + '[[handoff.when]]\nequals = "red"', 3, "equals and above need an entity"),
    (GOOD + '[[handoff.when]]\nentity = "hue"\nequals = "red"', 4, "which this agent does not find out"),
    (GOOD + '[[handoff.when]]\nentity = "order_total"\nabove = 3', 4, "which this agent does not find out"),
    (
        GOOD + ENTITY + 'type = "string"\n[[handoff.when]]\nentity = "colour"\nabove = 3',
        9,
        "above compares number, integer, money; colour is string",
    ),
    (
        GOOD + ENTITY + 'type = "number"\n[[handoff.when]]\nentity = "colour"\nequals = "3"',
        9,
        "equals compares string, enum; colour is number",
    ),
    (
        GOOD
        + ENTITY
        + 'type = "enum"\nvalues = ["red"]\n[[handoff.when]]\nentity = "colour"\nequals = "blue"',
        10,
        '"blue" is none of the values of colour',
    ),
]
OF_TOOLS = [
    (GOOD + TOOL, 3, "tool 1: a tool has either python"),
    (GOOD + TOOL + 'python = "a:b"\nhttp = "https://x.example/"', 3, "tool 1: a tool has either python"),
    (GOOD + TOOL.replace('"t"', '"T t"') + 'python = "a:b"', 4, "the name must be like order_status"),
    (GOOD + (TOOL + 'python = "a:b"\n') * 2, 8, "more than once"),
    (GOOD + TOOL + 'python = "a.b"', 6, "python must be like"),
    (GOOD + TOOL + 'python = "os; x:y"', 6, "python must be like"),
    (GOOD + TOOL + 'python = "a:b"\nmethod = "GET"', 7, "method belongs to tools with http only"),
    (GOOD + HTTP + "timeout_seconds = 60", 7, "timeout_seconds must be from 0.1 to 15"),
    (GOOD + HTTP + 'method = "FETCH"', 7, "method must be one of GET"),
    (GOOD + HTTP + '[tools.body]\na = "b"', 7, "a request by GET has no body"),
    (GOOD + HTTP + '[tools.headers]\nHost = "b"', 8, '"Host" is not a header that a tool may set'),
    (GOOD + HTTP + '[tools.headers]\n"A b" = "b"', 8, '"A b" is not a header'),
    (GOOD + HTTP + '[tools.headers]\nX-Key = "${a b}"', 8, "the header X-Key must be plain text"),
    (GOOD + HTTP + '[tools.headers]\nX-Key = "{p}"', 8, "the header X-Key must be plain text"),
    (GOOD + HTTP + '[tools.headers]\nX-Key = "a\\nb"', 8, "the header X-Key must be plain text"),
    (GOOD + HTTP + '[tools.query]\nkey = "${KEY}"', 8, "is read in headers only"),
    (GOOD + HTTP + '[tools.query]\nkey = "{p}"', 8, "{p} is no parameter of this tool"),
    (GOOD + HTTP + PARAMETER, 7, "the parameter p is used nowhere"),
    (GOOD + HTTP.replace("/x", "/{p}") + PARAMETER, 6, "give the parameter required = true"),
    (GOOD + HTTP + PARAMETER.replace("string", "items"), 9, 'the type "items" is not known here'),
    *(
        (GOOD + TOOL + f'http = "{address}"', 6, words)
        for address, words in [
            ("http://shop.example.com/", "http must begin with https://"),
            ("ftp://shop.example.com/", "http must begin with https://"),
            ("shop.example.com/x", "http must name a fixed host"),
            ("https://{p}.example.com/", "http must name a fixed host"),
            ("https://${HOST}/", "http must name a fixed host"),
            ("https://a:b@shop.example.com/", "no user name or password"),
            ("https://shop.example.com/?a=b", "http must end before any ? or #"),
            ("https://shop.example.com/#a", "http must end before any ? or #"),
            ("https://shop.example.com/a b", "a character that an address cannot hold"),
            ("https://shop.example.com/{P}", "a character that an address cannot hold"),
            ("https://shop.example.com/a/../b", "without . and .."),
            ("https://[::1/", "http must be an address like"),
            ("https://shop.example.com:99999/", "http must be an address like"),
        ]
    ),
    (GOOD + many("[[tools]]", 17, 'description = "D"\npython = "a:b"'), 67, "it has 17 tools"),
]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [*WHOLE_FILE, *OF_THE_AGENT, *OF_ENTITIES, *OF_HOURS, *OF_HANDOFF, *OF_TOOLS],
    ids=lambda value: value[:60] if isinstance(value, str) else None,
)
def test_each_fault_has_its_line_and_a_sentence(tmp_path: Path, text: str, line: int, words: str) -> None:
    """Each kind of fault names the file, the line of the key it means, and what to write instead."""
    (tmp_path / "shop.toml").write_text(text, encoding="utf-8")
    faults = faults_of(tmp_path)

    assert any(fault.startswith(f"shop.toml:{line}: ") and words in fault for fault in faults), faults


def test_faults_of_all_files_at_once(tmp_path: Path) -> None:
    """Faults of several files, and several of one file, are told together, in the order of their lines."""
    (tmp_path / "shop.toml").write_text('nome = "N"\n[limits]\ntool_rounds = 9\n', encoding="utf-8")
    (tmp_path / "other.toml").write_text(GOOD + "history_window = -1", encoding="utf-8")

    assert [fault.split(": ")[0] for fault in faults_of(tmp_path)] == [
        "other.toml:3",
        "shop.toml:1",
        "shop.toml:1",
        "shop.toml:1",
        "shop.toml:3",
    ]


@pytest.mark.parametrize(
    ("raw", "line"), [(b"\xff\xfe", 1), (b'name = "N"\nstyle = "\xe9"', 2), (b"#" * 300_000, 1)]
)
def test_unreadable_bytes(tmp_path: Path, raw: bytes, line: int) -> None:
    """Bytes that are no text, or far too many, are a fault and no crash."""
    (tmp_path / "shop.toml").write_bytes(raw)

    assert faults_of(tmp_path)[0].startswith(f"shop.toml:{line}: it ")


def test_a_folder_for_a_file(tmp_path: Path) -> None:
    """What cannot be opened is told with the reason."""
    (tmp_path / "shop.toml").mkdir()

    assert faults_of(tmp_path)[0].startswith("shop.toml:1: it cannot be read: ")


@settings(deadline=None)  # a busy machine is no fault of the reader
@given(
    text=st.sampled_from([path.read_text(encoding="utf-8") for path in sorted(SHIPPED.glob("*.toml"))]),
    start=st.integers(0, 4000),
    length=st.integers(0, 40),
    put=st.text(st.sampled_from('"[]{}=,.\n\\#3a$é'), max_size=6)
    | st.sampled_from(["true", "3", '""', "[]", "{}"]),
)
def test_a_damaged_file_is_a_fault_and_no_crash(
    text: str, start: int, length: int, put: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is changed in a good file, it is an agent or has faults with lines that the file has."""
    damaged = text[:start] + put + text[start + length :]
    path = tmp_path_factory.getbasetemp() / "shop.toml"
    path.write_text(damaged, encoding="utf-8")
    source = Source("shop.toml")
    agent = read_agent(path, source)

    assert (agent is None) == bool(source.faults)
    assert all(1 <= (fault.line or 0) <= damaged.count("\n") + 1 for fault in source.faults)
    assert all(re.match(r"shop\.toml:\d+: .+[.?]$", str(fault), re.DOTALL) for fault in source.faults)


KEYS = st.sampled_from(["a", "b1", "c-d", '"e f"', "'g'"])
SCALARS = st.sampled_from(
    ["1", "-2.5", "true", '"x"', "'#['", '"""a = 1\n"q" ]"""', "'''\n[b]\n'''", "2026-11-20", '"\\""']
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[ # c\n" + ",\n".join(items) + "\n]")
        | st.lists(st.tuples(KEYS, inner), max_size=2, unique_by=lambda pair: pair[0]).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=6,
)
LINES = st.lists(
    st.tuples(st.lists(KEYS, min_size=1, max_size=2).map(" . ".join), VALUES).map(" = ".join)
    | st.lists(KEYS, min_size=1, max_size=3).map(lambda names: f"[{'.'.join(names)}]")
    | st.lists(KEYS, min_size=1, max_size=2).map(lambda names: f"[[ {'.'.join(names)} ]] # c")
    | st.just("# a comment = [")
    | st.just(""),
    max_size=8,
)


def paths_of(value: Any, path: str = "") -> Iterator[str]:
    """Each table, key and element of a document that tomllib has read."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        here = f"{path}.{key}" if path else str(key)
        yield here
        yield from paths_of(item, here)


@settings(deadline=None)
@given(LINES)
def test_every_key_has_its_line(lines: list[str]) -> None:
    """Whatever tomllib reads, each table, key and element of it is found, and nothing else."""
    text = "\n".join(lines)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(lines_of(text)) == set(paths_of(document))


def test_lines_are_those_of_an_editor() -> None:
    """Keys stand at the line where they begin, whatever comes before: long texts, comments, lists over lines."""
    text = 'a = """\n[b]\n"""\n# c = 1\nd = [\n  1,\n  {e = 2},\n]\n[[f]]\n[f.g]\nh = 3\n[[f]]\nh = 4\n'

    assert lines_of(text) == {
        "a": 1, "d": 5, "d.0": 6, "d.1": 7, "d.1.e": 7, "f": 9, "f.0": 9, "f.0.g": 10, "f.0.g.h": 11, "f.1": 12,
        "f.1.h": 13,
    }  # fmt: skip
