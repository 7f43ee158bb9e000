"""Pictures, voice notes and documents: shown, written down, read, and told plainly where they cannot be."""

from __future__ import annotations

import base64
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from session import keys
from simulator.model_request import Asked
from tests.flow import staff
from tests.flow.media_host import MediaHost, endless, media_host, page, pdf, png
from tests.flow.mind import Mind, newest, shown
from tests.flow.staff import ORDERS
from tests.flow.system import ACCOUNT, TOKEN, System, wait_for
from tests.flow.test_dashboard import Visitor

TAKEN_S = 10  # media of a turn, longer than anything but the slow ones takes
OGG = b"OggS" + b"note " * 200
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + (
    b"\xff\xc0\x00\x11\x08\x00\x20\x00\x20\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01" + b"pixels " * 100
)


@pytest.fixture(scope="module")
def host() -> Iterator[MediaHost]:
    with media_host() as running:
        yield running


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, mind: Mind, host: MediaHost) -> Iterator[System]:
    """Every preset at its number; Twilio's API is the host of media, which hands the rest on to the local Twilio."""
    path = tmp_path_factory.mktemp("gallery")
    running = System(
        path, **staff.settings(staff.folder(path / "agents")),
        OPENAI_BASE_URL=f"{mind.origin}/v1", TWILIO_API_BASE_URL=host.origin,
        MEDIA_FETCH_SECONDS="2", MEDIA_TURN_SECONDS=str(TAKEN_S), MODEL_AWAY_SECONDS="1,2",
    )  # fmt: skip
    host.simulator = running.simulator
    try:
        yield running.start()
    finally:
        running.stop()


def sends(system: System, customer: str, *media: tuple[str, str], body: str = "", **more: Any) -> None:
    """A customer's message with these addresses and types."""
    came = [{"url": url, "content_type": kind} for url, kind in media]
    assert system.says(customer, body, media=came, **more).get("accepted")


def read(system: System, customer: str) -> list[dict[str, Any]]:
    """What the API says was made of the customer's media, oldest first."""
    staff.settled(system, customer)
    history = system.session(customer)["conversation_history"]
    return [each["read"] for m in history for each in m["metadata"].get("media", ()) if "read" in each]


def pictures(asked: Asked) -> list[tuple[str, bytes]]:
    """Type and bytes of the pictures in a request, in order."""
    found = []
    for item in asked.body["input"]:
        parts = item.get("content") if isinstance(item.get("content"), list) else []
        for url in (part["image_url"] for part in parts if part["type"] == "input_image"):
            head, _, data = url.partition(";base64,")
            found.append((head.removeprefix("data:"), base64.b64decode(data)))
    return found


def last(mind: Mind, words: str) -> Asked:
    """The last request whose prompt holds these words."""
    return [asked for asked in mind.asked if words in shown(asked)][-1]


# What is understood


def test_a_picture_is_shown_to_the_model_and_again_when_it_is_asked_about(
    gallery: System, mind: Mind, host: MediaHost
) -> None:
    """The model sees the very bytes, then once more with the question about them; they are fetched once, with credentials."""
    customer, told = "+15557130001", 'attachment; filename="../mug.jpg"'
    url = host.lay("/mug", JPEG, "image/jpeg", Content_Disposition=told)
    sends(gallery, customer, (url, "image/jpeg"), body="look at my mug")
    gallery.reply(customer)
    gallery.says(customer, "what colour is that mug?")
    gallery.reply(customer, 2)
    first, again = mind.turns("look at my mug")[0], mind.turns("what colour is that mug?")[0]

    assert [("image/jpeg", JPEG)] == pictures(first) == pictures(again)
    assert '"name": "mug.jpg"' in shown(first)
    basic = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    assert [("/mug", basic)] == [asked for asked in host.asked if asked[0] == "/mug"]
    assert [("image", "image/jpeg", len(JPEG), "mug.jpg", None)] == [
        (each["kind"], each["content_type"], each["bytes"], each["name"], each["error"])
        for each in read(gallery, customer)
    ]


@pytest.mark.parametrize(
    ("customer", "name", "kind", "data", "what"),
    [
        ("+15557130070", "order.jpg", "image/jpeg", JPEG, "your picture order.jpg (1 kB)"),
        ("+15557130071", "note.ogg", "audio/ogg", OGG, "your voice note note.ogg (1 kB)"),
        ("+15557130072", "bill.pdf", "application/pdf", page("Total 42.50"), "your document bill.pdf (1 kB)"),
    ],
)
def test_the_stand_in_goes_by_name_and_size(
    system: System, customer: str, name: str, kind: str, data: bytes, what: str
) -> None:
    """From the phone page to the answer, over the local Twilio's own redirect, which refuses credentials; it says so."""
    uploaded = requests.post(
        f"{system.simulator}/phone/media", files={"file": (name, data, kind)}, timeout=10
    ).json()
    sends(system, customer, (uploaded["url"], kind), channel="whatsapp")

    assert f"Thanks, I received {what}. This test model sees name and size only" in system.reply(customer)


