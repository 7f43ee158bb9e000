"""Twilio's signature: TWILIO.md section 1, and the vectors of Twilio's own libraries."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from werkzeug.datastructures import MultiDict

from ingress.signature import compute, signed_url, valid

VECTORS = json.loads((Path(__file__).parent / "signature_vectors.json").read_text(encoding="utf-8"))
TOKEN = VECTORS["token"]
URL = "https://bot.example.com/sms"
FORM = [("MessageSid", "SM" + "0" * 32), ("From", "+15551234567"), ("To", "+15550001111"), ("Body", "hi")]

fields = st.lists(
    st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
)
urls = st.builds(
    "{}://{}{}/{}{}".format,
    st.sampled_from(["https", "http"]),
    st.sampled_from(["bot.example.com", "10.0.0.1"]),
    st.sampled_from(["", ":443", ":80", ":8443"]),
    st.from_regex(r"[a-z0-9/%._~-]{0,20}", fullmatch=True),
    st.sampled_from(["", "?ref=a%2Fb", "?a=1&b=", "?x=%20+"]),
)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_twilios_own_vectors(vector: dict[str, Any]) -> None:
    """Every vector is valid under its token, and under no other token, URL, field or body."""
    params = [(name, value) for name, value in vector["params"]]
    body = vector["body"].encode() if "body" in vector else None
    url, signature = vector["url"], vector["sig"]

    assert valid([TOKEN], url, params, signature, body)
    assert valid(["another", TOKEN], url, params, signature, body)
    assert not valid(["another"], url, params, signature, body)
    assert not valid([], url, params, signature, body)
    assert not valid(
        [TOKEN], url.replace("my", "your").replace("test", "tset") + "/", params, signature, body
    )
    if body is None:
        assert signature == compute(TOKEN, url, params)
        assert not valid([TOKEN], url, [*params, ("Added", "1")], signature)
    else:
        assert not valid([TOKEN], url, params, signature, body + b" ")
        assert not valid([TOKEN], url, params, signature)


@given(urls, fields, st.booleans())
def test_twilios_library_agrees(url: str, params: list[tuple[str, str]], truthful: bool) -> None:
    """For any form, Twilio's own validator and ours give the same answer."""
    oracle, form = RequestValidator(TOKEN), MultiDict(params)
    signature = oracle.compute_signature(url, form) if truthful else compute("another", url, params)

    assert oracle.validate(url, form, signature) == valid([TOKEN], url, params, signature)


@pytest.mark.parametrize(
    ("configured", "called"),
    [
        ("https://bot.example.com/sms", "https://bot.example.com:443/sms"),
        ("https://bot.example.com:443/sms", "https://bot.example.com/sms"),
        ("http://bot.example.com/sms?a=1", "http://bot.example.com:80/sms?a=1"),
        ("https://bot.example.com:8443/voice", "https://bot.example.com/voice"),
        ("https://[::1]:8443/sms", "https://[::1]/sms"),
        ("https://[::1]/sms", "https://[::1]:443/sms"),
    ],
)
def test_the_port_may_be_signed_or_not(configured: str, called: str) -> None:
    """Twilio keeps the port for some callbacks and drops it for others: both are right."""
    assert valid([TOKEN], configured, FORM, compute(TOKEN, called, FORM))


def test_another_port_is_another_url() -> None:
    """Only the scheme's own port may come and go."""
    assert not valid([TOKEN], URL, FORM, compute(TOKEN, "https://bot.example.com:8443/sms", FORM))


@pytest.mark.parametrize(
    "signature",
    [None, "", " ", "None", "null", "0", "not base64!", "é" * 28, "\udcff", "=" * 28, "A" * 65536, "\x00"],
)
def test_an_odd_signature_is_wrong_and_no_error(signature: str | None) -> None:
    """Missing, empty, non-ASCII, enormous: the answer is no."""
    assert valid([TOKEN], URL, FORM, signature) is False


def test_two_headers_are_no_signature() -> None:
    """WSGI joins repeated headers with a comma: that is not the one signature asked for."""
    right = compute(TOKEN, URL, FORM)

    assert not valid([TOKEN], URL, FORM, f"{right},{right}")


@given(
    st.text(),
    st.lists(st.tuples(st.text(), st.text())),
    st.text(),
    st.none() | st.binary(),
    st.none() | st.text(),
)
def test_nothing_breaks_the_check(
    url: str, params: list[tuple[str, str]], signature: str, body: bytes | None, settings: str | None
) -> None:
    """Whatever arrives, the answer is yes or no, and here no."""
    assert valid([TOKEN], url, params, signature, body, settings) is False


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (None, True),
        ("", True),
        ("key=abc", True),
        ("key=abc,algorithm=HMAC_SHA1", True),
        ("algorithm=hmac_sha1", True),
        ("key=abc,algorithm=HMAC_SHA256", False),
        ("algorithm=ROT13", False),
    ],
)
def test_only_the_algorithm_we_hold_keys_for(settings: str | None, expected: bool) -> None:
    """A request that names another algorithm than HMAC-SHA1 is refused."""
    assert expected is valid([TOKEN], URL, FORM, compute(TOKEN, URL, FORM), settings=settings)


def test_a_form_carries_no_body_hash() -> None:
    """bodySHA256 belongs to bodies that are no form, which must have it: neither is passed off as the other."""
    hashed = f"{URL}?bodySHA256={'0' * 64}"

    assert not valid([TOKEN], hashed, FORM, compute(TOKEN, hashed, FORM))
    assert not valid([TOKEN], URL, [], compute(TOKEN, URL, []), b"{}")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/sms", "https://bot.example.com/sms"),
        ("/status?ref=a%2Fb%20c&x=", "https://bot.example.com/status?ref=a%2Fb%20c&x="),
        ("/sms?", "https://bot.example.com/sms?"),
        ("http://evil.example/sms?a=1", "https://bot.example.com/sms?a=1"),
        ("//evil.example/sms", "https://bot.example.com//evil.example/sms"),
        ("", "https://bot.example.com"),
    ],
)
def test_the_signed_url_is_ours_and_exact(target: str, expected: str) -> None:
    """Our configured origin, and the target byte for byte; the request does not say who we are."""
    assert expected == signed_url("https://bot.example.com", target)
    assert expected == signed_url("https://bot.example.com/", target)
