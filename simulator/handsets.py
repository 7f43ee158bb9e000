"""The customers' phones: their messages to Ringback, and the opt-out words Twilio answers itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from simulator.account import Account
from simulator.carrier import Carrier
from simulator.messages import API_VERSION, WHATSAPP, Exchange, Message, bare, new_sid, now_ms, segments_of
from simulator.store import Store
from simulator.twiml import BadAnswer, Reply, replies_in
from simulator.webhooks import Caller, Params

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})
STOP_ANSWER = (
    "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe."
)
START_ANSWER = (
    "You have successfully been re-subscribed to messages from this number. "
    "Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
HELP_ANSWER = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."

# What Twilio would know of where a number is registered; enough that the parameters look real.
PLACES = {"+1570": ("SCRANTON", "PA", "18503"), "+1415": ("SAN FRANCISCO", "CA", "94105")}


# WhatsApp's own words where they differ from ours; Twilio documents neither those of cards nor of reactions.
MESSAGE_TYPES = {"button": "interactive", "list": "interactive", "contact": "contacts"}


@dataclass(frozen=True, slots=True)
class Text:
    """What a customer sends. ``extra`` are further webhook parameters; they win over the usual ones."""

    sender: str  # bare, without whatsapp:
    to: str
    body: str
    channel: str = "sms"
    sid: str = ""  # given to repeat a delivery, or to choose the identifier
    media: tuple[tuple[str, str], ...] = ()
    profile_name: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    idempotency_token: str = ""
    kind: str = ""  # location, button, list, reaction, sticker or contact; "" where media or words say it


@dataclass(frozen=True, slots=True)
class Hook:
    """What stands in Twilio's console behind the webhook's address, ``rc=3&rp=ct,5xx``, and where it goes after."""

    overrides: str = ""
    fallback_url: str = ""


class Handsets:
    """Every customer's phone. What one sends reaches Ringback as a signed webhook."""

    def __init__(self, account: Account, store: Store, carrier: Carrier, caller: Caller) -> None:
        self._account = account
        self._store = store
        self._carrier = carrier
        self._caller = caller
        self.hook = Hook(fallback_url=account.fallback_url)

    def keep(self, text: Text) -> Message:
        """A customer's message that Ringback was given by another way: as after a webhook that was accepted."""

        def taken(m: Message) -> Message:
            return replace(m.moved("received", now_ms()), webhook="accepted")

        message = self._kept(text)
        return self._store.change(message.sid, taken) or message

    def _kept(self, text: Text) -> Message:
        """In the store, and answered by Twilio itself where it is an opt-out word."""
        known = self._store.get(text.sid) if text.sid else None
        message = known or self._store.add(self._inbound(text))
        if known is None:
            self._carrier.whatsapp.heard(message)
        if known is None and text.channel == "sms":
            self._opt(message)
        return message

    def receive(self, text: Text) -> Message:
        """A customer's message: kept, answered by Twilio itself where it is an opt-out word, and posted."""
        message = self._kept(text)
        params = self.parameters(message, text)
        path = "/whatsapp" if text.channel == "whatsapp" else "/sms"
        hook = self.hook
        overrides = f"#{hook.overrides}" if hook.overrides else ""
        attempts = self._caller.post(
            "webhook", self._account.signed_base + path + overrides, params, text.idempotency_token
        )
        if attempts[-1].error_code and hook.fallback_url:
            failed = [("ErrorCode", str(attempts[-1].error_code)), ("ErrorUrl", attempts[-1].url)]
            attempts += self._caller.post("webhook", hook.fallback_url, params + failed)
        return self._answered(message, attempts)

    def _inbound(self, text: Text) -> Message:
        prefix, now = (WHATSAPP if text.channel == "whatsapp" else ""), now_ms()
        return Message(
            sid=text.sid or new_sid("MM" if text.media and not prefix else "SM"),
            direction="inbound",
            sender=prefix + bare(text.sender),
            to=prefix + bare(text.to),
            body=text.body,
            status="receiving",
            created=now,
            updated=now,
            sent=now,
            segments=segments_of(text.body, text.channel),
            media=text.media,
            profile_name=text.profile_name,
            webhook="waiting",
            kind=text.kind,
            params=text.extra,
        )

    def parameters(self, message: Message, text: Text) -> Params:
        """Twilio's parameters of an inbound message, in no promised order."""
        given = {
            "From": message.sender,
            "To": message.to,
            "Body": message.body,
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsMessageSid": message.sid,
            "AccountSid": self._account.sid,
            "SmsStatus": "received",
            "NumMedia": str(len(message.media)),
            "NumSegments": str(message.segments),
            "ApiVersion": API_VERSION,
        }
        for index, (url, kind) in enumerate(message.media):
            given |= {f"MediaUrl{index}": url, f"MediaContentType{index}": kind}
        if self._account.service_sid:
            given["MessagingServiceSid"] = self._account.service_sid
        if message.channel == "whatsapp":
            given |= _whatsapp_parameters(message)
        else:
            given |= geography("From", message.sender) | geography("To", message.to)
        given |= dict(text.extra)
        return list(given.items())

    def _answered(self, message: Message, attempts: tuple[Exchange, ...]) -> Message:
        last, replies = attempts[-1], list[Reply]()
        if not last.error_code:
            try:
                replies = replies_in(last)
            except BadAnswer as bad:
                last = replace(last, error=str(bad), error_code=bad.code)
        exchanges = (*attempts[:-1], last)

        def step(m: Message) -> Message:
            moved = m.moved("received", now_ms())
            state = "failed" if last.error_code else "accepted"
            return replace(moved, webhook=state, exchanges=m.exchanges + exchanges)

        answered = self._store.change(message.sid, step) or replace(message, exchanges=exchanges)
        for reply in replies:
            self._reply(message, reply)
        return answered

    def _reply(self, message: Message, reply: Reply, author: str = "") -> None:
        if not author and self._carrier.blocked(message.to, message.sender):
            return  # 21610 in Twilio's debugger; the customer gets nothing
        now = now_ms()
        self._carrier.deliver(
            self._store.add(
                Message(
                    sid=new_sid("MM" if reply.media else "SM"),
                    direction="outbound-reply",
                    sender=message.to,
                    to=message.sender,
                    body=reply.body,
                    status="queued",
                    created=now,
                    updated=now,
                    segments=segments_of(reply.body, message.channel),
                    media=tuple((url, "application/octet-stream") for url in reply.media),
                    status_callback=reply.status_callback,
                    author=author,
                )
            )
        )

    def _opt(self, message: Message) -> None:
        """Twilio's default handling: it answers the opt-out words itself, once, and keeps the list."""
        word = message.body.strip().upper()
        if word in STOP_WORDS and self._store.opt(message.to, message.sender, out=True):
            self._reply(message, Reply(STOP_ANSWER), author="twilio")
        elif word in START_WORDS and self._store.opt(message.to, message.sender, out=False):
            self._reply(message, Reply(START_ANSWER), author="twilio")
        elif word in HELP_WORDS:
            self._reply(message, Reply(HELP_ANSWER), author="twilio")


def geography(side: str, number: str) -> dict[str, str]:
    city, state, postcode = PLACES.get(number[:5], ("", "", ""))
    country = "US" if number.startswith("+1") else ""
    return {f"{side}City": city, f"{side}State": state, f"{side}Zip": postcode, f"{side}Country": country}


def _whatsapp_parameters(message: Message) -> dict[str, str]:
    number = bare(message.sender)
    known = {"ProfileName": message.profile_name, "WaId": number.lstrip("+")}
    if not number.startswith("+"):  # a customer without a phone: Twilio gives the business-scoped id
        known = {"ProfileName": message.profile_name, "ExternalUserId": number}
    kind = message.shown_kind
    channel = {"type": "whatsapp", "data": {"context": known}}
    return known | {
        "MessageType": MESSAGE_TYPES.get(kind, kind),
        "ChannelMetadata": json.dumps(channel),
    }
