"""A tool that is a web service: one request to a host that the agent's file fixes, one text back.

Arguments stand in path segments, in the query or in a JSON body, nowhere else. No redirect is followed, no
cookie kept, no proxy of the environment used. Secrets come from the environment, into headers alone, and are
taken out of what the service answers, should it repeat them. Neither the address with its arguments nor the
answer is ever logged.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpcore2
import httpx2

from ai.bounded_http import BoundedTransport
from config.agent_tools import PARAMETER, VARIABLE
from config.agents import Tool
from config.tool_check import tool_environment

CONNECTIONS = 64
ANSWER_BYTES_MAX = 256 * 1024
# What is told of an answer that is no success: its first words say why.
WHY_CHARS_MAX = 400
SECRET = "[secret]"
# What is shorter is a word like any other, and taking it out would only garble the answer.
SECRET_CHARS_MIN = 6

_TEXTS = re.compile(r"text/.+|application/(.+\+)?(json|xml)")


class HttpToolFailed(Exception):
    """``str()`` is a sentence for the model, without address, headers or secrets."""


def call(tool: Tool, arguments: Mapping[str, Any], seconds: float) -> str:
    """The text that the service answered within ``seconds``; ``HttpToolFailed`` otherwise."""
    secrets: list[str] = []
    headers = {
        "User-Agent": "Ringback",
        "Accept": "application/json, text/plain",
        "Accept-Encoding": "identity",  # so that the bound on bytes is one on memory
        **{name: _header(template, secrets) for name, template in tool.headers.items()},
    }
    try:
        request = httpx2.Request(
            tool.method,
            address(tool, arguments),
            headers=headers,
            json=_body(tool.body, arguments) if tool.body else None,
        )
    except (ValueError, httpx2.InvalidURL):
        raise HttpToolFailed("it is not set up well; somebody must look at its headers.") from None
    status, text = _exchanged(request, seconds)
    for secret in secrets:
        text = text.replace(secret, SECRET)
    if not 200 <= status < 300:
        why = " ".join(text.split())[:WHY_CHARS_MAX]
        raise HttpToolFailed(f"the service answered {status}" + (f": {why}" if why else "."))
    return text


def address(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """The address with the arguments in it; scheme and host are the file's own letters."""
    parts = urlsplit(tool.target)
    segments = [_filled(segment, arguments) for segment in parts.path.split("/")]
    if any(segment in (".", "..") for segment in segments):
        raise HttpToolFailed("an argument is not one that the service can know.")
    pairs = {name: _query_value(template, arguments) for name, template in tool.query.items()}
    query = urlencode({name: value for name, value in pairs.items() if value is not None})
    return f"{parts.scheme}://{parts.netloc}{'/'.join(segments)}" + (f"?{query}" if query else "")


def _filled(template: str, arguments: Mapping[str, Any]) -> str:
    for name in PARAMETER.findall(template):
        if name not in arguments:
            raise HttpToolFailed(f"{name} is missing: ask the customer for it.")
    return PARAMETER.sub(lambda match: quote(_text(arguments[match[1]]), safe=""), template)


def _query_value(template: str, arguments: Mapping[str, Any]) -> str | None:
    """None when a parameter in it was not given: the whole entry is left out."""
    if not all(name in arguments for name in PARAMETER.findall(template)):
        return None
    return PARAMETER.sub(lambda match: _text(arguments[match[1]]), template)


def _body(templates: Mapping[str, str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A lone "{name}" keeps its JSON type; an entry whose parameter was not given is left out."""
    body: dict[str, Any] = {}
    for key, template in templates.items():
        lone = PARAMETER.fullmatch(template)
        value = arguments.get(lone[1]) if lone else _query_value(template, arguments)
        if value is not None:
            body[key] = value
    return body


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _header(template: str, secrets: list[str]) -> str:
    """The header's value; what came from the environment is added to ``secrets``."""

    def from_environment(match: re.Match[str]) -> str:
        value = _environment().get(match[1], "").strip()
        if not (value and value.isascii() and value.isprintable()):
            raise HttpToolFailed("it is not set up: somebody must set a variable of the environment.")
        if len(value) >= SECRET_CHARS_MIN:
            secrets.append(value)
        return value

    return VARIABLE.sub(from_environment, template)


def _exchanged(request: httpx2.Request, seconds: float) -> tuple[int, str]:
    """Status and text. Below the client's level: that one logs addresses and keeps cookies."""
    transport = _transport()
    try:
        with transport.within(seconds, ANSWER_BYTES_MAX):
            response = transport.handle_request(request)
            try:
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise HttpToolFailed("the service answered something that is not plain text.")
                raw = response.read()
            finally:
                response.close()
    except httpx2.TimeoutException:
        raise HttpToolFailed(f"the service did not answer within {seconds:.3g} seconds.") from None
    # Errors of the network's own level come when the answer's body is read.
    except (httpx2.HTTPError, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException):
        raise HttpToolFailed("the service could not be reached, or answered too much.") from None
    kind = response.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    if raw and not _TEXTS.fullmatch(kind):
        raise HttpToolFailed("the service answered something that is not text.")
    return response.status_code, raw.decode("utf-8", "replace")


@functools.cache
def _transport() -> BoundedTransport:
    return BoundedTransport(CONNECTIONS)


@functools.cache
def _environment() -> Mapping[str, str]:
    """As it was when the first tool asked: processes read theirs once."""
    return tool_environment()
