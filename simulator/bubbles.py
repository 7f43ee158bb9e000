"""A message as the phone page draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from simulator.media import PAGE_PATH, MediaStore, bare_type, medium_sid_in
from simulator.messages import Message

# Of a message that failed for its files, in words; Twilio's debugger has only the code.
MEDIA_FAULTS = {
    11200: "Twilio could not fetch this file.",
    11751: "This file is too large for a text message.",
    63019: "WhatsApp could not fetch this file.",
    63021: "WhatsApp does not carry a file like this.",
}


@dataclass(frozen=True, slots=True)
class Bubbles:
    """``media`` knows names and sizes."""

    media: MediaStore

    def of(self, message: Message) -> dict[str, Any]:
        webhook = next((e for e in reversed(message.exchanges) if e.kind == "webhook"), None)
        params = dict(message.params)
        return {
            "sid": message.sid,
            "seq": message.seq,
            "inbound": message.inbound,
            "channel": message.channel,
            "customer": message.customer,
            "ours": message.ours,
            "body": message.body,
            "status": message.status,
            "error_code": message.error_code or (webhook.error_code if webhook else 0),
            "error": webhook.error if webhook else "",
            "webhook": message.webhook,
            "created": message.created,
            "kind": message.shown_kind,
            "media": [self._medium(message, url, kind) for url, kind in message.media],
            "location": _location(params),
            "reply_to": params.get("OriginalRepliedMessageSid", ""),
            "template": message.content_sid,
            "read": message.read_at > 0,
            "author": message.author,
            "exchanges": len(message.exchanges),
        }

    def _medium(self, message: Message, url: str, kind: str) -> dict[str, Any]:
        """``url`` is what the page can show itself, ``link`` what it can only point to."""
        sid = medium_sid_in(url)
        medium = self.media.find(sid) if sid else None
        shown = {"url": "", "content_type": bare_type(kind), "name": "", "size": 0, "link": "", "error": ""}
        if medium:
            shown |= {"url": PAGE_PATH + medium.sid, "name": medium.name, "size": medium.size}
            return shown | {"content_type": bare_type(medium.content_type)}
        if sid:
            return shown | {"error": "This file is no longer here."}
        shown |= {"link": url, "name": unquote(urlsplit(url).path).rpartition("/")[2]}
        return shown | {"error": MEDIA_FAULTS.get(message.error_code or 0, "")}


def _location(params: dict[str, str]) -> dict[str, str] | None:
    if not (params.get("Latitude") and params.get("Longitude")):
        return None
    return {name.lower(): params.get(name, "") for name in ("Latitude", "Longitude", "Address", "Label")}
