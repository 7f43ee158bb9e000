"""What came with a message beside its words, as an operator is told it: pictures, voice notes, places, buttons. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from config.settings import TWILIO_ORIGIN
from session import media
from session.model import Direction, Message

_CHOSEN = (("button_text", "Tapped"), ("list_title", "Chose"))


@dataclass(frozen=True, slots=True)
class Came:
    """One of them. ``link`` leads to Twilio, which asks for a sign-in where the account wants one; '' without."""

    line: str
    text: str = ""  # the customer's words in it
    link: str = ""


def described(message: Message, twilio_origin: str) -> list[Came]:
    """All that came, in order. ``twilio_origin``: where media are linked to, beside Twilio's own."""
    read = media.attachments(message)
    found = []
    for place, one in enumerate(message.media):
        # What we sent is where a tool of ours said; what came is at Twilio.
        sent = message.direction is Direction.OUTBOUND and one.url.startswith("https://")
        link = one.url if sent or _origin(one.url) in (TWILIO_ORIGIN, twilio_origin) else ""
        if place >= len(read):
            found.append(Came(f"Attached: {one.content_type or 'a file'}", link=link))
            continue
        each = read[place]
        told = [each.name, each.type or one.content_type, media.size(each.bytes)]
        line = f"{media.what(each, message.channel).capitalize()}: {', '.join(part for part in told if part)}"
        found.append(Came(f"{line}; not read: {each.why}" if each.error else line, each.text, link))
    return [*found, *_beside(message)]


def _beside(message: Message) -> list[Came]:
    extra = message.extra
    found = [Came(f"{word} “{extra[name]}”") for name, word in _CHOSEN if extra.get(name)]
    if extra.get("latitude") and extra.get("longitude"):
        where = [extra.get("label"), extra.get("address"), f"{extra['latitude']}, {extra['longitude']}"]
        found.append(Came("Place: " + ", ".join(str(part) for part in where if part)))
    if extra.get("forwarded"):
        found.append(Came("Forwarded from elsewhere"))
    if extra.get("referral_headline"):
        found.append(Came(f"Came from the advertisement “{extra['referral_headline']}”"))
    return found


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"
