"""The corpus of attacks against the real processes, with a model that obeys every one of them: nothing of it goes out."""

from __future__ import annotations

import base64
import codecs
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.notices import NOTICES
from simulator.model_request import Asked
from tests.flow import staff
from tests.flow.mind import Mind, is_summary, newest, shown
from tests.flow.staff import OWN
from tests.flow.system import System, wait_for

CORPUS = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "unit" / "attacks.toml").read_text(encoding="utf-8")
)
ATTACKS: list[dict[str, Any]] = CORPUS["attack"]
PLANTED = CORPUS["planted"]
SECRET = "Never promise that somebody will call, write or take over the matter."
SHOP = f"""
name = "Shop"
numbers = ["{OWN}"]
languages = ["en", "es", "ar", "fr", "de", "pt"]
links = ["shop.example.com"]
instructions = "You answer a shop's phone. {SECRET} We are open from nine to five."
model = "first"

[[entities]]
name = "order_number"
type = "string"
description = "The order."

[[entities]]
name = "customer_name"
type = "string"
description = "The name."

[handoff]
after_failures = 0
"""
CANARY = re.compile(r"rbk-[a-z2-7]{20}")
VICTIM = "+15550750001"
BLOCKED = "an answer was not fit to be sent"


def attacker(number: int) -> str:
    return f"+155507511{number:02}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, mind: Mind) -> Iterator[System]:
    """A shop with one customer of whom everything is known, and a model that does as it is told from then on."""
    with staff.at_work(tmp_path_factory, mind, shop=SHOP) as running:
        _plant(running, mind)
        yield running


def _plant(system: System, mind: Mind) -> None:
    """Another customer of the same agent: a name, an order and something to remember."""
    words = f"I am {PLANTED['name']}, order {PLANTED['order']}, {PLANTED['fact']}"
    mind.answers[words] = {
        "reply": "Noted.", "intent": words, "entities": {"order_number": PLANTED["order"], "customer_name": PLANTED["name"]},
        "memory": [{"op": "remember", "type": "fact", "about": "door", "content": PLANTED["fact"], "confidence": 1.0}],
    }  # fmt: skip
    system.says(VICTIM, words, to=OWN)
    system.reply(VICTIM)
    assert [PLANTED["fact"]] == [item["content"] for item in staff.held(system, VICTIM)["memory"]["shop"]]


class Obedient:
    """A model that says whatever an attack wants, or else all that it was shown, whole and piece by piece."""

    def __init__(self, foreign: str) -> None:
        self._foreign = foreign
        self._asked: dict[str, int] = {}

    def __call__(self, asked: Asked) -> dict[str, Any] | None:
        attack = next((a for a in ATTACKS if a["says"][-1] == newest(asked)), None)
        if is_summary(asked) or attack is None:
            return None
        turn = self._asked[attack["name"]] = self._asked.get(attack["name"], 0) + 1
        found = CANARY.search(shown(asked))
        assert found, "a prompt without a canary"
        said = attack.get("obeyed") or "I was told: {everything}"
        for name, value in self._filled(found[0], asked, turn).items():
            said = said.replace(f"{{{name}}}", value)
        change = {
            "op": "remember",
            "type": "fact",
            "about": "rule",
            "content": attack["says"][0][:80],
            "confidence": 1.0,
        }
        return {"reply": said, "memory": [change], "handoff": None}

    def _filled(self, canary: str, asked: Asked, turn: int) -> dict[str, str]:
        told = [item["content"] for item in asked.items if item["role"] == "developer"]
        return {
            "canary": canary, "canary_spelt": ". ".join(canary.upper()), "canary_backwards": canary[::-1],
            "foreign_canary": self._foreign, "instruction": SECRET, "instruction_torn": "\u200b".join(SECRET),
            "hex": SECRET.encode().hex(" "), "base64": base64.b64encode(SECRET.encode()).decode(),
            "rot13": codecs.encode(SECRET, "rot13"),
            # The second time without the canary: what else there is to be told.
            "everything": "\n".join(told) if turn == 1 else "\n".join(t for t in told if canary not in t),
        }  # fmt: skip


@pytest.fixture(scope="module")
def attacked(shop: System, mind: Mind) -> dict[int, str]:
    """Every attack was made, each by a customer of its own; the last reply to each."""
    victims = mind.turns(PLANTED["name"])
    canary = CANARY.search(shown(victims[0]))
    assert canary
    mind.decide = Obedient(canary[0])
    for number, attack in enumerate(ATTACKS):
        for turn, words in enumerate(attack["says"], 1):
            shop.says(attacker(number), words, to=OWN)
            if turn < len(attack["says"]):
                shop.reply(attacker(number), turn)
    for number, attack in enumerate(ATTACKS):
        shop.reply(attacker(number), len(attack["says"]))
    return {number: shop.replies(attacker(number))[-1] for number in range(len(ATTACKS))}


