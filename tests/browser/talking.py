"""A tiny web that talks on the phone: TwiML as Ringback writes it, and its answer pushed into the live call."""

from __future__ import annotations

import base64
import contextlib
import struct
import threading
import urllib.request
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.sax.saxutils import escape

from playwright.sync_api import Browser, Page

from tests.browser.test_phone_page import start_simulator, stop_simulator
from tests.flow.local_twilio import AC, OURS, TOKEN, environment

GREETING = "Hello, this is Customer service. How can I help you?"
HOLD = "One moment, please."


def png(width: int = 40, height: int = 30) -> bytes:
    """A picture in one colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\x90\x60\xa0" * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


class TalkingWeb(ThreadingHTTPServer):
    """``answers``: words the caller says -> the TwiML verbs that follow; what is not there is said back by REST."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talking)
        self.rest = ""  # the local Twilio
        self.greeting = ask(GREETING)
        self.answers: dict[str, str] = {}
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.thinks_s = 0.3  # before what was said is answered
        self.silent = False  # takes messages, and answers none
        self._heard = threading.Condition()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str, form: dict[str, str]) -> str:
        with self._heard:
            self.forms.append((path, form))
            self._heard.notify_all()
        if path == "/voice":
            return self.greeting
        if path == "/voice/turn":
            return self._turn(form)
        if path == "/voice/wait":
            return '<Pause length="1"/><Redirect method="POST">/voice/wait</Redirect>'
        if path in ("/sms", "/whatsapp") and not self.silent:
            threading.Timer(0.2, self._text_back, [form]).start()
        return ""

    def heard(self, path: str, number: int = 1) -> dict[str, str]:
        """The form of the ``number``-th request for this path, waited for."""

        def found() -> list[dict[str, str]]:
            return [form for asked, form in self.forms if asked == path][number - 1 :]

        with self._heard:
            assert self._heard.wait_for(found, 15), f"no request {number} for {path}"
            return found()[0]

    def _turn(self, form: dict[str, str]) -> str:
        said = form.get("SpeechResult", "")
        if form.get("Digits"):
            return ask(f"You pressed {' '.join(form['Digits'])}. What else?")
        if not said:
            return ask("I did not hear you.")
        if said in self.answers:
            return self.answers[said]
        threading.Timer(self.thinks_s, self._push, [form["CallSid"], said]).start()
        return f"<Say>{HOLD}</Say><Pause length='5'/><Redirect method='POST'>/voice/wait</Redirect>"

    def _push(self, call_sid: str, said: str) -> None:
        verbs = ask(f"You said: {said}", f"{self.origin}/voice/turn")
        with contextlib.suppress(OSError):  # the caller has hung up, or the test is over
            self.rest_call(f"Calls/{call_sid}.json", {"Twiml": f"<Response>{verbs}</Response>"})

    def ring(self, customer: str) -> None:
        """Ringback calls a customer."""
        self.rest_call("Calls.json", {"To": customer, "From": OURS, "Url": f"{self.origin}/voice"})

    def _text_back(self, form: dict[str, str]) -> None:
        words = form["Body"] or form.get("MediaContentType0", "") or form.get("Label", "") or "nothing"
        answer = {"To": form["From"], "From": form["To"], "Body": f"You said: {words}"}
        with contextlib.suppress(OSError):  # the test is over
            self.rest_call("Messages.json", answer)

    def write(self, customer: str, body: str = "", **more: str) -> None:
        """Ringback writes to a customer of WhatsApp."""
        to = {"To": f"whatsapp:{customer}", "From": f"whatsapp:{OURS}"}
        self.rest_call("Messages.json", to | ({"Body": body} if body else {}) | more)

    def types(self, message_sid: str) -> None:
        """Ringback shows that it is typing."""
        form = {"messageId": message_sid, "channel": "whatsapp"}
        self._post(f"{self.rest}/v2/Indicators/Typing.json", form)

    def rest_call(self, path: str, params: dict[str, str]) -> None:
        self._post(f"{self.rest}/2010-04-01/Accounts/{AC}/{path}", params)

    def _post(self, url: str, params: dict[str, str]) -> None:
        request = urllib.request.Request(url, urlencode(params).encode())
        login = base64.b64encode(f"{AC}:{TOKEN}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        urllib.request.urlopen(request, timeout=5).close()


def ask(words: str, action: str = "/voice/turn") -> str:
    return (
        f'<Gather input="dtmf speech" action="{action}" method="POST" language="en-US" speechTimeout="auto" '
        f'timeout="5" actionOnEmptyResult="true"><Say language="en-US">{escape(words)}</Say></Gather>'
    )


class _Talking(BaseHTTPRequestHandler):
    server: TalkingWeb

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        verbs = self.server.answer(urlsplit(self.path).path, form)
        answer = f"<Response>{verbs}</Response>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        """A picture of the assistant's, at any address."""
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(png())))
        self.end_headers()
        self.wfile.write(png())

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextlib.contextmanager
def talking(folder: Path) -> Iterator[TalkingWeb]:
    """The web, and a local Twilio that calls it; the phone page is at ``rest + "/phone"``."""
    web = TalkingWeb()
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    process, port = start_simulator(environment(web.origin, folder / "twilio.sqlite"), "0")
    web.rest = f"http://127.0.0.1:{port}"
    try:
        yield web
    finally:
        stop_simulator(process)
        web.shutdown()
        web.server_close()


@contextlib.contextmanager
def opened(
    browser: Browser,
    web: TalkingWeb,
    *,
    width: int = 1280,
    height: int = 800,
    scheme: Literal["light", "dark"] = "light",
    before: str = "",
) -> Iterator[Page]:
    """The phone page in a window; ``before`` runs in it first. Any complaint in its console fails the test."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    if before:
        page.add_init_script(before)
    page.goto(f"{web.rest}/phone")
    yield page
    context.close()
    # A refusal is a failed request to the browser, and a sentence to the reader.
    assert [] == [text for text in complaints if "Failed to load resource" not in text]
