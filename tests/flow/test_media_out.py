"""A tool gives a file along: it reaches the customer as the channel takes it, and nothing is promised that does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

import pytest

from tests.flow import staff
from tests.flow.mind import Mind, shown
from tests.flow.own_server import hosted
from tests.flow.staff import OWN
from tests.flow.system import System, call, wait_for

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 500
# Path -> (type, the bytes it says it has); what is larger is only ever asked for by HEAD.
FILES = {
    "/flat.png": ("image/png", len(PNG)),
    "/signed.png": ("image/png", len(PNG)),
    "/unsaid.png": ("image/png", len(PNG)),
    "/plan.pdf": ("application/pdf", len(PNG)),
    "/huge.png": ("image/png", 6 << 20),
    "/page.html": ("text/html", len(PNG)),
}


class Shelf(BaseHTTPRequestHandler):
    """A shop: its service for the tool (/offers/<file>), and its files. One of them may only be had by GET, of one HEAD
    tells no size."""

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        found = FILES.get(self.path)
        kind, size = found or ("text/plain", 0)
        status, body = (200 if found else 404), PNG if found else b""
        if self.path == "/signed.png" and not with_body:
            status, size = 403, 0
        if self.path.startswith("/offers/"):
            body = json.dumps(offer(self.headers["Host"], unquote(self.path.rpartition("/")[2]))).encode()
            status, kind, size = 200, "application/json", len(body)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if with_body or self.path != "/unsaid.png":
            self.send_header("Content-Length", str(size))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def offer(host: str, names: str) -> dict[str, Any]:
    """Those of plain http lie on a host that is not this machine: they may not be fetched, only linked to."""
    named = names.split(",")
    urls = [f"http://{'shop.example.com' if name.startswith('plain') else host}/{name}" for name in named]
    return {"found": 1, "media": [{"url": url} for url in urls]}


@pytest.fixture(scope="module")
def shelf() -> Iterator[str]:
    with hosted(Shelf) as origin:
        yield origin


def gallery(origin: str) -> str:
    return f"""
name = "Gallery"
numbers = ["{OWN}"]
instructions = "You show flats."
links = ["shop.example.com"]

[[tools]]
name = "show"
description = "Pictures and plans of a flat."
http = "{origin}/offers/{{files}}"

[[tools.parameters]]
name = "files"
type = "string"
description = "Which."
required = true
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, mind: Mind, shelf: str) -> Iterator[System]:
    more = {"RECONCILE_SECONDS": "0.5,1.5"}
    with staff.at_work(tmp_path_factory, mind, more, gallery=gallery(shelf)) as running:
        yield running


def asks(
    house: System, mind: Mind, phone: str, files: str, channel: str = "sms", parts: int = 1
) -> list[Any]:
    """A customer asks for files, and the tool gives them; the messages of the answer, settled."""
    words = f"Show me {phone[-4:]}"
    mind.answers[words] = {
        "calls": [{"name": "show", "arguments": {"files": files}}],
        "reply": "Here you are.",
    }
    house.says(phone, words, channel=channel, to=OWN)
    house.reply(phone, parts)
    staff.settled(house, phone)
    ends = ("delivered", "failed", "undelivered")
    return list(
        wait_for(
            lambda: (
                (sent := house.messages(phone, "outbound-api"))
                and all(m["status"] in ends for m in sent)
                and sent
            ),
            "the end of the answer's way",
        )
    )


def told(mind: Mind, phone: str) -> str:
    """All that the model was shown in the last request of a customer's turn."""
    return shown(mind.turns(f"Show me {phone[-4:]}")[-1])


def bubble(house: System, sid: str) -> dict[str, Any]:
    messages = call("GET", f"{house.simulator}/phone/changes")[1]["messages"]
    return dict(next(message for message in messages if message["sid"] == sid))


def test_a_picture_goes_with_the_text(house: System, mind: Mind, shelf: str) -> None:
    """By MMS the picture comes with the words; the page shows it, the API names it, the model is told and sees no address."""
    phone = "+15557800001"
    [sent] = asks(house, mind, phone, "flat.png")
    stored = house.session(phone)["conversation_history"][-1]

    assert ("Here you are.", [["image/png"]]) == (sent["body"], [[kind for _, kind in sent["media"]]])
    assert ("flat.png", len(PNG)) == tuple(
        bubble(house, sent["sid"])["media"][0][n] for n in ("name", "size")
    )
    assert [{"url": f"{shelf}/flat.png", "content_type": "image/png"}] == [
        {name: each[name] for name in ("url", "content_type")} for each in stored["metadata"]["media"]
    ]
    assert "flat.png goes along with your reply" in told(mind, phone)
    assert "/flat.png" not in told(mind, phone)


