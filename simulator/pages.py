"""Lists of the REST API: which messages a query names, and Twilio's paging around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from simulator.messages import Message, parse_date
from simulator.twilio_errors import Refused

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1000
FILTERS = ("To", "From", "DateSent", "DateSent<", "DateSent>")


def page_of(
    newest_first: list[Message], path: str, query: Mapping[str, str]
) -> tuple[list[Message], dict[str, Any]]:
    """The messages of the page that ``query`` asks for, and the fields Twilio puts around them.

    Raises Refused for a date that is none.
    """
    asked = {name: query[name] for name in FILTERS if query.get(name)}
    size = min(max(_number(query.get("PageSize"), PAGE_SIZE_DEFAULT), 1), PAGE_SIZE_MAX)
    page = max(_number(query.get("Page"), 0), 0)
    found = [m for m in newest_first if _matches(m, asked)]
    skipped = page * size
    token = query.get("PageToken", "")
    if token:
        # The token, not the index, says where to go on: newer messages must not shift the pages.
        found, skipped = [m for m in found if m.seq < _number(token[2:], 0)], 0
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
    for name in FILTERS[2:]:
        if name not in asked:
            continue
        try:
            first, last = parse_date(asked[name])
        except ValueError as error:
            raise Refused(20001, 400, f"{name} is not a date") from error
        sent = message.sent // 1000
        inside = {"DateSent": first <= sent <= last, "DateSent>": sent >= first, "DateSent<": sent <= last}
        if not message.sent or not inside[name]:
            return False
    return True
