"""Signatures as Twilio's own library computes them, against the real app behind its real web server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import pytest
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from tests.flow.system import ACCOUNT, OURS, TOKEN, System

FORM = "application/x-www-form-urlencoded"
SECONDARY = "fedcba9876543210fedcba9876543210"
PUBLIC = "https://bot.example.com"

Pairs = list[tuple[str, str]]


def sign(url: str, pairs: Pairs, token: str = TOKEN) -> str:
    """X-Twilio-Signature by Twilio's library, which shares no line with ours."""
    return str(RequestValidator(token).compute_signature(url, MultiDict(pairs)))


def new_sid() -> str:
    return f"SM{uuid.uuid4().hex}"


def form(customer: str, body: str = "Hello", **fields: str) -> Pairs:
    """What Twilio posts for a text; ``fields`` replace (an empty one removes) or add."""
    given = {
        "MessageSid": new_sid(), "AccountSid": ACCOUNT, "From": customer, "To": OURS, "Body": body, "NumMedia": "0",
    }  # fmt: skip
    return [(name, value) for name, value in {**given, **fields}.items() if value or name not in given]


@dataclass(frozen=True)
class Post:
    """A request byte for byte. What is not said is as Twilio has it: signed over ``base`` and the target."""

    base: str
    target: str
    pairs: Pairs
    method: str = "POST"
    token: str = TOKEN
    signed_url: str | None = None
    signatures: tuple[str, ...] | None = None
    content_type: str | None = FORM
    body: bytes | None = None
    length: bool = True
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def signature(self) -> str:
        return sign(self.signed_url or self.base + self.target, self.pairs, self.token)

    def raw(self) -> bytes:
        body = urlencode(self.pairs).encode() if self.body is None else self.body
        signatures = (self.signature,) if self.signatures is None else self.signatures
        headers = [("Connection", "close"), *(("X-Twilio-Signature", value) for value in signatures)]
        if not any(name == "Host" for name, _ in self.headers):
            headers.append(("Host", "web.local"))
        if self.content_type is not None:
            headers.append(("Content-Type", self.content_type))
        if self.length:
            headers.append(("Content-Length", str(len(body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in [*headers, *self.headers])
        return f"{self.method} {self.target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Web as behind a proxy that ends TLS, inside a rotation window; its origin answers nowhere but in signatures."""
    running = System(
        tmp_path_factory.mktemp("proxied"), PUBLIC_BASE_URL=PUBLIC, TWILIO_AUTH_TOKEN_SECONDARY=SECONDARY
    )
    try:
        running.start("web")
        yield running
    finally:
        running.stop()


FORMS = {
    "plain": {},
    "unicode": {"Body": "Olá 👋 ção 日本語 \u0627\u0644", "ProfileName": "Zoë"},
    "blanks": {"Body": "  two  blanks  around  "},
    "empty": {"Body": "", "MediaUrl0": "", "FromCity": ""},
    "whitespace": {"Body": "\ttab\r\nlines\n\nand more \u00a0\u3000"},
    "trailing newline": {"Body": "Hello\n"},
    "form's own letters": {"Body": "a=b&c=d+e%20f;g#h?i"},
    "names that sort by case": {"body": "small", "BODY": "large", "a": "1", "_": "2", "Z": "3"},
    "names that begin alike": {"To": OURS, "ToCity": "X", "ToCityX": "", "T": "oo"},
    "odd names": {"MessagingBinding.Address[0]": "x", "Größe": "5", " ": " "},
    "astral names": {"\U0001f44b": "1", "\uff21": "2"},
    "replacement characters": {"Body": "\ufffd\ufffd"},
}
PATHS = ["/sms", "/whatsapp", "/api/webhooks/sms", "/api/webhooks/whatsapp", "/twilio-webhook-opt", "/status"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fields", FORMS.values(), ids=FORMS)
def test_what_twilios_library_signs_is_taken(proxied: System, path: str, fields: dict[str, str]) -> None:
    """Any form that Twilio's library signs passes every route, and fails it with one letter changed."""
    pairs = form("+15550670001", MessageStatus="sent")
    pairs = [pair for pair in pairs if pair[0] not in fields] + list(fields.items())
    post = Post(PUBLIC, path, pairs)
    wrong = Post(
        PUBLIC, path, [*pairs[:-1], (pairs[-1][0], pairs[-1][1] + "x")], signatures=(post.signature,)
    )

    assert proxied.exchange(wrong.raw())[0] == 403
    assert proxied.exchange(post.raw())[0] == 200


@pytest.mark.parametrize(
    "repeated",
    [
        [("Digits", "5678"), ("Digits", "1234")],
        [("Digits", "1234"), ("Digits", "1234")],
        [("Digits", "b"), ("Digits", ""), ("Digits", "B"), ("Digits", "b")],
        [("Body", "Hello"), ("Body", "Hello")],
    ],
    ids=["two", "the same twice", "with an empty one", "a field we read"],
)
def test_repeated_fields_are_signed_as_twilio_does(proxied: System, repeated: Pairs) -> None:
    """A repeated field counts once per value, in order, wherever it stands in the form."""
    pairs = [repeated[0], *form("+15550670002", Body=""), *repeated[1:]]

    assert proxied.exchange(Post(PUBLIC, "/sms", pairs).raw())[0] == 200


@pytest.mark.parametrize(
    ("signed", "status"),
    [(PUBLIC, 200), (f"{PUBLIC}:443", 200), ("http://bot.example.com", 403), (f"{PUBLIC}:8443", 403)],
)
def test_the_origin_is_the_configured_one(proxied: System, signed: str, status: int) -> None:
    """Web sees http on loopback; what counts is PUBLIC_BASE_URL, whatever a Host or a proxy's headers say."""
    pairs = form("+15550670003")
    forwarded = (("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "bot.example.com"))
    forged = (("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Port", "1"))
    for headers in ((), forwarded, forged):
        post = Post(PUBLIC, "/sms", pairs, signed_url=f"{signed}/sms", headers=headers)

        assert proxied.exchange(post.raw())[0] == status


@pytest.mark.parametrize(
    "target",
    [
        "/sms?ref=a%2Fb", "/sms?ref=a/b", "/sms?a=1&b=", "/sms?x=%20+%2B", "/sms?q=%C3%A9%zz", "/%73ms", "/sms?a;b",
        "/sms?To=%2B15550001111", "/sms?%62odySHA=1", "/sms?a=1?b=2",
    ],
)  # fmt: skip
def test_the_target_counts_byte_for_byte(proxied: System, target: str) -> None:
    """Percent escapes are signed as they were sent: the same target, decoded or encoded anew, is another one."""
    pairs = form("+15550670004")
    path, _, query = target.partition("?")
    other = f"{path}?{quote(query)}x" if query else "/sms"
    right = Post(PUBLIC, target, pairs)
    wrong = Post(PUBLIC, target, pairs, signed_url=PUBLIC + other)

    assert proxied.exchange(wrong.raw())[0] == 403
    assert proxied.exchange(right.raw())[0] == 200


def test_an_absolute_target_does_not_say_who_we_are(proxied: System) -> None:
    """Of a target in absolute form only the path counts."""
    pairs = form("+15550670005")
    right = Post(PUBLIC, "http://evil.example/sms", pairs, signed_url=f"{PUBLIC}/sms")
    wrong = Post(PUBLIC, "http://evil.example/sms", pairs, signed_url="http://evil.example/sms")

    assert proxied.exchange(wrong.raw())[0] == 403
    assert proxied.exchange(right.raw())[0] == 200


@pytest.mark.parametrize(
    ("token", "inside", "outside"), [(TOKEN, 200, 200), (SECONDARY, 200, 403), ("0" * 32, 403, 403)]
)
def test_two_tokens_while_rotating(
    proxied: System, web_alone: System, token: str, inside: int, outside: int
) -> None:
    """Inside a rotation window both tokens are good; without the secondary only the primary is."""
    pairs = form("+15550670006")
    rotating = Post(PUBLIC, "/sms", pairs, token=token)
    settled = Post(web_alone.base, "/sms", pairs, token=token)

    assert proxied.exchange(rotating.raw())[0] == inside
    assert web_alone.exchange(settled.raw())[0] == outside
