"""A whole Ringback in one process, on a Redis of its own and a clock that pauses move, to play dialogues on.

Everything is the real thing - ledger, bell, jobs, turns, the API - but two: Twilio, which takes every part and
writes it down, and the time, which the ledger's scripts read from a key in place of the server's clock.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from importlib import import_module, resources
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import redis
from flask import Flask
from rq.utils import as_text
from twilio.rest.api.v2010.account.message import MessageInstance

from ai.assistant import Assistant
from config.agents import Agents, load_agents
from config.settings import Settings, load_settings
from console import api, api_sessions
from console.evaluation_calls import Handset
from session import customers, optout
from session.claims import Timing
from session.inbound import clean
from session.ledger import Ledger, connect
from session.manager import SessionManager
from session.model import Answer, Channel, Direction, Message, Role
from simulator import embedded
from workers import clock, jobs, runtime, sweep, turn  # noqa: F401  turn: named by its jobs
from workers.delivery import Delivery
from workers.keeper import ClaimKeeper
from workers.runtime import Runtime
from workers.twilio_account import OVER, Outcome, TwilioAccount

CLOCK_KEY = "ringback-eval:clock"
CUSTOMER = "+15005550006"  # each dialogue begins on an empty store, so one is enough
SWEEPS_IN_A_PAUSE = 12  # the clock's jobs run so often while time is skipped
JOBS_MAX = 50  # of one step; more would go round for ever
NOT_SWEPT = "fetch_missed"  # asks Twilio, which is not there

# Of the user's environment a real model needs these; everything else here is made up.
MODEL_VARIABLES = (
    "AI_PROVIDER", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "MODEL_TIMEOUT_SECONDS",
)  # fmt: skip
OTHER_VARIABLES = ("AGENTS_DIR", "DEFAULT_AGENT_ID", "LOG_LEVEL", "LOG_FORMAT")


class RecordingTwilio(TwilioAccount):
    """Takes every part and keeps it; knows of nothing that it did not take. ``handset`` has the customer's call."""

    handset: Handset

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.sent: list[
            tuple[str, str]
        ] = []  # (to as Twilio writes it, text), in the order they were sent or said

    def create(self, record: dict[str, Any], text: str, callback: str) -> Outcome:
        self.sent.append((str(record["to"]), text))
        return Outcome("sent", sid=f"SM{secrets.token_hex(16)}")

    def outbound(self, to: str, sender: str, since: datetime) -> Iterator[MessageInstance]:
        return iter(())

    def update_call(self, call_sid: str, twiml: str) -> Outcome:
        return Outcome("sent" if self.handset.told(call_sid, twiml) else OVER, sid=call_sid)

    def inbound(self, since: datetime, limit: int) -> Iterator[MessageInstance]:
        return iter(())


