"""Which agent ``make run`` says that answers, and what a newcomer is told to try."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.agents import load_agents
from simulator.answering import EXAMPLES, FOR_ANY, Answering, answering_from
from simulator.launcher import another, answering_of

SHIPPED = Path(__file__).parents[2] / "config" / "agents"
OURS = "+15550001000"


def test_who_answers_and_who_else_could() -> None:
    """The chosen agent is named, and how to start with each of the others."""
    answering = answering_of(load_agents(SHIPPED, "support"), OURS, is_live=False)

    assert (answering.id, answering.name) == ("support", "Order support")
    assert another(answering) == (
        "; for another: DEFAULT_AGENT_ID=clinic_hours make run (or default-agent, orders, real_estate)"
    )


def test_nobody_else_is_offered_where_the_choice_decides_nothing(tmp_path: Path) -> None:
    """An agent that claims our number answers whatever DEFAULT_AGENT_ID says; with LIVE=1 nobody is trying out."""
    (tmp_path / "shop.toml").write_text(f'name = "Shop"\ninstructions = "Sell."\nnumbers = ["{OURS}"]')
    (tmp_path / "desk.toml").write_text('name = "Desk"\ninstructions = "Help."')
    agents = load_agents(tmp_path, "desk")

    assert answering_of(agents, OURS, is_live=False) == Answering("shop", "Shop")
    assert answering_of(load_agents(SHIPPED, "support"), OURS, is_live=True).others == ()
    assert another(Answering("shop", "Shop")) == ""


@pytest.mark.parametrize("answering", [Answering(), Answering("a", "A, b", ("x", "y")), Answering("a", "A")])
def test_the_simulator_is_told_whole(answering: Answering) -> None:
    """What the launcher knows reaches the phone page unchanged."""
    assert answering_from(answering.environment()) == answering


def test_every_shipped_agent_has_examples_of_its_own() -> None:
    """The phone page begins with words that fit who answers; an agent of the user's own gets general ones."""
    assert {path.stem for path in SHIPPED.glob("*.toml")} == set(EXAMPLES)
    assert Answering("bakery").examples == FOR_ANY
    assert Answering("orders").examples != Answering("support").examples == Answering().examples
