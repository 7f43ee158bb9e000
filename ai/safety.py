"""What may leave: a reply is looked at once more before it is owed to anybody. Pure.

A prompt holds one customer alone, so a reply can give away two things only: the text that instructs the model, and
what a stranger talked it into (links). A canary, an unspeakable word in each prompt, tells when either happened, and
when another customer's prompt was mixed in. Words are compared, not meanings: a paraphrase of the instructions passes.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import hmac
import html
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from ai.prompt import rules
from config.agent import Agent

CANARY_PREFIX = "rbk"
_CANARY_BODY, _CANARY_CHECK = (
    16,
    4,
)  # base-32 letters: of the customer, and of the check that tells a canary from words
_CANARY_LETTERS = CANARY_PREFIX + r"[a-z2-7]{20}"

# As many words of an instruction in a row are no accident. Facts, and what a file puts in quotation marks to be said,
# may be said in any length.
INSTRUCTION_WORDS_MAX = 7
# More than five parts hold is never sent, and expressions over a whole book would hold up every other turn.
REPLY_CHARS_LOOKED_AT = 10_000
_ADDRESSED = re.compile(
    r"\b(?:customers?|clients?|never|always|do not|don't|reply|replies|answers?|json|instructions?|you are|your (?:role|task|"
    r"job)|assistant|find out|say (?:so|only|that|plainly)|developer|messages of|cliente|nunca|siempre|responde|responda|"
    r"client|jamais|toujours|répondez|réponds|kunden?|niemals|immer|antworte|antworten sie|sempre|responde|العميل|العملاء|"
    r"أبدا|دائما|أجب)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\"[^\"\n]{1,400}\"|“[^”\n]{1,400}”|«[^»\n]{1,400}»|„[^“”\n]{1,400}[“”]")

_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\(\s*<?([^\s()<>]+(?:\([^\s()<>]*\))?[^\s()<>]*)>?[^)\n]*\)")
# Endings that phones make a link of without a scheme, short of those that are words after a full stop ("me", "it").
_ENDINGS = (
    "com|net|org|info|biz|io|ai|app|dev|shop|store|online|site|website|link|click|live|top|xyz|club|page|blog|cloud|"
    "tech|space|icu|ly|gl|gg|cc|tv|eu|uk|us|ca|au|de|fr|es|pt|br|mx|ar|nl|ch|ae|sa|eg|ma|cn|ru|pl|se|dk|ie|jp|kr|co|ws|ru"
)
_LINK = re.compile(
    r"(?<![\w@.])(?:[a-z][a-z0-9+.-]{1,15}:\\?/[/\\][^\s<>\"]+|www\.[^\s<>\"]+|javascript:[^\s<>\"]+|data:[a-z]+/[^\s<>\"]+|"
    rf"(?:[\w-]{{1,63}}\.)+(?:{_ENDINGS})(?![\w@-]|\.\w)(?:[/?#:][^\s<>\"]*)?|"
    r"(?:[\w-]{1,63}\.)+[a-z]{2,24}/[^\s<>\"]*|\d{1,3}(?:\.\d{1,3}){3}[/:][^\s<>\"]*)",
    re.IGNORECASE,
)
_AFTER_A_LINK = ".,;:!?)]}'*_»”"

# Characters that show nothing and can tear a word apart for a comparison.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]"
)
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}|(?:[0-9a-fA-F]{2}[\s:]?){12,}")
_ENCODED_MAX = 20


class Refused(Exception):
    """A reply that must not be sent; ``found`` says why in one word: canary, foreign_canary, instructions, nothing_left."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


def canary(key: str, cid: str) -> str:
    """The word of this customer ``cid``, the same in every turn: "rbk-" and 20 letters; ``key`` keeps it unguessable."""
    body = _letters(hmac.new(key.encode(), b"canary:" + cid.encode(), hashlib.sha256).digest(), _CANARY_BODY)
    return f"{CANARY_PREFIX}-{body}{_check(body)}"


def check_reply(agent: Agent, reply: str, canary: str) -> tuple[str, tuple[str, ...]]:
    """The reply to send, and what was mended in it: ``foreign_link``, ``too_long``.

    Raises ``Refused`` when a canary or a sentence of the agent's instructions, style or rules is in the reply, plain
    or encoded, or nothing is left to send.
    """
    reply = reply[:REPLY_CHARS_LOOKED_AT]
    views = list(_views(reply))
    for view in views:
        _refuse_canaries(view, canary)
    told = _instruction_runs(f"{agent.instructions}\n{agent.style}\n{rules(agent)}")
    if any(told & set(_runs(_words(view))) for view in views):
        raise Refused("instructions")
    found: list[str] = []
    kept = _without_foreign_links(reply, agent.links)
    if kept != reply:
        found.append("foreign_link")
    short = shorten(kept, agent.limits.reply_chars)
    if short != kept:
        found.append("too_long")
    if not any(letter.isalnum() for letter in short) and any(letter.isalnum() for letter in reply):
        raise Refused("nothing_left")
    return short, tuple(found)


