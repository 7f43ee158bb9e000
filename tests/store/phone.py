"""A telephone in the workshop: callers speak into it, workers answer, and what is pushed into their calls is heard."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fakeredis
import pytest

from ai.assistant import Assistant, ModelFault
from config.agents import load_agents
from config.notices import NOTICES
from config.settings import load_settings
from session import keys, unheard
from session.calls import Call, utterance_sid
from session.manager import SessionManager
from session.model import Answer, Channel, Direction, Lane, Message, Role
from session.operators import Operators
from tests.store.conftest import ENVIRONMENT
from tests.store.desk import Clock, ClockedLedger
from tests.store.exchange import Exchange, exchange
from tests.store.test_stale_turns import Thinker
from tests.store.test_turns import START, Workshop
from workers import runtime, turn
from workers.background_queue import Background
from workers.bell import Bell
from workers.delivery import Delivery
from workers.keeper import ClaimKeeper
from workers.runtime import Runtime

OURS = ENVIRONMENT["TWILIO_PHONE_NUMBER"]
CALLER, SID, SID_TOO = "+15557230001", "CA" + "1" * 32, "CA" + "2" * 32
VOICE = Lane(Channel.VOICE, OURS)
ENGLISH = {name: texts["en"] for name, texts in NOTICES.items()}
AGENT = """\
name = "Riley"
instructions = "Help customers with their orders."
languages = ["en", "es"]

[[entities]]
name = "order_number"
type = "string"
description = "the number of the order"
"""
BY_TEXT = AGENT + "\n[voice]\nanswer_by_text = true\n"
WITH_PERSON = AGENT + '\n[voice]\ntransfer = "+15557230099"\n'
CLOSED = '\n[hours]\nzone = "UTC"\nafter_hours = "answer"\n[hours.week]\nsunday = ["09:00-10:00"]\n'


class Away(Assistant):
    """A model that refuses every question."""

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        raise ModelFault("away", code="model_http_400", retryable=False)


class Listening(Thinker):
    """The stand-in model; ``told`` is what it was told by us, for each time."""

    def __init__(self, *acts: Callable[[], object] | None) -> None:
        super().__init__(*acts)
        self.told: list[str] = []

    def answer(self, agent: Any, items: Sequence[Any], *args: Any, **kwargs: Any) -> Answer:
        self.told.append("\n".join(i.content for i in items if i.role == "developer"))
        return super().answer(agent, items, *args, **kwargs)


@dataclass
class Phone(Workshop):
    """The workshop with a telephone: callers speak, and what is pushed into their calls is heard."""

    exchange: Exchange = None  # type: ignore[assignment]
    address: str = CALLER
    ours: str = OURS

    def rings(self, sid: str = SID, caller: str = CALLER) -> Call:
        self.address = caller
        call = Call(sid, Lane(Channel.VOICE, self.ours), caller, "default-agent", language="en")
        return self.rt.calls.begin(self.cid(caller), call, {"address": caller})[0]

    def says(self, words: str, turn: int = 1, sid: str = SID, **extra: Any) -> None:
        """The caller answers question ``turn``, as ingress takes it in."""
        cid = self.cid(self.address)
        message = Message(
            Direction.INBOUND, Role.USER, words, Channel.VOICE, self.address, self.ours,
            twilio_sid=utterance_sid(sid, turn), extra=extra,
        )  # fmt: skip
        self.rt.ledger.receive(cid, message, profile={"address": self.address}, optout="")
        call = self.rt.calls.find(cid, sid)
        if call and call.live:
            self.rt.calls.heard(cid, replace(call, turn=turn))

    def rings_and_says(self, sid: str, words: str) -> None:
        """Another call of theirs, and its first answer."""
        self.rings(sid)
        self.says(words, 1, sid)

    def asks(self, words: str, turn: int = 1, **extra: Any) -> str:
        """The same, and a worker's answer as it was pushed; '' for none."""
        before = len(self.exchange.pushed)
        self.says(words, turn, **extra)
        self.work(self.address)
        pushed = self.exchange.pushed[before:]
        assert len(pushed) <= 1, "two words were pushed"
        return pushed[0][1] if pushed else ""

    def hangs_up(self, sid: str = SID) -> unheard.Ended:
        return unheard.end_call(self.rt.manager, self.cid(self.address), sid, "completed", None)

    def polls(self, turn: int = 1, poll: int = 1, sid: str = SID) -> tuple[str, str]:
        """The call's own question whether there is an answer."""
        outcome, word = self.rt.calls.take(self.cid(self.address), sid, turn, f"poll:{poll}")
        return outcome, word.text if word else ""

    def key(self, name: str) -> str:
        return keys.customer_key(name, self.cid(self.address))

    def failures(self) -> list[str]:
        """The ids of what needs a person."""
        numbers: Any = self.rt.ledger.redis.hkeys(self.key("failures"))
        return [keys.make_id("f", self.cid(self.address), number) for number in numbers]

    def work_anyhow(self) -> None:
        """A job that may end in an error of ours."""
        runtime.use(self.rt)
        turn.answer_customer(self.cid(self.address))

    def history(self) -> list[Message]:
        return self.rt.ledger.read(self.cid(self.address), None, -1)[2]

    def said(self) -> list[tuple[str, str, str]]:
        """(channel, text, status) of what went out."""
        return [
            (str(m.channel), m.content, m.status) for m in self.history() if m.direction is Direction.OUTBOUND
        ]

    def goes_on(self, turn: int) -> None:
        """The caller answers another question, as far as the call knows."""
        call = self.rt.calls.find(self.cid(self.address), SID)
        assert call is not None
        self.rt.calls.heard(self.cid(self.address), replace(call, turn=turn))

    def thinks(self, *acts: Callable[[], object] | None) -> Listening:
        model = Listening(*acts)
        self.rt = replace(self.rt, assistant=model)
        return model


MakePhone = Callable[..., Phone]


@pytest.fixture
def make_phone(ledger: ClockedLedger, clock: Clock, tmp_path: Path) -> Iterator[MakePhone]:
    """A telephone at an agent of this file."""
    with exchange() as running:

        def make(agent: str = AGENT, **env: str) -> Phone:
            clock.set(START)
            (tmp_path / "default-agent.toml").write_text(agent, encoding="utf-8")
            settings = load_settings(
                ENVIRONMENT | {"TWILIO_API_BASE_URL": running.origin} | env, env_file=None
            )
            agents = load_agents(tmp_path, "default-agent")
            rt = Runtime(
                settings=settings, ledger=ledger, manager=SessionManager(ledger, settings, agents), agents=agents,
                assistant=Assistant("mock"), delivery=Delivery(settings, ledger, agents),
                keeper=ClaimKeeper(ledger, 60), bell=Bell(fakeredis.FakeRedis()),
                background=Background(fakeredis.FakeRedis(), 120),
            )  # fmt: skip
            return Phone(rt, clock, exchange=running)

        yield make


@pytest.fixture
def phone(make_phone: MakePhone) -> Phone:
    return make_phone()


def spoken(twiml: str) -> str:
    """The words of a TwiML document."""
    said = ET.fromstring(twiml).iter("Say")
    return " ".join("".join(say.itertext()) for say in said)


def verbs(twiml: str) -> list[str]:
    """What a document does, in order."""
    return [element.tag for element in ET.fromstring(twiml).iter() if element.tag[0].isupper()][1:]


def operators(phone: Phone) -> Operators:
    return Operators(phone.rt.manager, None)
