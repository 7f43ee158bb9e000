"""The local Twilio's pictures, odd messages, WhatsApp's clock and typing, over HTTP."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests

from tests.flow.local_twilio import AC, CUSTOMER, OURS, TOKEN, Received, Simulator, valid
from tests.flow.own_server import hosted

AUTH = (AC, TOKEN)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"\x00" * 500
BSUID = "US.13491208655302741918"


def upload(
    twilio: Simulator, data: bytes = JPEG, name: str = "order.jpg", kind: str = "image/jpeg"
) -> dict[str, Any]:
    answer = requests.post(f"{twilio.origin}/phone/media", files={"file": (name, data, kind)}, timeout=10)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def send(twilio: Simulator, **fields: Any) -> requests.Response:
    return requests.post(f"{twilio.origin}/phone/send", json={"from": CUSTOMER} | fields, timeout=20)


def sent(twilio: Simulator, **fields: Any) -> Received:
    """What Ringback's webhook was given."""
    answer = send(twilio, **fields)
    assert answer.status_code == 200, answer.text
    received = twilio.web.next()
    assert valid(twilio, received)
    return received


def bubbles(twilio: Simulator) -> list[dict[str, Any]]:
    return list(requests.get(f"{twilio.origin}/phone/changes", timeout=5).json()["messages"])


# Files of a customer


def test_a_picture_goes_by_twilios_address(twilio: Simulator) -> None:
    """What was uploaded is named to the webhook by Twilio's own address for media, with its type."""
    picture = upload(twilio)
    fields = sent(twilio, body="my order", media=[picture]).fields
    path = f"/2010-04-01/Accounts/{AC}/Messages/{fields['MessageSid']}/Media/"

    assert ("1", "image/jpeg") == (fields["NumMedia"], fields["MediaContentType0"])
    assert fields["MediaUrl0"].startswith(twilio.origin + path + "ME")
    assert ("order.jpg", len(JPEG)) == (picture["name"], picture["size"])


def test_media_need_credentials_that_go_no_further(twilio: Simulator) -> None:
    """Twilio answers 401 without credentials, and the address it sends on to refuses whoever brings them along."""
    url = sent(twilio, media=[upload(twilio)]).fields["MediaUrl0"]
    bare = requests.get(url, timeout=5)
    sent_on = requests.get(url, auth=AUTH, timeout=5, allow_redirects=False)
    there = sent_on.headers["Location"]
    followed = requests.get(url, auth=AUTH, timeout=5)  # the same host: requests brings them along
    fetched = requests.get(there, timeout=5)

    assert (401, 20003) == (bare.status_code, bare.json()["code"])
    assert (307, f"{twilio.origin}/media-cdn/") == (sent_on.status_code, there.rpartition("ME")[0])
    assert (400, 400) == (followed.status_code, requests.get(there, auth=AUTH, timeout=5).status_code)
    assert (200, JPEG) == (fetched.status_code, fetched.content)
    assert ("image/jpeg", str(len(JPEG)), "attachment; filename=order.jpg") == tuple(
        fetched.headers[name] for name in ("Content-Type", "Content-Length", "Content-Disposition")
    )
    assert (
        403 == requests.get(there[:-1] + "0" if there[-1] != "0" else there[:-1] + "1", timeout=5).status_code
    )


def test_media_of_another_message_are_not_there(twilio: Simulator) -> None:
    """A file is found under its own message alone."""
    url = sent(twilio, media=[upload(twilio)]).fields["MediaUrl0"]
    other = sent(twilio, body="hi").fields["MessageSid"]
    head, _, tail = url.partition("/Messages/")

    assert (
        404
        == requests.get(f"{head}/Messages/{other}/{tail.partition('/')[2]}", auth=AUTH, timeout=5).status_code
    )


def test_media_are_listed_and_deleted(twilio: Simulator) -> None:
    """Twilio's own client lists a message's files and deletes one: its bytes are gone then."""
    fields = sent(
        twilio, media=[upload(twilio), upload(twilio, b"%PDF-1.4", "a.pdf", "application/pdf")]
    ).fields
    message = twilio.client.messages(fields["MessageSid"])
    listed = message.media.list()

    assert ["image/jpeg", "application/pdf"] == [medium.content_type for medium in listed]
    assert listed[0].delete()
    assert ["application/pdf"] == [medium.content_type for medium in message.media.list()]
    assert 404 == requests.get(fields["MediaUrl0"], auth=AUTH, timeout=5).status_code