def test_on_whatsapp_each_file_is_a_message(house: System, mind: Mind) -> None:
    """WhatsApp takes one file a message, and shows no words beside a document: they follow the text."""
    phone = "+15557800002"
    sent = asks(house, mind, phone, "flat.png,plan.pdf", "whatsapp", parts=3)
    stored = house.session(phone)["conversation_history"][-1]

    assert [("Here you are.", []), ("", ["image/png"]), ("", ["application/pdf"])] == [
        (message["body"], [kind for _, kind in message["media"]]) for message in sent
    ]
    assert ["delivered"] * 3 == [message["status"] for message in sent]
    assert 3 == len(house.api("GET", f"/messages/{stored['id']}")[1]["parts"])


@pytest.mark.parametrize(("phone", "file"), [("+15557800003", "signed.png"), ("+15557800012", "unsaid.png")])
def test_a_file_that_head_does_not_tell(house: System, mind: Mind, phone: str, file: str) -> None:
    """A server that refuses HEAD, or does not say to it how large a file is, is asked for the first byte."""
    [sent] = asks(house, mind, phone, file)

    assert ["image/png"] == [kind for _, kind in sent["media"]]


def test_what_does_not_fit_goes_as_a_link(house: System, mind: Mind) -> None:
    """Where the agent may link to its host, the address of a file that cannot be sent stands under the reply."""
    phone = "+15557800004"
    [sent] = asks(house, mind, phone, "plain.png,flat.png")

    assert "Here you are.\nhttp://shop.example.com/plain.png" == sent["body"]
    assert ["image/png"] == [kind for _, kind in sent["media"]]
    assert "plain.png does not go as a file (its address may not be used)" in told(mind, phone)


UNFIT = [
    ("+15557800011", "huge.png", "sms", "huge.png cannot be sent (it is too large): do not promise it."),
    ("+15557800005", "page.html", "sms", "carry no files of this type"),
    ("+15557800006", "gone.png", "sms", "it is not there"),
    ("+447700905578", "flat.png", "sms", "text messages to this country carry no files"),
    ("+15557800007", "page.html", "whatsapp", "WhatsApp takes no files of this type"),
]


@pytest.mark.parametrize(("phone", "file", "channel", "why"), UNFIT)
def test_the_model_knows_what_does_not_go(
    house: System, mind: Mind, phone: str, file: str, channel: str, why: str
) -> None:
    """Known before anything is owed: the model is told why a file does not go, and the words go without it."""
    [sent] = asks(house, mind, phone, file, channel)

    assert [] == sent["media"]
    assert why in told(mind, phone)


@pytest.mark.parametrize(("phone", "code"), [("+15557800008", 21620), ("+15557800013", 11751)])
def test_words_go_without_a_file_that_twilio_refuses(
    house: System, mind: Mind, phone: str, code: int
) -> None:
    """Twilio refuses the file after all, its address or its size: the words are sent without it."""
    house.fault("error", code=code, status=400, to=phone)
    [sent] = asks(house, mind, phone, "flat.png")

    assert ("Here you are.", []) == (sent["body"], sent["media"])


def test_a_file_whose_answer_was_lost_is_not_sent_twice(house: System, mind: Mind) -> None:
    """Twilio took the file and its answer was lost: it is found in Twilio's list by what it is."""
    phone = "+15557800009"
    house.fault("drop_after_accept", skip=1, to=f"whatsapp:{phone}")
    house.fault("callbacks_lost", skip=1, to=f"whatsapp:{phone}")  # which would tell, too
    sent = asks(house, mind, phone, "flat.png", "whatsapp", parts=2)

    assert ["Here you are.", ""] == [message["body"] for message in sent]


@pytest.mark.parametrize(("phone", "channel"), [("+15557800014", "sms"), ("+15557800015", "whatsapp")])
def test_a_reply_of_markup_alone(house: System, mind: Mind, phone: str, channel: str) -> None:
    """Where nothing of a reply would be seen, the model is asked again; the customer is told something all the same."""
    words = f"Show me {phone[-4:]}"
    mind.answers[words] = {"calls": [{"name": "show", "arguments": {"files": "flat.png"}}], "reply": "---"}
    house.says(phone, words, channel=channel, to=OWN)

    assert "" != house.reply(phone)
    staff.settled(house, phone)
    assert [""] != [message["body"] for message in house.messages(phone, "outbound-api")]


def test_a_later_turn_knows_what_was_sent(house: System, mind: Mind) -> None:
    """In the next turn the model is told that files went along with its answer."""
    phone = "+15557800010"
    asks(house, mind, phone, "flat.png")
    house.says(phone, "What is on picture 0010?", to=OWN)
    house.reply(phone, 2)

    assert 'Files went along with an earlier reply of yours: ["image/png"]' in shown(
        mind.turns("picture 0010")[-1]
    )
