"""Reading the tools of an agent's file: a Python function, or one fixed place on the web."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal
from urllib.parse import urlsplit

from config.agent import PLAIN_TYPES, EntityField, Tool
from config.agent_entities import NAME, read_fields
from config.agent_table import Table

TOOLS_MAX = 16
# A turn has 60 seconds, of which each call of the model may take 20.
TIMEOUT_SECONDS_MAX = 15.0
DESCRIPTION_CHARS_MAX = 1000
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
PARAMETER = re.compile(r"(?<!\$)\{([a-z][a-z0-9_]*)\}")
_PYTHON = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
# Those that say where a request goes and how long it is are not the file's to set.
_OWN_HEADERS = {"host", "content-length", "content-type", "transfer-encoding", "connection"}
_IN_PATH = ("string", "integer", "enum", "date")


def read_tools(table: Table) -> tuple[Tool, ...]:
    """Every [[tools]] of the file."""
    tools = tuple(_read_tool(inner) for inner in table.tables("tools", "tool"))
    if len(tools) > TOOLS_MAX:
        table.fault(f"it has {len(tools)} tools; an agent has at most {TOOLS_MAX}.", f"tools.{TOOLS_MAX}")
    table.distinct([tool.name for tool in tools], "tools", "the name")
    return tools


def _read_tool(table: Table) -> Tool:
    table.only(
        "name", "description", "python", "http", "parameters", "timeout_seconds", "method", "headers",
        "query", "body",
    )  # fmt: skip
    name = table.text("name", required=True)
    if name and not NAME.fullmatch(name):
        table.fault("the name must be like order_status: lower-case letters, digits and _.", "name")
    kind = _kind(table)
    tool = Tool(
        name=name,
        description=table.text("description", required=True, chars_max=DESCRIPTION_CHARS_MAX),
        kind=kind,
        target=table.text(kind),
        parameters=read_fields(table, "parameters", "parameter", PLAIN_TYPES),
        timeout_seconds=_timeout(table),
        method=table.text("method").upper() or "GET",
        headers=table.words("headers"),
        query=table.words("query"),
        body=table.words("body"),
    )
    if kind == "http":
        _check_http(table, tool)
    else:
        _check_python(table, tool)
    return tool


def _kind(table: Table) -> Literal["python", "http"]:
    if ("python" in table) == ("http" in table):
        table.fault('a tool has either python = "package.module:function" or http = "https://host/path".')
    return "http" if "http" in table else "python"


def _timeout(table: Table) -> float:
    seconds = table.number("timeout_seconds")
    if seconds is None:
        return Tool.timeout_seconds
    if not 0.1 <= seconds <= TIMEOUT_SECONDS_MAX:
        table.fault(f"timeout_seconds must be from 0.1 to {TIMEOUT_SECONDS_MAX:g}.", "timeout_seconds")
    return float(seconds)


def _check_python(table: Table, tool: Tool) -> None:
    if tool.target and not _PYTHON.fullmatch(tool.target):
        table.fault('python must be like "package.module:function".', "python")
    for key in ("method", "headers", "query", "body"):
        if key in table:
            table.fault(f"{key} belongs to tools with http only; remove it.", key)


def _check_http(table: Table, tool: Tool) -> None:
    if fault := _address_fault(tool.target):
        table.fault(fault, "http")
    if tool.method not in METHODS:
        table.fault(f"method must be one of {', '.join(METHODS)}.", "method")
    if tool.body and tool.method in ("GET", "DELETE"):
        table.fault(f'a request by {tool.method} has no body; write method = "POST" or use query.', "body")
    for name, value in tool.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
            table.fault(f'"{name}" is not a header that a tool may set.', f"headers.{name}")
        if not _HEADER_VALUE.fullmatch(value) or re.search(r"[${}]", VARIABLE.sub("", value)):
            table.fault(
                f"the header {name} must be plain text in one line; "
                'a secret stands in it as "${NAME}" and is read from the environment, parameters go elsewhere.',
                f"headers.{name}",
            )
    for key, templates in (("query", tool.query), ("body", tool.body)):
        for name, value in templates.items():
            if "${" in value:
                table.fault('"${NAME}" is read in headers only; put the secret there.', f"{key}.{name}")
    _check_parameters(table, tool)


def _check_parameters(table: Table, tool: Tool) -> None:
    """Each {name} is a parameter, each parameter is used, and an address is never left with a gap."""
    places = {"http": tool.target}
    places |= {f"query.{name}": value for name, value in tool.query.items()}
    places |= {f"body.{name}": value for name, value in tool.body.items()}
    known = {parameter.name: parameter for parameter in tool.parameters}
    used = {place: PARAMETER.findall(text) for place, text in places.items()}
    for place, names in used.items():
        for name in names:
            if name not in known:
                table.fault(
                    f"{{{name}}} is no parameter of this tool; add it under [[tools.parameters]].", place
                )
            elif place == "http" and not _fits_path(known[name]):
                table.fault(
                    f"{{{name}}} stands in the address: give the parameter required = true and one of the types "
                    f"{', '.join(_IN_PATH)}.",
                    place,
                )
    for number, parameter in enumerate(tool.parameters):
        if parameter.name and not any(parameter.name in names for names in used.values()):
            table.fault(
                f"the parameter {parameter.name} is used nowhere; write {{{parameter.name}}} into http, query or "
                "body.",
                f"parameters.{number}",
            )


def _fits_path(parameter: EntityField) -> bool:
    return parameter.required and parameter.type in _IN_PATH


def _address_fault(target: str) -> str:
    """What is wrong with an address, in a sentence; "" when nothing is."""
    try:
        url = urlsplit(target)
        host, _ = url.hostname or "", url.port
    except ValueError:
        return 'http must be an address like "https://shop.example.com/orders/{order_number}".'
    if not host or "{" in url.netloc or "$" in target or "{" in url.scheme:
        return 'http must name a fixed host, like "https://shop.example.com/orders/{order_number}".'
    if url.username is not None or url.password is not None:
        return 'http must hold no user name or password; put a secret into [tools.headers] as "${NAME}".'
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(host)):
        return "http must begin with https:// (http:// does for this machine alone)."
    if url.query or url.fragment or "?" in target or "#" in target:
        return "http must end before any ? or #; write the query under [tools.query]."
    if re.search(r"[{}]", PARAMETER.sub("", url.path)) or re.search(r"[^\x21-\x7e]", target):
        return "http holds a character that an address cannot hold; parameters are written {like_this}."
    if re.search(r"(^|/)\.\.?(/|$)", url.path):
        return "http must be written without . and .. in its path."
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
