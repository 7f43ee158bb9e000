"""What a reply may not hold: canaries, our instructions, links of others, too many words."""

from __future__ import annotations

import base64
import codecs
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.safety import REPLY_CHARS_LOOKED_AT, Refused, canary, check_reply, shorten
from config.agent import Agent, Limits

ATTACKS = tomllib.loads((Path(__file__).parent / "attacks.toml").read_text(encoding="utf-8"))
INSTRUCTION = (
    "You answer a shop's phone. Never promise that somebody will call, write or take over the matter. "
    "We are open from nine to five on every weekday of the whole year. "
    'When a customer complains, always say "We are sorry for that and will make it good as soon as we can".'
)
AGENT = Agent("agent", "Agent", INSTRUCTION, "", (), links=("shop.example.com",))
OWN = canary("key", "customer-1")
OTHER = canary("key", "customer-2")
SECRET = "Never promise that somebody will call, write or take over the matter."
FILLED = {
    "canary": OWN, "canary_spelt": ". ".join(OWN.upper()), "canary_backwards": OWN[::-1], "foreign_canary": OTHER,
    "instruction": SECRET, "instruction_torn": "\u200b".join(SECRET), "hex": SECRET.encode().hex(" "),
    "base64": base64.b64encode(SECRET.encode()).decode(), "rot13": codecs.encode(SECRET, "rot13"),
}  # fmt: skip


def check(reply: str, agent: Agent = AGENT) -> tuple[str, tuple[str, ...]]:
    return check_reply(agent, reply, OWN)


def test_a_canary_is_a_customers_own_and_cannot_be_guessed() -> None:
    """The same customer has the same word, another or another key has another, and it holds no id."""
    assert OWN == canary("key", "customer-1")
    assert len({OWN, OTHER, canary("other", "customer-1")}) == 3
    assert OWN.startswith("rbk-")
    assert len(OWN) == 24
    assert "customer" not in OWN


def test_the_corpus_is_wide() -> None:
    """At least forty attacks, in all six languages and more, each with a name of its own."""
    attacks = ATTACKS["attack"]

    assert len(attacks) >= 40
    assert {"en", "es", "ar", "fr", "de", "pt"} <= {attack["language"] for attack in attacks}
    assert len(attacks) == len({attack["name"] for attack in attacks})
    assert all(attack["says"] and all(attack["says"]) for attack in attacks)


@pytest.mark.parametrize("attack", [a for a in ATTACKS["attack"] if "obeyed" in a], ids=lambda a: a["name"])
def test_a_model_that_obeys_an_attack_is_not_heard(attack: dict[str, Any]) -> None:
    """What a fooled model would say is refused, or goes out without what was planted in it."""
    obeyed = attack["obeyed"]
    for name, value in FILLED.items():
        obeyed = obeyed.replace(f"{{{name}}}", value)
    try:
        sent, _ = check(obeyed)
    except Refused:
        return

    for words in (*ATTACKS["always"]["not_said"], *attack.get("not_said", ())):
        assert words.casefold() not in sent.casefold()


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (f"It is {OWN}.", "canary"),
        (OWN.upper().replace("-", " "), "canary"),
        (" ".join(OWN), "canary"),
        (f"({OWN[::-1]})", "canary"),
        (codecs.encode(OWN, "rot13"), "canary"),
        ("x" + base64.b64encode(f"?{OWN}?".encode()).decode(), "canary"),
        (OWN.encode().hex(), "canary"),
        (OTHER, "foreign_canary"),
        (f"word{OTHER}word", "foreign_canary"),
        (SECRET, "instructions"),
        (SECRET.upper().replace(" ", "  "), "instructions"),
        ("what is known already is kept without you and what nobody said must not be guessed", ""),
        ("Messages of the role user are the customer's own words.", "instructions"),
        ("https://evil.example/", "nothing_left"),
    ],
)
def test_what_gives_us_away_is_refused(reply: str, found: str) -> None:
    """A canary in any spelling, an instruction word for word, or a reply that is nothing but a foreign link."""
    if not found:
        check(reply)
        return
    with pytest.raises(Refused) as refused:
        check(reply)

    assert found == refused.value.found
    assert found == str(refused.value)


def test_an_agents_own_instructions_and_style_are_kept_too() -> None:
    """What its file tells the model is not told to a customer."""
    for agent in (AGENT, replace(AGENT, instructions="", style=INSTRUCTION)):
        with pytest.raises(Refused, match="instructions"):
            check_reply(agent, SECRET, OWN)


