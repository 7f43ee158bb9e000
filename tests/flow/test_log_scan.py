"""A varied run, after which no log and no job holds a number, a customer's words or a secret."""

from __future__ import annotations

import base64
import binascii
import json
import socket
import urllib.parse
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from session import address, keys
from tests.flow.system import API_KEY, ID_KEY, OURS, TOKEN, System, call, wait_for
from tests.flow.test_signed_vectors import Post, form

CANARY = "Xyzzyplugh"
TEXTING, ON_WHATSAPP, STOPPING, UNLUCKY, BROKEN, ONLY_ASKED, ODD = (f"+1555066700{n}" for n in range(1, 8))
INVALID = "+15005550001"  # Twilio refuses it, and quotes it
WRONG_KEY = f"{CANARY}-key-0123456789"
EVENTS = {  # what the run must have led to, so that the scan is of something
    "web": {"message_received", "request", "request_failed", "webhook_malformed", "callback_not_applied"},
    "worker": {"turn"},
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that logs all it can and has met everything below."""
    running = System(tmp_path_factory.mktemp("scan"), LOG_LEVEL="debug", RING_SECONDS="0.5")
    try:
        running.start()
        conversations(running)
        oddities(running)
        requests_by_strangers(running)
        broken_records(running)
        yield running
    finally:
        running.stop()


def said(text: str) -> str:
    return f"{text} {CANARY}, call me at {ONLY_ASKED}"


def conversations(system: System) -> None:
    """Texts, WhatsApp with a name, STOP, a model that fails, a number Twilio refuses."""
    system.says(TEXTING, said("Hi, order #12345"))
    system.says(ON_WHATSAPP, said("Hello"), channel="whatsapp")
    system.signed("/whatsapp", form(f"whatsapp:{ON_WHATSAPP}", said("Again"), ProfileName=f"{CANARY} Smith"))
    system.says(STOPPING, said("Hello"))
    for customer in (TEXTING, ON_WHATSAPP, STOPPING):
        system.reply(customer)
    system.says(STOPPING, "STOP")
    system.says(STOPPING, said("Are you there?"))
    system.model(fault="500", count=1)
    system.fault("error", to=UNLUCKY, code=21610, message=f"{UNLUCKY} said {CANARY}")
    system.says(UNLUCKY, said("Hello"))
    system.signed("/sms", form(INVALID, said("Hello")))


def oddities(system: System) -> None:
    """Signed content that is buried or refused, and forged news."""
    for sender in ("72345", f"{ODD[1:]}", f"{ODD} x", CANARY, f"whatsapp:{OURS}"):
        assert system.signed("/sms", form(sender, said("Hello")))[0] == 200
    assert system.signed("/sms", form(ODD, said("Hello"), MessageSid=f"{CANARY}{ODD}"))[0] == 400
    cid = address.customer_id(ID_KEY, TEXTING)
    number = next(iter(system.redis.hkeys(keys.customer_key("parts", cid))))
    ob = keys.part_id(cid, str(number))
    assert system.signed(f"/status?ob={ob}&a=1", form(OURS, To=ODD, MessageStatus="sent"))[0] == 200


def requests_by_strangers(system: System) -> None:
    """Wrong keys and signatures, numbers in paths, queries and headers, and what is not HTTP."""
    for number in (
        TEXTING,
        TEXTING[1:],
        f"({TEXTING[2:5]}) {TEXTING[5:8]}-{TEXTING[8:]}",
        ONLY_ASKED,
        CANARY,
    ):
        path = urllib.parse.quote(number)
        for url in (
            f"/session/{path}",
            f"/admin/session/{path}?limit={path}",
            f"/sessions/{path}",
            f"/x/{path}",
        ):
            system.api("GET", url)
            call("GET", f"{system.base}{url}", None, {"Authorization": f"Bearer {WRONG_KEY}"})
        system.api("POST", f"/session/{path}x/complete", {CANARY: number})
    call("GET", f"{system.base}/sessions/active?key={API_KEY}&phone={ONLY_ASKED}")
    forged = Post(
        system.base, "/sms", form(ODD, said("Hello")), signatures=(CANARY,), headers=(("X-Who", ODD),)
    )
    assert system.exchange(forged.raw())[0] == 403
    for raw in (
        f"GET /{ONLY_ASKED} {CANARY}\r\n\r\n", f"{CANARY} /{ONLY_ASKED} HTTP/9.9\r\n\r\n",
        f"GET / HTTP/1.1\r\n{CANARY} {ONLY_ASKED}\r\n\r\n", f"GET /{CANARY * 900}{ONLY_ASKED} HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\nX-A: {CANARY * 900}{ONLY_ASKED}\r\n\r\n", f"{CANARY}{ONLY_ASKED}\r\n\r\n",
        f"POST /sms HTTP/1.1\r\nTransfer-Encoding: {CANARY}\r\n\r\n",
        f"POST /sms HTTP/1.1\r\nContent-Length: {ONLY_ASKED}\r\n\r\n",
        f"GET / HTTP/1.1\r\nExpect: {CANARY}{ONLY_ASKED}\r\n\r\n", f"BREW{CANARY.upper()} /sms HTTP/1.1\r\n\r\n",
        f"POST /sms HTTP/1.1\r\nX-Twilio-Signature: x\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n",
    ):  # fmt: skip
        with socket.create_connection(("127.0.0.1", system.web_port), 5) as wire:
            wire.sendall(raw.encode())
            wire.shutdown(socket.SHUT_WR)
            while wire.recv(4096):
                pass


def broken_records(system: System) -> None:
    """Errors of ours whose words quote what they choked on: in web, in a turn, and before a turn begins."""
    system.says(BROKEN, said("Hello"))
    system.reply(BROKEN)
    cid = address.customer_id(ID_KEY, BROKEN)
    sessions = keys.customer_key("sessions", cid)
    [number] = system.redis.hkeys(sessions)
    record = '{"v":1,"a":"default-agent","c":"sms","s":"ACTIVE","at":1}'
    system.redis.hset(sessions, str(number), f"{CANARY}{BROKEN}:0:w:{record}")
    assert system.api("GET", f"/session/{BROKEN}")[0] == 500
    system.says(BROKEN, said("And now?"))
    wait_for(lambda: system.redis.zcard("rq:failed:turns"), "a job that failed")


def private(system: System) -> list[str]:
    """What nobody may find: numbers as digits, with and without the country code, words and secrets."""
    numbers = [TEXTING, ON_WHATSAPP, STOPPING, UNLUCKY, BROKEN, ONLY_ASKED, ODD, INVALID, OURS]
    digits = [form for number in numbers for form in (number[2:], number[5:])]
    names = (
        "REDIS_URL",
        "TWILIO_AUTH_TOKEN",
        "OPENAI_API_KEY",
        "ADMIN_API_KEY",
        "CUSTOMER_ID_KEY",
        "CONSOLE_PASSWORD",
        "SECRET_KEY",
    )
    return [
        CANARY.lower(),
        *digits,
        TOKEN,
        WRONG_KEY.lower(),
        "tests-only",
        *(system.env[name].lower() for name in names),
    ]


def found(system: System, text: str) -> list[str]:
    lowered = text.lower()
    return [secret for secret in private(system) if secret in lowered]


def test_no_key_in_redis_holds_a_number(ran: System) -> None:
    """A customer is a keyed hash in the name of every key."""
    names = [str(name) for name in ran.redis.scan_iter(count=1000)]

    assert len(names) > 50
    assert [name for name in names if found(ran, name)] == []


def unpacked(value: bytes) -> str:
    """A value of RQ's as text, also where it was compressed, in base64 or not."""
    texts = [value]
    for decode in (lambda v: v, lambda v: base64.b64decode(v, validate=True)):
        try:
            texts.append(zlib.decompress(decode(value)))
        except (zlib.error, binascii.Error, ValueError):
            continue
    return "\n".join(text.decode("utf-8", "replace") for text in texts)


def contents(client: Any, name: bytes) -> list[bytes]:
    kind = client.type(name)
    if kind == b"hash":
        return [part for pair in client.hgetall(name).items() for part in pair]
    if kind == b"stream":
        return [part for _, fields in client.xrange(name) for pair in fields.items() for part in pair]
    if kind == b"list":
        return list(client.lrange(name, 0, -1))
    if kind == b"zset":
        return list(client.zrange(name, 0, -1))
    return list(client.smembers(name)) if kind == b"set" else [client.get(name) or b""]


def test_no_job_holds_a_number_or_a_text(ran: System) -> None:
    """Neither a queue, nor a job, its description or arguments, nor what RQ keeps of a failed one."""
    with redis.Redis.from_url(ran.redis_server.url) as client:
        texts = [
            (name.decode(), unpacked(v)) for name in client.scan_iter("rq:*") for v in contents(client, name)
        ]

    assert any("answer_customer" in text for name, text in texts if name.startswith("rq:job:"))
    assert any("ValueError" in text for name, text in texts if name.startswith("rq:results:"))
    assert [(name, found(ran, text)) for name, text in texts if found(ran, text)] == []


def test_no_log_line_holds_a_number_a_text_or_a_secret(ran: System) -> None:
    """Web, worker and clock at level debug, with jobs that somebody else put into the queue."""
    queue = Queue("turns", connection=redis.Redis.from_url(ran.redis_server.url), serializer=JSONSerializer)
    foreign = [
        queue.enqueue_call(f"os.{CANARY}", args=(TEXTING, CANARY), description=said("job"), meta={CANARY: 1})
    ]
    foreign += [queue.enqueue_call("workers.turn.answer_customer", kwargs={"cid": TEXTING})]
    wait_for(lambda: all(job.get_status(refresh=True) == "failed" for job in foreign), "the refusals")

    for name in ("web", "worker", "clock"):
        text = (ran.folder / f"{name}.log").read_text("utf-8")
        lines = text.splitlines()
        events = {json.loads(line)["event"] for line in lines}

        assert events >= EVENTS.get(name, set()), name
        assert [(line, found(ran, line)) for line in lines if found(ran, line)] == []