def test_a_message_takes_its_media_along(twilio: Simulator) -> None:
    """A message that is deleted is deleted with its files."""
    picture = upload(twilio)
    fields = sent(twilio, media=[picture]).fields
    twilio.client.messages(fields["MessageSid"]).delete()

    assert 404 == requests.get(twilio.origin + picture["url"], timeout=5).status_code


def test_a_reset_forgets_files(twilio: Simulator) -> None:
    """After a reset no file is left."""
    picture = upload(twilio)
    twilio.control("reset", {})

    assert 404 == requests.get(twilio.origin + picture["url"], timeout=5).status_code
    answer = send(twilio, media=[picture])
    assert (400, "A file is no longer here: choose it again.") == (answer.status_code, answer.json()["error"])


SHOWN = [
    ("a.jpg", "image/jpeg", "image/jpeg", True),
    ("a.ogg", "audio/ogg; codecs=opus", "audio/ogg", True),
    ("a.svg", "image/svg+xml", "application/octet-stream", False),
    ("a.html", "text/html", "application/octet-stream", False),
    ("a.pdf", "application/pdf", "application/octet-stream", False),
]


@pytest.mark.parametrize(("name", "kind", "shown_as", "inline"), SHOWN)
def test_the_page_runs_nothing(twilio: Simulator, name: str, kind: str, shown_as: str, inline: bool) -> None:
    """The page shows pictures and sound; what could hold a script is only ever saved, and runs nowhere."""
    answer = requests.get(twilio.origin + upload(twilio, b"<svg onload='x'/>", name, kind)["url"], timeout=5)

    assert (shown_as, inline) == (
        answer.headers["Content-Type"],
        answer.headers["Content-Disposition"].startswith("inline"),
    )
    assert ("nosniff", True) == (
        answer.headers["X-Content-Type-Options"],
        "sandbox" in answer.headers["Content-Security-Policy"],
    )


def test_a_part_of_a_voice_note(twilio: Simulator) -> None:
    """A browser may ask for a part of a file, to move about in it."""
    note = upload(twilio, b"0123456789", "a.ogg", "audio/ogg")
    part = requests.get(twilio.origin + note["url"], headers={"Range": "bytes=2-4"}, timeout=5)

    assert (206, b"234", "bytes 2-4/10") == (part.status_code, part.content, part.headers["Content-Range"])


def test_uploads_that_are_none(twilio: Simulator) -> None:
    """No file, an empty one and one of over 16 MB are refused with a sentence."""
    url = f"{twilio.origin}/phone/media"
    none = requests.post(url, data={"x": "y"}, timeout=5)
    empty = requests.post(url, files={"file": ("a.jpg", b"", "image/jpeg")}, timeout=5)
    large = requests.post(
        url, files={"file": ("a.jpg", io.BytesIO(b"x" * (17 << 20)), "image/jpeg")}, timeout=20
    )

    assert [400, 400, 413] == [none.status_code, empty.status_code, large.status_code]
    assert "A file has at most 16 MB; this one has 17.0 MB." == large.json()["error"]


def test_files_outlive_a_restart(twilio: Simulator) -> None:
    """A picture, and WhatsApp's clock, are there after the local Twilio was started again."""
    url = sent(twilio, media=[upload(twilio)], channel="whatsapp").fields["MediaUrl0"]
    twilio.control("window", {"customer": CUSTOMER, "seconds": 600})
    before = windows(twilio)
    twilio.stop()
    twilio.start(twilio.origin.rpartition(":")[2])

    assert JPEG == requests.get(location_of(url), timeout=5).content
    assert before == windows(twilio)


def location_of(url: str) -> str:
    return requests.get(url, auth=AUTH, timeout=5, allow_redirects=False).headers["Location"]


# Messages that are more than words


def test_a_place(twilio: Simulator) -> None:
    """A place comes with an empty body and its own parameters, and the page shows where it is."""
    place = {"latitude": 25.0772, "longitude": 55.1398, "label": "Dubai Marina Mall"}
    fields = sent(twilio, channel="whatsapp", location=place).fields

    assert ("", "25.0772", "55.1398", "Dubai Marina Mall", "location", "0") == tuple(
        fields[name] for name in ("Body", "Latitude", "Longitude", "Label", "MessageType", "NumMedia")
    )
    shown = bubbles(twilio)[-1]
    told = {"latitude": "25.0772", "longitude": "55.1398", "label": "Dubai Marina Mall", "address": ""}
    assert ("location", told) == (shown["kind"], shown["location"])


