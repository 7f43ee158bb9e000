"""Dialogue files: what they may say, what is wrong with them, and how what was seen is compared with what was wanted."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from config.agent import Agent, EntityField, Tool
from console import dialogues
from console.dialogue_checks import Seen, check, fits, unknown_names
from console.dialogues import ACTIONS, EXPECTATIONS, FILE_KEYS, STEP_KEYS, DialogueError, Expectation
from session.model import Channel

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "evaluations.md"
AGENT = Agent(
    "support", "Riley", "Help.", "", (EntityField("order_number", "string", "The number."),),
    tools=(Tool("order_status", "Looks an order up.", "python", "a:b"),),
)  # fmt: skip
HEAD = 'shows = "x"\nagent = "support"\n'
STEP = '[[step]]\ncustomer = "Hi"\n'
SEEN = Seen(
    said=("I'm sorry about order #12345.", "It has shipped."),
    session={
        "session_id": "s1", "state": "ACTIVE", "handled_by": "assistant", "channel": "sms", "language": "en",
        "extracted_entities": {"order_number": "12345"}, "order_details": {"items": [], "total": 28.0},
    },
    customer={"opted_out": []}, session_before="s1", tools=("order_status",), memory=("Morning deliveries",), call="live",
)  # fmt: skip


def write(folder: Path, text: str) -> Path:
    path = folder / "talk.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """Steps keep their order, their lines and the channel of the step before."""
    text = HEAD + (
        '[[step]]\ncustomer = ["Hi", "Anybody?"]\nchannel = "whatsapp"\n[step.expect]\nsaid = ["hello"]\n'
        '[[step]]\npause = "1.5h"\n'
        '[[step]]\ncustomer = "Again"\n[step.expect]\nentities.order_number = "1"\ntools = []\n'
        '[[step]]\noperator = "Dana here"\n[[step]]\nhands_back = ""\n[[step]]\ntakes_over = true\n'
        '[[step]]\ncustomer = "Hello?"\nchannel = "voice"\nconfidence = 0.25\n[[step]]\nkeys = "0"\n'
        "[[step]]\nsays_nothing = true\n[[step]]\nhangs_up = true\n"
    )
    dialogue = dialogues.read(write(tmp_path, text))

    assert [(s.action, s.value) for s in dialogue.steps] == [
        ("customer", ("Hi", "Anybody?")), ("pause", 5_400_000), ("customer", ("Again",)),
        ("operator", "Dana here"), ("hands_back", ""), ("takes_over", True),
        ("customer", ("Hello?",)), ("keys", "0"), ("says_nothing", True), ("hangs_up", True),
    ]  # fmt: skip
    assert [s.channel for s in dialogue.steps][:3] == [Channel.WHATSAPP] * 3
    assert (dialogue.steps[0].line, dialogue.steps[0].lines) == (3, {"said": 7})
    assert dialogue.steps[2].expect == Expectation(entities={"order_number": "1"}, tools=())
    assert dialogue.steps[2].lines == {"entities": 13, "tools": 14}
    assert (dialogue.steps[6].channel, dialogue.steps[6].confidence) == (Channel.VOICE, 0.25)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('agent = "support"\n' + STEP, 1, "write shows as text"),
        (HEAD, 1, "write at least one step"),
        (HEAD + 'step = "no"\n', 3, "write at least one step"),
        (HEAD + 'color = "red"\n' + STEP, 3, '"color" is not a setting of a dialogue'),
        (HEAD + "starts = 2026-03-10T10:00:00\n" + STEP, 3, "with its zone"),
        (HEAD + "[[step]]\n", 3, "exactly one of customer"),
        (HEAD + '[[step]]\ncustomer = "Hi"\npause = "1h"\n', 3, "exactly one of customer"),
        (HEAD + STEP + "wait = 1\n", 5, '"wait" is not a setting of a step'),
        (HEAD + "[[step]]\ncustomer = []\n", 4, "customer is a text"),
        (HEAD + "[[step]]\ncustomer = 5\n", 4, "customer is a text"),
        (HEAD + '[[step]]\npause = "soon"\n', 4, "pause is a time"),
        (HEAD + '[[step]]\npause = "0m"\n', 4, "pause is a time"),
        (HEAD + '[[step]]\npause = "90d"\n', 4, "60 days at most"),
        (HEAD + '[[step]]\noperator = " "\n', 4, "what the operator writes"),
        (HEAD + "[[step]]\nhands_back = true\n", 4, "a note for the assistant"),
        (HEAD + "[[step]]\ntakes_over = false\n", 4, "takes_over is true"),
        (HEAD + STEP + 'channel = "fax"\n', 5, 'channel is one of "sms", "whatsapp", "voice"'),
        (HEAD + '[[step]]\ncustomer = ["Hi", "Hello?"]\nchannel = "voice"\n', 4, "one thing is said at a time"),
        (HEAD + STEP + "confidence = 0.5\n", 5, "confidence is a number from 0 to 1"),
        (HEAD + STEP + 'channel = "voice"\nconfidence = 2\n', 6, "confidence is a number from 0 to 1"),
        (HEAD + '[[step]]\nkeys = "one"\n', 4, "keys are what the customer presses"),
        (HEAD + "[[step]]\nhangs_up = false\n", 4, "hangs_up is true"),
        (HEAD + "[[step]]\nsays_nothing = 1\n", 4, "says_nothing is true"),
        (HEAD + STEP + '[step.expect]\ncall = "busy"\n', 6, "call must be one of live, over, put through"),
        (HEAD + '[[step]]\npause = "1h"\nchannel = "sms"\n', 5, "beside what the customer says"),
        (HEAD + STEP + "expect = 1\n", 5, "expect must be a table"),
        (HEAD + STEP + '[step.expect]\nsays = ["x"]\n', 6, '"says" cannot be expected'),
        (HEAD + STEP + '[step.expect]\nsaid = "x"\n', 6, "said must be a list of texts"),
        (HEAD + STEP + "[step.expect]\nsaid = []\n", 6, "said must be a list of texts"),
        (HEAD + STEP + '[step.expect]\nsaid = ["/(/"]\n', 6, "no regular expression"),
        (HEAD + STEP + '[step.expect]\nstate = "HAPPY"\n', 6, "state must be one of NEW"),
        (HEAD + STEP + "[step.expect]\nparts_max = true\n", 6, "parts_max must be a whole number"),
        (HEAD + STEP + '[step.expect]\nsession = "other"\n', 6, '"same" or "new"'),
        (HEAD + STEP + "[step.expect]\nsilent = 1\n", 6, "silent must be true or false"),
        (HEAD + STEP + "[step.expect]\nsaid = [\n", 7, "it is not TOML"),
        (HEAD + "= 1\n", 3, "it is not TOML"),
    ],
)  # fmt: skip
def test_each_fault_is_a_sentence_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    """What is wrong is told as "file:line: sentence"."""
    path = write(tmp_path, text)
    with pytest.raises(DialogueError) as caught:
        dialogues.read(path)

    assert len(caught.value.faults) == 1
    place, sentence = re.fullmatch(rf"{re.escape(str(path))}:(\d+): (.+\.)", caught.value.faults[0]).groups()  # type: ignore[union-attr]
    assert words in sentence
    assert int(place) == line


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, a file too long, and none at all are said as such."""
    path = tmp_path / "talk.toml"
    for raw, words in ((b"shows = '\xff'", "not UTF-8"), (b"#" * 300_000, "too long")):
        path.write_bytes(raw)
        with pytest.raises(DialogueError, match=words):
            dialogues.read(path)
    with pytest.raises(DialogueError, match="cannot be read"):
        dialogues.read(tmp_path / "absent.toml")


