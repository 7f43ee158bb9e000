"""Fetching what Ringback sends along: the files behind MediaUrl, as Twilio fetches them before a message leaves."""

from __future__ import annotations

import http.client
import time
from urllib.parse import unquote, urlsplit

from simulator.account import Account
from simulator.media import (
    FILE_MAX,
    SMS_MEDIA_MAX,
    WHATSAPP_IMAGE_MAX,
    WHATSAPP_TYPES,
    MediaStore,
    Medium,
    bare_type,
    medium_sid_in,
    twilio_path,
)
from simulator.messages import Message
from simulator.webhooks import LOOPBACK

FETCH_S = 10.0
NOT_FETCHED = "application/octet-stream"  # what is known of a file before it was fetched

Pairs = tuple[tuple[str, str], ...]


class Unfetched(Exception):
    """A file that does not come, or does not go: ``code`` is Twilio's."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Collector:
    """Fetches from this machine only: what lies elsewhere is left as its address, and the message goes all the same."""

    def __init__(self, account: Account, media: MediaStore) -> None:
        self._account = account
        self._media = media

    def has_to_fetch(self, message: Message) -> bool:
        """Whether one of an outbound message's files is still only an address on this machine."""
        return not message.inbound and any(_is_here(url) for url, _ in message.media)

    def collect(self, message: Message) -> tuple[Pairs, int]:
        """The message's media, fetched, and 0; or the media as they were, and Twilio's code of what went wrong."""
        found: list[tuple[str, str]] = []
        total = 0
        try:
            for url, kind in message.media:
                if not _is_here(url):
                    found.append((url, kind))
                    continue
                medium = self._fetched(url, message.channel)
                total += medium.size
                path = twilio_path(self._account.sid, message.sid, medium.sid)
                found.append((path, medium.content_type))
            if message.channel == "sms" and total > SMS_MEDIA_MAX:
                raise Unfetched(11751)
        except Unfetched as failure:
            return message.media, failure.code
        return tuple(found), 0

    def _fetched(self, url: str, channel: str) -> Medium:
        missing = 63019 if channel == "whatsapp" else 11200
        try:
            data, kind = _got(url)
        except (OSError, http.client.HTTPException, ValueError):
            raise Unfetched(missing) from None
        if len(data) > FILE_MAX:
            raise Unfetched(63019 if channel == "whatsapp" else 11751)
        if channel == "whatsapp":
            too_large = kind.startswith("image/") and len(data) > WHATSAPP_IMAGE_MAX
            if bare_type(kind) not in WHATSAPP_TYPES or too_large:
                raise Unfetched(63021)
        name = unquote(urlsplit(url).path).rpartition("/")[2]
        return self._media.add(data, kind, name, source=url)


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in LOOPBACK and not medium_sid_in(url)


def _got(url: str) -> tuple[bytes, str]:
    """(bytes, type). Raises OSError, HTTPException or ValueError; no redirect is followed."""
    parts, ends = urlsplit(url), time.monotonic() + FETCH_S
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=FETCH_S)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError("not there")
        data = bytearray()
        while chunk := answer.read1(64 * 1024):
            data += chunk
            if len(data) > FILE_MAX or time.monotonic() > ends:
                break
        return bytes(data), answer.getheader("Content-Type", NOT_FETCHED)
    finally:
        connection.close()