def test_buttons_and_lists(twilio: Simulator) -> None:
    """A button and a choice from a list come with their words as the body, and what stands behind them."""
    button = sent(twilio, channel="whatsapp", button={"text": "Yes, please", "payload": "yes"}).fields
    chosen = sent(twilio, channel="whatsapp", list={"title": "Two bedrooms", "id": "beds-2"}).fields

    assert ("Yes, please", "Yes, please", "yes", "interactive") == tuple(
        button[name] for name in ("Body", "ButtonText", "ButtonPayload", "MessageType")
    )
    assert ("Two bedrooms", "beds-2", "Two bedrooms", "interactive") == tuple(
        chosen[name] for name in ("Body", "ListId", "ListTitle", "MessageType")
    )


def test_replies_and_reactions_name_their_message(twilio: Simulator) -> None:
    """A reply and a reaction say which message they are about, and who wrote that."""
    ours = twilio.create(To=f"whatsapp:{CUSTOMER}", From=f"whatsapp:{OURS}").json()["sid"]
    reply = sent(twilio, channel="whatsapp", body="that one", reply_to=ours).fields
    reaction = sent(twilio, channel="whatsapp", reaction={"emoji": "👍", "to": ours}).fields

    assert [(ours, f"whatsapp:{OURS}")] * 2 == [
        (fields["OriginalRepliedMessageSid"], fields["OriginalRepliedMessageSender"])
        for fields in (reply, reaction)
    ]
    assert ("👍", "reaction", "text") == (reaction["Body"], reaction["MessageType"], reply["MessageType"])
    assert [ours, ours] == [bubble["reply_to"] for bubble in bubbles(twilio)[-2:]]


def test_a_contact_is_a_card(twilio: Simulator) -> None:
    """A contact is sent as a vCard, whatever is written in its name."""
    contact = {"name": "Sam; Rivera\nEND:VCARD", "phone": "+1987654321"}
    fields = sent(twilio, channel="whatsapp", contact=contact).fields
    card = requests.get(location_of(fields["MediaUrl0"]), timeout=5)

    assert ("text/vcard", "contacts", "") == (
        fields["MediaContentType0"], fields["MessageType"], fields["Body"],
    )  # fmt: skip
    assert "FN:Sam\\; Rivera END:VCARD\r\nTEL;TYPE=CELL:+1987654321\r\n" in card.text
    assert "text/vcard" == card.headers["Content-Type"]


KINDS = [
    ("a.ogg", "audio/ogg", {}, "audio"),
    ("a.mp4", "video/mp4", {}, "video"),
    ("a.pdf", "application/pdf", {}, "document"),
    ("a.webp", "image/webp", {}, "image"),
    ("a.webp", "image/webp", {"sticker": True}, "sticker"),
]


@pytest.mark.parametrize(("name", "kind", "more", "message_type"), KINDS)
def test_message_types(
    twilio: Simulator, name: str, kind: str, more: dict[str, Any], message_type: str
) -> None:
    """WhatsApp says what kind of message a file makes."""
    fields = sent(twilio, channel="whatsapp", media=[upload(twilio, b"x", name, kind)], **more).fields

    assert (message_type, kind) == (fields["MessageType"], fields["MediaContentType0"])


def test_ids_without_a_phone(twilio: Simulator) -> None:
    """Who has no number on WhatsApp is named by the id alone; who has both is named by both."""
    alone = sent(twilio, **{"from": BSUID}, channel="whatsapp", body="hi").fields
    both = sent(twilio, channel="whatsapp", body="hi", external_user_id=BSUID).fields

    assert (f"whatsapp:{BSUID}", BSUID, None) == (alone["From"], alone["ExternalUserId"], alone.get("WaId"))
    assert (f"whatsapp:{CUSTOMER}", BSUID, CUSTOMER[1:]) == (
        both["From"], both["ExternalUserId"], both["WaId"],
    )  # fmt: skip


