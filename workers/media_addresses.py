"""From where media may be fetched: Twilio's own hosts, never an address inside. Pure.

The first address is Twilio's REST API (or TWILIO_API_BASE_URL, which stands in for it), and only there go credentials.
It answers with a redirect to a store of Twilio's, where they must not go. Each step is judged anew, by name here and by
number when it is connected to: a name of Twilio's that leads inward is refused too.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from config.settings import TWILIO_ORIGIN, Settings

REDIRECTS_MAX = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
URL_CHARS_MAX = 4000

_SUFFIXES = (".twilio.com", ".twiliocdn.com")
# A store of others, of which one folder is Twilio's.
_S3_HOST, _S3_FOLDER = "s3-external-1.amazonaws.com", "/media.twiliocdn.com/"
_PLAIN = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Forbidden(Exception):
    """It is nothing of Twilio's, or leads inward."""


@dataclass(frozen=True, slots=True)
class Place:
    """An address that may be asked. ``credentials``: it is the REST API, which may know who asks."""

    url: str
    credentials: bool = False


@dataclass(frozen=True, slots=True)
class Addresses:
    """What is allowed where ``origin`` is the REST API's. ``local``: it is a stand-in, and there is no other Twilio."""

    origin: str = TWILIO_ORIGIN
    local: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Addresses:
        return cls(_origin_of(urlsplit(settings.twilio_rest_origin)), settings.twilio_is_local)

    def first(self, url: str) -> Place:
        """Where a message's media are asked for. Raises ``Forbidden``."""
        parts = _parsed(url)
        if _origin_of(parts) in (TWILIO_ORIGIN, self.origin):
            # As every other call of the API: to the origin that stands in for it, at the same path.
            return Place(self.origin + parts._replace(scheme="", netloc="", fragment="").geturl(), True)
        return self._store(parts)

    def after(self, url: str, location: str) -> Place:
        """Where a redirect from ``url`` leads: never with credentials. Raises ``Forbidden``."""
        try:
            parts = _parsed(urljoin(url, location))
        except ValueError:
            raise Forbidden from None
        if _origin_of(parts) == self.origin:
            return Place(parts._replace(fragment="").geturl())
        return self._store(parts)

    def trusts(self, host: str, port: int) -> bool:
        """Whether this is the configured origin itself, which may be anywhere: it was set by whoever runs us."""
        parts = urlsplit(self.origin)
        return self.origin != TWILIO_ORIGIN and (host, port) == (parts.hostname, _port(parts))

    def _store(self, parts: SplitResult) -> Place:
        host, port = parts.hostname or "", _port(parts)
        ours = host.endswith(_SUFFIXES) or (host == _S3_HOST and parts.path.startswith(_S3_FOLDER))
        # A dot segment could leave the folder; the server, not we, would say whether it does.
        climbs = any(segment in ("..", ".") for segment in parts.path.lower().replace("%2e", ".").split("/"))
        if self.local or parts.scheme != "https" or port != 443 or not ours or climbs:
            raise Forbidden
        return Place(parts._replace(fragment="").geturl())


def inward(address: str) -> bool:
    """Whether a numeric address is anything but a public host's."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv6Address):
        # IPv6 that carries IPv4: what counts is where that leads.
        if ip in _NAT64:
            return inward(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip.ipv4_mapped:
            return inward(str(ip.ipv4_mapped))
        if ip.sixtofour or ip.teredo or ip.is_site_local:
            return True
    return not ip.is_global or ip.is_multicast or ip.is_reserved


def _parsed(url: str) -> SplitResult:
    """An address taken apart, if it is a plain one. Raises ``Forbidden``."""
    if len(url) > URL_CHARS_MAX or not _PLAIN.fullmatch(url) or "\\" in url:
        raise Forbidden
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Forbidden from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or "@" in parts.netloc or port == 0:
        raise Forbidden
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _origin_of(parts: SplitResult) -> str:
    """As origins are written: lower case, without the scheme's own port."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = _port(parts)
    usual = port == (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{port}"