def test_an_order_by_photograph(gallery: System, mind: Mind, host: MediaHost) -> None:
    """What the model reads in a photographed list becomes the order, with its total."""
    customer = "+15557130002"
    items = [
        {"name": "mug", "quantity": 3, "unit_price": 4.5},
        {"name": "plate", "quantity": 2, "unit_price": 8},
    ]
    order = {
        "reply": "Three mugs and two plates: right?",
        "entities": {"items": items, "customer_name": None},
    }
    photograph = png(800, 600, b"a list")

    def decide(asked: Asked) -> dict[str, Any] | None:
        return order if ("image/png", photograph) in pictures(asked) else None

    mind.decide = decide
    try:
        sends(gallery, customer, (host.lay("/list", photograph, "image/png"), "image/png"), to=ORDERS)
        reply = gallery.reply(customer)
    finally:
        mind.decide = lambda asked: None
    session = staff.session_with(gallery, customer, "orders")

    assert "Three mugs" in reply
    assert 29.5 == session["order_details"]["total"]


def test_a_voice_note_is_answered_as_words(gallery: System, mind: Mind, host: MediaHost) -> None:
    """Its words are the customer's message, its language theirs, and the message in the record stays as it came."""
    customer = "+15557130003"
    words = "Hola, quiero saber dónde está mi pedido 12345"
    mind.transcripts[:] = [(200, {"text": words, "language": "spanish"})]
    sends(gallery, customer, (host.lay("/note", OGG, "audio/ogg"), "audio/ogg"))
    gallery.reply(customer)
    session = gallery.session(customer)

    assert len(mind.turns(words)) == 1
    assert "whisper-1" in mind.listened[-1] and 'filename="voice-note.ogg"' in mind.listened[-1]
    assert ("", "audio") == tuple(
        session["conversation_history"][0][name] for name in ("content", "message_type")
    )
    assert [(words, "es")] == [(each["text"], each["language"]) for each in read(gallery, customer)]
    assert "es" == session["session"]["language"]


def test_a_wish_for_a_person_is_heard_in_a_voice_note(gallery: System, mind: Mind, host: MediaHost) -> None:
    """Who asks for a person by voice gets one, without the model."""
    customer, words = "+15557130004", "I want to talk to a real person, please"
    mind.transcripts[:] = [(200, {"text": words})]
    sends(gallery, customer, (host.lay("/wish", OGG, "audio/ogg"), "audio/ogg"))
    wait_for(lambda: staff.state(gallery, customer) == "WAITING_AGENT", "the handover")

    assert mind.turns(words) == []


def test_a_server_without_transcription_is_no_outage(gallery: System, mind: Mind, host: MediaHost) -> None:
    """The model is told that nobody can listen, answers, and nobody is called."""
    customer = "+15557130005"
    mind.transcripts[:] = [(404, {"error": {"message": "no such route"}})]
    sends(gallery, customer, (host.lay("/deaf", OGG, "audio/ogg"), "audio/ogg"))
    reply = gallery.reply(customer)

    assert "received your voice note (1 kB)" in reply
    assert ["no_transcription"] == [each["error"] for each in read(gallery, customer)]
    assert "ACTIVE" == staff.state(gallery, customer)


def test_several_at_once(gallery: System, mind: Mind, host: MediaHost) -> None:
    """A document's words, a contact's name and numbers and two pictures of one message all reach the model, in one request."""
    customer = "+15557130006"
    card = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann Lee\r\nTEL;TYPE=CELL:+1 555 010 9999\r\nEND:VCARD\r\n"
    came = [
        (host.lay("/bill", page("Invoice 4711, total 42.50"), "application/pdf"), "application/pdf"),
        (host.lay("/card", card, "text/vcard"), "text/vcard"),
        (host.lay("/one", png(10, 10), "image/png"), "image/png"),
        (host.lay("/two", JPEG, "image/jpeg"), "image/jpeg"),
    ]
    sends(gallery, customer, *came, body="all I have about it")
    gallery.reply(customer)
    asked = mind.turns("all I have about it")[0]

    assert ["image/png", "image/jpeg"] == [kind for kind, _ in pictures(asked)]
    assert "Invoice 4711, total 42.50" in shown(asked)
    assert "Ann Lee, +1 555 010 9999" in shown(asked)
    assert ["document", "contact", "image", "image"] == [each["kind"] for each in read(gallery, customer)]


