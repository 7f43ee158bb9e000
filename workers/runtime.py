"""What a worker process has: one of each, built once, passed in."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property

from ai.assistant import Assistant
from ai.transcribe import transcriber
from config.agents import Agents, agents_or_exit
from config.settings import Settings, settings_or_exit
from session.calls import Calls
from session.claims import Timing
from session.ledger import Ledger, connect
from session.manager import SessionManager
from workers import jobs
from workers.attaching import Attaching
from workers.background_queue import Background
from workers.bell import Bell
from workers.delivery import Delivery
from workers.keeper import ClaimKeeper
from workers.media import MediaReader
from workers.speaking import Speaker
from workers.typing import Typing

LEDGER_CONNECTIONS = 4
BELL_CONNECTIONS = 1


@dataclass(frozen=True)
class Runtime:
    """Clients and values that turns share. Everything in it is safe for threads."""

    settings: Settings
    ledger: Ledger
    manager: SessionManager
    agents: Agents
    assistant: Assistant
    delivery: Delivery
    keeper: ClaimKeeper
    bell: Bell
    background: Background
    stopping: threading.Event = field(default_factory=threading.Event)  # the process was told to end

    @cached_property
    def calls(self) -> Calls:
        """The calls of our customers."""
        return Calls(self.ledger)

    @cached_property
    def media(self) -> MediaReader:
        """Who reads what came with messages."""
        return MediaReader(self.settings, transcriber(self.settings))

    @cached_property
    def attaching(self) -> Attaching:
        """Who knows what files customers can be sent."""
        return Attaching(self.settings)

    @cached_property
    def typing(self) -> Typing:
        """Who tells WhatsApp that we read and write."""
        return Typing(self.settings)

    @cached_property
    def speaker(self) -> Speaker:
        """Who pushes words into live calls."""
        return Speaker(self.settings, self.manager, self.calls, self.delivery.account)


def build(settings: Settings) -> Runtime:
    """A runtime for these settings. Connects to nothing yet."""
    ledger = Ledger(
        connect(settings.session_redis_connection_url, settings.redis_timeout_seconds, LEDGER_CONNECTIONS),
        Timing.of(settings),
    )
    agents = agents_or_exit(settings, with_tools=True)
    key = settings.openai_api_key
    queue = jobs.connect(settings.redis_connection_url, settings.redis_timeout_seconds, BELL_CONNECTIONS)
    return Runtime(
        settings=settings,
        ledger=ledger,
        manager=SessionManager(ledger, settings, agents),
        agents=agents,
        assistant=Assistant(
            settings.ai_provider,
            key.get_secret_value() if key else "",
            settings.openai_base_url,
            settings.openai_model,
            settings.model_timeout_seconds,
        ),
        delivery=Delivery(settings, ledger, agents),
        keeper=ClaimKeeper(ledger, settings.claim_renew_seconds),
        bell=Bell(queue, settings.job_seconds),
        background=Background(queue, settings.job_seconds),
    )


_lock = threading.Lock()
_ours: list[Runtime] = []  # at most one: this process' own


def runtime() -> Runtime:
    """This process' runtime; the first job builds it, so that a stock ``rq worker`` can run ours too."""
    with _lock:
        if not _ours:
            _ours.append(build(settings_or_exit("worker")))
        return _ours[0]


def use(given: Runtime) -> None:
    """Make ``given`` this process' runtime, before the first job."""
    with _lock:
        _ours[:] = [given]
