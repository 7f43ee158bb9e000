"""A voice note's words, from the model's own server: ``POST {OPENAI_BASE_URL}/audio/transcriptions``.

Many compatible servers have no such endpoint; that is no outage, and said so. One request, bounded as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpcore2
import httpx2

from ai.bounded_http import BoundedTransport
from ai.dialect import parse_body
from ai.model_errors import ModelError, ModelFault, ModelUnavailable, from_status
from config.settings import Settings

OPENAI_ORIGIN = "https://api.openai.com/v1"
NO_KEY = "none"  # compatible servers without keys still want a header that is not empty
CONNECTIONS = 64
ANSWER_BYTES_MAX = 1024 * 1024
WORDS_CHARS_MAX = 4_000  # some five minutes

# Servers tell the format by the name of the file.
_SUFFIXES = {
    "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/wav": "wav", "audio/webm": "webm",
    "audio/flac": "flac", "audio/aac": "aac", "audio/amr": "amr", "audio/x-caf": "caf",
}  # fmt: skip
_NOT_OFFERED = frozenset({401, 403, 404, 405, 501})  # or not to our key


class NoTranscription(ModelError):
    """The server does not write voice notes down."""

    def __init__(self) -> None:
        reason = "the model's server has no transcription; check OPENAI_BASE_URL and OPENAI_TRANSCRIBE_MODEL"
        super().__init__(reason, code="no_transcription", retryable=False)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said. ``language``: the server's own word for it ("es", "spanish"), or ''."""

    words: str
    language: str = ""


def transcriber(settings: Settings) -> Transcriber | None:
    """Who writes voice notes down; None for the stand-in, which hears nothing."""
    if settings.ai_provider == "mock":
        return None
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else NO_KEY
    return Transcriber(key, settings.openai_base_url, settings.openai_transcribe_model)


class Transcriber:
    """Asks one server. Safe for threads; connects to nothing yet."""

    def __init__(self, api_key: str, base_url: str | None, model: str) -> None:
        self._url = f"{(base_url or OPENAI_ORIGIN).rstrip('/')}/audio/transcriptions"
        self._api_key = api_key
        self._model = model
        self._transport = BoundedTransport(CONNECTIONS)

    def transcribe(self, data: bytes, type: str, seconds: float) -> Transcript:
        """The words of a voice note of this MIME type. Raises ``NoTranscription``, ``ModelUnavailable`` or ``ModelFault``."""
        # Only Whisper tells the language, and other models refuse to be asked for it.
        form = "verbose_json" if "whisper" in self._model.lower() else "json"
        name = f"voice-note.{_SUFFIXES.get(type, 'bin')}"
        try:
            request = httpx2.Request(
                "POST",
                self._url,
                headers={"Authorization": f"Bearer {self._api_key}", "Accept-Encoding": "identity"},
                data={"model": self._model, "response_format": form},
                files={"file": (name, data, type)},
            )
        except (ValueError, httpx2.InvalidURL):
            raise ModelFault("the request for a transcription cannot be written") from None
        status, headers, body = self._exchanged(request, seconds)
        if status in _NOT_OFFERED:
            raise NoTranscription
        if status != 200:
            raise from_status(status, None, headers)
        told = parse_body(body)
        words, language = told.get("text"), told.get("language")
        if not isinstance(words, str):
            raise ModelFault("the transcription is not text", code="answer_does_not_fit", retryable=True)
        return Transcript(words.strip()[:WORDS_CHARS_MAX], language if isinstance(language, str) else "")

    def close(self) -> None:
        self._transport.close()

    def _exchanged(self, request: httpx2.Request, seconds: float) -> tuple[int, httpx2.Headers, bytes]:
        """Status, headers and body. Errors come without causes: those carry requests, and with them keys."""
        try:
            with self._transport.within(seconds, ANSWER_BYTES_MAX):
                response = self._transport.handle_request(request)
                try:
                    # Raw: what came packed would be unpacked without a bound.
                    return response.status_code, response.headers, b"".join(response.iter_raw())
                finally:
                    response.close()
        except (httpx2.TimeoutException, httpcore2.TimeoutException):
            reason = f"the transcription did not come within {seconds:.3g} seconds"
            raise ModelUnavailable(reason, code="model_timeout") from None
        except (httpx2.HTTPError, httpcore2.NetworkError, httpcore2.ProtocolError):
            raise ModelUnavailable("the connection to the model failed", code="model_unreachable") from None
