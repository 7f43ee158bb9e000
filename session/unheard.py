"""The end of a call, and what becomes of the words that nobody heard: they go by text where the agent's file says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from session import course, optout, replies
from session.calls import ByText, Call, Calls, Ended, Then, Word, utterance_sid
from session.claims import LedgerConflict
from session.model import Channel, Direction, Lane, Message, Role
from session.splitting import split

if TYPE_CHECKING:
    from session.manager import SessionManager

_log = structlog.get_logger("session")


def goes_by_text(manager: SessionManager, call: Call) -> bool:
    """Whether what is not heard in a call goes by SMS: its agent's file says so, and there is a number to send it to."""
    return bool(call.texts_to) and manager.agents.known_or_default(call.agent_id).voice.answer_by_text


def text_for(call: Call, text: str, turn: int) -> Message:
    """The SMS that goes in the place of what was to be spoken to question ``turn``."""
    return Message(
        direction=Direction.OUTBOUND, role=Role.ASSISTANT, content=text, channel=Channel.SMS,
        from_number=call.texts_from, to_number=call.texts_to, generated_by="ai",
        in_response_to=utterance_sid(call.sid, turn), extra={"in_place_of_call": call.sid},
    )  # fmt: skip


def end_call(manager: SessionManager, cid: str, sid: str, status: str, service_sid: str | None) -> Ended:
    """The call ``sid`` of a customer is over. ``service_sid``: the Messaging Service that texts go through.

    With ``Ended.waits`` the customer is to be rung for. May raise ``redis.RedisError``.
    """

    def by_text(call: Call, words: Sequence[Word]) -> ByText | None:
        # "I am putting you through" and "goodbye" say nothing to who has hung up.
        said = manager.ledger.find_messages(cid, [number for word in words for number in word.numbers])
        answers = {number for number, message in said.items() if message.role is Role.ASSISTANT}
        words = [word for word in words if word.then is not Then.DIAL and answers.intersection(word.numbers)]
        if not words or not goes_by_text(manager, call):
            return None
        last = words[-1]
        session = manager.ledger.read(cid, last.session, 0)[1]
        # A person stepped in since: what the assistant decided before is not sent.
        if session is None or session.epoch != last.epoch:
            return None
        message = text_for(call, "\n\n".join(word.text for word in words), last.turn)
        lane = Lane(Channel.SMS, call.texts_from)
        return ByText(
            session=manager.change(course.say(session, manager.ledger.now())),
            owed=replies.owed(message, split(message.content), session.epoch),
            optout=optout.field(lane, service_sid),
        )

    calls = Calls(manager.ledger)
    try:
        ended = calls.end(cid, sid, status, by_text)
    except LedgerConflict:
        _log.error("unheard_not_texted", customer=cid[:6], reason="the session was written meanwhile")
        ended = calls.end(cid, sid, status, lambda *_: None)
    if ended.outcome == "OK":
        _log.info(
            "call_ended", customer=cid[:6], status=status, unheard=len(ended.unheard), texts=len(ended.message_ids)
        )  # fmt: skip
    return ended
