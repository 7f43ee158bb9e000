"""A system whose customers send pictures, voice notes and documents, and what is made of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from simulator.model_request import Asked
from tests.flow import staff
from tests.flow.media_host import MediaHost, media_host
from tests.flow.mind import Mind
from tests.flow.system import System

TAKEN_S = 20  # media of a turn, longer than anything but the slow ones takes on a busy machine
OGG = b"OggS" + b"note " * 200
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + (
    b"\xff\xc0\x00\x11\x08\x00\x20\x00\x20\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01" + b"pixels " * 100
)


@pytest.fixture(scope="module")
def host() -> Iterator[MediaHost]:
    with media_host() as running:
        yield running


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, mind: Mind, host: MediaHost) -> Iterator[System]:
    """Every preset at its number; Twilio's API is the host of media, which hands the rest on to the local Twilio."""
    path = tmp_path_factory.mktemp("gallery")
    running = System(
        path, **staff.settings(staff.folder(path / "agents")),
        OPENAI_BASE_URL=f"{mind.origin}/v1", TWILIO_API_BASE_URL=host.origin,
        MEDIA_FETCH_SECONDS="8", MEDIA_TURN_SECONDS=str(TAKEN_S), MODEL_AWAY_SECONDS="1,2",
    )  # fmt: skip
    host.simulator = running.simulator
    try:
        yield running.start()
    finally:
        running.stop()


def sends(system: System, customer: str, *media: tuple[str, str], body: str = "", **more: Any) -> None:
    """A customer's message with these addresses and types."""
    came = [{"url": url, "content_type": kind} for url, kind in media]
    assert system.says(customer, body, media=came, **more).get("accepted")


def read(system: System, customer: str) -> list[dict[str, Any]]:
    """What the API says was made of the customer's media, oldest first."""
    staff.settled(system, customer)
    history = system.session(customer)["conversation_history"]
    return [each["read"] for m in history for each in m["metadata"].get("media", ()) if "read" in each]


def pictures(asked: Asked) -> list[tuple[str, bytes]]:
    """Type and bytes of the pictures in a request, in order."""
    found = []
    for item in asked.body["input"]:
        parts = item.get("content") if isinstance(item.get("content"), list) else []
        for url in (part["image_url"] for part in parts if part["type"] == "input_image"):
            head, _, data = url.partition(";base64,")
            found.append((head.removeprefix("data:"), base64.b64decode(data)))
    return found
