"""The words of a voice note: what the server that writes them down may answer, and what is made of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ai.model_errors import ModelError, ModelFault, ModelUnavailable
from ai.transcribe import WORDS_CHARS_MAX, NoTranscription, Transcriber, Transcript
from tests.flow.own_server import Answer, served

PATIENCE_S = 10.0


class Ear:
    """The server's next ``answer``."""

    def __init__(self) -> None:
        self.origin = ""
        self.answer: Answer = (200, {}, b"{}")

    def hear(self) -> Transcript:
        transcriber = Transcriber("key", f"{self.origin}/v1", "whisper-1")
        try:
            return transcriber.transcribe(b"OggS", "audio/ogg", PATIENCE_S)
        finally:
            transcriber.close()


@pytest.fixture(scope="module")
def ear() -> Iterator[Ear]:
    found = Ear()
    with served(lambda *asked: found.answer) as found.origin:
        yield found


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        ({"text": " Hola ", "language": "spanish"}, Transcript("Hola", "spanish")),
        ({"text": "", "language": 7}, Transcript("")),
        ({"text": "x" * 9_000}, Transcript("x" * WORDS_CHARS_MAX)),
    ],
)
def test_what_was_said(ear: Ear, told: dict[str, Any], heard: Transcript) -> None:
    """Its words, cut, and the language where the server has one."""
    ear.answer = (200, {}, json.dumps(told).encode())

    assert heard == ear.hear()


@pytest.mark.parametrize(
    ("status", "body", "error", "retryable"),
    [
        (404, b"", NoTranscription, False),
        (401, b"", NoTranscription, False),
        (403, b'{"error": {"code": "model_not_found"}}', NoTranscription, False),
        (400, b"", ModelFault, False),
        (429, b"", ModelUnavailable, True),
        (500, b"", ModelUnavailable, True),
        (200, b"<html>", ModelFault, True),
        (200, b"[]", ModelFault, True),
        (200, b'{"text": {"a": 1}}', ModelFault, True),
    ],
)
def test_what_is_no_transcription(
    ear: Ear, status: int, body: bytes, error: type[ModelError], retryable: bool
) -> None:
    """A server without one, or not for our key, is told from one that fails, and that from a voice note that is none."""
    ear.answer = (status, {}, body)
    with pytest.raises(error) as failed:
        ear.hear()

    assert retryable is failed.value.retryable


def test_a_packed_answer_is_not_unpacked(ear: Ear) -> None:
    """We ask for none, and unpacked it would have no bound."""
    ear.answer = (200, {"Content-Encoding": "gzip"}, gzip.compress(json.dumps({"text": "words"}).encode()))
    with pytest.raises(ModelFault):
        ear.hear()
