"""An agent's tools: how the model is told of them, and a call of one, which always ends in a sentence for the model.

Arguments are checked by the rules for entities. A call runs on a thread of its own and is waited for no longer
than its time-out; a thread cannot be ended, so those that overstay are counted, and a tool with too many of them
is not called until some have come back. What a tool does wrong is told to the model, so that it is said and
not hidden; what it raised stays out of prompts and logs alike, for it may hold secrets.
"""

from __future__ import annotations

import inspect
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from ai import tool_media, values
from ai.dialect import parse_arguments
from ai.tool_media import Attach, Result
from config.agents import Agent, EntityField, Tool
from config.tool_check import function_of
from session.model import ToolUse

# What the model is shown of a result: some two thousand tokens.
RESULT_BYTES_MAX = 8 * 1024
# More than this is not an answer with a long end but a mistake.
RESULT_BYTES_FAULT = 256 * 1024
# Calls of one tool that may hang at a time, all turns of the process together.
OVERDUE_MAX = 8
# What a look at the files takes that a tool gave along.
ATTACH_SECONDS = 4.0

FAILED = "The tool failed: "
CUT = "\n[cut here: the tool gave more]"

_log = structlog.get_logger("turn")


class ToolFailed(Exception):
    """``str()`` is a sentence for the model, without anything that the tool keeps to itself."""


class Toolbox:
    """One turn's tools. The same call made again within the turn is not run twice: its answer is given again.

    So a turn that asks the model again, after a fault or for a newer message, repeats no side effect.
    """

    def __init__(
        self, agent: Agent, context: Mapping[str, Any] | None = None, attach: Attach = tool_media.nowhere
    ) -> None:
        """``context`` is for Python functions that have a parameter ``context``; the model never sees it.

        ``attach`` decides what becomes of files that a tool gives along.
        """
        self._tools = {tool.name: tool for tool in agent.tools}
        self._context = dict(context or {})
        self._attach = attach
        self._done: dict[tuple[str, str], ToolUse] = {}
        self.definitions = tuple(definition(tool) for tool in agent.tools)

    def call(self, name: str, arguments_json: str, seconds: float = math.inf) -> ToolUse:
        """Use a tool, for no longer than its time-out or ``seconds``. Raises nothing."""
        started = time.monotonic()
        arguments = parse_arguments(arguments_json)
        try:
            tool = self._tool(name)
            if arguments is None:
                raise ToolFailed("its arguments are not a JSON object; call it again with one.")
            arguments = checked_arguments(tool, arguments)
        except ToolFailed as failure:
            return ToolUse(name, arguments or {}, FAILED + str(failure), ok=False, duration_ms=0)
        key = (name, json.dumps(arguments, sort_keys=True))
        if key in self._done:
            return replace(self._done[key], duration_ms=0)
        try:
            bound = min(tool.timeout_seconds, seconds)
            given, ok = _THREADS.run(tool.target, self._work(tool, arguments), bound), True
            if len(given) > RESULT_BYTES_FAULT:
                raise ToolFailed("it gave far more than can be read; it must give less.")
            result = self._with_files(given, seconds - (time.monotonic() - started))
        except ToolFailed as failure:
            result, ok = Result(FAILED + str(failure)), False
        took_ms = round((time.monotonic() - started) * 1000)
        use = ToolUse(name, arguments, result.text, ok, took_ms, result.media, result.links)
        self._done[key] = use
        return use

    def _with_files(self, text: str, seconds: float) -> Result:
        """The result as the model is shown it, and the files that go along. Raises ``ToolFailed``."""
        result = tool_media.taken(text, self._attach, min(seconds, ATTACH_SECONDS))
        return replace(result, text=_cut(result.text))

    def _tool(self, name: str) -> Tool:
        if name not in self._tools:
            raise ToolFailed(f"there is no tool of this name; there are: {', '.join(self._tools) or 'none'}.")
        return self._tools[name]

    def _work(self, tool: Tool, arguments: dict[str, Any]) -> Callable[[float], str]:
        """What is done on the call's own thread, given the seconds it has."""
        if tool.kind == "http":
            return lambda seconds: _http(tool, arguments, seconds)
        return lambda seconds: _python(tool, arguments, self._context)


def definition(tool: Tool) -> dict[str, Any]:
    """Name, description and parameters, as a strict JSON schema.

    Every parameter takes null: what the customer has not said must have a way not to be made up.
    """
    parameters = values.closed_object({p.name: values.json_schema(_told(p)) for p in tool.parameters})
    return {"name": tool.name, "description": tool.description, "parameters": parameters}


