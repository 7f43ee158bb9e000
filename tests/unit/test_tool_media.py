"""Files that a tool gives along: what is taken for one, and what the model is told in its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.tool_media import FILES_MAX, Offered, Result, Sending, nowhere, taken
from ai.tools import Toolbox
from config.agents import Agent, Tool
from session.model import MEDIA_MAX, Answer, Media, ToolUse

URL = "https://flats.example.com/7/front.jpg"


def everything(offered: Sequence[Offered], seconds: float) -> Sequence[Sending]:
    """A channel that takes all there is."""
    return [Sending("goes.", Media(each.url, each.type)) for each in offered]


def result(*files: Any, **more: Any) -> Result:
    return taken(json.dumps({"media": list(files)} | more), everything, 1.0)


def test_a_file_goes_and_its_address_is_not_shown() -> None:
    """The file goes along with its type by its name, and the model reads what becomes of it, beside all else."""
    found = result({"url": URL}, rooms=2)

    assert (Media(URL, "image/jpeg"),) == found.media
    assert {"rooms": 2, "media": ["front.jpg goes."]} == json.loads(found.text)


def test_a_type_and_a_name_may_be_told() -> None:
    """What the tool says of type and name is believed as far as it is one."""
    found = result(
        {"url": "https://a.example.com/7", "type": "Application/PDF", "name": " The\nplan "},
        {"url": "https://a.example.com/8", "type": "text/html; x=y", "name": 5},
    )

    assert ["application/pdf", ""] == [each.content_type for each in found.media]
    assert ["The plan goes.", "8 goes."] == json.loads(found.text)["media"]


AS_IT_IS = [
    'not JSON, but "media" all the same',
    '{"media": "film, radio"}',
    '{"media": []}',
    '{"media": ["https://a.example.com/b.jpg"]}',
    '{"media": [{"title": "A film"}]}',
    '[{"media": [{"url": "https://a.example.com/b.jpg"}]}]',
    "[" * 5000 + '"media"',
]


@pytest.mark.parametrize("text", AS_IT_IS)
def test_what_has_no_files_stays_as_it_is(text: str) -> None:
    """A ``media`` of another kind is a part of the result like others."""
    assert Result(text) == taken(text, everything, 1.0)


NO_FILES = [
    "ftp://a.example.com/b", "javascript:alert(1)", "file:///etc/passwd", "https://", "https://u:p@a.example.com/b",
    "https://a.example.com:0/b", "https://a.example.com/b c", "https://a.example.com/\\b", "https://a.example.com/é", "",
    "https://a.example.com/" + "x" * 2000, "https://[::1", 5, None, ["https://a.example.com/b"],
]  # fmt: skip


@pytest.mark.parametrize("url", NO_FILES)
def test_addresses_that_are_none(url: Any) -> None:
    """What is no plain web address is not asked, and the model is told that it does not go."""
    found = result({"url": url, "name": "it"})

    assert () == found.media
    assert ["it cannot be sent: it has no address that begins with https://."] == json.loads(found.text)[
        "media"
    ]


def test_no_more_files_than_a_message_has() -> None:
    """Of many files ten go, of one tool and of all tools of a reply."""
    found = result(*({"url": f"https://a.example.com/{n}.jpg"} for n in range(50)))
    uses = tuple(ToolUse("t", {}, "", True, 1, media=found.media[n : n + 6]) for n in range(10))

    assert FILES_MAX == len(found.media)
    assert "there are too many files at once" in json.loads(found.text)["media"][-1]
    assert found.media == Answer("hi", {}, tools=uses).media
    assert FILES_MAX == MEDIA_MAX


def test_nobody_to_send_to() -> None:
    """Where files cannot be sent, the model is told."""
    assert ["front.jpg cannot be sent here."] == json.loads(
        taken(json.dumps({"media": [{"url": URL}]}), nowhere, 1).text
    )["media"]


def brochure() -> dict[str, Any]:
    """A tool of the tests' own."""
    return {"found": True, "media": [{"url": URL}], "notes": "x" * 20_000}


def test_a_tool_call_gives_its_files_again() -> None:
    """A long result is cut after its files were taken, and the same call made again gives the same files."""
    tool = Tool("brochure", "Pictures.", "python", f"{__name__}:brochure")
    box = Toolbox(Agent("a", "A", "I", "", (), tools=(tool,)), attach=everything)
    first, again = box.call("brochure", "{}"), box.call("brochure", "{}")

    assert (True, (Media(URL, "image/jpeg"),)) == (first.ok, first.media)
    assert first.media == again.media
    assert len(first.result.encode()) <= 8 * 1024 and URL not in first.result


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_no_result_is_too_odd(file: Any) -> None:
    """Whatever a tool gives, something is told and no more goes than was named."""
    found = taken(json.dumps({"media": [{"url": file, "name": file, "type": file}]}), everything, 1.0)

    assert 1 == len(json.loads(found.text)["media"])
    assert len(found.media) <= 1