REFUSED = [
    ({}, "There is nothing to send"),
    ({"body": "x" * 1601}, "A message has 1600 characters"),
    ({"location": {"latitude": 1, "longitude": 2}}, "SMS carries no places: choose WhatsApp."),
    ({"reaction": {"emoji": "👍"}}, "SMS carries no reactions: choose WhatsApp."),
    ({"channel": "whatsapp", "location": {"latitude": 91, "longitude": 2}}, "latitude is a number"),
    ({"channel": "whatsapp", "button": {"payload": "x"}}, "button needs text"),
    ({"channel": "whatsapp", "body": "x", "reply_to": "SM1"}, "The message that this one is about"),
    ({"body": "x", "external_user_id": BSUID}, "external_user_id goes with WhatsApp"),
    ({"media": "x"}, "media is a list"),
    ({"media": ["x"]}, "media is a list"),
    ({"contact": {"name": ["x"]}}, "contact needs name"),
    ({"from": "sms"}, "from must look like"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "sentence"), REFUSED)
def test_what_a_phone_cannot_send(twilio: Simulator, fields: dict[str, Any], sentence: str) -> None:
    """The page is told in a sentence why a message cannot go."""
    answer = send(twilio, **fields)

    assert (400, sentence) == (answer.status_code, answer.json()["error"][: len(sentence)])


def test_files_too_large_for_their_channel(twilio: Simulator) -> None:
    """A text message carries 5 MB, a picture on WhatsApp too; WhatsApp takes one file, of the types it knows."""
    large = upload(twilio, b"x" * (6 << 20))
    small, odd = upload(twilio), upload(twilio, b"x", "a.zip", "application/zip")
    refused = [
        send(twilio, media=[large]),
        send(twilio, media=[large], channel="whatsapp"),
        send(twilio, media=[small, small], channel="whatsapp"),
        send(twilio, media=[odd], channel="whatsapp"),
        send(twilio, media=[small] * 11),
    ]

    assert [400] * 5 == [answer.status_code for answer in refused]
    assert "WhatsApp carries no files of the type application/zip." == refused[3].json()["error"]


# WhatsApp's clock, and typing


def windows(twilio: Simulator) -> dict[str, int]:
    state = requests.get(f"{twilio.origin}/phone/state", timeout=5).json()
    return {window["customer"]: window["ends"] for window in state["windows"]}


def test_the_window_runs_out_on_request(twilio: Simulator) -> None:
    """A customer's message opens a day; the lever ends it, and free text fails with 63016 until they write again."""
    to, sender = f"whatsapp:{CUSTOMER}", f"whatsapp:{OURS}"
    sent(twilio, channel="whatsapp", body="hi")
    opened = windows(twilio)[CUSTOMER] - time.time() * 1000
    inside = twilio.create(To=to, From=sender).json()["sid"]
    told = requests.post(f"{twilio.origin}/phone/window", json={"customer": CUSTOMER}, timeout=5).json()
    outside = twilio.create(To=to, From=sender).json()["sid"]
    sent(twilio, channel="whatsapp", body="again")
    again = twilio.create(To=to, From=sender).json()["sid"]

    assert 23.9 < opened / 3_600_000 <= 24
    assert told["ends"] <= time.time() * 1000 + 1
    assert ["delivered", "failed", "delivered"] == [
        twilio.settled(s).status for s in (inside, outside, again)
    ]
    assert 63016 == twilio.settled(outside).error_code


@pytest.mark.parametrize(
    "given",
    [{}, {"customer": ""}, {"customer": CUSTOMER, "seconds": -1}, {"customer": CUSTOMER, "to": "+1"}, []],
)
def test_levers_that_move_nothing(twilio: Simulator, given: Any) -> None:
    """What does not name a customer, a number of ours and seconds is refused."""
    assert 400 == requests.post(f"{twilio.origin}/phone/window", json=given, timeout=5).status_code


def typing(
    twilio: Simulator, message_sid: str, channel: str = "whatsapp", auth: Any = AUTH
) -> requests.Response:
    form = {"messageId": message_sid, "channel": channel}
    return requests.post(f"{twilio.origin}/v2/Indicators/Typing.json", data=form, auth=auth, timeout=5)


