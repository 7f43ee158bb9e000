"""What is owed to a customer: a message and the parts it is sent in, as the ledger stores them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session import records
from session.address import Address
from session.claims import Written
from session.model import Channel, Message


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
    The reply's files go along: a part's ``media`` are their addresses.
    """
    template = {"content_sid": content_sid, "content_variables": variables} if content_sid else {}
    parts = [_part(reply, text, epoch) | template for text in texts]
    parts = _with_files(parts, reply, epoch) if reply.media else parts
    return {"record": records.encode_message(reply, len(parts), answers), "parts": parts}


def spoken(reply: Message, answers: int = 0) -> dict[str, Any]:
    """The same for one that a word speaks: on record with one part, whose delivery is the word's."""
    return {"record": records.encode_message(reply, 1, answers), "parts": []}


def queued(reply: Message, written: Written) -> Message:
    """The reply as it stands in the history now, the last of what was written."""
    session = written.session
    return reply._replace(
        id=written.message_ids[-1], session_id=session.id, at=session.last_message_at, status="queued"
    )


def _with_files(parts: list[dict[str, Any]], reply: Message, epoch: int) -> list[dict[str, Any]]:
    """Files go with the first text, and on WhatsApp after all texts, each by itself: there one file is a message, and a
    document shows no words."""
    urls = [each.url for each in reply.media]
    if reply.channel is Channel.WHATSAPP or not parts:
        return [*parts, *(_part(reply, "", epoch) | {"media": [url]} for url in urls)]
    return [parts[0] | {"media": urls}, *parts[1:]]


def _part(reply: Message, text: str, epoch: int) -> dict[str, Any]:
    return {
        "v": records.VERSION, "state": "pending", "lane": str(reply.lane), "text": text,
        "to": str(Address(reply.channel, reply.to_number)),
        "from": str(Address(reply.channel, reply.from_number)),
        "epoch": epoch, "attempt": 0, "not_before": 0,
    }  # fmt: skip
