"""Files that a tool gives along: ``{"media": [{"url": "https://...", "type": "image/png", "name": "flat.png"}], ...}``.

They are taken out of what the model is shown, which is told what becomes of them in their place: addresses are not
for it to repeat, and what cannot be sent must not be promised. Who sends them says what can be sent (``Attach``).
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ai import values
from session.model import Media

FIELD = "media"
FILES_MAX = 10  # of one result, and of one reply
URL_CHARS_MAX = 2000
NAME_CHARS_MAX = 100

_URL = re.compile(r"https?://[\x21-\x7e]+", re.IGNORECASE)
_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,80}")


@dataclass(frozen=True, slots=True)
class Offered:
    """A file as a tool names it. ``type``: a MIME type in lower case, as told or by the name; '' when neither says it."""

    url: str
    type: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """What becomes of one: it goes along as ``media``, as a ``link`` in the text, or not at all.

    ``told`` is a sentence for the model that goes on after the file's name.
    """

    told: str
    media: Media | None = None
    link: str = ""


# What becomes of each of some files, decided within so many seconds. Raises nothing.
Attach = Callable[[Sequence[Offered], float], Sequence[Sending]]

NOT_A_FILE = Sending("cannot be sent: it has no address that begins with https://.")
TOO_MANY = Sending("cannot be sent: there are too many files at once.")
NOWHERE = Sending("cannot be sent here.")


def nowhere(offered: Sequence[Offered], seconds: float) -> Sequence[Sending]:
    """Where there is nobody to send a file to."""
    return [NOWHERE] * len(offered)


@dataclass(frozen=True, slots=True)
class Result:
    """A tool's result as the model is shown it, and what goes along with the reply."""

    text: str
    media: tuple[Media, ...] = ()
    links: tuple[str, ...] = ()


def taken(text: str, attach: Attach, seconds: float) -> Result:
    """The result with its files taken out. What has no files, or a ``media`` of another kind, stays as it is."""
    found = _found(text)
    if found is None:
        return Result(text)
    record, files = found
    offered = [_offered(each) for each in files[:FILES_MAX]]
    known = [each for each in offered if each]
    decided = iter(attach(known, seconds))
    sendings = [next(decided, NOWHERE) if each else NOT_A_FILE for each in offered]
    sendings += [TOO_MANY] * (len(files) - len(sendings))
    names = [_name(each) for each in files]
    told = [f"{name} {sending.told}" for name, sending in zip(names, sendings, strict=True)][: FILES_MAX + 1]
    shown = {**record, FIELD: told}
    return Result(
        json.dumps(shown, ensure_ascii=False),
        tuple(sending.media for sending in sendings if sending.media),
        tuple(sending.link for sending in sendings if sending.link),
    )


def _found(text: str) -> tuple[dict[str, Any], list[Mapping[str, Any]]] | None:
    """The result as JSON, and the files in it; None where it has none."""
    if f'"{FIELD}"' not in text:
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    files = record.get(FIELD) if isinstance(record, dict) else None
    if not isinstance(files, list) or not files:
        return None
    return (record, files) if all(isinstance(file, dict) and "url" in file for file in files) else None


def _offered(file: Mapping[str, Any]) -> Offered | None:
    """A file whose address may be asked; its type as told, else by its name. None for anything else."""
    url = file["url"]
    if not isinstance(url, str) or len(url) > URL_CHARS_MAX or not _URL.fullmatch(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        fits = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return None
    told = str(file.get("type") or "").strip().lower()
    name = _name(file)
    kind = told if _TYPE.fullmatch(told) else mimetypes.guess_type(name)[0] or ""
    return Offered(parts._replace(fragment="").geturl(), kind, name) if fits else None


def _name(file: Mapping[str, Any]) -> str:
    """As told, else the last part of its address; cleaned, for the model reads it."""
    named = file.get("name")
    if not isinstance(named, str) or not named.strip():
        try:
            named = unquote(urlsplit(str(file["url"])).path).rpartition("/")[2]
        except ValueError:
            named = ""
    words = " ".join(values.cleaned(named).split())
    return words[:NAME_CHARS_MAX] or "A file"
