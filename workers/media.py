"""What came with a turn's messages: fetched, looked into, written down, and shown to the model. Bounded in every way.

Within a turn, after its messages are in the history and before the model is asked. What was made of them is kept
(``session.media``), so that a redo or a retry fetches nothing twice but pictures, whose bytes are kept nowhere but in a
small shelf of this process. Nothing here fails a turn: what cannot be read is told to the model, and recorded.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from ai.enclosed import QUOTED_CHARS_MAX, Image, words
from ai.model_errors import ModelError
from ai.transcribe import NoTranscription, Transcriber
from config.settings import Settings
from session import languages, media, replied
from session.claims import Claim, ClaimLost, Waiting
from session.inbound import clean
from session.ledger import Ledger
from session.media import Attachment, CannotRead, Kind, Unread
from session.model import Direction, Media, Message
from workers import contact_cards, documents, halt, media_types
from workers.media_addresses import Addresses
from workers.media_fetch import Fetched, Fetcher, Resolve, resolved
from workers.media_room import Loan, Room, Shelf
from workers.why import Why

ITEMS_MAX = 10  # of one turn
IMAGE_BYTES_MAX = 5 * 1024 * 1024
FILE_BYTES_MAX = 16 * 1024 * 1024
SHOWN_BYTES_MAX = 8 * 1024 * 1024  # of pictures in one request
EARLIER_SHOWN_MAX = 2  # pictures of before, shown again: "what colour is it?"
EARLIER_MS = 3_600_000
# For fetching them again, where this process has them no more: they are not what was asked.
EARLIER_SECONDS = 3.0
# Of all turns of this process together, in transit or held for the model; a small machine has 512 MB.
HELD_BYTES_MAX = 48 * 1024 * 1024
SHELF_BYTES_MAX = 16 * 1024 * 1024
CARD_BYTES_MAX = 1024 * 1024  # a few contacts with their photographs
TEXT_CHARS_MAX = documents.TEXT_CHARS_MAX
DAY_MS = 86_400_000

_log = structlog.get_logger("media")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the model is shown: the messages with what was made of their media, and the pictures themselves."""

    history: list[Message]
    asked: list[Message]
    pictures: dict[tuple[str, int], Image]


