"""When an agent's rules call a person."""

from __future__ import annotations

from dataclasses import replace

from config.agents import ORDER_TOTAL, Agent, EntityField, Handoff, HandoffRule, OrderRule
from session.model import Channel, Entity, HandledBy, Session, State
from workers.handing_over import by_rule

SESSION = Session(
    id="", agent_id="shop", channel=Channel.SMS, state=State.ACTIVE, handled_by=HandledBy.ASSISTANT, title="",
    created_at=1, last_activity=1,
)  # fmt: skip
AGENT = Agent(
    "shop", "Shop", "", "", (), (EntityField(ORDER_TOTAL, "number", "D"),),
    handoff=Handoff(when=(HandoffRule(entity=ORDER_TOTAL, above=5),)),
)  # fmt: skip


def test_a_total_is_the_computed_one_where_there_is_an_order() -> None:
    """With an order its computed total counts; without one an entity of that name is like any other."""
    told = replace(SESSION, entities={ORDER_TOTAL: Entity(500, "m1", 1)})
    items = replace(SESSION, entities={"items": Entity([{"price": 9, "quantity": 1}], "m1", 1)})

    assert by_rule(AGENT, SESSION, told)
    assert not by_rule(AGENT, told, told)
    orders = replace(AGENT, order=OrderRule("items", "quantity", "price"))
    assert by_rule(orders, SESSION, items) and not by_rule(orders, SESSION, told)
