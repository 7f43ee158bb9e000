"""Pictures, voice notes and documents: shown, written down, read, and kept."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests

from session import keys
from simulator.model_request import Asked
from tests.flow import staff
from tests.flow.gallery import JPEG, OGG, pictures, read, sends
from tests.flow.media_host import MediaHost, page, png
from tests.flow.mind import Mind, shown
from tests.flow.staff import ORDERS
from tests.flow.system import ACCOUNT, TOKEN, System, wait_for
from tests.flow.test_dashboard import Visitor

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


def test_a_reply_to_a_picture_is_asked_with_that_picture(
    gallery: System, mind: Mind, host: MediaHost
) -> None:
    """However many came after it; and the model is told that it is what the customer answers."""
    customer, sid = "+15557130080", "MM" + "8" * 32
    photos = [png(n, 7) for n in (5, 6, 7)]
    for place, photo in enumerate(photos):
        more = {} if place else {"message_sid": sid}
        url = host.lay(f"/answered/{place}", photo, "image/png")
        sends(gallery, customer, (url, "image/png"), channel="whatsapp", **more)
        gallery.reply(customer, place + 1)
    answers = {"OriginalRepliedMessageSid": sid}
    gallery.says(customer, "is this one dearer?", channel="whatsapp", extra=answers)
    gallery.reply(customer, 4)
    asked = mind.turns("is this one dearer?")[0]

    assert [photos[0], photos[2]] == [data for _, data in pictures(asked)]
    assert '{"by": "the customer", "content": "[picture]"}' in shown(asked)


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
