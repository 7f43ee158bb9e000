"""Pictures, voice notes and documents that are refused, fetched once, or left where they are."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from session import keys
from simulator.model_request import Asked
from tests.flow import staff
from tests.flow.gallery import JPEG, OGG, pictures, read, sends
from tests.flow.media_host import MediaHost, endless, pdf, png, send
from tests.flow.mind import Mind, newest, shown
from tests.flow.system import System, wait_for

# Each is told to the customer, recorded, and costs nothing more


ODD: dict[str, tuple[Callable[[MediaHost], str], str, str]] = {
    "html labelled image/png": (
        lambda h: h.lay("/html", b"<!DOCTYPE html><script>alert(1)</script>", "image/png"), "image/png", "wrong_type",
    ),
    "svg with a script": (
        lambda h: h.lay("/svg", b"<svg onload='alert(1)'/>", "image/svg+xml"), "image/svg+xml", "wrong_type",
    ),
    "nothing that it says": (lambda h: h.lay("/noise", b"\x00\x01\x02" * 9, "image/jpeg"), "image/jpeg", "wrong_type"),
    "declared as 5 GB": (
        lambda h: h.script("/huge", lambda x: _declare(x, 5_000_000_000)), "image/jpeg", "too_large",
    ),
    "a picture of 6 MB": (
        lambda h: h.lay("/six", JPEG + b"x" * 6_000_000, "image/jpeg"), "image/jpeg", "too_large",
    ),
    "without an end": (lambda h: h.script("/endless", endless(h, JPEG * 1000)), "image/jpeg", "too_large"),
    "byte by byte": (lambda h: h.script("/slow", endless(h, b"\xff", 0.2)), "image/jpeg", "too_slow"),
    "too many pixels": (lambda h: h.lay("/wide", png(60_000, 60_000), "image/png"), "image/png", "too_wide"),
    "a document that unpacks without end": (
        lambda h: h.lay("/bomb", pdf(zlib.compress(b"\0" * 300_000_000, 9), b"/Filter/FlateDecode"), "application/pdf"),
        "application/pdf", "unreadable",
    ),
    "a scanned document": (lambda h: h.lay("/scan", pdf(b""), "application/pdf"), "application/pdf", "no_text"),
    "an office document": (lambda h: h.lay("/docx", b"PK\x03\x04" + b"x" * 99), "application/msword", "not_supported"),
    "a video": (lambda h: h.lay("/film", b"film", "video/mp4"), "video/mp4", "not_supported"),
    "gone": (lambda h: h.origin + "/nowhere.jpg", "image/jpeg", "gone"),
    "packed for the way": (
        lambda h: h.lay("/gzip", zlib.compress(b"x" * 9999), "image/jpeg", Content_Encoding="gzip"), "image/jpeg", "refused",
    ),
    "round and round": (lambda h: h.lead("/loop", h.origin + "/loop"), "image/jpeg", "refused"),
    "to this machine": (lambda h: h.lead("/in1", "http://127.0.0.1:1/x"), "image/jpeg", "forbidden_address"),
    "to the cloud's secrets": (
        lambda h: h.lead("/in2", "http://169.254.169.254/latest/meta-data/"), "image/jpeg", "forbidden_address",
    ),
    "with credentials": (
        lambda h: h.lead("/in3", "http://me:you@" + h.origin.removeprefix("http://") + "/mug"), "image/jpeg", "forbidden_address",
    ),
    "to a file": (lambda h: h.lead("/in4", "file:///etc/passwd"), "image/jpeg", "forbidden_address"),
    "of another host": (lambda h: "https://example.com/x.jpg", "image/jpeg", "forbidden_address"),
    "of this machine": (lambda h: h.origin.replace("127.0.0.1", "localhost") + "/mug", "image/jpeg", "forbidden_address"),
}  # fmt: skip


def _declare(handler: Any, count: int) -> None:
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", str(count))
    handler.end_headers()


@pytest.mark.parametrize("what", ODD)
def test_what_cannot_be_read_is_said(gallery: System, mind: Mind, host: MediaHost, what: str) -> None:
    """The customer is answered, the record says why, and the model is shown nothing of it."""
    customer = f"+155571301{list(ODD).index(what) + 20:02d}"
    make, kind, why = ODD[what]
    sends(gallery, customer, (make(host), kind), body=f"here: {what}")
    reply = gallery.reply(customer)
    asked = mind.turns(f"here: {what}")[0]

    assert ("name and size only" if why == "not_supported" else "couldn't read") in reply
    assert [why] == [each["error"] for each in read(gallery, customer)]
    assert [] == pictures(asked)
    assert '"unread":' in shown(asked)


def test_credentials_follow_no_redirect(gallery: System, mind: Mind, host: MediaHost) -> None:
    """They are shown to the API and not to where it leads, not even on the same host."""
    customer = "+15557130060"
    host.lay("/cdn/there", JPEG, "image/jpeg")
    sends(gallery, customer, (host.lead("/api/here", "/cdn/there"), "image/jpeg"), body="twice on the way")
    gallery.reply(customer)

    assert [("image/jpeg", JPEG)] == pictures(mind.turns("twice on the way")[0])
    assert [True, False] == [bool(shown) for path, shown in host.asked if path in ("/api/here", "/cdn/there")]


def test_twilios_own_address_is_asked_for_at_the_origin_that_stands_in_for_it(
    gallery: System, mind: Mind, host: MediaHost
) -> None:
    """As every REST call: same path, other origin."""
    customer = "+15557130061"
    host.lay("/2010-04-01/Accounts/x", JPEG, "image/jpeg")
    sends(gallery, customer, ("https://api.twilio.com/2010-04-01/Accounts/x", "image/jpeg"), body="from afar")
    gallery.reply(customer)

    assert [("image/jpeg", JPEG)] == pictures(mind.turns("from afar")[0])


def test_more_than_ten_in_a_turn(gallery: System, mind: Mind, host: MediaHost) -> None:
    """Ten of a turn are fetched, each once, and the model is told of the others."""
    customer, came = "+15557130062", threading.Event()

    def decide(asked: Asked) -> None:
        if "held up" in newest(asked):
            came.wait(20)

    mind.decide = decide
    try:
        gallery.says(customer, "held up")
        wait_for(lambda: mind.turns("held up"), "the first request")
        for at in (0, 7):
            urls = [host.lay(f"/many/{at + n}", png(n + 1, 4), "image/png") for n in range(7)]
            sends(gallery, customer, *((url, "image/png") for url in urls), body=f"the {at} of many")
        came.set()
        gallery.reply(customer)
    finally:
        mind.decide = lambda asked: None
    errors = [each["error"] for each in read(gallery, customer)]

    assert [None] * 10 + ["too_many"] * 4 == errors
    assert [1] * 10 + [0] * 4 == [host.times(f"/many/{n}") for n in range(14)]


def test_a_model_that_refuses_pictures_answers_without(gallery: System, mind: Mind, host: MediaHost) -> None:
    """A server that takes no pictures is asked again in words, and the customer is told; it is no outage."""
    customer = "+15557130063"

    def decide(asked: Asked) -> dict[str, Any] | None:
        return {"status": 400} if pictures(asked) else None

    mind.decide = decide
    try:
        sends(gallery, customer, (host.lay("/blind", JPEG), "image/jpeg"), body="see for yourself")
        gallery.reply(customer)
    finally:
        mind.decide = lambda asked: None
    turns = mind.turns("see for yourself")

    assert [1, 0] == [len(pictures(asked)) for asked in turns]
    assert "cannot be looked at here" in shown(turns[1])


def test_nothing_is_fetched_twice(gallery: System, mind: Mind, host: MediaHost) -> None:
    """A turn that asks the model again, and one that begins again after an outage, fetch nothing again."""
    customer = "+15557130064"
    mind.answers["once is enough"] = {"status": 500}
    mind.transcripts[:] = [(200, {"text": "one note"})]
    listened = len(mind.listened)
    note, photo = host.lay("/once/note", OGG, "audio/ogg"), host.lay("/once/photo", JPEG, "image/jpeg")
    sends(gallery, customer, (photo, "image/jpeg"), (note, "audio/ogg"), body="once is enough")
    apology = gallery.reply(customer)
    del mind.answers["once is enough"]
    gallery.reply(customer, 2)
    staff.settled(gallery, customer)

    assert "once" not in apology and len(mind.turns("once is enough")) > 3

    assert (1, 1) == (host.times("/once/note"), host.times("/once/photo"))
    assert 1 == len(mind.listened) - listened


@pytest.mark.parametrize(
    ("customer", "before", "words"),
    [("+15557130081", "hello", "STOP"), ("+15557130082", "I want to talk to a real person", "look at this")],
)
def test_nothing_is_fetched_that_nobody_answers(
    gallery: System, host: MediaHost, customer: str, before: str, words: str
) -> None:
    """A picture beside STOP, or while a person has the conversation, is recorded and left where it is."""
    gallery.says(customer, before)
    gallery.reply(customer)
    url = host.lay(f"/left/{customer[1:]}", JPEG, "image/jpeg")
    sends(gallery, customer, (url, "image/jpeg"), body=words)
    wait_for(
        lambda: gallery.session(customer)["conversation_history"][-1]["content"] == words, "the record of it"
    )
    staff.settled(gallery, customer)

    assert 0 == host.times(f"/left/{customer[1:]}")


def test_a_customer_who_is_deleted_meanwhile_stays_deleted(
    gallery: System, mind: Mind, host: MediaHost
) -> None:
    """A file that arrives too late is nobody's: nothing is stored, asked or said."""
    customer, asked, there = "+15557130083", threading.Event(), threading.Event()

    def late(handler: Any) -> None:
        asked.set()
        there.wait(1.5)  # the reader's patience is 2
        send(handler, 200, {"Content-Length": str(len(JPEG))}, JPEG)

    gallery.says(customer, "here I am")
    gallery.reply(customer)
    held = {kind: staff.customer_key(gallery, kind, customer) for kind in keys.CUSTOMER}
    sends(gallery, customer, (host.script("/late", late), "image/jpeg"), body="too late for me")
    assert asked.wait(20)
    assert gallery.api("DELETE", f"/privacy/delete/{customer.replace('+', '%2B')}")[0] == 200
    there.set()
    wait_for(
        lambda: "lost" in [told["outcome"] for told in gallery.events("turn", "worker")],
        "the end of the turn",
    )

    assert not [kind for kind, name in held.items() if gallery.redis.exists(name)]
    assert mind.turns("too late for me") == []
