"""Twilio's signature: the URL that was signed, and whether a request carries the right one.

Source: Twilio's security page and the vectors of its own libraries. The signature is
HMAC-SHA1, in Base64, of the URL followed by the name and value of every field,
names in byte order, the values of a repeated field distinct and in order.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import parse_qs

_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>(?:[^@/?#]*@)?(?:\[[^\]/?#]*\]|[^:/?#]*))(?P<port>:\d*)?(?P<rest>.*)",
    re.DOTALL,
)
_BODY_HASH = "bodySHA256"


def signed_url(public_base_url: str, raw_target: str) -> str:
    """The URL that Twilio called: our configured origin and the request's target, byte for byte.

    ``raw_target`` is the WSGI server's ``RAW_URI``. Of a target in absolute form only
    what follows the host is used: the request does not say who we are.
    """
    match = _URL.fullmatch(raw_target)
    return public_base_url.rstrip("/") + (match["rest"] if match else raw_target)


def compute(token: str, url: str, params: Iterable[tuple[str, str]]) -> str:
    """The signature of a form POST; no ``params`` for GET and JSON. Repeated fields are given repeatedly."""
    return _sign(token, url, _fields(params))


def valid(
    tokens: Sequence[str],
    url: str,
    params: Iterable[tuple[str, str]],
    signature: str | None,
    body: bytes | None = None,
    settings: str | None = None,
) -> bool:
    """Whether ``signature`` (the header's value) is right under one of ``tokens``. Never raises.

    ``body`` is given for requests that are no form: they must carry its hash in the
    signed URL, and forms must not. ``settings`` is the X-Twilio-Webhooks-Signature-Settings
    header: other algorithms than HMAC-SHA1 go with keys that we do not hold.
    """
    given = _comparable(signature)
    if given is None or not _is_sha1(settings) or not _body_is_signed(url, body):
        return False
    fields = "" if body is not None else _fields(params)
    if _is_signed(tokens, url, fields, given):
        return True
    other = _other_port(url)
    return bool(other) and _is_signed(tokens, other, fields, given)


def _is_signed(tokens: Sequence[str], url: str, fields: str, given: bytes) -> bool:
    return any(hmac.compare_digest(_sign(token, url, fields).encode(), given) for token in tokens)


def _sign(token: str, url: str, fields: str) -> str:
    text = url + fields
    try:
        message = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        message = text.encode("utf-8", "surrogatepass")
    mac = _keyed(token).copy()
    mac.update(message)
    return base64.b64encode(mac.digest()).decode()


@lru_cache(maxsize=8)
def _keyed(token: str) -> hmac.HMAC:
    """Ready to be copied and fed: to set up the key costs more than to hash a form."""
    return hmac.new(token.encode(), digestmod=hashlib.sha1)


def _fields(params: Iterable[tuple[str, str]]) -> str:
    # Code points sort as their UTF-8 bytes do.
    return "".join(name + value for name, value in sorted(set(params)))


def _comparable(signature: str | None) -> bytes | None:
    """The header as bytes; ``None`` for what no signature can be: missing, empty or not ASCII."""
    if not signature or not signature.isascii():
        return None
    return signature.encode()


def _is_sha1(settings: str | None) -> bool:
    for part in settings.split(",") if settings else ():
        name, _, value = part.partition("=")
        if name.strip().lower() == "algorithm" and value.strip():
            return value.strip().upper() == "HMAC_SHA1"
    return True


def _body_is_signed(url: str, body: bytes | None) -> bool:
    if _BODY_HASH not in url:
        return body is None
    hashes = parse_qs(url.partition("?")[2].partition("#")[0]).get(_BODY_HASH, [])
    if body is None:
        return not hashes
    expected = hashlib.sha256(body).hexdigest().encode()
    return len(hashes) == 1 and hmac.compare_digest(hashes[0].encode("utf-8", "replace"), expected)


def _other_port(url: str) -> str:
    """``url`` without its port, or with its scheme's: Twilio keeps the port of some callbacks and not of others."""
    match = _URL.fullmatch(url)
    if match is None:
        return ""
    port = "" if match["port"] else _DEFAULT_PORTS[match["scheme"]]
    return f"{match['scheme']}://{match['host']}{port}{match['rest']}"
