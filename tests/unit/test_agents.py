"""Agents' files: read into frozen values, every fault told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

import config.agents
from config.agents import AgentFileError, load_agents

SHIPPED = Path(config.agents.__file__).parent / "agents"
GOOD = 'name = "N"\ninstructions = "I"\n'
ENTITY = '[[entities]]\nname = "colour"\ndescription = "D"\n'


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def faults_of(folder: Path, default_id: str = "shop") -> list[str]:
    with pytest.raises(AgentFileError) as caught:
        load_agents(folder, default_id)
    return caught.value.faults


def test_shipped_default_agent() -> None:
    """The shipped default agent asks for the seeds' three entities and leaves policy to the environment."""
    agent = load_agents(SHIPPED, "default-agent").default

    assert [e.name for e in agent.entities] == ["order_number", "customer_name", "issue_type"]
    assert {e.type for e in agent.entities} == {"string"}
    assert (agent.policy, agent.numbers, agent.model, agent.history_window) == ({}, (), "", None)


def test_shipped_files_hold_no_sample_data() -> None:
    """No shipped agent holds digits, which would look like a customer's order or phone number to a model."""
    for path in SHIPPED.glob("*.toml"):
        assert not any(character.isdigit() for character in path.read_text(encoding="utf-8")), path.name


def test_numbers_pick_the_agent(tmp_path: Path) -> None:
    """A number that an agent claims is its own; every other number is the default agent's."""
    agents = load_agents(write(tmp_path, shop=GOOD, vip=GOOD + 'numbers = ["+15550001111"]'), "shop")

    assert agents.for_number("+15550001111").id == "vip"
    assert agents.for_number("+15550002222").id == "shop"
    assert agents.by_id("vip") is agents.for_number("+15550001111")
    assert agents.by_id("nobody") is None


def test_everything_an_agent_may_say(tmp_path: Path) -> None:
    """All settings of a file arrive in the agent's value."""
    text = (
        GOOD
        + 'style = "S"\nmodel = "m"\nhistory_window = 5\n[policy]\nscope = "channel"\n'
        + ENTITY
        + 'type = "enum"\nvalues = ["red", "blue"]\n'
    )
    agent = load_agents(write(tmp_path, shop=text), "shop").default

    assert (agent.id, agent.style, agent.model, agent.history_window) == ("shop", "S", "m", 5)
    assert agent.policy == {"scope": "channel"}
    assert agent.entities[0].values == ("red", "blue")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "not TOML"),
        ("", "name is missing"),
        ('name = "N"', "instructions is missing"),
        ('name = 3\ninstructions = "I"', "name must be text"),
        (GOOD + "colour = 1", '"colour" is not a setting'),
        (GOOD + 'numbers = "+15550001111"', "numbers must be a list"),
        (GOOD + 'numbers = ["5550001111"]', "numbers must be a list"),
        (GOOD + 'numbers = ["+15550001111", "+15550001111"]', "more than once"),
        (GOOD + "history_window = 0", "history_window must be"),
        (GOOD + "history_window = true", "history_window must be"),
        (GOOD + "policy = 3", "policy must be a table"),
        (GOOD + "entities = 3", "entities must be tables"),
        (GOOD + ENTITY, "type is missing"),
        (GOOD + ENTITY + 'type = "money"', '"money" is unknown'),
        (GOOD + ENTITY + 'type = "string"\nvalues = ["a"]', "values belong to the type enum"),
        (GOOD + ENTITY + 'type = "enum"', "an enum needs between 1"),
        (GOOD + ENTITY + 'type = "enum"\nvalues = [1]', "values must be a list of words"),
        (GOOD + ENTITY + 'type = "enum"\nvalues = ["a", "a"]', "more than once"),
        (GOOD + ENTITY + 'type = "enum"\nvalues = ["a", "unknown"]', "put it first"),
        (GOOD + (ENTITY + 'type = "string"\n') * 2, "more than once"),
        (GOOD + ENTITY.replace("colour", "Colour No") + 'type = "string"', "must be like order_number"),
        (GOOD + ENTITY + 'type = "string"\nhue = 1', '"hue" is not a setting of entity 1'),
        ("name = " + "[" * 5_000, "shop.toml"),
    ],
)
def test_each_fault_is_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    """Each kind of fault names the file and says what to write instead."""
    faults = faults_of(write(tmp_path, shop=text))

    assert any(fault.startswith("shop.toml: ") and words in fault for fault in faults), faults


def test_faults_of_all_files_at_once(tmp_path: Path) -> None:
    """Faults of several files, and several of one file, are told together."""
    write(tmp_path, shop='nome = "N"', other=GOOD + "history_window = -1")

    faults = faults_of(tmp_path)

    assert {fault.split(":")[0] for fault in faults} == {"shop.toml", "other.toml"}
    assert len([fault for fault in faults if fault.startswith("shop.toml")]) == 3


@pytest.mark.parametrize("raw", [b"\xff\xfe", b'name = "\x00"', b"#" * 300_000])
def test_unreadable_bytes(tmp_path: Path, raw: bytes) -> None:
    """Bytes that are no text, or far too many, are a fault and no crash."""
    (tmp_path / "shop.toml").write_bytes(raw)

    assert faults_of(tmp_path)[0].startswith("shop.toml: ")


def test_one_number_two_agents(tmp_path: Path) -> None:
    """Two agents cannot claim the same number."""
    text = GOOD + 'numbers = ["+15550001111"]'

    assert "claims already" in faults_of(write(tmp_path, shop=text, vip=text))[0]


def test_default_agent_must_exist(tmp_path: Path) -> None:
    """A default that no file describes, or a folder that is not there, is said in a sentence."""
    assert "DEFAULT_AGENT_ID" in faults_of(write(tmp_path, vip=GOOD))[0]
    assert "AGENTS_DIR" in faults_of(tmp_path / "none")[0]


def test_bad_file_name(tmp_path: Path) -> None:
    """An id that could not stand in a path or a key is refused."""
    assert "the file's name is the agent's id" in faults_of(write(tmp_path, shop=GOOD, **{"A b": GOOD}))[0]