def test_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """Two faulty files are two faults; an empty folder, or none, is one."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text("x = 1\n")
    with pytest.raises(DialogueError) as caught:
        dialogues.read_all(dialogues.find(tmp_path))

    assert {fault.split(":")[0] for fault in caught.value.faults} == {str(tmp_path / "a.toml"), str(tmp_path / "b.toml")}  # fmt: skip
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "absent"):
        with pytest.raises(DialogueError):
            dialogues.find(tmp_path / folder)


@pytest.mark.parametrize(
    ("text", "ms"),
    [("90s", 90_000), ("5m", 300_000), ("1h", 3_600_000), ("0.5 d", 43_200_000), ("60d", 5_184_000_000),
     ("61d", None), ("0s", None), ("-1h", None), ("1", None), ("1w", None), (1, None)],
)  # fmt: skip
def test_a_pause_has_a_unit(text: object, ms: int | None) -> None:
    """Seconds, minutes, hours and days; nothing else."""
    assert dialogues.pause_ms(text) == ms


# Expectations that hold of SEEN, and that do not.
HOLDING = [
    Expectation(said=("ORDER #12345", "/ship(ped|s)/", "I\u2019m sorry")), Expectation(not_said=("refund",)),
    Expectation(silent=False), Expectation(parts_max=2), Expectation(entities={"order_number": "12345"}),
    Expectation(no_entities=("issue",)), Expectation(order_total=28), Expectation(memory=("morning",)),
    Expectation(no_memory=("evening",)), Expectation(state="ACTIVE"), Expectation(handed_over=False),
    Expectation(session="same"), Expectation(channel="sms"), Expectation(language="en"),
    Expectation(tools=("order_status",)), Expectation(opted_out=False), Expectation(call="live"),
]  # fmt: skip
BROKEN = [
    Expectation(said=("refund",)), Expectation(said=("/^shipped/",)), Expectation(not_said=("It  has",)),
    Expectation(silent=True), Expectation(parts_max=1), Expectation(entities={"order_number": "1234"}),
    Expectation(entities={"issue": "late"}), Expectation(no_entities=("order_number",)), Expectation(order_total=27.9),
    Expectation(memory=("evening",)), Expectation(no_memory=("/morning/",)), Expectation(state="IDLE"),
    Expectation(handed_over=True), Expectation(session="new"), Expectation(channel="whatsapp"),
    Expectation(language="es"), Expectation(tools=()), Expectation(tools=("find",)), Expectation(opted_out=True),
    Expectation(notice="handoff"), Expectation(call="over"),
]  # fmt: skip


@pytest.mark.parametrize("expect", HOLDING)
def test_what_holds_passes(expect: Expectation) -> None:
    """Each expectation is met by what it asks for."""
    found = list(check(expect, SEEN, AGENT))

    assert found
    assert all(one.ok for one in found), found


@pytest.mark.parametrize("expect", BROKEN)
def test_what_does_not_hold_fails_and_says_why(expect: Expectation) -> None:
    """Each expectation can fail, and then says what was wanted and what there was."""
    found = list(check(expect, SEEN, AGENT))

    assert [one for one in found if not one.ok and one.wanted and one.got]


@pytest.mark.parametrize("expect", HOLDING)
def test_nothing_seen_passes_nothing_that_is_wanted(expect: Expectation) -> None:
    """Before anything was answered only what is absent holds."""
    nothing = Seen((), {}, {}, "", ())
    absent = {"not_said", "parts_max", "no_entities", "no_memory", "handed_over", "opted_out"}

    assert all(one.ok is (one.name in absent) for one in check(expect, nothing, AGENT))


def test_a_notice_is_known_in_each_language() -> None:
    """A notice is found in the language named, in any when none is, and as the agent's file words it."""
    spanish = replace(
        SEEN, said=("He pasado su mensaje a una persona de nuestro equipo, que le responderá aquí.",)
    )
    own = replace(AGENT, notices={"handoff": {"en": "Dana will be with you {opens}."}})
    dana = replace(SEEN, said=("Dana will be with you at 9 am.",))

    def holds(wanted: str, seen: Seen, agent: Agent) -> bool:
        return all(one.ok for one in check(Expectation(notice=wanted), seen, agent))

    assert holds("handoff", spanish, AGENT)
    assert holds("handoff:es", spanish, AGENT)
    assert not holds("handoff:en", spanish, AGENT)
    assert not holds("apology", spanish, AGENT)
    assert holds("handoff:en", dana, own)
    assert not holds("handoff:en", dana, AGENT)


