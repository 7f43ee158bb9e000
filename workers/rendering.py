"""A reply's text as its channel shows it: models write Markdown, phones do not. Pure.

SMS: plain, and with the plain twin of every typographic mark, because one curly quote more than doubles what a text
costs. WhatsApp: its own marks. Voice: what can be spoken. Links are never altered, letters and emoji neither
(a phone call has none to speak).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

from session.model import Channel

Encoding = Literal["GSM-7", "UCS-2"]

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENSION = frozenset("\f^{}\\[~]|€")  # each takes two places
# One message alone holds the first number of places; in a chain each segment gives some to its header.
SEGMENT_PLACES: dict[Encoding, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}

_PLAIN_TWINS = str.maketrans(
    {
        **dict.fromkeys("“”„‟″〝〞", '"'),
        **dict.fromkeys("‘’‚‛‹›′`´ʼ", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("•◦▪▫●○■□‣⁃∙", "-"),
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t", " "),
        **dict.fromkeys("\u200b\u2060\ufeff\u00ad", None),
        "…": "...", "×": "x", "→": "->", "←": "<-", "⇒": "=>", "≤": "<=", "≥": ">=", "≈": "~", "½": "1/2", "¼": "1/4",
        "¾": "3/4", "™": "(TM)", "©": "(C)", "®": "(R)", "№": "No.", "ﬁ": "fi", "ﬂ": "fl", "\u2028": "\n", "\u2029": "\n",
    }
)  # fmt: skip

# Overrides of the writing direction can make a text read as another; plain marks of direction are needed in Arabic.
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f-\x9f]")

_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\[\]\"*`]+[^\s<>\[\]\"*`.,;:!?)'_]", re.IGNORECASE)
_FENCE = re.compile(r"^[ ]*```[\w-]*[ ]*$\n?", re.MULTILINE)
_MARKDOWN_LINK = re.compile(
    r"!?\[([^\[\]\n]{0,300})\]\(<?((?:[^\s()<>]|\([^\s()<>]*\))+)>?(?:\s+\"[^\"\n]*\")?\)"
)
_HEADING = re.compile(r"^[ ]{0,3}#{1,6}[ ]+(.+?)[ ]*#*[ ]*$", re.MULTILINE)
_RULE = re.compile(r"^[ ]{0,3}(?:(?:-[ ]*){3,}|(?:\*[ ]*){3,}|(?:_[ ]*){3,})$\n?", re.MULTILINE)
_QUOTE = re.compile(r"^[ ]{0,3}>[ ]?", re.MULTILINE)
_BULLET = re.compile(r"^([ ]*)[*+•◦▪●‣-][ \t]+", re.MULTILINE)
_TABLE_RULE = re.compile(r"^[ ]*\|?[ ]*:?-{2,}:?[ ]*(?:\|[ ]*:?-{2,}:?[ ]*)+\|?[ ]*$\n?", re.MULTILINE)
_TABLE_ROW = re.compile(r"^[ ]*\|(.+)\|[ ]*$", re.MULTILINE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_BOLD = re.compile(
    r"(?<![\w*])\*\*(?=[^\s*])(.+?)(?<=[^\s*])\*\*(?![\w*])|(?<!\w)__(?=[^\s_])(.+?)(?<=[^\s_])__(?!\w)"
)
_ITALIC = re.compile(
    r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?![\w*])|(?<!\w)_(?=[^\s_])([^_\n]+?)(?<=[^\s_])_(?!\w)"
)
_STRUCK = re.compile(r"(?<!~)~~(?=[^\s~])(.+?)(?<=[^\s~])~~(?!~)")
_CODE = re.compile(r"`+([^`\n]+)`+")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|>~-])")
_BOTH = re.compile(r"(?<![\w*])\*{3}(?=[^\s*])([^*\n]+)(?<=[^\s*])\*{3}(?![\w*])")
_PRIVATE = re.compile("[\ue000-\ue1ff]")
_ESCAPES = 0xE100
_GUILLEMETS = re.compile(r"«\s*|\s*»")


def render(text: str, channel: Channel) -> str:
    """``text`` for ``channel``; outer blanks and more than one empty line in a row are dropped."""
    text = _HIDDEN.sub("", unicodedata.normalize("NFC", text.replace("\r\n", "\n")))
    if channel is not Channel.WHATSAPP:
        text = _FENCE.sub("", text)
    text = _MARKDOWN_LINK.sub(_named_link, _BREAK.sub("\n", _TABLE_RULE.sub("", text)))
    text = _between_links(text, _STYLES[channel])
    if channel is Channel.VOICE:
        text = _speakable(text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip()


def segments(text: str) -> tuple[Encoding, int]:
    """How an SMS of ``text`` is encoded and how many segments it costs, at least 1.

    A character of two places never straddles two segments.
    """
    encoding: Encoding = "UCS-2"
    places = [2 if character > "\uffff" else 1 for character in text]
    if all(character in GSM7 or character in GSM7_EXTENSION for character in text):
        encoding, places = "GSM-7", [1 if character in GSM7 else 2 for character in text]
    alone, chained = SEGMENT_PLACES[encoding]
    if sum(places) <= alone:
        return encoding, 1
    count, used = 1, 0
    for size in places:
        if used + size > chained:
            count, used = count + 1, 0
        used += size
    return encoding, count


def _between_links(text: str, style: Callable[[str], str]) -> str:
    """``style`` applied around every link: an underscore within one is no mark."""
    links = _LINK.findall(text)
    # A private character stands for each link, so that marks around links are still seen as pairs.
    # So it does for each escaped mark, which is a letter and no mark.
    hidden = _LINK.sub("\ue000", _PRIVATE.sub("", text))
    styled = style(_ESCAPED.sub(lambda mark: chr(_ESCAPES + ord(mark[1])), _BOTH.sub(r"**\1**", hidden)))
    return _PRIVATE.sub(lambda c: links.pop(0) if c[0] == "\ue000" else chr(ord(c[0]) - _ESCAPES), styled)


def _named_link(link: re.Match[str]) -> str:
    name, address = link[1].strip(), link[2]
    return address if not name or name == address else f"{name}: {address}"


def _plain(text: str) -> str:
    # French puts blanks within its quotation marks; within plain ones they look lost.
    return _GUILLEMETS.sub('"', _without_marks(text)).translate(_PLAIN_TWINS)


def _without_marks(text: str) -> str:
    for mark, kept in (
        (_QUOTE, ""), (_RULE, ""), (_HEADING, r"\1"), (_BULLET, r"\1- "), (_BOLD, _inner), (_ITALIC, _inner),
        (_STRUCK, r"\1"), (_CODE, r"\1"), (_TABLE_ROW, _row),
    ):  # fmt: skip
        text = mark.sub(kept, text)
    return text


def _whatsapp(text: str) -> str:
    for mark, kept in (
        (_RULE, ""), (_HEADING, lambda m: f"*{_BOLD.sub(_inner, m[1])}*"), (_BULLET, r"\1- "),
        (_BOLD, lambda m: f"*{_inner(m)}*"), (_STRUCK, r"~\1~"), (_TABLE_ROW, _row),
    ):  # fmt: skip
        text = mark.sub(kept, text)
    return text


def _inner(match: re.Match[str]) -> str:
    return match[1] if match[1] is not None else match[2]


def _row(row: re.Match[str]) -> str:
    return ", ".join(cell.strip() for cell in row[1].split("|") if cell.strip())


def _speakable(text: str) -> str:
    """One line of sentences: a link is its host, and nothing is drawn."""
    text = _LINK.sub(lambda link: re.sub(r"^(?:https?://)?(?:www\.)?|[/?#].*$", "", link[0]), text)
    spoken = "".join(
        c for c in text if not (unicodedata.category(c) in ("So", "Sk", "Cs", "Co") or c in "\ufe0f\u200d")
    )
    lines = (re.sub(r"^- ", "", " ".join(line.split())) for line in spoken.splitlines())
    return " ".join(line if line[-1] in ".!?,;:؟،。" else f"{line}." for line in lines if line)


_STYLES: dict[Channel, Callable[[str], str]] = {
    Channel.SMS: _plain, Channel.WHATSAPP: _whatsapp, Channel.VOICE: _plain,
}  # fmt: skip