def _told(parameter: EntityField) -> EntityField:
    if not parameter.required:
        return parameter
    return replace(parameter, description=f"{parameter.description} Needed: ask the customer when unknown.")


def checked_arguments(tool: Tool, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as plain values, those left out that are null; ``ToolFailed`` says what is wrong."""
    parameters = {parameter.name: parameter for parameter in tool.parameters}
    if not given.keys() <= parameters.keys():
        raise ToolFailed(f"it takes no other arguments than: {', '.join(parameters) or 'none'}.")
    plain = {}
    for name, parameter in parameters.items():
        value = given.get(name)
        if parameter.type == "string" and type(value) is int:  # servers without strict schemas: 12345
            value = str(value)
        try:
            value = values.checked(parameter, value, name)
        except (values.WrongShape, values.Rejected) as fault:
            raise ToolFailed(f"{fault}.") from None
        if value is not None:
            plain[name] = value
        elif parameter.required:
            raise ToolFailed(f"{name} is missing: ask the customer for it.")
    return plain


@dataclass
class _Call:
    """One call under way. ``done`` and ``overdue`` change under the lock of ``_Threads``."""

    result: str = ""
    failure: ToolFailed | None = None
    done: bool = False
    overdue: bool = False
    ended: threading.Event = field(default_factory=threading.Event)


class _Threads:
    """Runs calls apart from turns, and counts by tool those that overstayed and still run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._overdue: Counter[str] = Counter()

    def overdue(self, target: str) -> int:
        with self._lock:
            return self._overdue[target]

    def run(self, target: str, work: Callable[[float], str], seconds: float) -> str:
        """``work``'s result within ``seconds``; ``ToolFailed`` otherwise."""
        if seconds <= 0:
            raise ToolFailed("there is no time left for it.")
        if self.overdue(target) >= OVERDUE_MAX:
            raise ToolFailed("it does not answer at the moment.")
        call = _Call()
        # A daemon: a tool that hangs does not keep the process from ending.
        thread = threading.Thread(
            target=self._run, args=(call, target, work, seconds), name=f"tool:{target}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads
            raise ToolFailed("there is no room for it at the moment.") from None
        call.ended.wait(seconds)
        with self._lock:
            if not call.done:
                call.overdue = True
                self._overdue[target] += 1
                _log.warning("tool_overdue", tool=target, calls=self._overdue[target])
                raise ToolFailed(f"it did not answer within {seconds:.3g} seconds.")
        if call.failure:
            raise call.failure
        return call.result

    def _run(self, call: _Call, target: str, work: Callable[[float], str], seconds: float) -> None:
        try:
            call.result = work(seconds)
        except ToolFailed as failure:
            call.failure = failure.with_traceback(None)
        except BaseException as error:  # noqa: BLE001  # SystemExit too: it is the tool's, not ours
            _log.warning("tool_raised", tool=target, error=type(error).__name__, at=_place(error))
            call.failure = ToolFailed(f"it could not do it ({type(error).__name__}).")
        finally:
            with self._lock:
                call.done = True
                if call.overdue:
                    self._overdue[target] -= 1
            call.ended.set()


# Of the process: its threads are, too.
_THREADS = _Threads()


def _python(tool: Tool, arguments: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    function = function_of(tool)
    given = dict(arguments)
    asks_for_it = "context" in inspect.signature(function).parameters
    if asks_for_it and all(parameter.name != "context" for parameter in tool.parameters):
        given["context"] = context
    result = function(**given)
    if isinstance(result, str):
        return result
    try:
        return json.dumps(result, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        raise ToolFailed("what it gave is neither text nor JSON.") from None


def _http(tool: Tool, arguments: Mapping[str, Any], seconds: float) -> str:
    from ai import http_tool  # it loads an HTTP client, which most agents do not need

    try:
        return http_tool.call(tool, arguments, seconds)
    except http_tool.HttpToolFailed as failure:
        raise ToolFailed(str(failure)) from None


def _cut(text: str) -> str:
    """At most ``RESULT_BYTES_MAX`` bytes of UTF-8, and a word about the rest."""
    raw = values.cleaned(text).encode("utf-8")
    if not raw:
        return "The tool gave nothing."
    if len(raw) <= RESULT_BYTES_MAX:
        return raw.decode("utf-8")
    return raw[: RESULT_BYTES_MAX - len(CUT)].decode("utf-8", "ignore") + CUT


def _place(error: BaseException) -> str:
    """File and line where it was raised: enough to find it, and nothing of what it says."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