@pytest.mark.parametrize(
    ("wanted", "got", "same"),
    [
        ("Ana", "ana ", True), ("Ana", "Anna", False), ("/^an+a$/", "Anna", True), ("12345", 12345, False),
        (2, 2.0, True), (2, "2", False), (True, 1, False), (True, True, True), (1, True, False),
        ({"amount": 5}, {"amount": 5.0, "currency": "USD"}, True), ({"amount": 5}, {"currency": "USD"}, False),
        ([{"n": 1}], [{"n": 1, "m": 2}], True), ([{"n": 1}], [], False), ([1, 2], [2, 1], False), ("x", None, False),
    ],
)  # fmt: skip
def test_values_are_compared_by_kind(wanted: object, got: object, same: bool) -> None:
    """Texts without case, numbers by value, tables by the keys wanted, lists in order and whole."""
    assert fits(wanted, got) is same


def test_names_that_the_agent_does_not_have_are_faults(tmp_path: Path) -> None:
    """A misspelt entity, tool or notice would be checked for ever in vain."""
    text = (
        HEAD
        + STEP
        + (
            "[step.expect]\nentities.order_no = '1'\nno_entities = ['order_number']\n"
            "tools = ['order_state']\nnotice = 'handof:es'\n"
        )
    )
    dialogue = dialogues.read(write(tmp_path, text))

    assert [fault.rpartition(".toml:")[2].split(" is ")[0] for fault in unknown_names(dialogue, AGENT)] == [
        '6: "order_no"', '8: "order_state"', '9: "handof"',
    ]  # fmt: skip


@pytest.mark.parametrize("key", sorted({*FILE_KEYS, *ACTIONS, *STEP_KEYS, *EXPECTATIONS}))
def test_every_key_is_explained(key: str) -> None:
    """docs/evaluations.md names every key of a dialogue."""
    assert f"`{key}`" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "examples" / "evaluations").rglob("*.toml")), ids=lambda p: p.stem
)
def test_the_shipped_dialogues_can_be_read(path: Path) -> None:
    """Every shipped dialogue is of the agent whose folder it stands in, and checks something."""
    dialogue = dialogues.read(path)

    assert dialogue.agent == path.parent.name
    assert any(step.expect != Expectation() for step in dialogue.steps)
