"""What a file is, by its content and never by what it is called; and whether a picture has a bearable size. Pure."""

from __future__ import annotations

import codecs
import io
import struct

import imagesize  # type: ignore[import-untyped]

from session.media import CannotRead, Kind, Unread

SIDE_MAX = 12_000  # pixels
PIXELS_MAX = 50_000_000
TEXT_LOOKED_AT = 4096
# A photograph's size stands behind its notes, which are walked through one by one: in so many bytes.
HEAD_BYTES_MAX = 1024 * 1024

# What models look at; others are pictures that they are not shown.
SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
TEXTS = frozenset({"text/plain", "text/csv", "text/markdown", "application/json"})

_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"ID3\x02", "audio/mpeg"),  # a text may begin with the letters
    (b"ID3\x03", "audio/mpeg"),
    (b"ID3\x04", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xfa", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
    (b"fLaC", "audio/flac"),
    (b"caff\x00", "audio/x-caf"),
    (b"PK\x03\x04", "application/zip"),  # office documents among others
    (b"\xd0\xcf\x11\xe0", "application/msword"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_PICTURE_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis"})
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B "})
_MARKUP = ("<!doctype", "<html", "<svg", "<?xml", "<script", "<head", "<body", "<!--")


def declared_kind(content_type: str) -> Kind:
    """What a message says it came with."""
    main, _, rest = essence(content_type).partition("/")
    if rest in ("vcard", "x-vcard"):
        return Kind.CONTACT
    if main in ("image", "audio", "video"):
        return Kind(main)
    return Kind.DOCUMENT if rest else Kind.OTHER


def essence(content_type: str) -> str:
    """``image/png`` of ``Image/PNG; charset=x``; at most 80 characters."""
    return content_type.partition(";")[0].strip().lower()[:80]


def typed(data: bytes, declared: str) -> tuple[Kind, str]:
    """Kind and type of a file. Raises ``CannotRead`` for markup, and for what is not of the kind that it says."""
    kind, found = declared_kind(declared), _type(data, essence(declared))
    if found:
        main = found.partition("/")[0]
        if found == "text/vcard":
            return Kind.CONTACT, found
        return (Kind(main) if main in ("image", "audio", "video") else Kind.DOCUMENT), found
    said = text(data[:TEXT_LOOKED_AT])
    if said is not None and said.lstrip("\ufeff \t\r\n").lower().startswith(_MARKUP):
        raise CannotRead(Unread.WRONG_TYPE)  # pages and drawings may hold scripts: they are nobody's picture
    if kind in (Kind.IMAGE, Kind.AUDIO, Kind.CONTACT):
        raise CannotRead(Unread.WRONG_TYPE)
    if essence(declared) in TEXTS:
        if said is None:
            raise CannotRead(Unread.WRONG_TYPE)
        return Kind.DOCUMENT, "text/plain"
    return kind, essence(declared)


def check_picture(data: bytes, found: str) -> None:
    """Whether a model may be shown this. Raises ``CannotRead``."""
    if found not in SHOWN:
        raise CannotRead(Unread.NOT_SUPPORTED)
    try:
        width, height = imagesize.get(io.BytesIO(data[:HEAD_BYTES_MAX]))
    except (ValueError, OSError, struct.error, IndexError, KeyError, TypeError, OverflowError):
        raise CannotRead(Unread.UNREADABLE) from None
    if width < 1 or height < 1:
        raise CannotRead(Unread.UNREADABLE)
    if max(width, height) > SIDE_MAX or width * height > PIXELS_MAX:
        raise CannotRead(Unread.TOO_WIDE)


def text(data: bytes) -> str | None:
    """The words of a file or of its beginning: UTF-8, or as Windows writes them; None when it is no text."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        # Incremental: a character may be cut at the end.
        words = codecs.getincrementaldecoder("utf-16" if wide else "utf-8-sig")().decode(data)
    except UnicodeDecodeError:
        words = data.decode("cp1252", "replace")
    return None if "\0" in words else words


def _type(data: bytes, declared: str) -> str:
    """The type that the first bytes tell; '' for none that is known."""
    head = data[:16]
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12], declared)
    if head[:4] == b"\x1aE\xdf\xa3":
        return "audio/webm" if declared.startswith("audio/") else "video/webm"
    if b"%PDF-" in data[:1024]:
        return "application/pdf"
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # a text may begin with the letters
        return "image/bmp"
    found = next((name for beginning, name in _BEGINNINGS if data.startswith(beginning)), "")
    if not found and data[:200].lstrip(b"\xef\xbb\xbf \t\r\n").upper().startswith(b"BEGIN:VCARD"):
        return "text/vcard"
    return found


def _of_brand(brand: bytes, declared: str) -> str:
    """Of the family of MP4, which holds pictures, sound and films alike."""
    if brand in _PICTURE_BRANDS:
        return "image/heic"
    if brand in _SOUND_BRANDS or declared.startswith("audio/"):
        return "audio/mp4"
    return "video/mp4"
