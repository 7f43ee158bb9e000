"""Which agent answers the local number, as the phone page tells it, and what to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ABOUT_AN_ORDER = (
    "Hi, I'm having trouble with my order #12345",
    "It hasn't shipped yet",
    "Hi, it's me again",
)
# By the id of a shipped agent, in the order of a conversation.
EXAMPLES = {
    "default-agent": ABOUT_AN_ORDER,
    "support": ABOUT_AN_ORDER,
    "orders": ("2 pizzas at 9.50 and 1 cola at 2", "My name is Alex", "Make it 3 pizzas"),
    "real_estate": (
        "I'm looking for an apartment in Dubai Marina",
        "Up to 2 million AED, with two bedrooms",
        "أبحث عن شقة في دبي مارينا",
    ),
    "clinic_hours": ("I need an appointment next Tuesday", "When are you open?", "Can I talk to a person?"),
}
# For agents of the user's own.
FOR_ANY = ("Hello", "What do you know about me?", "Can I talk to a person?")


@dataclass(frozen=True, slots=True)
class Answering:
    """``others``: the ids that DEFAULT_AGENT_ID could name instead; none where it decides nothing."""

    id: str = ""
    name: str = ""
    others: tuple[str, ...] = ()

    @property
    def examples(self) -> tuple[str, ...]:
        return EXAMPLES.get(self.id or "default-agent", FOR_ANY)

    def environment(self) -> dict[str, str]:
        """As the launcher tells the simulator."""
        return {
            "SIMULATOR_AGENT": self.id,
            "SIMULATOR_AGENT_NAME": self.name,
            "SIMULATOR_OTHER_AGENTS": ",".join(self.others),
        }


def answering_from(environ: Mapping[str, str]) -> Answering:
    """What ``Answering.environment`` told; nothing where nobody did."""
    others = environ.get("SIMULATOR_OTHER_AGENTS", "").split(",")
    return Answering(
        environ.get("SIMULATOR_AGENT", ""),
        environ.get("SIMULATOR_AGENT_NAME", ""),
        tuple(other for other in others if other),
    )
