"""The earlier message that a customer's message answers, as WhatsApp tells it: by Twilio's SID."""

from __future__ import annotations

from typing import Any

from session import keys, records
from session.ledger import Ledger
from session.model import Direction, Lane, Message


def find(ledger: Ledger, cid: str, lane: Lane, sid: str) -> Message | None:
    """One of the customer's messages on this lane, either way; None for a SID that is not known, or no more.

    Looks through the whole history, so it is for answers to what the turn was not given anyway. What was said before
    the customer wished to be forgotten is not found.
    """
    packed, number = records.pack_sid(sid), ledger.bound(cid).get(sid, "").partition(".")[0]
    history: Any = ledger.redis.lrange(keys.customer_key("history", cid), 0, -1)
    for element in reversed(history):
        session_no, found, record = element.split(":", 2)
        if found != number and (not packed or f":{packed}:" not in record):
            continue
        session = ledger.read(cid, int(session_no), 0)[1]
        if session is None or int(found) <= session.forgotten_upto:
            return None
        message = ledger.find_messages(cid, [int(found)]).get(int(found))
        # The text of another message may hold what looks like a SID.
        own = message is not None and (found == number or message.twilio_sid == sid)
        if message is not None and own and message.lane == lane:
            return message
    return None


def described(message: Message, chars_max: int) -> dict[str, str]:
    """Who said it, and its words."""
    by = (
        "the customer" if message.direction is Direction.INBOUND else _AUTHORS.get(message.generated_by, "us")
    )
    return {"by": by, "content": message.content[:chars_max]}


_AUTHORS = {"ai": "you", "operator": "a person of the team", "system": "a notice of ours"}
