"""BAD_INPUTS 1, rows 1 to 35, and 2, rows 1 to 20: what is not Twilio's, or cannot be told apart, changes nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.flow.system import System
from tests.flow.test_signed_vectors import PATHS, Pairs, Post, form

MULTIPART = 'multipart/form-data; boundary="x"'

Change = Callable[[Post], Post]


def dirty(system: System) -> int:
    """How often Redis' data was changed, ever."""
    return int(system.redis.info("persistence")["rdb_changes_since_last_save"])


def header(*headers: tuple[str, str], **changes: Any) -> Change:
    return lambda post: replace(post, headers=headers, **changes)


def signatures(*values: str) -> Change:
    return lambda post: replace(post, signatures=values)


def changed(**changes: Any) -> Change:
    return lambda post: replace(post, **changes)


def fields(*pairs: tuple[str, str], without: str = "") -> Change:
    """A signature that was right before these fields came, or this one went."""

    def change(post: Post) -> Post:
        kept = [pair for pair in post.pairs if pair[0] != without]
        return replace(post, pairs=kept + list(pairs), signatures=(post.signature,))

    return change


def multipart(post: Post) -> Post:
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = "".join(part.format(name, value) for name, value in post.pairs) + "--x--\r\n"
    return replace(post, content_type=MULTIPART, body=body.encode())


def hashed_json(post: Post) -> Post:
    """JSON as Twilio signs it: the body's hash in the signed URL, and no fields."""
    body = json.dumps(dict(post.pairs)).encode()
    target = f"{post.target}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    return replace(post, target=target, pairs=[], body=body, content_type="application/json")


def moved(post: Post) -> Post:
    """The same characters in the same order, the boundary between From and its value moved: the same signature."""
    pairs = [(name + value, "") if name == "From" else (name, value) for name, value in post.pairs]
    return replace(post, pairs=pairs, signatures=(post.signature,))


def swapped_host(post: Post) -> Post:
    return replace(
        post,
        signed_url=f"https://staging.example.com{post.target}",
        headers=(("Host", "staging.example.com"),),
    )


def chunked(body: bytes, **changes: Any) -> Change:
    return header(("Transfer-Encoding", "chunked"), length=False, body=body, **changes)


def many(count: int, size: int = 0) -> Change:
    return lambda post: replace(post, pairs=[*post.pairs, *((f"f{i}", "x" * size) for i in range(count))])


SPOOFED = [
    ("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Port", "1"),
    ("X-Original-URL", "/health"), ("Forwarded", "host=evil.example;proto=https"),
]  # fmt: skip
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"

