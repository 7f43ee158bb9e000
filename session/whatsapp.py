"""WhatsApp's window: for 24 hours after a customer's last message to a number of ours everything may be said to them, then templates alone.

The ledger keeps when a customer was last heard on each of WhatsApp's lanes, and 0 once WhatsApp said that the window
is closed (error 63016). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from session.model import Channel, Customer, Direction, Lane, Message

WINDOW_MS = 86_400_000
CLOSED_CODE = 63016  # Twilio's: outside the window
HEARD = "heard:"  # field of the customer's hash, with the lane behind it


def field(lane: Lane) -> str:
    """Where a lane's last message is kept; '' for a channel without a window."""
    return HEARD + str(lane) if lane.channel is Channel.WHATSAPP else ""


def may_say(customer: Customer, lane: Lane, now: int, messages: Sequence[Message] = ()) -> bool:
    """Whether free text may be sent on ``lane``. ``messages``: asked where an earlier release kept no time."""
    if lane.channel is not Channel.WHATSAPP:
        return True
    heard = customer.heard.get(str(lane))
    if heard is None:
        own = (m.at for m in messages if m.direction is Direction.INBOUND and m.lane == lane)
        heard = max(own, default=0)
    return now - heard <= WINDOW_MS
