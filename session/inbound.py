"""What is made of a message from outside, however it reached us: by webhook, or fetched from Twilio's list. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from session.address import Address
from session.model import Media, MessageType

BODY_MAX = 1600  # Twilio's own limit for a message
NAME_MAX = 100

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MEDIA_TYPES = {"image": MessageType.IMAGE, "audio": MessageType.AUDIO}


def clean(text: str) -> str:
    """The text without what no store, model or screen should see; words and blanks stay as they are."""
    return _CONTROL.sub("", text)


def kind_of(media: tuple[Media, ...]) -> MessageType:
    """What kind of message these come with: the first of them decides."""
    if not media:
        return MessageType.TEXT
    return _MEDIA_TYPES.get(media[0].content_type.split("/")[0].lower(), MessageType.DOCUMENT)


def why_not_answered(theirs: Address | None, ours: Address | None, our_numbers: Iterable[str]) -> str:
    """Why a message is kept for a person in place of being answered, or ''."""
    if theirs is None:
        return "not_an_address"  # a short code, a name, a withheld number: nobody to answer
    if ours is None or not ours.e164:
        return "not_our_number"
    if theirs.value in our_numbers or theirs.value == ours.value:
        return "own_number"  # answering ourselves would never end
    return ""