def test_typing_shows_and_reads(twilio: Simulator) -> None:
    """Typing is shown until the answer leaves, and the message that is answered is read."""
    sid = sent(twilio, channel="whatsapp", body="hi").fields["MessageSid"]
    answer = typing(twilio, sid)
    page = requests.get(f"{twilio.origin}/phone/changes", timeout=5).json()
    twilio.settled(twilio.create(To=f"whatsapp:{CUSTOMER}", From=f"whatsapp:{OURS}").json()["sid"])
    after = requests.get(f"{twilio.origin}/phone/changes", timeout=5).json()

    assert (201, {"success": True}) == (answer.status_code, answer.json())
    assert [(CUSTOMER, OURS)] == [(each["customer"], each["ours"]) for each in page["typing"]]
    assert [True] == [bubble["read"] for bubble in page["messages"]]
    assert [] == after["typing"]


def test_typing_of_nothing(twilio: Simulator) -> None:
    """Typing needs credentials and a message that came in on WhatsApp."""
    text = sent(twilio, body="hi").fields["MessageSid"]
    ours = twilio.create(To=f"whatsapp:{CUSTOMER}", From=f"whatsapp:{OURS}").json()["sid"]
    refused = [
        typing(twilio, text), typing(twilio, ours), typing(twilio, "SM" + "0" * 32),
        typing(twilio, text, "sms"), typing(twilio, text, auth=None),
    ]  # fmt: skip

    assert [400, 400, 404, 400, 401] == [answer.status_code for answer in refused]
    assert [] == requests.get(f"{twilio.origin}/phone/changes", timeout=5).json()["typing"]


# Files that Ringback sends


class Shelf(BaseHTTPRequestHandler):
    """A shop's server of pictures."""

    def do_GET(self) -> None:
        found = {"/flat.png": "image/png", "/page": "text/html"}.get(self.path.partition("?")[0])
        data = b"\x89PNG" + b"0" * 96
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", found or "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def shelf() -> Iterator[str]:
    with hosted(Shelf) as origin:
        yield origin


def test_what_we_send_is_fetched(twilio: Simulator, shelf: str) -> None:
    """A picture of ours is fetched before the message leaves, shown on the page and listed as Twilio's."""
    sid = twilio.create(MediaUrl=f"{shelf}/flat.png").json()["sid"]
    settled = twilio.settled(sid)
    shown = bubbles(twilio)[-1]["media"][0]

    assert ("delivered", "1") == (settled.status, settled.num_media)
    assert ("flat.png", "image/png", 100, "") == tuple(
        shown[name] for name in ("name", "content_type", "size", "link")
    )
    assert 100 == len(requests.get(twilio.origin + shown["url"], timeout=5).content)
    assert ["image/png"] == [medium.content_type for medium in settled.media.list()]


def test_what_is_elsewhere_stays_a_link(twilio: Simulator) -> None:
    """The local Twilio fetches from this machine only; another host's picture is shown as its address."""
    url = "https://pictures.example.com/flat.png"
    sid = twilio.create(MediaUrl=url).json()["sid"]
    shown = bubbles(twilio)[-1]["media"][0]

    assert ("delivered", url, "") == (twilio.settled(sid).status, shown["link"], shown["url"])


UNFETCHED = [("/gone.png", "sms", 11200), ("/gone.png", "whatsapp", 63019), ("/page", "whatsapp", 63021)]


@pytest.mark.parametrize(("path", "channel", "code"), UNFETCHED)
def test_what_cannot_be_fetched_fails(
    twilio: Simulator, shelf: str, path: str, channel: str, code: int
) -> None:
    """A file that does not come, or is of a kind that is not carried, fails its message."""
    prefix = "whatsapp:" if channel == "whatsapp" else ""
    sent(twilio, channel=channel, body="hi")
    fields = {"To": prefix + CUSTOMER, "From": prefix + OURS, "MediaUrl": shelf + path}
    settled = twilio.settled(twilio.create(**fields).json()["sid"])

    assert ("failed", code) == (settled.status, settled.error_code)
    assert "" != bubbles(twilio)[-1]["media"][0]["error"]


def test_media_that_twilio_refuses(twilio: Simulator) -> None:
    """An address that is none is 21620; more than ten files, or two on WhatsApp, are 21623."""
    url = "https://pictures.example.com/flat.png"
    on_whatsapp = {"To": f"whatsapp:{CUSTOMER}", "From": f"whatsapp:{OURS}"}
    refused = [
        twilio.create(MediaUrl="flat.png"),
        twilio.create(MediaUrl=[url] * 11),  # type: ignore[arg-type]
        twilio.create(MediaUrl=[url] * 2, **on_whatsapp),  # type: ignore[arg-type]
    ]

    assert [21620, 21623, 21623] == [answer.json()["code"] for answer in refused]
