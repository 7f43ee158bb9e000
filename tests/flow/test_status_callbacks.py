"""BAD_INPUTS 2, rows 21 to 40: news of a message of ours, in any order, odd or forged, any number of times."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from session import address, keys, records
from session.ledger import Ledger
from tests.flow.system import ACCOUNT, ID_KEY, OURS, System, wait_for
from tests.flow.test_signed_vectors import new_sid

CUSTOMER, OTHER = "+15550640001", "+15550640002"
ANOTHER_SID = "SM" + "e" * 32


@dataclass(frozen=True)
class Sent:
    """A reply that reached Twilio, whose own callbacks got lost."""

    system: System
    customer: str
    cid: str
    number: str
    sid: str

    @property
    def ob(self) -> str:
        return keys.part_id(self.cid, self.number)

    @property
    def _parts(self) -> str:
        return keys.customer_key("parts", self.cid)

    def part(self) -> dict[str, Any]:
        return records.decode_part(str(self.system.redis.hget(self._parts, self.number)))

    def put(self, part: dict[str, Any]) -> None:
        """Store a part as the scripts do: as JSON while it is owed, else in short."""
        value = json.dumps(part)
        if part.get("sid"):
            word = records.STATUS_LETTERS.get(part.get("delivery", ""), "")
            value = f"{records.pack_sid(part['sid'])}:{part['rank']}{word}:{part['sent_at']}"
        self.system.redis.hset(self._parts, self.number, value)

    def callback(self, query: str | None = None, **fields: str) -> tuple[int, Any]:
        """Post one as Twilio would; ``fields`` replace, an empty one removes."""
        given = {
            "MessageSid": self.sid, "SmsSid": self.sid, "AccountSid": ACCOUNT, "From": OURS, "To": self.customer,
            "MessageStatus": "delivered", "SmsStatus": "delivered", "ApiVersion": "2010-04-01",
        } | fields  # fmt: skip
        pairs = [(name, value) for name, value in given.items() if value]
        return self.system.signed(f"/status?ob={self.ob}&a=1" if query is None else f"/status{query}", pairs)


def a_reply(system: System, customer: str) -> Sent:
    system.fault("callbacks_lost", to=customer)
    system.says(customer, "Hello")
    system.reply(customer)
    cid = address.customer_id(ID_KEY, customer)
    parts = keys.customer_key("parts", cid)

    def marked() -> list[tuple[str, str]]:
        found = {str(n): records.decode_part(str(value)) for n, value in system.redis.hgetall(parts).items()}
        return [(number, part["sid"]) for number, part in found.items() if part.get("sid")]

    number, sid = wait_for(marked, "the sent mark")[0]
    return Sent(system, customer, cid, number, sid)


@pytest.fixture(scope="module")
def sent(system: System) -> Sent:
    return a_reply(system, CUSTOMER)


@pytest.fixture(scope="module")
def anew(sent: Sent) -> dict[str, Any]:
    """The part as it stands before any callback."""
    return sent.part()


@pytest.fixture(scope="module")
def owed(sent: Sent) -> dict[str, Any]:
    """The part as it stood before Twilio took it."""
    [session] = sent.system.redis.hkeys(keys.customer_key("sessions", sent.cid))
    return {
        "v": 1, "text": "Hello", "lane": f"sms|{OURS}", "to": CUSTOMER, "from": OURS, "epoch": 0, "attempt": 1,
        "not_before": 0, "message": int(sent.number.split(".")[0]), "session": int(str(session)), "created": 1,
        "token": "1:x:1",
    }  # fmt: skip


Fields = dict[str, Any]
# what stands in the ledger before, the query ("" is none, None as given), the fields, and what has changed after
NEWS: dict[str, tuple[Fields, str | None, dict[str, str], Fields]] = {
    "applied": ({}, None, {}, {"delivery": "delivered", "rank": 4}),
    "22 no ob": ({}, "", {}, {"delivery": "delivered", "rank": 4}),
    "22 empty ob": ({}, "?ob=", {}, {"delivery": "delivered", "rank": 4}),
    "23 ob *": ({}, "?ob=*&a=1", {}, {"delivery": "delivered", "rank": 4}),
    "23 ob a path": ({}, "?ob=../../x", {}, {"delivery": "delivered", "rank": 4}),
    "23 ob 3,000 long": ({}, "?ob=" + "p" * 3000, {}, {"delivery": "delivered", "rank": 4}),
    "23 ob NUL": ({}, "?ob=%00%FF", {}, {"delivery": "delivered", "rank": 4}),
    "23 two ob": ({}, "?ob=x&ob=y", {}, {"delivery": "delivered", "rank": 4}),
    "25 a no number": ({}, "?ob={ob}&a=abc", {}, {"delivery": "delivered", "rank": 4}),
    "25 a negative": ({}, "?ob={ob}&a=-1", {}, {"delivery": "delivered", "rank": 4}),
    "25 a huge": ({}, "?ob={ob}&a=100000000000000000000", {}, {"delivery": "delivered", "rank": 4}),
    "26 delivered before sent": ({"rank": 0}, None, {}, {"delivery": "delivered", "rank": 4}),
    "27 sent after delivered": ({"rank": 4, "delivery": "delivered"}, None, {"MessageStatus": "sent"}, {}),
    "28 failed after delivered": (
        {"rank": 4, "delivery": "delivered"}, None, {"MessageStatus": "failed", "ErrorCode": "30003"}, {}),
    "29 once more": ({"rank": 4, "delivery": "delivered"}, None, {}, {}),
    "30 while pending": ({"state": "pending"}, None, {}, {"state": "sent", "delivery": "delivered"}),
    "31 while sending": ({"state": "sending"}, None, {}, {"state": "sent", "delivery": "delivered"}),
    "31 while unknown": (
        {"state": "unknown"}, None, {"MessageStatus": "sent"}, {"state": "sent", "delivery": "sent"}),
    "32 after dead": ({"state": "dead"}, None, {}, {"state": "sent", "delivery": "delivered"}),
    "read": ({"rank": 4, "delivery": "delivered"}, None, {"MessageStatus": "read"}, {"delivery": "read", "rank": 5}),
    "34 unknown word": ({}, None, {"MessageStatus": "teleported"}, {}),
    "34 unknown word, 5,000 long": ({}, None, {"MessageStatus": "x" * 5000}, {}),
    "34 capitals": ({}, None, {"MessageStatus": "Delivered"}, {"delivery": "delivered", "rank": 4}),
    "35 no MessageStatus": ({}, None, {"MessageStatus": ""}, {}),
    "36 a reason": (
        {}, None, {"MessageStatus": "undelivered", "ErrorCode": "30003"}, {"delivery": "undelivered", "error": 30003}),
    "37 a reason that is none": (
        {}, None, {"MessageStatus": "failed", "ErrorCode": "abc"}, {"delivery": "failed", "error": None}),
    "37 a reason that is huge": (
        {}, None, {"MessageStatus": "failed", "ErrorCode": "9" * 40}, {"delivery": "failed", "error": None}),
}  # fmt: skip


@pytest.mark.parametrize(("before", "query", "fields", "after"), NEWS.values(), ids=NEWS)
def test_news_moves_a_part_forward_only(
    sent: Sent,
    anew: Fields,
    owed: Fields,
    before: Fields,
    query: str | None,
    fields: dict[str, str],
    after: Fields,
) -> None:
    """Each row is 200, and the ledger shows what is new in it and nothing else, however often it comes."""
    start = (owed if "state" in before else anew) | before
    sent.put(start)
    query = query.replace("{ob}", sent.ob) if query else query
    answers = [sent.callback(query, **fields)[0] for _ in range(2)]
    part = sent.part()

    assert answers == [200, 200]
    for name, value in after.items():
        assert part.get(name) == value, name
    if not after:
        assert part == start


def outcomes(system: System) -> list[str]:
    return [line["outcome"] for line in system.events("request", "web") if line["route"] == "/status"]


def test_ten_at_once_are_applied_once(sent: Sent, anew: Fields) -> None:
    """Row 29: of ten copies at once one is applied, nine are ignored, all are 200."""
    sent.put(anew)
    before = len(outcomes(sent.system))
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: sent.callback()[0], range(10)))
    logged = wait_for(
        lambda: outcomes(sent.system)[before + 9 :] and outcomes(sent.system)[before:], "the log"
    )

    assert answers == [200] * 10
    assert sorted(logged) == ["ignored"] * 9 + ["ok"]


FORGED: dict[str, tuple[str | None, dict[str, str], str]] = {
    "21 an ob nobody has": ("?ob={unknown}", {"MessageSid": ANOTHER_SID}, "unknown"),
    "21 a part nobody has": ("?ob={ob}9", {"MessageSid": ANOTHER_SID}, "unknown"),
    "22 no ob, a SID nobody has": ("", {"MessageSid": ANOTHER_SID}, "unknown"),
    "22 no ob, To not an address": ("", {"To": "72345"}, "ignored"),
    "24 owed, of another customer": (None, {"To": OTHER}, "foreign"),
    "24 owed, To not an address": (None, {"To": "nobody"}, "foreign"),
    "24 ob of another customer": (None, {"To": OTHER, "MessageSid": ANOTHER_SID}, "double"),
    "33 a second SID for the same part": (None, {"MessageSid": ANOTHER_SID}, "double"),
}  # fmt: skip


@pytest.mark.parametrize(("query", "fields", "outcome"), FORGED.values(), ids=FORGED)
def test_news_of_somebody_else_is_not_applied(
    sent: Sent, anew: Fields, owed: Fields, query: str | None, fields: dict[str, str], outcome: str
) -> None:
    """A callback that does not fit the part it names changes nothing; what cannot be chance is an error in the log."""
    start = owed | {"state": "sending"} if outcome == "foreign" else anew
    sent.put(start)
    unknown = keys.part_id(address.customer_id(ID_KEY, OTHER), "7.1")
    query = query.format(ob=sent.ob, unknown=unknown) if query else query
    before = len(outcomes(sent.system))
    status, _ = sent.callback(query, **fields)
    wait_for(lambda: outcome in outcomes(sent.system)[before:], "the line in the log")
    alarms = [e for e in sent.system.events("callback_not_applied", "web") if e["reason"] == outcome]

    assert status == 200
    assert sent.part() == start
    assert bool(alarms) is (outcome in ("foreign", "double"))
    assert not list(sent.system.redis.scan_iter(f"*{address.customer_id(ID_KEY, OTHER)}*"))


def test_a_callback_brings_nobody_back(system: System) -> None:
    """Rows 39 and 40: news of a deleted customer is 200 and creates nothing."""
    reply = a_reply(system, "+15550640003")
    Ledger(system.redis).forget(reply.cid)
    before = set(system.redis.scan_iter(f"*{reply.cid}*"))
    answers = [reply.callback()[0], reply.callback("")[0], reply.callback("", MessageSid=new_sid())[0]]

    assert answers == [200, 200, 200]
    assert set(system.redis.scan_iter(f"*{reply.cid}*")) == before
    assert not any(":parts:" in name or ":customer:" in name for name in before)