class Listener:
    """The assistant, and a note of what it answered or why not."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self.answers: list[Answer] = []
        self.faults: list[str] = []

    def answer(self, *args: Any, **kwargs: Any) -> Answer:
        try:
            answer = self._assistant.answer(*args, **kwargs)
        except Exception as error:
            self.faults.append(f"the model failed: {error}")
            raise
        self.answers.append(answer)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._assistant, name)


class PausedLedger(Ledger):
    """A ledger on the clock of a dialogue."""

    def __init__(self, client: redis.Redis, timing: Timing) -> None:
        prelude = resources.files("session.scripts").joinpath("prelude.lua").read_text(encoding="utf-8")
        super().__init__(
            client,
            timing,
            f"{prelude}\nlocal function clock() return tonumber(redis.call('GET', '{CLOCK_KEY}')) end\n",
        )

    def now(self) -> int:
        return int(str(self.redis.get(CLOCK_KEY)))

    def advance(self, ms: int) -> None:
        self.redis.incrby(CLOCK_KEY, ms)


class House:
    """The system in this process. One dialogue at a time."""

    def __init__(self, settings: Settings) -> None:
        """Raises ``AgentFileError``."""
        agents = on_own_numbers(load_agents(settings.agents_path, settings.default_agent_id))
        client = connect(settings.redis_connection_url, settings.redis_timeout_seconds)
        self.agents = agents
        self.ledger = PausedLedger(client, Timing.of(settings))
        self.twilio = RecordingTwilio(settings)
        delivery = Delivery(settings, self.ledger, agents)
        delivery.account = self.twilio
        built = runtime.build(settings)
        self.listener = Listener(built.assistant)
        self.rt: Runtime = replace(
            built,
            ledger=self.ledger,
            agents=agents,
            manager=SessionManager(self.ledger, settings, agents),
            assistant=cast(Assistant, self.listener),
            delivery=delivery,
            keeper=ClaimKeeper(self.ledger, settings.claim_renew_seconds),
        )
        self.errors: list[str] = []
        self._settings = settings
        self._jobs = jobs.connect(settings.redis_connection_url, settings.redis_timeout_seconds)
        app = Flask("evaluation")
        routes = api.create_blueprint(self.rt.manager, settings)
        api_sessions.add_routes(routes, self.rt.manager, settings, self.rt.bell)
        app.register_blueprint(routes)
        # By name, as gunicorn loads it: nothing of the console knows what stands above it.
        webhooks, voice = import_module("ingress.webhooks"), import_module("ingress.voice")
        hooks = webhooks.Webhooks(settings, self.rt.manager, self.rt.bell)
        phone = voice.Telephone(settings, self.rt.manager, self.rt.bell)
        app.register_blueprint(voice.create_blueprint(phone, hooks))
        self._web = app.test_client()
        self.handset = self.twilio.handset = Handset(
            self._web, settings, CUSTOMER, lambda words: self.twilio.sent.append((CUSTOMER, words))
        )

    def begin(self, at_ms: int) -> None:
        """Forget everything; it is ``at_ms`` now."""
        runtime.use(self.rt)
        self.ledger.redis.flushdb()
        self.ledger.redis.set(CLOCK_KEY, at_ms)
        self.twilio.sent.clear()
        self.handset.put_down()

    # What happens

    def customer(self, text: str, channel: Channel, ours: str, profile_name: str = "") -> None:
        """A message comes in and is rung for; ``work`` answers it."""
        message = Message(
            direction=Direction.INBOUND, role=Role.USER, content=clean(text), channel=channel,
            from_number=CUSTOMER, to_number=ours, twilio_sid=f"SM{secrets.token_hex(16)}",
            keyword=optout.keyword(channel, text),
        )  # fmt: skip
        cid = self.rt.manager.customer_id(CUSTOMER)
        profile = {"address": CUSTOMER} | ({"name": profile_name} if profile_name else {})
        received = self.ledger.receive(cid, message, profile=profile, optout=optout.field(message.lane))
        if received.ring:
            self.rt.bell.ring(cid)

    def pause(self, ms: int) -> None:
        """Time passes, and the clock's jobs with it."""
        hops = [ms // SWEEPS_IN_A_PAUSE] * SWEEPS_IN_A_PAUSE
        hops[-1] += ms - sum(hops)
        for hop in hops:
            self.ledger.advance(hop)
            for name in clock.TIMETABLE:
                if name != NOT_SWEPT:
                    getattr(sweep, name)()
            self.work()

    def work(self) -> None:
        """Run what the queues hold until they are empty. A job that fails is noted in ``errors``, as RQ would."""
        queues = [jobs.queue(name, self._jobs) for name in jobs.QUEUES]
        for _ in range(JOBS_MAX):
            taken = ((queue, self._jobs.lpop(queue.key)) for queue in queues)
            queue, job_id = next(((queue, id) for queue, id in taken if id), (queues[0], None))
            if job_id is None:
                return
            job = queue.fetch_job(as_text(cast(bytes, job_id)))
            if job is None or job.func is None:
                continue
            try:
                outcome = job.func(*job.args)
            except Exception as error:  # noqa: BLE001  whatever it is, the dialogue shows what comes of it
                self.errors.append(f"the job {job.func_name} failed: {type(error).__name__}: {error}")
            else:
                if outcome == "error":
                    self.errors.append("a turn failed; LOG_LEVEL=error says where")
        self.errors.append(f"the jobs of one step do not end: {JOBS_MAX} ran")

    def operate(self, path: str, body: Mapping[str, Any]) -> None:
        """An operator's step, by the API. Raises ``NotTaken``."""
        answer = self._call("POST", f"/session/{quote(CUSTOMER)}/{path}", body)
        if answer.status_code not in (200, 202):
            told = answer.get_json(silent=True) or {}
            raise NotTaken(f"{answer.status_code} {(told.get('error') or {}).get('code', '')}".strip())

    # What there is to see

    def conversation(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """(session, customer) as the API tells them; empty while nothing is known."""
        answer = self._call("GET", f"/session/{quote(CUSTOMER)}?limit=1")
        told = answer.get_json() if answer.status_code == 200 else {}
        return told.get("session", {}), told.get("customer", {})

    def memory(self, agent_id: str) -> tuple[str, ...]:
        """What an agent remembers of the customer."""
        manager = self.rt.manager
        try:
            held = customers.holding(manager, manager.customer_id(CUSTOMER))
        except customers.NoSuchCustomer:
            return ()
        return tuple(item.content for item in held.memory.get(agent_id, ()))

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        key = {"Authorization": f"Bearer {self._settings.admin_keys[0]}"}
        return self._web.open(path, method=method, headers=key, json=body)


class NotTaken(Exception):
    """The API refused an operator's step."""


def on_own_numbers(agents: Agents) -> Agents:
    """The same agents, each with one number that is its own: presets claim none."""
    numbered = [replace(agent, numbers=(f"+1555010{n:04d}",)) for n, agent in enumerate(agents)]
    return Agents({agent.id: agent for agent in numbered}, agents.default.id)


def settings_for(redis_url: str, environment: Mapping[str, str], *, real_model: bool) -> Settings:
    """Settings of an evaluation: the user's agents and, if wanted, model; nothing else of theirs. Raises ``SettingsError``."""
    wanted = (*OTHER_VARIABLES, *(MODEL_VARIABLES if real_model else ()))
    given = {name: environment[name] for name in wanted if environment.get(name)}
    made_up = {
        "LOG_LEVEL": "critical",  # what a failed check tells is no news in the log
        "REDIS_URL": redis_url,
        "PUBLIC_BASE_URL": "https://evaluation.invalid",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_API_BASE_URL": "http://127.0.0.1:9",  # nobody listens there, should anything ask
        "TWILIO_PHONE_NUMBER": "+15550001111",
        "RATE_LIMIT_PER_MINUTE": "0",
        **{name: secrets.token_hex(16) for name in
           ("ADMIN_API_KEY", "CUSTOMER_ID_KEY", "CONSOLE_PASSWORD", "SECRET_KEY")},
    }  # fmt: skip
    return load_settings(({} if real_model else {"AI_PROVIDER": "mock"}) | made_up | given, env_file=None)


@contextmanager
def own_redis() -> Iterator[str]:
    """The URL of an empty server that ends with the block. Raises ``EmbeddedServerError``."""
    with tempfile.TemporaryDirectory(prefix="ringback-eval-") as folder:
        server = embedded.start(Path(folder), password=secrets.token_hex(16))
        try:
            yield server.url
        finally:
            server.stop()
