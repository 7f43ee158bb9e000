"""What becomes of a file that a tool gives along: whether the customer's channel takes it is known before anything is owed.

Twilio fetches the file itself, later, and a message that it cannot make of it is lost with its words. So its server is
asked here first, by HEAD: https alone, without credentials, never an address inside. What does not fit goes as a link
under the reply where the agent's file permits its host (``links``), else not at all; the model is told which.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpcore2
import httpx2

from ai import safety
from ai.bounded_http import BoundedTransport
from ai.tool_media import Offered, Sending
from config.settings import Settings
from session import address
from session.model import MEDIA_MAX, Channel, Lane, Media
from workers.media_addresses import REDIRECTS, REDIRECTS_MAX, Forbidden
from workers.media_fetch import Outward, Resolve, resolved

MB = 1024 * 1024
CONNECTIONS = 16
HEADERS_BYTES_MAX = 128 * 1024
EACH_SECONDS = 2.5
LINK_CHARS_MAX = 700  # ten of them fit into the parts of one reply; one that is cut leads nowhere

# MMS: https://www.twilio.com/docs/messaging/guides/accepted-mime-types
MMS_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif"})
MMS_BYTES_MAX = 5 * MB  # of one message's files together
MMS_OTHER_BYTES_MAX = 500 * 1024
MMS_OTHERS = frozenset(
    {
        "image/bmp", "image/tiff", "audio/basic", "audio/l24", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/3gpp",
        "audio/3gpp2", "audio/ac3", "audio/webm", "audio/amr", "audio/amr-nb", "video/mpeg", "video/mp4", "video/quicktime",
        "video/webm", "video/3gpp", "video/3gpp2", "video/h264", "text/vcard", "text/x-vcard", "text/csv", "text/rtf",
        "text/richtext", "text/calendar", "application/pdf",
    }
)  # fmt: skip
# Countries whose carriers take MMS from Twilio's numbers: the United States and Canada, Australia.
MMS_COUNTRIES = ("US", "CA", "AU")

WHATSAPP_BYTES_MAX = 16 * MB
WHATSAPP_PICTURE_BYTES_MAX = 5 * MB
_OFFICE = "application/vnd.openxmlformats-officedocument."
WHATSAPP_TYPES = frozenset(
    {
        "image/jpeg", "image/png", "audio/ogg", "audio/amr", "audio/3gpp", "audio/aac", "audio/mpeg", "video/mp4",
        "application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint", "text/vcard",
        "text/x-vcard", f"{_OFFICE}wordprocessingml.document", f"{_OFFICE}spreadsheetml.sheet",
        f"{_OFFICE}presentationml.presentation",
    }
)  # fmt: skip

GOES = "goes along with your reply: do not write its address."
ON_A_CALL = Sending("cannot be sent on a phone call: say what matters of it in words, and do not promise it.")


class Unfit(Exception):
    """``str()`` says why a file cannot be sent, in a few words."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file's own server says of it. ``bytes``: -1 where it does not say."""

    type: str
    bytes: int


