"""What is owed to a customer: a message and the parts it is sent in, as the ledger stores them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session import records
from session.address import Address
from session.model import Message


def owed(
    reply: Message,
    texts: Sequence[str],
    epoch: int,
    answers: int = 0,
    *,
    content_sid: str = "",
    variables: str = "",
) -> dict[str, Any]:
    """``{"record", "parts"}`` as commit.lua takes it.

    ``epoch``: the session's when this was decided; ``answers``: number of the last message that it answers;
    ``content_sid``: of the template that is sent in place of the text, with its ``variables`` as Twilio takes them.
    """
    template = {"content_sid": content_sid, "content_variables": variables} if content_sid else {}
    parts = [_part(reply, text, epoch) | template for text in texts]
    return {"record": records.encode_message(reply, len(texts), answers), "parts": parts}


def _part(reply: Message, text: str, epoch: int) -> dict[str, Any]:
    return {
        "v": records.VERSION, "state": "pending", "lane": str(reply.lane), "text": text,
        "to": str(Address(reply.channel, reply.to_number)),
        "from": str(Address(reply.channel, reply.from_number)),
        "epoch": epoch, "attempt": 0, "not_before": 0,
    }  # fmt: skip