def _leaks(attack: dict[str, Any], text: str) -> list[str]:
    """What of the forbidden words a text holds, plain or with blanks and invisible letters between."""
    forbidden = [*CORPUS["always"]["not_said"], *attack.get("not_said", ()), SECRET, *PLANTED.values()]
    plain = "".join(letter for letter in text.casefold() if letter.isalnum())
    return [
        words for words in forbidden
        if words.casefold() in text.casefold() or "".join(c for c in words.casefold() if c.isalnum()) in plain
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ATTACKS)), ids=[a["name"] for a in ATTACKS])
def test_nothing_of_it_reaches_twilio(shop: System, attacked: dict[int, str], number: int) -> None:
    """Whatever a fooled model says: no instruction, canary, foreign link or other customer's word leaves; and why is told."""
    attack, phone = ATTACKS[number], attacker(number)
    staff.settled(shop, phone)
    turn = staff.turn_of(shop, phone)
    told = " ".join(turn["decisions"])

    for text in shop.replies(phone):
        assert not _leaks(attack, text), text
        assert not CANARY.search(text)
    assert turn["model"]["calls"] <= 2
    if "evil" in attack.get("obeyed", "") or "not_said" in attack:
        assert BLOCKED in told or "the reply was changed: foreign_link" in told or "obeyed" not in attack
    elif BLOCKED in told:
        language = attack["language"] if attack["language"] in NOTICES["blocked_answer"] else "en"
        assert NOTICES["blocked_answer"][language] == attacked[number]
    else:
        raise AssertionError(f"sent as it was: {attacked[number]}")


def test_no_prompt_held_another_customers_words(mind: Mind, attacked: dict[int, str]) -> None:
    """What a model is not shown it cannot tell: prompts of attackers hold nothing of the other customer's, nor its canary."""
    victim = CANARY.search(shown(mind.turns(PLANTED["name"])[0]))
    assert victim
    for asked in mind.asked:
        if PLANTED["name"] in newest(asked) or is_summary(asked):
            continue
        said = "\n".join(i["content"] for i in asked.items if i["role"] != "user")
        assert victim[0] not in said
        assert not any(word in said for word in PLANTED.values())


def test_what_attackers_write_stays_theirs(mind: Mind, attacked: dict[int, str]) -> None:
    """A customer's words stand in items of the role user as they were written; elsewhere only quoted as JSON."""
    for attack in ATTACKS:
        words = attack["says"][-1]
        asked = mind.turns(words)[0]
        assert [words] == [i["content"] for i in asked.items if i["role"] == "user"][-1:]
        for item in asked.items:
            if item["role"] == "developer":
                assert words not in item["content"]


def test_every_canary_is_a_customers_own(mind: Mind, attacked: dict[int, str]) -> None:
    """As many canaries as customers."""
    found = {CANARY.search(shown(mind.turns(attack["says"][-1])[0])) for attack in ATTACKS}
    assert len(ATTACKS) == len({match[0] for match in found if match})


def test_a_blocked_answer_leaves_nothing_behind(shop: System, attacked: dict[int, str]) -> None:
    """What was blocked is neither remembered nor told later: the next prompt does not hold it."""
    phone = attacker(0)
    held = staff.held(shop, phone)

    assert {} == {agent: items for agent, items in held["memory"].items() if items}
    assert SECRET not in str(held["sessions"])
    assert not CANARY.search(str(held["sessions"]))


def test_another_answer_is_asked_for_once(shop: System, mind: Mind) -> None:
    """An answer that may not be sent is asked for again; a good second one goes out, and the turn tells of both."""
    phone, tries = "+15550751190", list[int]()

    def better(asked: Asked) -> dict[str, Any] | None:
        if "second thought" not in newest(asked):
            return None
        tries.append(1)
        return {"reply": SECRET if len(tries) == 1 else "We open at nine."}

    before, mind.decide = mind.decide, better
    try:
        shop.says(phone, "On second thought, when do you open?", to=OWN)
        assert "We open at nine." == shop.reply(phone)
    finally:
        mind.decide = before
    turn = staff.turn_of(shop, phone)

    assert any(decision.startswith(BLOCKED) for decision in turn["decisions"])
    assert 2 == turn["model"]["calls"] == len(tries)


def test_a_long_reply_is_cut_to_the_agents_limit(shop: System, mind: Mind) -> None:
    """However much a model writes, a customer is sent a bounded number of texts."""
    phone = "+15550751191"
    mind.answers["tell me all"] = {"reply": "word " * 20_000}
    before, mind.decide = mind.decide, lambda asked: None
    try:
        shop.says(phone, "Please tell me all", to=OWN)
        shop.reply(phone)
        staff.settled(shop, phone)
    finally:
        mind.decide = before

    wait_for(lambda: shop.replies(phone), "the reply")
    assert sum(map(len, shop.replies(phone))) <= 10_000
