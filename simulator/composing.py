"""What a customer's phone can send, from the JSON that the page, the command line and tests write: words, files,
places, buttons, list choices, replies, reactions and cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.account import Account
from simulator.handsets import Text
from simulator.media import (
    SMS_MEDIA_MAX,
    WHATSAPP_IMAGE_MAX,
    WHATSAPP_TYPES,
    MediaStore,
    bare_type,
    twilio_path,
    uploaded_sid,
)
from simulator.messages import BODY_LIMIT, WHATSAPP, new_sid
from simulator.segments import utf16_units
from simulator.store import Store
from simulator.twilio_errors import WHATSAPP_ID, valid_address

# What only WhatsApp carries, and how the refusal of it on SMS begins.
WHATSAPP_ALONE = {
    "location": "SMS carries no places",
    "button": "SMS carries no buttons",
    "list": "SMS carries no lists",
    "reaction": "SMS carries no reactions",
    "reply_to": "SMS knows no replies to one message",
    "sticker": "SMS carries no stickers",
}
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:;{name};;;\r\nFN:{name}\r\nTEL;TYPE=CELL:{phone}\r\nEND:VCARD\r\n"


class BadControl(ValueError):
    """The request does not say what to do; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes texts out of JSON; files are those that were uploaded."""

    account: Account
    store: Store
    media: MediaStore

    def text_from(self, given: Any, origin: str) -> Text:
        """A customer's message from JSON {from, to?, body, channel?, message_sid?, media?, profile_name?, extra?, ...}.

        ``media`` is a list of {url, content_type}: what an upload answered, or any address; ``extra`` are webhook
        parameters that win over the usual ones; docs/twilio.md tells the rest. ``origin`` is where this server
        listens. Raises BadControl.
        """
        if not isinstance(given, dict) or not isinstance(given.get("body") or "", str):
            raise BadControl("send a JSON object with from and body")
        media, extra = given.get("media") or [], given.get("extra") or {}
        is_list = isinstance(media, list) and all(isinstance(m, dict) and "url" in m for m in media)
        if not isinstance(extra, dict) or not is_list:
            raise BadControl("media is a list of {url, content_type}, extra an object of parameters")
        channel, sender, to = self._ends(given)
        media = [*media, *self._card(given)]
        sid = str(given.get("message_sid") or "") or new_sid("MM" if media and channel == "sms" else "SM")
        kind, body, params = self._odd(given, sender if channel == "whatsapp" else "")
        return Text(
            sender=sender,
            to=to,
            body=str(given.get("body") or "") or body,
            channel=channel,
            sid=sid,
            media=tuple(self._medium(m, origin, sid) for m in media),
            profile_name=str(given.get("profile_name") or ""),
            extra=tuple({**params, **{str(k): str(v) for k, v in extra.items()}}.items()),
            idempotency_token=str(given.get("idempotency_token") or ""),
            kind=kind,
        )

    def _ends(self, given: Mapping[str, Any]) -> tuple[str, str, str]:
        """(channel, the customer's address, our number)."""
        account = self.account
        channel = given.get("channel", "sms")
        sender = str(given.get("from", "")).removeprefix(WHATSAPP)
        to = str(given.get("to") or account.numbers[0]).removeprefix(WHATSAPP)
        if channel not in ("sms", "whatsapp"):
            raise BadControl("channel is sms or whatsapp")
        if not valid_address(f"{WHATSAPP}{sender}" if channel == "whatsapp" else sender):
            raise BadControl("from must look like +15551234567")
        if to not in account.numbers:
            raise BadControl(f"to must be one of {', '.join(account.numbers)}")
        return channel, sender, to

    def _medium(self, given: Mapping[str, Any], origin: str, sid: str) -> tuple[str, str]:
        url, kind = str(given["url"]), str(given.get("content_type") or "")
        uploaded = uploaded_sid(url)
        if not uploaded:
            return url, kind or "image/jpeg"
        medium = self.media.find(uploaded)
        if medium is None:
            raise BadControl("A file is no longer here: choose it again.")
        return origin + twilio_path(self.account.sid, sid, uploaded), kind or medium.content_type

    def _card(self, given: Mapping[str, Any]) -> list[dict[str, str]]:
        """A contact is a file like others."""
        contact = given.get("contact")
        if not contact:
            return []
        name, phone = _words(contact, "contact", "name", 100), _words(contact, "contact", "phone", 40)
        data = CARD.format(name=_escaped(name), phone=_escaped(phone)).encode()
        medium = self.media.add(data, "text/vcard", f"{name}.vcf")
        return [{"url": f"/phone/media/{medium.sid}", "content_type": "text/vcard"}]

    def _odd(self, given: Mapping[str, Any], whatsapp_sender: str) -> tuple[str, str, dict[str, str]]:
        """(kind, words where none are given, parameters) of what is more than words and files."""
        params, kind, body = dict[str, str](), "", ""
        if button := given.get("button"):
            kind, body = "button", _words(button, "button", "text", 100)
            params |= _choice(body, str(button.get("payload") or body))
        if chosen := given.get("list"):
            kind, body = "list", _words(chosen, "list", "title", 100)
            listed = str(chosen.get("id") or body)
            params |= _choice(body, listed) | {"ListId": listed, "ListTitle": body}
            if chosen.get("description"):
                params["ListDescription"] = str(chosen["description"])
        if place := given.get("location"):
            kind, params = "location", params | _place(place)
        about = given.get("reply_to")
        if reaction := given.get("reaction"):
            kind, body = "reaction", _words(reaction, "reaction", "emoji", 20)
            about = reaction.get("to") or about
        if about:
            params |= self._about(str(about))
        if given.get("forwarded"):
            params["Forwarded"] = "true"
        if scoped := given.get("external_user_id"):
            if not whatsapp_sender or not WHATSAPP_ID.fullmatch(str(scoped)):
                raise BadControl("external_user_id goes with WhatsApp and looks like US.13491208655302741918")
            params["ExternalUserId"] = str(scoped)
        kind = kind or ("sticker" if given.get("sticker") else "contact" if given.get("contact") else "")
        return kind, body, params

    def _about(self, sid: str) -> dict[str, str]:
        message = self.store.get(sid)
        if message is None:
            raise BadControl("The message that this one is about is no longer there.")
        return {"OriginalRepliedMessageSid": sid, "OriginalRepliedMessageSender": message.sender}

    def text_of_phone(self, given: Any, origin: str) -> Text:
        """The same, and nothing that a phone could not send. Raises BadControl with a sentence for the page."""
        text = self.text_from(given, origin)
        self._check(given, text)
        return text

    def _check(self, given: Mapping[str, Any], text: Text) -> None:
        on_sms = text.channel == "sms"
        for name, refusal in WHATSAPP_ALONE.items():
            if on_sms and given.get(name):
                raise BadControl(f"{refusal}: choose WhatsApp.")
        if not (text.body.strip() or text.media or text.kind):
            raise BadControl("There is nothing to send: write something, or add a file.")
        if utf16_units(text.body) > BODY_LIMIT:
            raise BadControl(f"A message has {BODY_LIMIT} characters at most.")
        found = [self.media.find(url.rpartition("/")[2]) for url, _ in text.media]
        files = [medium for medium in found if medium]
        if len(text.media) > (10 if on_sms else 1):
            most = "10 files at most." if on_sms else "one file: send several messages."
            raise BadControl(f"A message carries {most}")
        if on_sms and sum(medium.size for medium in files) > SMS_MEDIA_MAX:
            raise BadControl("The files of one message have 5 MB at most in all.")
        for medium in files if not on_sms else ():
            if bare_type(medium.content_type) not in WHATSAPP_TYPES:
                raise BadControl(f"WhatsApp carries no files of the type {medium.content_type}.")
            if medium.content_type.startswith("image/") and medium.size > WHATSAPP_IMAGE_MAX:
                raise BadControl("A picture on WhatsApp has 5 MB at most.")


def _words(given: Any, what: str, name: str, most: int) -> str:
    value = given.get(name) if isinstance(given, dict) else None
    if not isinstance(value, str) or not 0 < len(value.strip()) <= most:
        raise BadControl(f"{what} needs {name}, a text of 1 to {most} characters")
    return value.strip()


def _choice(text: str, payload: str) -> dict[str, str]:
    return {"ButtonText": text, "ButtonPayload": payload, "ButtonType": "REPLY"}


def _place(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise BadControl("location needs latitude and longitude")
    params = {}
    for name, most in (("latitude", 90), ("longitude", 180)):
        value = given.get(name)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not -most <= value <= most:
            raise BadControl(f"{name} is a number of -{most} to {most}")
        params[name.title()] = str(value)
    told = {name.title(): str(given[name]) for name in ("address", "label") if given.get(name)}
    return params | told


def _escaped(text: str) -> str:
    """For a line of a vCard."""
    for mark in "\\,;":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.splitlines())
