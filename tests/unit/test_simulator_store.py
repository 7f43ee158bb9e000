"""What the local Twilio remembers, what it meets on request, and who may start it."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.account import Account, BadAccount, account_from
from simulator.faults import BadFault, Fault, Faults, fault_from
from simulator.messages import Exchange, Message
from simulator.server import Server
from simulator.store import RAW_KEPT, Store

TEXT = Message("SM1", "inbound", "+15551234567", "+15703251809", "hi", "received", 1, 1)


def test_restart_keeps(tmp_path: Path) -> None:
    """A second run of the store finds the messages, their order and the opt-outs of the first."""
    path = str(tmp_path / "twilio.sqlite")
    first = Store(path)
    kept = [first.add(TEXT), first.add(replace(TEXT, sid="SM2"))]
    first.opt("+15703251809", "+15551234567", out=True)
    first.close()

    second = Store(path)

    assert kept == list(reversed(second.newest_first()))
    assert second.opted_out("+15703251809", "+15551234567")
    assert 3 == second.add(replace(TEXT, sid="SM3")).seq


def test_changes_since() -> None:
    """A reader with a cursor gets only what changed after it, deletions included."""
    store = Store()
    store.add(TEXT)
    store.add(replace(TEXT, sid="SM2"))
    cursor = store.changes("").cursor

    store.change("SM1", lambda m: replace(m, body=""))
    store.delete("SM2")
    changes = store.changes(cursor)

    assert (["SM1"], ("SM2",), False) == ([m.sid for m in changes.messages], changes.deleted, changes.whole)


@pytest.mark.parametrize("cursor", ["", "nonsense", "00000000-5", "-"])
def test_foreign_cursor(cursor: str) -> None:
    """A cursor of another run, or none, gets the whole picture."""
    store = Store()
    store.add(TEXT)

    changes = store.changes(cursor, wait_s=5)

    assert (True, ["SM1"]) == (changes.whole, [m.sid for m in changes.messages])


def test_reset_is_a_new_run() -> None:
    """After a reset a reader's old cursor is answered with the whole, empty picture."""
    store = Store()
    store.add(TEXT)
    cursor = store.changes("").cursor

    store.clear()

    assert store.changes(cursor).whole and not store.changes(cursor).messages


def test_waiting_reader_wakes() -> None:
    """A reader that waits gets a change as soon as it is made."""
    store = Store()
    cursor = store.changes("").cursor
    threading.Timer(0.05, store.add, [TEXT]).start()

    assert ["SM1"] == [m.sid for m in store.changes(cursor, wait_s=30).messages]


def test_raw_requests_are_bounded() -> None:
    """The raw requests of old messages are let go, the messages themselves stay."""
    store = Store()
    exchange = Exchange("webhook", "POST", "http://a.test", (), "", 0)
    for index in range(RAW_KEPT + 2):
        store.add(replace(TEXT, sid=f"SM{index}", exchanges=(exchange,)))

    kept = [m for m in store.newest_first() if m.exchanges]

    assert (RAW_KEPT, RAW_KEPT + 2) == (len(kept), len(store.newest_first()))


def test_faults_are_met_in_turn() -> None:
    """A fault meets its count of calls after its skip, of its kind and its recipient, and then is gone."""
    faults = Faults()
    faults.add(Fault("429", count=2, skip=1, to="+15551234567"))
    calls = [("create", "+19998887777"), ("list", "+15551234567"), *[("create", "+15551234567")] * 4]

    met = [faults.take_for_call(on, to) for on, to in calls]

    assert [None, None, None, "429", "429", None] == [fault.kind if fault else None for fault in met]
    assert [] == faults.pending()


@pytest.mark.parametrize(
    "description",
    [None, {}, {"kind": "fire"}, {"kind": "429", "colour": "red"}, {"kind": "429", "count": "two"}],
)
def test_bad_fault(description: object) -> None:
    """What is not a fault is refused with a sentence, not kept."""
    with pytest.raises(BadFault):
        fault_from(description)


def test_account_names_all_faults() -> None:
    """An environment without an account is refused with every missing variable at once."""
    with pytest.raises(BadAccount) as caught:
        account_from({"SIMULATOR_DELIVERY_MS": "soon"})

    for name in ("ACCOUNT_SID", "AUTH_TOKEN", "PHONE_NUMBER", "WEBHOOK_BASE", "DELIVERY_MS"):
        assert name in str(caught.value)


def test_account_numbers() -> None:
    """The account owns its number, its WhatsApp number and those listed, each once."""
    account = account_from(
        {
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": "t",
            "TWILIO_PHONE_NUMBER": "+15703251809",
            "TWILIO_WHATSAPP_NUMBER": "whatsapp:+15703251809",
            "SIMULATOR_NUMBERS": "+14155550100, +15703251809",
            "SIMULATOR_WEBHOOK_BASE": "http://127.0.0.1:8000/",
        }
    )

    assert ("+15703251809", "+14155550100") == account.numbers
    assert "http://127.0.0.1:8000" == account.signed_base


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "example.com"])
def test_loopback_only(host: str) -> None:
    """The server refuses to listen anywhere but on this machine's loopback."""
    with pytest.raises(ValueError):
        Server(lambda environ, start: [], 0, host)


ADMITTED = [("AC1", "token", True), ("SK1", "secret", True), ("AC1", "secret", False), ("", "", False)]


@pytest.mark.parametrize(("user", "password", "admitted"), ADMITTED)
def test_admits(user: str, password: str, admitted: bool) -> None:
    """The account's token and its API key pair open the API, nothing else does."""
    account = Account("AC1", "token", ("+1",), "http://127.0.0.1", api_key_sid="SK1", api_key_secret="secret")

    assert admitted == account.admits(user, password)
