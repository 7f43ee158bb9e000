"""WhatsApp's typing indicator, which marks the customer's message as read, too: shown while a turn thinks.

It is a courtesy. A few threads ask for it behind the turns, none waits for it, and nothing comes of it where it fails.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import structlog

from config.settings import Settings
from session import whatsapp
from session.model import Channel, Customer, Message
from workers.twilio_http import NotConnected, OutcomeUnknown, Transport

MESSAGING_ORIGIN = "https://messaging.twilio.com"
PATH = "/v2/Indicators/Typing.json"
TIMEOUT_S = 2.0
THREADS = 4
WAITING_MAX = 32  # what comes on top is left out: by its turn the answer would be there
STALE_S = 5.0
# After a refusal of the account, or while nobody answers, it is left alone: most accounts either have it or do not.
REFUSED_PAUSE_S = 600.0
FAILED_PAUSE_S = 10.0

_log = structlog.get_logger("turn")


class Typing:
    """Safe for threads; its own start with the first customer on WhatsApp, and none of them keeps a process alive."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._on = settings.whatsapp_typing
        self._local = settings.twilio_is_local
        self._url = (settings.twilio_api_base_url or MESSAGING_ORIGIN) + PATH
        self._transport = Transport("", TIMEOUT_S, THREADS)
        key, secret = settings.twilio_api_key_sid, settings.twilio_api_key_secret
        token = settings.twilio_auth_token.get_secret_value()
        self._auth = (
            key or settings.twilio_account_sid,
            secret.get_secret_value() if key and secret else token,
        )
        self._clock = clock
        self._waiting: queue.Queue[tuple[float, str]] = queue.Queue(WAITING_MAX)
        self._lock = threading.Lock()
        self._threads = 0
        self._quiet_until = 0.0

    def begin(self, customer: Customer, asked: Message, now: int) -> None:
        """A turn begins to think about ``asked``. ``now``: Redis' time, ms. Returns at once and raises nothing."""
        # What a program made up, Twilio does not know, unless it is the local one, which was told.
        made_up = bool(asked.extra.get("simulated")) and not self._local
        if not self._on or asked.channel is not Channel.WHATSAPP or made_up or not asked.twilio_sid:
            return
        if self._clock() < self._quiet_until or not whatsapp.may_say(customer, asked.lane, now, [asked]):
            return
        try:
            self._start()
            self._waiting.put_nowait((self._clock(), asked.twilio_sid))
        except (queue.Full, RuntimeError):  # too many wait, or the system gives no more threads
            return

    def _start(self) -> None:
        """One more thread for each message until there are enough."""
        with self._lock:
            if self._threads == THREADS:
                return
            threading.Thread(target=self._work, name="typing", daemon=True).start()
            self._threads += 1

    def _work(self) -> None:
        while True:
            since, message_sid = self._waiting.get()
            if self._clock() - since < STALE_S and self._clock() >= self._quiet_until:
                self._ask(message_sid)

    def _ask(self, message_sid: str) -> None:
        try:
            form = {"channel": "whatsapp", "messageId": message_sid}
            status = self._transport.request("POST", self._url, data=form, auth=self._auth).status_code
        except (NotConnected, OutcomeUnknown):
            self._rest(FAILED_PAUSE_S, 0)
        except Exception as error:  # noqa: BLE001  a courtesy takes no thread with it
            _log.warning("typing_failed", error=type(error).__name__)
        else:
            if status in (401, 403):
                self._rest(REFUSED_PAUSE_S, status)
            elif status == 429 or status >= 500:
                self._rest(FAILED_PAUSE_S, status)

    def _rest(self, seconds: float, status: int) -> None:
        self._quiet_until = self._clock() + seconds
        _log.info("typing_refused", code=status, wait_seconds=seconds)