def shorten(text: str, chars_max: int) -> str:
    """``text`` in at most ``chars_max`` characters (0: any number), ended at a sentence, else a word and three dots."""
    if not chars_max or len(text) <= chars_max:
        return text
    ends = [end.end() for end in re.finditer(r"[.!?؟。！？…](?=\s|$)", text[: chars_max + 1])]
    fitting = [end for end in ends if chars_max // 3 < end <= chars_max]
    if fitting:
        return text[: fitting[-1]]
    room = max(chars_max - 3, 0)
    words = text[: room + 1].rsplit(None, 1)
    cut = words[0] if len(words) == 2 and len(words[0]) <= room else text[:room]
    return (cut.rstrip(" ,;:-") + "...")[:chars_max]


def _views(reply: str) -> Iterator[str]:
    """The reply as it reads: plainly, backwards, shifted by 13 letters, escaped as in links and pages, and encoded."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", reply))
    yield plain
    yield plain[::-1]
    yield codecs.encode(plain, "rot13")
    yield html.unescape(unquote(plain))
    for run in _ENCODED.findall(plain)[:_ENCODED_MAX]:
        yield from _decoded(run)


def _decoded(run: str) -> Iterator[str]:
    hexadecimal = re.sub(r"[\s:]", "", run)
    if re.fullmatch(r"[0-9a-fA-F]+", hexadecimal):
        yield bytes.fromhex(hexadecimal[: len(hexadecimal) // 2 * 2]).decode("utf-8", "replace")
    letters = run.rstrip("=").replace("-", "+").replace("_", "/")
    # A quotation may begin anywhere within the four letters that stand for three bytes.
    for start in range(4):
        piece = letters[start:]
        piece = piece[: len(piece) // 4 * 4] if len(piece) % 4 == 1 else piece + "=" * (-len(piece) % 4)
        try:
            yield base64.b64decode(piece).decode("utf-8", "ignore")
        except (binascii.Error, ValueError):
            continue


def _refuse_canaries(view: str, own: str) -> None:
    """Letters alone are compared, so that blanks, dots and capitals hide nothing."""
    letters = "".join(letter for letter in view.casefold() if letter.isalnum())
    if own and "".join(letter for letter in own.casefold() if letter.isalnum()) in letters:
        raise Refused("canary")
    for found in re.finditer(f"(?=({_CANARY_LETTERS}))", letters):
        word = found[1][len(CANARY_PREFIX) :]
        if _check(word[:_CANARY_BODY]) == word[_CANARY_BODY:]:
            raise Refused("foreign_canary")


def _letters(digest: bytes, count: int) -> str:
    return base64.b32encode(digest).decode().lower()[:count]


def _check(body: str) -> str:
    return _letters(hashlib.sha256(b"canary:" + body.encode()).digest(), _CANARY_CHECK)


@lru_cache(maxsize=64)  # one text per agent
def _instruction_runs(instructions: str) -> frozenset[tuple[str, ...]]:
    """Every run of words that a sentence addressed to the model has and a reply must not."""
    sentences = re.split(
        r"(?<=[.!?؟])\s+|\n+", _QUOTED.sub(" \n", unicodedata.normalize("NFKC", instructions))
    )
    return frozenset(
        run for sentence in sentences if _ADDRESSED.search(sentence) for run in _runs(_words(sentence))
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("’", "'"))


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    size = INSTRUCTION_WORDS_MAX + 1
    return (tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def _without_foreign_links(reply: str, hosts: tuple[str, ...]) -> str:
    """Links to other hosts taken out, the name of a Markdown link left in its place."""

    def named(link: re.Match[str]) -> str:
        return link[0] if _host(link[2]) and may_link(link[2], hosts) else link[1]

    def bare(link: re.Match[str]) -> str:
        address = link[0].rstrip(_AFTER_A_LINK)
        if address.count("(") > address.count(")"):
            address = link[0][: len(address) + 1]  # a bracket of its own
        return link[0] if may_link(address, hosts) else "\ue000" + link[0][len(address) :]

    marked = _LINK.sub(bare, _MARKDOWN_LINK.sub(named, reply.replace("\ue000", "")))
    if "\ue000" not in marked:
        return marked
    # What led up to a link goes with it: brackets, a colon, the blank before.
    marked = re.sub(r"[(<\[]\s*\ue000\s*[)>\]]|\ue000", "\ue000", marked)
    marked = re.sub(r"\s*[:：]?\s*\ue000\s*(?=[.,;!?]|$|\n)", "", marked)
    return re.sub(r" {2,}", " ", marked.replace("\ue000", "")).strip()


def may_link(address: str, hosts: tuple[str, ...]) -> bool:
    """Whether the address is a web page of one of ``hosts`` or of a host below it."""
    host = _host(address)
    return any(
        host == ours or host.endswith("." + ours)
        for ours in (name.lower().strip(".") for name in hosts)
        if ours
    )


def _host(address: str) -> str:
    """The host that a phone would open: a backslash is a slash to it, and what stands before an @ is not the host."""
    address = address.replace("\\", "/")
    if not re.match(r"[a-z][a-z0-9+.-]*:", address, re.IGNORECASE) or re.match(r"[\w.-]+:\d", address):
        address = "https://" + address
    try:
        parts = urlsplit(address)
        return unquote(parts.hostname or "").lower().rstrip(".") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""