# row of BAD_INPUTS 1 (and 2 up to 20): what is changed about a right request, what it is answered
ROWS: dict[str, tuple[Change, int]] = {
    "01 no signature": (signatures(), 403),
    "02 empty signature": (signatures(""), 403),
    "03 signature None": (signatures("None"), 403),
    "03 signature null": (signatures("null"), 403),
    "03 signature 0": (signatures("0"), 403),
    "04 signature not base64": (signatures("not base64!"), 403),
    "05 signature not ASCII": (signatures("\xe9" * 28), 403),
    "05 signature of bytes that are no text": (signatures("\x80\xff"), 403),
    "06 signature of 4 KiB": (signatures("A" * 4096), 403),
    "06 signature of 64 KiB": (signatures("A" * 65536), 431),
    "07 two signatures, first right": (lambda p: replace(p, signatures=(p.signature, "x")), 403),
    "07 the right signature twice": (lambda p: replace(p, signatures=(p.signature,) * 2), 403),
    "08 another token": (changed(token="another"), 403),
    "08 empty token": (changed(token=""), 403),
    "11 signature of another route": (lambda p: replace(p, signed_url=f"{p.base}/voice"), 403),
    "12 signed for https": (lambda p: replace(p, signed_url=p.base.replace("http", "https") + p.target), 403),
    "13 signed for staging, Host spoofed": (swapped_host, 403),
    "14 X-Forwarded and Host forged, unsigned": (header(*SPOOFED, signatures=()), 403),
    "14 X-Forwarded-Host as signed": (
        header(("X-Forwarded-Host", "evil.example"), signed_url="http://evil.example/sms"), 403),
    "15 one byte changed": (lambda p: replace(p, body=b"Body=hellO", signatures=(p.signature,)), 403),
    "16 parameter added": (fields(("Added", "1")), 403),
    "16 empty parameter added": (fields(("Added", "")), 403),
    "16 parameter removed": (fields(without="NumMedia"), 403),
    "16 parameter renamed": (fields(("Nummedia", "0"), without="NumMedia"), 403),
    "17 boundary moved": (moved, 400),
    "18 query string added": (lambda p: replace(p, target=f"{p.target}?x=1", signed_url=p.base + p.target), 403),
    "18 bare question mark added": (lambda p: replace(p, target=f"{p.target}?", signed_url=p.base + p.target), 403),
    "19 bodySHA256 added": (
        lambda p: replace(p, target=f"{p.target}?bodySHA256={'0' * 64}", signed_url=p.base + p.target), 403),
    "19 bodySHA256 signed, on a form": (lambda p: replace(p, target=f"{p.target}?bodySHA256={'0' * 64}"), 403),
    "20 unknown algorithm": (header((SETTINGS, "algorithm=ROT13")), 403),
    "21 SHA-256, whose key we have not": (header((SETTINGS, "key=k,algorithm=HMAC_SHA256")), 403),
    "22 foreign AccountSid": (
        lambda p: replace(p, pairs=[*p.pairs, ("AccountSid", "AC" + "9" * 32)]), 403),
    "22 empty AccountSid": (
        lambda p: replace(p, pairs=[q for q in p.pairs if q[0] != "AccountSid"] + [("AccountSid", "")]), 403),
    "23 GET": (changed(method="GET"), 405),
    "23 PUT": (changed(method="PUT"), 405),
    "23 DELETE": (changed(method="DELETE"), 405),
    "23 PATCH": (changed(method="PATCH"), 405),
    "23 HEAD": (changed(method="HEAD"), 405),
    "23 TRACE": (changed(method="TRACE"), 405),
    "23 OPTIONS": (changed(method="OPTIONS"), 405),
    "23 a method nobody knows": (changed(method="BREW"), 405),
    "23 GET, unsigned": (changed(method="GET", signatures=()), 405),
    "23 method override": (header(("X-HTTP-Method-Override", "POST"), method="GET"), 405),
    "24 JSON, signed as JSON": (hashed_json, 415),
    "24 JSON, signed by its URL": (changed(content_type="application/json", pairs=[], body=b"{}"), 415),
    "24 JSON, its hash wrong": (lambda p: replace(hashed_json(p), body=b"{}"), 403),
    "24 JSON, unsigned": (changed(content_type="application/json", body=b"{}", signatures=()), 403),
    "25 multipart, signed": (multipart, 415),
    "25 multipart, a field changed": (lambda p: replace(multipart(p), signatures=("x",)), 403),
    "25 multipart without an end": (changed(content_type=MULTIPART, body=b"--x\r\n", pairs=[]), 415),
    "26 no Content-Type": (changed(content_type=None), 415),
    "26 empty Content-Type": (changed(content_type=""), 415),
    "26 text/plain": (changed(content_type="text/plain"), 415),
    "26 no Content-Type, unsigned": (changed(content_type=None, signatures=()), 403),
    "27 said to be gzip": (header(("Content-Encoding", "gzip")), 415),
    "27 gzip bomb": (header(("Content-Encoding", "gzip"), body=gzip.compress(bytes(30_000_000))), 403),
    "28 64 KiB and a byte": (lambda p: replace(p, body=b"a" * 65537), 413),
    "28 a byte less than nothing": (header(("Content-Length", "-1"), length=False, body=b""), 400),
    "28 1 MiB announced and not sent": (header(("Content-Length", "1048576"), length=False, body=b""), 413),
    "28 1 MiB announced and not sent, unsigned": (
        header(("Content-Length", "1048576"), length=False, body=b"", signatures=()), 403),
    "28 1 MiB sent": (changed(body=bytes(1 << 20)), 413),
    "28 128 KiB in chunks": (chunked(b"20000\r\n" + b"a" * 0x20000 + b"\r\n0\r\n\r\n"), 413),
    "29 10,000 fields": (many(10_000), 413),
    "29 10,000 fields, unsigned": (lambda p: replace(many(10_000)(p), signatures=()), 403),
    "29 1,001 fields": (lambda p: many(1001 - len(p.pairs))(p), 413),
    "30 Content-Length and Transfer-Encoding": (header(("Transfer-Encoding", "chunked")), 400),
    "30 two lengths": (header(("Content-Length", "5")), 400),
    "31 an odd chunked": (header(("Transfer-Encoding", "\x0bchunked"), length=False), 400),
    "31 a folded header": (header(("X-Folded", "a\r\n b")), 400),
    "31 chunks that are none": (chunked(b"zz\r\n"), 400),
    "31 a body that ends early": (
        lambda p: replace(header(("Content-Length", "500"), length=False)(p), body=b"Body=Hel"), 403),
}  # fmt: skip
HUNG_UP = {"31 a body that ends early"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("row", ROWS)
def test_what_is_not_twilios_changes_nothing(web_alone: System, path: str, row: str) -> None:
    """Each row has its answer, a 403 tells nothing, Redis is not written to, and the process lives."""
    change, status = ROWS[row]
    before = dirty(web_alone)
    post = Post(web_alone.base, path, form("+15550610001", MessageStatus="sent"))
    got, headers, body = web_alone.exchange(change(post).raw(), row in HUNG_UP)

    assert got == status
    assert body == b"" or status != 403
    assert dirty(web_alone) == before
    if status == 405 and path == "/sms":
        assert headers["allow"] == "POST"


ODD_TARGETS = ["/sms/", "/SMS", "/sms;a=b", "/./sms", "/x/../sms", "/sms%00", "/status%20", "/sms%0d%0aX:1", "/status//",
               "/api//webhooks/sms", "/sms/%2e%2e/status", "*", "/" + "a" * 4000]  # fmt: skip


@pytest.mark.parametrize("target", ODD_TARGETS)
def test_only_the_route_itself_is_the_route(web_alone: System, target: str) -> None:
    """A path that is nearly a webhook's is no page here, and nobody is sent elsewhere by our answer."""
    before = dirty(web_alone)
    post = Post(web_alone.base, target, form("+15550610002"), headers=(("Host", "evil.example"),))
    status, headers, body = web_alone.exchange(post.raw())

    assert status in (400, 404)
    assert "location" not in headers
    assert b"evil" not in body
    assert dirty(web_alone) == before


def one_more(name: str, value: str) -> Callable[[Pairs], Pairs]:
    return lambda pairs: [*pairs, (name, value)]


def instead(name: str, value: str) -> Callable[[Pairs], Pairs]:
    return lambda pairs: [pair for pair in pairs if pair[0] != name] + ([(name, value)] if value else [])


REFUSED = {
    "33 no MessageSid": (instead("MessageSid", ""), "missing_field"),
    "33 blank MessageSid": (instead("MessageSid", " "), "missing_field"),
    "34 a path": (instead("MessageSid", "../../x"), "malformed_sid"),
    "34 10,000 long": (instead("MessageSid", "SM" + "0" * 10_000), "malformed_sid"),
    "34 another kind of SID": (instead("MessageSid", "CA" + "0" * 32), "malformed_sid"),
    "34 a letter too many": (instead("MessageSid", "SM" + "0" * 33), "malformed_sid"),
    "34 a line after it": (instead("MessageSid", "SM" + "0" * 32 + "\n"), "malformed_sid"),
    "34 other digits": (instead("MessageSid", "SM" + "\u0660" * 32), "malformed_sid"),
    "35 two MessageSids": (one_more("MessageSid", "SM" + "f" * 32), "repeated_sid"),
    "no From": (instead("From", ""), "missing_field"),
    "no To": (instead("To", ""), "missing_field"),
    "blank From": (instead("From", "  "), "missing_field"),
}  # fmt: skip


@pytest.mark.parametrize("path", ["/sms", "/whatsapp", "/status"])
@pytest.mark.parametrize(("change", "code"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_told_apart_is_400(
    web_alone: System, path: str, change: Callable[[Pairs], Pairs], code: str
) -> None:
    """Signed, but without a usable SID, From or To: 400 in the API's shape, and nothing is stored."""
    before = dirty(web_alone)
    pairs = change(form("+15550610003", MessageStatus="sent"))
    status, _, raw = web_alone.exchange(Post(web_alone.base, path, pairs).raw())
    error = json.loads(raw)["error"]

    assert (status, error["code"]) == (400, code)
    assert "1555" not in error["message"]
    assert dirty(web_alone) == before