class Attaching:
    """Safe for threads; connects to nothing yet."""

    def __init__(self, settings: Settings, resolve: Resolve = resolved) -> None:
        self._local = settings.twilio_is_local
        self._transport = BoundedTransport(CONNECTIONS, Outward(self._trusts, resolve))

    def to(self, lane: Lane | None, customer: str, links: tuple[str, ...]) -> Basket:
        """For the replies of one turn on ``lane`` to ``customer`` (an address' value); ``links`` as in the agent's file."""
        return Basket(self, lane.channel if lane else Channel.VOICE, customer, links)

    def seen(self, url: str, seconds: float) -> Seen:
        """What is at an address, redirects included. Raises ``Unfit``."""
        ends_at = time.monotonic() + seconds
        try:
            for _ in range(REDIRECTS_MAX + 1):
                self._check(url)
                response = self._asked(url, ends_at)
                if response.status_code not in REDIRECTS:
                    return _seen(response)
                url = urljoin(url, response.headers.get("location", ""))
        except (Forbidden, ValueError, httpx2.InvalidURL):
            raise Unfit("its address may not be used") from None
        except (
            httpx2.HTTPError,
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
        ):
            raise Unfit("its server does not answer") from None
        raise Unfit("its address leads nowhere")

    def _asked(self, url: str, ends_at: float) -> httpx2.Response:
        """By HEAD; where a server (or the signature in an address) permits GET alone, or does not say to HEAD how large
        it is, for the first byte."""
        response = self._ask("HEAD", url, ends_at)
        told = response.is_success and _size(response) > 0
        if response.status_code in REDIRECTS or told or response.status_code in (404, 410):
            return response
        return self._ask("GET", url, ends_at)

    def _ask(self, method: str, url: str, ends_at: float) -> httpx2.Response:
        """Below the client's level: that one logs addresses, keeps cookies and follows redirects. No body is read."""
        headers = {"User-Agent": "Ringback", "Accept": "*/*", "Accept-Encoding": "identity"}
        if method == "GET":
            headers["Range"] = "bytes=0-0"
        with self._transport.within(max(0.0, ends_at - time.monotonic()), HEADERS_BYTES_MAX):
            response = self._transport.handle_request(httpx2.Request(method, url, headers=headers))
            response.close()
            return response

    def _check(self, url: str) -> None:
        """Raises ``Forbidden`` for what is neither https nor, where Twilio is the local one, of this machine."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and self._trusts(parts.hostname or "", 0)):
            raise Forbidden
        if not parts.hostname or "@" in parts.netloc:
            raise Forbidden

    def _trusts(self, host: str, port: int) -> bool:
        """The local Twilio fetches from this machine, and a real one could not."""
        return self._local and _is_loopback(host)


@dataclass(slots=True)
class Basket:
    """``ai.tool_media.Attach`` for one turn: what fits goes in, as long as there is room."""

    attaching: Attaching
    channel: Channel
    customer: str
    links: tuple[str, ...]
    held: dict[str, int] | None = None  # address -> bytes, of what goes along

    def __call__(self, offered: Sequence[Offered], seconds: float) -> Sequence[Sending]:
        if self.channel is Channel.VOICE:
            return [ON_A_CALL] * len(offered)
        ends_at = time.monotonic() + seconds
        return [self._one(each, ends_at) for each in offered]

    def _one(self, file: Offered, ends_at: float) -> Sending:
        held = self.held = {} if self.held is None else self.held
        try:
            left = min(EACH_SECONDS, ends_at - time.monotonic())
            if left <= 0:
                raise Unfit("there was no time to look at it")
            if len(held) >= MEDIA_MAX and file.url not in held:
                raise Unfit("there are too many files at once")
            seen = self.attaching.seen(file.url, left)
            others = sum(size for url, size in held.items() if url != file.url)
            check(self.channel, self.customer, seen, others)
        except Unfit as unfit:
            if len(file.url) <= LINK_CHARS_MAX and safety.may_link(file.url, self.links):
                told = (
                    f"does not go as a file ({unfit}): its link is added under your reply, do not write it."
                )
                return Sending(told, link=file.url)
            return Sending(f"cannot be sent ({unfit}): do not promise it.")
        held[file.url] = seen.bytes
        return Sending(GOES, Media(file.url, seen.type))


def check(channel: Channel, customer: str, seen: Seen, others: int = 0) -> None:
    """Whether the channel takes such a file beside others of so many bytes. Raises ``Unfit``."""
    if channel is Channel.WHATSAPP:
        _check_size(
            seen, WHATSAPP_PICTURE_BYTES_MAX if seen.type.startswith("image/") else WHATSAPP_BYTES_MAX
        )
        if seen.type not in WHATSAPP_TYPES:
            raise Unfit("WhatsApp takes no files of this type")
        return
    if not address.served(customer, MMS_COUNTRIES):
        raise Unfit("text messages to this country carry no files")
    if seen.type not in MMS_PICTURES | MMS_OTHERS:
        raise Unfit("text messages carry no files of this type")
    most = MMS_BYTES_MAX if seen.type in MMS_PICTURES else MMS_OTHER_BYTES_MAX
    _check_size(seen, min(most, MMS_BYTES_MAX - others))


def _check_size(seen: Seen, most: int) -> None:
    if seen.bytes < 0:
        raise Unfit("its server does not say how large it is")
    if not 0 < seen.bytes <= most:
        raise Unfit("it is too large" if seen.bytes else "it is empty")


def _seen(response: httpx2.Response) -> Seen:
    if response.status_code in (404, 410):
        raise Unfit("it is not there")
    if not response.is_success:
        raise Unfit("its server does not give it")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Seen(kind, _size(response))


def _size(response: httpx2.Response) -> int:
    """Of the file, -1 where it does not say."""
    size = response.headers.get("content-length", "")
    if response.status_code == 206:  # of one byte: "bytes 0-0/52310"
        size = response.headers.get("content-range", "").rpartition("/")[2]
    return int(size) if size.isascii() and size.isdecimal() and len(size) < 16 else -1


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
