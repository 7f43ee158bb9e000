"""A walk through sessions, without Twilio, model or web: what programs do through ``SessionManager``.

    .venv/bin/python examples/session_walkthrough.py

Runs on REDIS_URL where it is set, else on an embedded server of its own. Its customers are hashed under a
key of its own, so that it meets nobody else's, and are forgotten at the end.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config import logging
from config.agents import load_agents
from config.settings import load_settings
from session.claims import LedgerConflict, Timing
from session.ledger import Ledger, connect
from session.machine import IllegalTransition
from session.manager import SessionManager, SessionOpen
from session.model import Direction, MessageType, Session, State
from simulator import embedded

JOHN, MARY = "+1234567890", "+1987654321"
ORDER = {
    "customer_name": "John Doe",
    "items": [{"name": "Product A", "quantity": 5}],
    "total_amount": 129.95,
}


def main() -> None:
    with redis_url() as url:
        manager = open_manager(url)
        try:
            first = creation(manager)
            tracking(manager)
            history(manager)
            updates(manager, first)
            several_numbers(manager)
            completion(manager, first)
            idle_and_expired(manager)
            farewell(manager)
        finally:
            for phone in (JOHN, MARY):
                manager.destroy_session(phone)


@contextmanager
def redis_url() -> Iterator[str]:
    """The user's Redis, else one that lives as long as this walk."""
    given = os.environ.get("REDIS_URL", "").strip()
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        server = embedded.start(Path(folder), password=secrets.token_hex(16))
        try:
            yield server.url
        finally:
            server.stop()


def open_manager(url: str) -> SessionManager:
    """What a program needs: settings, agents, a ledger."""
    settings = load_settings(settings_of_the_walk(url), env_file=None)
    logging.configure(("error", "json"), "tool")  # the story is enough
    client = connect(settings.redis_connection_url, settings.redis_timeout_seconds)
    agents = load_agents(settings.agents_path, settings.default_agent_id)
    return SessionManager(Ledger(client, Timing.of(settings)), settings, agents)


def settings_of_the_walk(url: str) -> dict[str, str]:
    """Nothing is called and nobody is texted, so that made-up accounts do."""
    made_up = dict.fromkeys(("ADMIN_API_KEY", "CONSOLE_PASSWORD", "SECRET_KEY"), "session-walkthrough")
    return made_up | {
        "REDIS_URL": url,
        "CUSTOMER_ID_KEY": "customers-of-the-session-walkthrough",
        "PUBLIC_BASE_URL": "https://walkthrough.invalid",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "0" * 32,
        "TWILIO_PHONE_NUMBER": "+15550001000",
        "AI_PROVIDER": "mock",
    }


def creation(manager: SessionManager) -> Session:
    title("1. A session is created")
    session = manager.create_session(
        JOHN, initial_message="Hi, I want to place an order", context={"customer_type": "new"}
    )
    say(f"created {session.id} for {JOHN}")
    say(f"state {session.state}, status {session.status}, title {session.title!r}, context {session.context}")
    same = manager.get_session_by_phone("(+1) 234 567-890")
    say(f"found by another way of writing the number: {same is not None and same.id == session.id}")
    try:
        manager.create_session(JOHN)
    except SessionOpen as taken:
        say(f"a second one is refused while {taken.session.id} is open")
    return session


def tracking(manager: SessionManager) -> None:
    title("2. Messages are tracked, both directions and three types")
    session = manager.add_message(JOHN, "I need 5 units of Product A")
    say(f"inbound text: {session.message_count} messages, state {session.state}")
    session = manager.add_message(JOHN, "✅ Order received!", direction=Direction.OUTBOUND)
    say(f"outbound text: {session.message_count} messages")
    session = manager.add_message(JOHN, "A photo of the shelf", MessageType.IMAGE, metadata={"num_media": 1})
    say(f"inbound image: {session.message_count} messages")
    session = manager.add_message(
        JOHN, "The shop could not be reached", MessageType.SYSTEM, Direction.OUTBOUND
    )
    say(f"system notice: still {session.message_count} messages, for notices are not counted")


def history(manager: SessionManager) -> None:
    title("3. The conversation history")
    messages = manager.get_conversation_history(JOHN)
    for message in messages:
        say(f"{message.direction:<8} {message.message_type:<6} {message.content}")
    newest = manager.get_conversation_history(JOHN, limit=2)
    say(f"{len(messages)} entries in all; the newest {len(newest)} begin with {newest[0].content!r}")


def updates(manager: SessionManager, first: Session) -> None:
    title("4. The session is updated")
    session = manager.update_session(first.id, order_details=ORDER)
    say(f"order details: {session.order_details}")
    session = manager.update_extracted_info(first.id, {"customer_name": "John Doe", "budget": 3000000})
    say(f"entities: { {name: entity.value for name, entity in session.entities.items()} }")
    session = manager.update_session(session, context={"customer_type": "returning"})
    say(f"context: {session.context}")
    try:
        manager.update_session(first, context={"customer_type": "stale"})
    except LedgerConflict:
        say("an update of the session as it was at first is refused: it has changed since")


def several_numbers(manager: SessionManager) -> None:
    title("5. Several phone numbers")
    session = manager.get_session(MARY)
    manager.add_message(MARY, "Hello, do you deliver?")
    say(f"{MARY} has {session.id}, which is another session")
    open_now = sorted((customer.address, s.message_count) for customer, s in manager.get_all_sessions())
    mine = [row for row in open_now if row[0] in (JOHN, MARY)]
    for address, count in mine:
        say(f"open: {address}, {count} message{'' if count == 1 else 's'}")
    say(f"active sessions of this walk: {len(mine)}")


def completion(manager: SessionManager, first: Session) -> None:
    title("6. A session is completed, and the next message opens another")
    done = manager.complete_session(first.id)
    say(f"{done.id} is {done.state}, {done.status}")
    summary = manager.get_session_summary(done.id)
    say(
        f"summary: {summary['message_count']} messages ({summary['inbound_count']} in), order {summary['order_details']}"
    )
    try:
        manager.complete_session(first.id)
    except IllegalTransition as refusal:
        say(f"once more: {refusal}")
    again = manager.add_message(JOHN, "One more thing")
    say(f"new session: {again.id != done.id}, {again.message_count} message")
    say(f"sessions of {JOHN}: {len(manager.sessions_of(manager.find_customer(JOHN)[0]))}")


def idle_and_expired(manager: SessionManager) -> None:
    title("7. A quiet session idles, resumes, and expires")
    before = manager.get_session(MARY)
    session = manager.update_state(before, State.IDLE)  # the clock does it after SESSION_TIMEOUT_MINUTES
    say(f"{MARY}: {before.state} to {session.state}")
    session = manager.add_message(MARY, "Are you there?")
    say(f"{MARY} writes again: {session.state}, the same session: {session.id == before.id}")
    ended = manager.expire_session(session.id)  # and this after SESSION_EXPIRE_HOURS
    say(f"a day without activity: {ended.state}, {ended.status}")


def farewell(manager: SessionManager) -> None:
    title("8. Forgetting")
    for phone in (JOHN, MARY):
        removed = manager.destroy_session(phone)
        say(f"{phone}: {removed > 0}, and known no more: {manager.get_session_by_phone(phone) is None}")


def title(text: str) -> None:
    print(f"\n{text}")


def say(text: str) -> None:
    print(f"   {text}")


if __name__ == "__main__":
    main()
