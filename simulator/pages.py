"""Lists of the REST API: which messages or calls a query names, and Twilio's paging around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from simulator.calls import Call
from simulator.messages import Message, parse_date
from simulator.twilio_errors import Refused

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1000
FILTERS = ("To", "From", "DateSent", "DateSent<", "DateSent>")
CALL_FILTERS = (
    "To", "From", "Status", "ParentCallSid",
    "StartTime", "StartTime<", "StartTime>", "EndTime", "EndTime<", "EndTime>",
)  # fmt: skip


class Numbered(Protocol):
    @property
    def seq(self) -> int: ...


Row = TypeVar("Row", bound=Numbered)


def page_of(
    newest_first: list[Message], path: str, query: Mapping[str, str]
) -> tuple[list[Message], dict[str, Any]]:
    """The messages of the page that ``query`` asks for, and the fields Twilio puts around them.

    Raises Refused for a date that is none.
    """
    return _page(newest_first, path, query, FILTERS, _matches)


def page_of_calls(
    newest_first: list[Call], path: str, query: Mapping[str, str]
) -> tuple[list[Call], dict[str, Any]]:
    """The same of calls."""
    return _page(newest_first, path, query, CALL_FILTERS, _call_matches)


def _page(
    newest_first: list[Row],
    path: str,
    query: Mapping[str, str],
    filters: Sequence[str],
    matches: Callable[[Row, Mapping[str, str]], bool],
) -> tuple[list[Row], dict[str, Any]]:
    asked = {name: query[name] for name in filters if query.get(name)}
    size = min(max(_number(query.get("PageSize"), PAGE_SIZE_DEFAULT), 1), PAGE_SIZE_MAX)
    page = max(_number(query.get("Page"), 0), 0)
    found = [row for row in newest_first if matches(row, asked)]
    skipped = page * size
    token = query.get("PageToken", "")
    if token:
        # The token, not the index, says where to go on: newer messages must not shift the pages.
        found, skipped = [row for row in found if row.seq < _number(token[2:], 0)], 0
    shown, more = found[skipped : skipped + size], len(found) > skipped + size

    def uri(number: int, page_token: str = "") -> str:
        fields = {**asked, "PageSize": str(size), "Page": str(number)}
        return f"{path}?{urlencode(fields | ({'PageToken': page_token} if page_token else {}))}"

    return shown, {
        "start": page * size,
        "end": max(page * size + len(shown) - 1, 0),
        "page": page,
        "page_size": size,
        "first_page_uri": uri(0),
        "previous_page_uri": uri(page - 1) if page else None,
        "next_page_uri": uri(page + 1, f"PA{shown[-1].seq}") if more else None,
        "uri": uri(page, token),
    }


def single_page(path: str, count: int) -> dict[str, Any]:
    """The same fields around a list that always fits on one page."""
    uri = f"{path}?PageSize={PAGE_SIZE_DEFAULT}&Page=0"
    return {
        "start": 0,
        "end": max(count - 1, 0),
        "page": 0,
        "page_size": PAGE_SIZE_DEFAULT,
        "first_page_uri": uri,
        "previous_page_uri": None,
        "next_page_uri": None,
        "uri": uri,
    }


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() else default


def _matches(message: Message, asked: Mapping[str, str]) -> bool:
    if asked.get("To", message.to) != message.to or asked.get("From", message.sender) != message.sender:
        return False
    return _in_time(asked, "DateSent", message.sent)


def _call_matches(call: Call, asked: Mapping[str, str]) -> bool:
    has = {"To": call.to, "From": call.sender, "Status": call.status, "ParentCallSid": call.parent_sid}
    if any(asked.get(name, value) != value for name, value in has.items()):
        return False
    return _in_time(asked, "StartTime", call.created) and _in_time(asked, "EndTime", call.ended)


def _in_time(asked: Mapping[str, str], name: str, at_ms: int) -> bool:
    """Whether a moment passes the filters ``name``, ``name<`` and ``name>``; a moment that has not come passes none."""
    for bound in ("", "<", ">"):
        if name + bound not in asked:
            continue
        try:
            first, last = parse_date(asked[name + bound])
        except ValueError as error:
            raise Refused(20001, 400, f"{name + bound} is not a date") from error
        at = at_ms // 1000
        inside = {"": first <= at <= last, ">": at >= first, "<": at <= last}
        if not at_ms or not inside[bound]:
            return False
    return True
