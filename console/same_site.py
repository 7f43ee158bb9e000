"""Whether a browser's request comes from our own pages, and where it may be sent. Pure.

Cookies say who somebody is, not what they meant: a foreign page can make a browser post to
us with them. Browsers say where a request comes from, and no page can make them lie.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers

_PORTS = {"http": 80, "https": 443}
_ROOMS = ("/console/", "/rq/")
_DOORS = ("/console/login", "/console/logout")
_PLAIN_PATH = re.compile(r"/[^\\\x00-\x20\x7f]*")

Origin = tuple[str, str, int]


def origin_of(url: str) -> Origin | None:
    """(scheme, host, port) of a URL; None for anything else, the word ``null`` too."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_known_host(host: str, public_base_url: str) -> bool:
    """Whether a Host header names us: as ``PUBLIC_BASE_URL`` does, or this very machine.

    Any other name is somebody else's that leads here, and its pages would count as ours.
    """
    named = origin_of(f"http://{host}")
    public = origin_of(public_base_url)
    return named is not None and (is_loopback(named[1]) or (public is not None and named[1] == public[1]))


def says_foreign(headers: Headers, host: str, public_base_url: str) -> bool:
    """Whether any of the three headers names a page that is not ours."""
    site = headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin"):
        return True
    told = headers.get("Origin") or headers.get("Referer")
    return told is not None and origin_of(told) not in _ours(host, public_base_url)


def says_ours(headers: Headers, host: str, public_base_url: str) -> bool:
    """Whether at least one of the headers names a page of ours, and none a foreign one."""
    told = any(headers.get(name) for name in ("Sec-Fetch-Site", "Origin", "Referer"))
    return told and not says_foreign(headers, host, public_base_url)


def _ours(host: str, public_base_url: str) -> set[Origin | None]:
    """Origins of our own pages. On this machine the scheme may be a local proxy's."""
    named = origin_of(f"http://{host}")
    local = named is not None and is_loopback(named[1])
    return {origin_of(public_base_url)} | ({origin_of(f"{s}://{host}") for s in _PORTS} if local else set())


def path_within(path: str, default: str) -> str:
    """``path`` when it is a page of ours to go to after signing in, else ``default``."""
    inside = path.startswith(_ROOMS) and not path.startswith(_DOORS)
    return path if inside and _PLAIN_PATH.fullmatch(path) and len(path) <= 1000 else default