class MediaReader:
    """One per process; its methods may be called from many threads at once."""

    def __init__(
        self, settings: Settings, transcriber: Transcriber | None, resolve: Resolve = resolved
    ) -> None:
        """``transcriber``: None where no server writes voice notes down. Connects to nothing yet."""
        key, secret = settings.twilio_api_key_sid, settings.twilio_api_key_secret
        token = settings.twilio_auth_token.get_secret_value()
        user, password = (
            (key, secret.get_secret_value()) if key and secret else (settings.twilio_account_sid, token)
        )
        self._fetcher = Fetcher(Addresses.of(settings), user, password, resolve)
        self._transcriber = transcriber
        self._settings = settings
        self._keep_ms = round(settings.media_retention_days * DAY_MS)
        self._shelf = Shelf(SHELF_BYTES_MAX)
        self._room = Room(HELD_BYTES_MAX)
        self._room.shed = self._shelf.clear

    def hear(
        self, ledger: Ledger, claim: Claim, waiting: Sequence[Waiting], ends_at: float, why: Why
    ) -> list[Waiting]:
        """A turn's messages with what was made of their media; where only a voice note came, its words are the message's.

        ``ends_at``: when the turn does (``time.monotonic()``'s). Raises ``ClaimLost`` or ``Halted``.
        """
        if not media.has_media(w.message for w in waiting):
            return list(waiting)
        until = self._until(ends_at)
        known, made, heard = self._known(ledger, claim, waiting), dict[int, str](), list[Waiting]()
        left = ITEMS_MAX
        for w in waiting:
            read = known.get(w.number, ())
            if w.message.media and not read:
                read = tuple(self._each(claim, w.message, left, until))
                left -= len(read)
                made[w.number] = media.encode(w.message.at, read, claim.fence)
            message = media.with_attachments(w.message, read) if read else w.message
            if not message.content.strip() and (said := media.spoken(message)):
                message = message._replace(content=said)
            heard.append(replace(w, message=message))
        if made:
            ledger.keep_media(claim, made, self._keep_ms)
        why.decide(f"came with: {_counted([w.message for w in heard])}")
        return heard

    def show(
        self,
        ledger: Ledger,
        claim: Claim,
        history: Sequence[Message],
        asked: Sequence[Message],
        ends_at: float,
    ) -> Shown:
        """What the model is shown of a conversation; ``asked`` as ``hear`` gave them. Raises ``ClaimLost`` or ``Halted``."""
        history = media.read_of(ledger.redis, claim.cid, history)
        until, pictures, left = self._until(ends_at), dict[tuple[str, int], Image](), SHOWN_BYTES_MAX
        since = claim.now() - EARLIER_MS
        answered = {m.extra.get("replied_to_sid") for m in asked} - {None, ""}
        earlier = [
            m for m in reversed(history)
            if m.direction is Direction.INBOUND and (m.at >= since or m.twilio_sid in answered)
        ]  # fmt: skip
        earlier.sort(key=lambda m: m.twilio_sid not in answered)
        soon = min(until, time.monotonic() + EARLIER_SECONDS)
        wanted = [(*each, until) for each in _pictures(asked)]
        wanted += [(*each, soon) for each in list(_pictures(earlier))[:EARLIER_SHOWN_MAX]]
        for message, place, count, by in wanted:
            if count <= left and (image := self._picture(claim, message, place, by)):
                pictures[message.id, place] = image
                left -= len(image.data)
        answering = [_answering(ledger, claim, message, history) for message in asked]
        return Shown(list(history), answering, pictures)

    def close(self) -> None:
        self._fetcher.close()
        if self._transcriber:
            self._transcriber.close()

    # Inside

    def _until(self, ends_at: float) -> float:
        """The model needs the time of one call."""
        settings = self._settings
        return min(time.monotonic() + settings.media_turn_seconds, ends_at - settings.model_timeout_seconds)

    def _known(
        self, ledger: Ledger, claim: Claim, waiting: Sequence[Waiting]
    ) -> dict[int, tuple[Attachment, ...]]:
        """What need not be read again, by message number."""
        stored = media.stored_of(ledger.redis, claim.cid, [w.message for w in waiting])
        read = {w.number: media.decode(stored[str(w.number)]) for w in waiting if str(w.number) in stored}
        return {number: each.attachments for number, each in read.items() if each.final(claim.fence)}

    def _each(self, claim: Claim, message: Message, left: int, until: float) -> Iterator[Attachment]:
        for place, one in enumerate(message.media):
            _check(claim)
            started = time.monotonic()
            found = Attachment(
                media_types.declared_kind(one.content_type), media_types.essence(one.content_type)
            )
            if place >= left:
                read = replace(found, error=Unread.TOO_MANY)
            elif found.kind is Kind.VIDEO:
                read = replace(found, error=Unread.NOT_SUPPORTED)  # so it need not be fetched
            else:
                read = self._one(found, message, place, until)
            told = {"error": read.error} if read.error else {}
            took_ms = round((time.monotonic() - started) * 1000)
            say = _log.warning if read.error else _log.info
            kind = str(read.kind)
            say("media_read", customer=claim.cid[:6], kind=kind, bytes=read.bytes, ms=took_ms, **told)
            yield read

    def _one(self, found: Attachment, message: Message, place: int, until: float) -> Attachment:
        one = message.media[place]
        try:
            with self._fetched(one, found.kind, until) as (fetched, loan):
                found = replace(found, bytes=len(fetched.data), name=fetched.name)
                kind, type = media_types.typed(fetched.data, one.content_type)
                found = replace(found, kind=kind, type=type)
                if kind is Kind.IMAGE:
                    self._shelf.put((message.id, place), _image(fetched.data, type, loan))
                    return found
                return self._written_down(found, fetched.data, until)
        except CannotRead as failed:
            return replace(found, error=failed.why)
        except Exception:  # noqa: BLE001  a file that breaks what looks into it is told as damaged
            _log.exception("media_not_read", kind=str(found.kind))
            return replace(found, error=Unread.UNREADABLE)

    @contextmanager
    def _fetched(self, one: Media, kind: Kind, until: float) -> Iterator[tuple[Fetched, Loan]]:
        """A file, and what it takes of the room until the block ends. Raises ``CannotRead``."""
        seconds = self._seconds(until)
        limit = IMAGE_BYTES_MAX if kind is Kind.IMAGE else FILE_BYTES_MAX
        loan = Loan(self._room, time.monotonic() + seconds)
        try:
            yield self._fetcher.fetch(one.url, limit, seconds, loan.take), loan
        finally:
            self._room.give(loan.held)

    def _seconds(self, until: float) -> float:
        """For one step. Raises ``CannotRead`` when the turn has none left for it."""
        seconds = min(self._settings.media_fetch_seconds, until - time.monotonic())
        if seconds <= 0:
            raise CannotRead(Unread.TOO_SLOW)
        return seconds

    def _written_down(self, found: Attachment, data: bytes, until: float) -> Attachment:
        """The words in it. Raises ``CannotRead``."""
        seconds = self._seconds(until)
        if found.kind is Kind.AUDIO:
            return self._transcribed(found, data, seconds)
        if found.kind is Kind.CONTACT:
            text = contact_cards.contacts(media_types.text(data[:CARD_BYTES_MAX]) or "")
        elif found.type == "application/pdf":
            text = _words_of_pdf(data, seconds)
        elif found.type == "text/plain":
            text = media_types.text(data[: 4 * TEXT_CHARS_MAX]) or ""
        else:
            raise CannotRead(Unread.NOT_SUPPORTED)
        text = clean(text).strip()[:TEXT_CHARS_MAX]
        if not text:
            raise CannotRead(Unread.NO_TEXT)
        return replace(found, text=text)

    def _transcribed(self, found: Attachment, data: bytes, seconds: float) -> Attachment:
        if self._transcriber is None:
            raise CannotRead(Unread.NO_TRANSCRIPTION)
        try:
            told = self._transcriber.transcribe(data, found.type, seconds)
        except NoTranscription:
            raise CannotRead(Unread.NO_TRANSCRIPTION) from None
        except ModelError as error:
            _log.warning("not_transcribed", reason=error.code)
            # An answer that is none is the server's fault, not the voice note's.
            raise CannotRead(Unread.UNAVAILABLE if error.retryable else Unread.UNREADABLE) from None
        said = clean(told.words).strip()
        if not said:
            raise CannotRead(Unread.NO_TEXT)
        return replace(found, text=said, language=languages.code(told.language) or languages.detect(said))

    def _picture(self, claim: Claim, message: Message, place: int, until: float) -> Image | None:
        """A picture that was looked at before, from the shelf or fetched again; None when it cannot be had."""
        if kept := self._shelf.get((message.id, place)):
            return kept
        _check(claim)
        try:
            with self._fetched(message.media[place], Kind.IMAGE, until) as (fetched, loan):
                kind, found = media_types.typed(fetched.data, message.media[place].content_type)
                if kind is not Kind.IMAGE:
                    return None
                image = _image(fetched.data, found, loan)
        except CannotRead as failed:
            _log.warning("picture_not_fetched_again", customer=claim.cid[:6], error=str(failed.why))
            return None
        self._shelf.put((message.id, place), image)
        return image