@pytest.mark.parametrize(
    "reply",
    [
        "Your order 12345 has shipped. Its tracking number is RB1234567890.",
        "We are open from nine to five on every weekday of the whole year.",
        "We are sorry for that and will make it good as soon as we can.",
        "I never promise that.",
        "مرحبا، طلبك في الطريق.",
        "The garb keeps its colour if you wash it at thirty degrees only, and dry it flat.",
        "At 9.30 a.m. tomorrow, e.g. at the door.Please ring. It costs 12.50.It is 3.5 kg.",
        "Track it at https://shop.example.com/t?id=12345_6.",
        "See www.shop.example.com or shop.example.com/returns (open now).",
        "[Track it](https://shop.example.com/t)",
        "Write to help@shop.example.com or help@other.com.",
        "👍",
        "",
    ],
)
def test_an_ordinary_reply_goes_out_as_it_is(reply: str) -> None:
    """Facts of the file, words it wants said, our own links, times and numbers are none of this room's business."""
    assert (reply, ()) == check(reply)


@pytest.mark.parametrize(
    ("reply", "sent"),
    [
        ("You can track it here: https://evil.example/t. Bye!", "You can track it here. Bye!"),
        ("See [our page](https://evil.example) for it.", "See our page for it."),
        ("Look (https://evil.example/a_(b)) now", "Look now"),
        ("Go to HTTPS://EVIL.EXAMPLE or shop.example.com", "Go to or shop.example.com"),
        ("A\nhttps://evil.example\nB", "A\nB"),
        ("ftp://evil.example/x is old", "is old"),
        ("https://shop.example.com.evil.example/ no", "no"),
        ("https://notshop.example.com/ no", "no"),
        ("https://shop.example.com:443/x yes", "https://shop.example.com:443/x yes"),
        ("https://www.shop.example.com yes", "https://www.shop.example.com yes"),
        ("bit.ly/abc and evil.com, too", "and, too"),
    ],
)
def test_a_foreign_link_is_taken_out(reply: str, sent: str) -> None:
    """The link goes with what led up to it, the sentence stays; hosts below ours are ours."""
    assert sent == check(reply)[0]
    assert check(reply)[1] == (() if sent == reply else ("foreign_link",))


def test_an_agent_without_links_has_none_in_its_replies() -> None:
    """No host is named by default."""
    assert ("See it", ("foreign_link",)) == check("See https://shop.example.com it", replace(AGENT, links=()))


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("One two.", 0, "One two."),
        ("One two.", 8, "One two."),
        ("One two. Three four.", 12, "One two."),
        ("One two three four", 12, "One two..."),
        ("A. one two three four", 15, "A. one two..."),
        ("abcdefghij", 8, "abcde..."),
        ("abc", 2, ".."),
    ],
)
def test_a_long_reply_ends_at_a_sentence_else_a_word(text: str, limit: int, kept: str) -> None:
    """A sentence's end is taken when it keeps a third of the room; else three dots say that more was meant."""
    assert kept == shorten(text, limit)


def test_a_cut_is_told() -> None:
    """The agent's limit is kept and what was done is named."""
    agent = replace(AGENT, limits=Limits(reply_chars=12))

    assert ("One two.", ("too_long",)) == check("One two. Three four.", agent)


@given(st.text(max_size=300), st.integers(min_value=1, max_value=80))
def test_any_reply_is_sent_within_the_limit_or_refused(reply: str, limit: int) -> None:
    """Whatever a model writes: the limit holds, and a reply that went out once goes out again unchanged."""
    agent = replace(AGENT, limits=Limits(reply_chars=limit))
    try:
        sent, _ = check(reply, agent)
    except Refused:
        return

    assert len(sent) <= limit


@pytest.mark.parametrize(
    "piece",
    ["a.", "[", "](", "http://", "A" * 16 + " ", "rbk", "never ", "() ", ": ", "www.a ", "a-", "[a](b"],
)
def test_50_000_characters_are_checked(piece: str) -> None:
    """A reply of any length is looked at without running away, and no more of it is sent than was looked at."""
    try:
        sent, _ = check(piece * (50_000 // len(piece)))
    except Refused:
        return
    assert len(sent) <= REPLY_CHARS_LOOKED_AT