def test_a_reply_to_an_earlier_message_says_which(gallery: System, mind: Mind) -> None:
    """The message that is answered stands before the model as data, whether the window shows it or not."""
    customer = "+15557130007"
    gallery.says(customer, "Is the blue one in stock?", channel="whatsapp", message_sid="SM" + "7" * 32)
    gallery.reply(customer)
    sid = "SM" + "7" * 32
    gallery.says(customer, "and this one?", channel="whatsapp", extra={"OriginalRepliedMessageSid": sid})
    gallery.reply(customer, 2)
    note = next(
        i["content"] for i in mind.turns("and this one?")[0].items if "answers_this_earlier" in i["content"]
    )

    assert {"by": "the customer", "content": "Is the blue one in stock?"} == json.loads(
        note.partition("instructions): ")[2]
    )["answers_this_earlier_message"]


@pytest.mark.parametrize(
    ("customer", "extra", "words"),
    [
        ("+15557130010", {"ButtonText": "Yes, deliver", "ButtonPayload": "deliver-1"}, "Yes, deliver"),
        ("+15557130011", {"ListTitle": "Tuesday", "ListId": "day-2"}, "Tuesday"),
    ],
)
def test_a_choice_without_a_body_is_answered(
    gallery: System, mind: Mind, customer: str, extra: dict[str, str], words: str
) -> None:
    """What was tapped is what was said, and the model is told what it stands for."""
    fields = {
        "MessageSid": "SM" + customer[1:].rjust(32, "0"), "AccountSid": ACCOUNT, "From": customer, "To": staff.SUPPORT,
        "Body": "", "NumMedia": "0", **extra,
    }  # fmt: skip
    assert gallery.signed("/sms", list(fields.items()))[0] == 200
    gallery.reply(customer)

    assert list(extra.values())[1] in shown(mind.turns(words)[0])


# What is refused: each is told to the customer, recorded, and costs nothing more


def _to(host: MediaHost, path: str, location: str) -> str:
    return host.lead(path, location)


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


# What is kept


def test_what_is_kept_is_in_the_export_and_goes_with_the_customer(
    gallery: System, mind: Mind, host: MediaHost
) -> None:
    """The words of a voice note are exported, have an end of their own, and are deleted when the customer is forgotten."""
    customer, words = "+15557130065", "Please remember the green umbrella"
    mind.transcripts[:] = [(200, {"text": words, "language": "en"})]
    sends(gallery, customer, (host.lay("/kept", OGG, "audio/ogg"), "audio/ogg"))
    gallery.reply(customer)
    staff.settled(gallery, customer)
    name = staff.customer_key(gallery, "media", customer)
    left_ms = int(str(gallery.redis.pttl(name)))

    assert words in json.dumps(staff.held(gallery, customer))
    assert 6.9 * 86_400_000 < left_ms <= 7 * 86_400_000
    assert gallery.api("DELETE", f"/privacy/delete/{customer.replace('+', '%2B')}")[0] == 200
    assert not gallery.redis.exists(name)
    assert name == keys.customer_key("media", name.rsplit(":", 1)[1])


def test_an_operator_sees_what_came(gallery: System, mind: Mind, host: MediaHost) -> None:
    """The page names each file, gives a voice note's words, says why one could not be read, and links to Twilio."""
    customer = "+15557130066"
    mind.transcripts[:] = [(200, {"text": "the <b>red</b> one"})]
    note, lost = host.lay("/page/note", OGG, "audio/ogg"), host.origin + "/page/gone.jpg"
    sends(
        gallery,
        customer,
        (note, "audio/ogg"),
        (lost, "image/jpeg"),
        ("https://evil.example/x", "image/png"),
        body="these",
    )
    gallery.reply(customer)
    staff.settled(gallery, customer)
    visitor = Visitor(gallery.base)
    assert visitor.sign_in() == 302
    assert visitor.get(f"/console/sessions/{gallery.session(customer)['session']['session_id']}") == 200

    assert "Voice note: audio/ogg, 1 kB" in visitor.text
    assert "the &lt;b&gt;red&lt;/b&gt; one" in visitor.text
    assert "Picture: image/jpeg; not read: it is not there any more" in visitor.text
    assert f'href="{note}"' in visitor.text and "evil.example" not in visitor.text


def test_a_log_holds_no_address_and_no_word(gallery: System) -> None:
    """Nothing of what came is in a log line: neither where it was nor what was said in it."""
    logged = json.dumps(gallery.logs())

    assert gallery.events("media_read", "worker")
    assert not [word for word in ("umbrella", "/mug", "Ann Lee", "4711") if word in logged]
