"""Fetching one picture, voice note or document from Twilio: bounded in bytes and time, and never from inside.

Redirects are followed by hand, so that each is judged (``media_addresses``) and none is shown our credentials. The name of
a host is looked up once, the numbers are judged, and one of those very numbers is connected to: a name that changes its
mind in between finds nobody. TLS and the Host header are the name's own.
"""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpcore2
import httpx2

from ai.bounded_http import BoundedTransport
from session.inbound import clean
from session.media import CannotRead, Unread
from workers.media_addresses import REDIRECTS, REDIRECTS_MAX, Addresses, Forbidden, Place, inward

CONNECTIONS = 64
ADDRESSES_TRIED = 3  # of one name; the first may be of a kind that this machine has no way to
HEADERS_BYTES_MAX = 256 * 1024  # of all the answers on the way
NAME_CHARS_MAX = 100

_NAME = re.compile(
    r"""filename\*\s*=\s*utf-8''([^;\s]+)|filename\s*=\s*(?:"([^"]*)"|([^;\s]+))""", re.IGNORECASE
)
_BETWEEN_FOLDERS = re.compile(r"[/\\]")

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """``name``: of the file, cleaned, as the answer tells it; '' without."""

    data: bytes
    name: str = ""


def resolved(host: str, port: int) -> Sequence[str]:
    """The numeric addresses of a name, by the system; nothing when there are none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Fetcher:
    """Fetches with the account's own credentials. Safe for threads; connects to nothing yet."""

    def __init__(self, addresses: Addresses, user: str, password: str, resolve: Resolve = resolved) -> None:
        self._addresses = addresses
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._transport = BoundedTransport(CONNECTIONS, Outward(addresses.trusts, resolve))

    def fetch(self, url: str, bytes_max: int, seconds: float, room: Callable[[int], None]) -> Fetched:
        """What is there, redirects included, within ``seconds``. ``room`` is told how much there will be at most
        before any of it is read. Raises ``CannotRead``, and whatever ``room`` raises.
        """
        try:
            with self._transport.within(seconds, bytes_max + HEADERS_BYTES_MAX):
                return self._follow(self._addresses.first(url), bytes_max, room)
        except Forbidden:
            raise CannotRead(Unread.FORBIDDEN) from None
        except (httpx2.TimeoutException, httpcore2.TimeoutException):
            raise CannotRead(Unread.TOO_SLOW) from None
        # Errors of the network's own level come when the answer's body is read.
        except (httpx2.HTTPError, httpx2.InvalidURL, httpcore2.NetworkError, httpcore2.ProtocolError):
            raise CannotRead(Unread.UNAVAILABLE) from None

    def close(self) -> None:
        self._transport.close()

    def _follow(self, place: Place, bytes_max: int, room: Callable[[int], None]) -> Fetched:
        for _ in range(REDIRECTS_MAX + 1):
            response = self._ask(place)
            try:
                if response.status_code not in REDIRECTS:
                    return _taken(response, bytes_max, room)
                place = self._addresses.after(place.url, response.headers.get("location", ""))
            finally:
                response.close()
        raise CannotRead(Unread.REFUSED)  # round and round

    def _ask(self, place: Place) -> httpx2.Response:
        """Below the client's level: that one logs addresses, keeps cookies and follows redirects."""
        headers = {"User-Agent": "Ringback", "Accept": "*/*", "Accept-Encoding": "identity"}
        if place.credentials:
            headers["Authorization"] = self._authorization
        return self._transport.handle_request(httpx2.Request("GET", place.url, headers=headers))


class Outward(httpcore2.NetworkBackend):
    """Connects to public addresses alone, and to hosts and ports that are trusted."""

    def __init__(self, trusts: Callable[[str, int], bool], resolve: Resolve) -> None:
        self._trusts = trusts
        self._resolve = resolve
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        numbers: Sequence[str] = (host,)
        if not self._trusts(host, port):
            numbers = self._resolve(host, port)
            if any(inward(number) for number in numbers):
                raise Forbidden
        numbers = numbers[:ADDRESSES_TRIED]
        share = timeout / len(numbers) if timeout and numbers else timeout
        failed: Exception = httpcore2.ConnectError()
        for number in numbers:
            try:
                return self._inner.connect_tcp(number, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed


def _taken(response: httpx2.Response, bytes_max: int, room: Callable[[int], None]) -> Fetched:
    """The body of the last answer. Raises ``CannotRead``."""
    status = response.status_code
    if status in (404, 410):
        raise CannotRead(Unread.GONE)
    if status == 429 or status >= 500:
        raise CannotRead(Unread.UNAVAILABLE)
    if status != 200 or response.headers.get("content-encoding", "identity").lower() != "identity":
        raise CannotRead(Unread.REFUSED)
    declared = response.headers.get("content-length", "")
    size = int(declared) if declared.isascii() and declared.isdecimal() and len(declared) < 20 else bytes_max
    if size > bytes_max:
        raise CannotRead(Unread.TOO_LARGE)
    room(size)
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > bytes_max:
            raise CannotRead(Unread.TOO_LARGE)
    return Fetched(bytes(body), file_name(response.headers.get("content-disposition", "")))


def file_name(disposition: str) -> str:
    """The name that a ``Content-Disposition`` header gives: the last part of a path, without what is no text."""
    found = _NAME.search(disposition[:1000])
    if not found:
        return ""
    told = unquote(found[1]) if found[1] else found[2] or found[3] or ""
    last = _BETWEEN_FOLDERS.split(told)[-1]
    return " ".join(clean(last).split())[:NAME_CHARS_MAX].strip(". ")
