"""As whom we may write and call: the numbers of the account, asked from Twilio and kept for minutes.

Verified caller IDs are for calls alone: Twilio sends no text from them (21606).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from config.settings import Settings
from console import wire
from session.model import Channel

KEPT_SECONDS = 300.0
CALL_SECONDS = 5.0  # each request
PAGES_MAX = 10
PAGE_SIZE = 1000
MESSAGING_ORIGIN = "https://messaging.twilio.com"

CHANNEL_WORDS = {Channel.SMS: "texts", Channel.WHATSAPP: "WhatsApp", Channel.VOICE: "calls"}


class TwilioAway(Exception):
    """Twilio's lists could not be read; the text continues "Twilio ..."."""


@dataclass(frozen=True, slots=True)
class Sender:
    """One number (E.164), and what may be sent from it."""

    number: str
    name: str
    uses: frozenset[Channel]
    kind: str  # "number of the account" or "verified caller ID"

    @property
    def verified_alone(self) -> bool:
        return self.kind == VERIFIED


OWN, VERIFIED = "number of the account", "verified caller ID"


class Senders:
    """The senders of our account. Safe for threads."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()  # one asks, the others wait for the answer
        self._known: tuple[Sender, ...] = ()
        self._until = 0.0

    def all(self) -> tuple[Sender, ...]:
        """Every sender, by number. Raises ``TwilioAway``."""
        with self._lock:
            if not self._known or self._clock() >= self._until:
                self._known = tuple(self._read())
                self._until = self._clock() + KEPT_SECONDS
            return self._known

    def find(self, number: str) -> Sender | None:
        """Raises ``TwilioAway``."""
        return next((sender for sender in self.all() if sender.number == number), None)

    def is_verified(self, number: str) -> bool:
        """Whether its owner has shown Twilio that it is theirs. Raises ``TwilioAway``."""
        sender = self.find(number)
        return sender is not None and sender.verified_alone

    # Inside

    def _read(self) -> Iterator[Sender]:
        settings = self._settings
        account = f"{settings.twilio_rest_origin}/2010-04-01/Accounts/{settings.twilio_account_sid}"
        own: dict[str, Sender] = {}
        for row in self._rows(f"{account}/IncomingPhoneNumbers.json", "incoming_phone_numbers"):
            own[row["phone_number"]] = Sender(row["phone_number"], _name(row), _uses(row), OWN)
        if service := settings.twilio_messaging_service_sid:
            # Texts go through the service, which takes no number that is not its own.
            own = {n: replace(sender, uses=sender.uses - {Channel.SMS}) for n, sender in own.items()}
            for number in self._of_service(service):
                known = own.get(number) or Sender(number, "", frozenset(), OWN)
                own[number] = replace(known, uses=known.uses | {Channel.SMS})
        whatsapp = settings.whatsapp_number
        known = own.get(whatsapp) or Sender(whatsapp, "", frozenset(), OWN)
        own[whatsapp] = replace(known, uses=known.uses | {Channel.WHATSAPP})
        yield from sorted(own.values(), key=lambda sender: sender.number)
        for row in self._rows(f"{account}/OutgoingCallerIds.json", "outgoing_caller_ids"):
            if row["phone_number"] not in own:
                yield Sender(row["phone_number"], _name(row), frozenset({Channel.VOICE}), VERIFIED)

    def _of_service(self, service: str) -> Iterator[str]:
        """The numbers that a Messaging Service sends from; short codes are on a list of their own and no sender here."""
        origin = self._settings.twilio_api_base_url or MESSAGING_ORIGIN
        for row in self._rows(f"{origin}/v1/Services/{service}/PhoneNumbers", "phone_numbers"):
            yield row["phone_number"]

    def _rows(self, url: str, name: str) -> Iterator[dict[str, Any]]:
        """Each row of a list of Twilio's that has a number, page by page."""
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        following: str | None = f"{url}?PageSize={PAGE_SIZE}"
        for _ in range(PAGES_MAX):
            page = self._page(following)
            rows = page.get(name)
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict) and isinstance(row.get("phone_number"), str):
                    yield row
            # Twilio's older lists name the path, its newer ones the whole address: the host is ours to choose.
            told = page.get("next_page_uri") or (page.get("meta") or {}).get("next_page_url")
            if not told:
                return
            parts = urlsplit(str(told))
            following = f"{origin}{parts.path}?{parts.query}"

    def _page(self, url: str | None) -> dict[str, Any]:
        assert url is not None
        settings = self._settings
        user, password = settings.twilio_account_sid, settings.twilio_auth_token
        if settings.twilio_api_key_sid and settings.twilio_api_key_secret:
            user, password = settings.twilio_api_key_sid, settings.twilio_api_key_secret
        try:
            answer = wire.call(url, CALL_SECONDS, headers=wire.basic(user, password.get_secret_value()))
        except wire.Unreachable as error:
            raise TwilioAway(str(error)) from None
        page = answer.json()
        if answer.status in (401, 403):
            raise TwilioAway("refuses our account; ringback doctor says more")
        if answer.status != 200 or not isinstance(page, dict):
            raise TwilioAway(f"answers {answer.status}")
        return page


def _name(row: dict[str, Any]) -> str:
    """What somebody called it in Twilio's console, where that is more than the number."""
    name = str(row.get("friendly_name") or "")
    return "" if name == row["phone_number"] else name


def _uses(row: dict[str, Any]) -> frozenset[Channel]:
    able = row.get("capabilities")
    able = able if isinstance(able, dict) else {}
    uses = {Channel.SMS: able.get("sms", True), Channel.VOICE: able.get("voice", True)}
    return frozenset(channel for channel, can in uses.items() if can)