def _counted(messages: Sequence[Message]) -> str:
    """``2 image, 1 audio (too_large)``"""
    came = [each for message in messages for each in media.attachments(message)]
    counts = Counter(f"{each.kind} ({each.error})" if each.error else str(each.kind) for each in came)
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _image(data: bytes, found: str, loan: Loan) -> Image:
    """Raises ``CannotRead``."""
    if len(data) > IMAGE_BYTES_MAX:
        raise CannotRead(Unread.TOO_LARGE)  # it was said to be something else
    media_types.check_picture(data, found)
    image = Image(found, data)
    loan.keep(image)
    return image


def _pictures(messages: Sequence[Message]) -> Iterator[tuple[Message, int, int]]:
    """Pictures that may be shown: message, place and bytes."""
    for message in messages:
        for place, each in enumerate(media.attachments(message)):
            if each.kind is Kind.IMAGE and not each.error and place < len(message.media):
                yield message, place, each.bytes


def _words_of_pdf(data: bytes, seconds: float) -> str:
    try:
        return documents.text_of_pdf(data, seconds)
    except documents.NotRead as failed:
        raise CannotRead(Unread(failed.why)) from None


def _answering(ledger: Ledger, claim: Claim, message: Message, history: Sequence[Message]) -> Message:
    """The message with the earlier one that it answers, where it tells one."""
    sid = str(message.extra.get("replied_to_sid") or "")
    if not sid:
        return message
    known = (m for m in reversed(history) if m.twilio_sid == sid)
    answered = next(known, None) or replied.find(ledger, claim.cid, message.lane, sid)
    if answered is None:
        return message
    quoted = replied.described(answered._replace(content=words(answered)), QUOTED_CHARS_MAX)
    return message._replace(extra={**message.extra, media.ANSWERED: quoted})


def _check(claim: Claim) -> None:
    """Between two fetches: whether anybody waits for them still."""
    if halt.halted():
        raise halt.Halted
    if claim.lost.is_set():
        raise ClaimLost
