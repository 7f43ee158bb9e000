"""Whether an agent's tools can be used here: the function is there and takes the arguments, the secrets are set.

Apart from the reading of the files, for it imports the tools' own modules: workers do at their start, and
``ringback agents``; web never does.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from config.agent import Agent, EntityField, Tool
from config.agent_table import AgentFault, Source
from config.agent_tools import VARIABLE
from config.settings import ENV_FILE, env_file_lines

# What a parameter of each type may be called in the function's signature; no annotation takes anything.
_ANNOTATIONS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "enum": (str,),
    "date": (str,),
    "number": (float,),
    "integer": (int, float),
    "boolean": (bool,),
    "money": (dict,),
    "list": (list, tuple),
}


# An argument of a function that the toolbox gives itself, and the model never sees.
CONTEXT = "context"


class NoSuchTool(Exception):
    """The function that a tool names cannot be had; the text is a sentence."""


def tool_environment(env_file: Path = ENV_FILE) -> dict[str, str]:
    """What "${NAME}" is looked up in: ``.env``, and the real environment, which wins."""
    return {**env_file_lines(env_file), **os.environ}


def tool_faults(agents: Iterable[Agent], environment: Mapping[str, str]) -> list[AgentFault]:
    """Every fault of every tool, at its line in its agent's file."""
    found: list[AgentFault] = []
    for agent in agents:
        source = Source(f"{agent.id}.toml", agent.lines)
        for place, tool in enumerate(agent.tools):
            for key, sentence in _python(tool) if tool.kind == "python" else _http(tool, environment):
                source.fault(f"tools.{place}.{key}", f"tool {place + 1}: {sentence}")
        found += source.faults
    return found


def function_of(tool: Tool) -> Callable[..., Any]:
    """The function that a Python tool names. Raises ``NoSuchTool``."""
    module_name, _, name = tool.target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise NoSuchTool(
            f'there is no module "{error.name}"; write python = "package.module:function".'
        ) from None
    except Exception as error:  # whatever a stranger's module does when it is read
        raise NoSuchTool(f"{module_name} cannot be imported: it raises {type(error).__name__}.") from error
    function = getattr(module, name, None)
    if function is None:
        raise NoSuchTool(f'{module_name} has no function "{name}"; write one that it has.')
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise NoSuchTool(f"{tool.target} must be a plain function (def, not async def).")
    return function


def _python(tool: Tool) -> Iterator[tuple[str, str]]:
    """Key and sentence of each fault."""
    try:
        function = function_of(tool)
        signature = inspect.signature(function)
    except NoSuchTool as fault:
        yield "python", str(fault)
        return
    except (TypeError, ValueError):
        return  # a function without a signature that can be read, built in C: it will have to do
    takes = signature.parameters
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in takes.values())
    hints = _hints(function)
    for place, given in enumerate(tool.parameters):
        key = f"parameters.{place}"
        parameter = takes.get(given.name)
        if parameter is None or not _by_name(parameter):
            if not takes_any:
                yield key, f"the function takes no argument {given.name}; it takes {_listed(takes)}."
        elif not given.required and parameter.default is inspect.Parameter.empty:
            yield key, f"the function needs {given.name}: write required = true, or give it a default there."
        elif not _fits(given, hints.get(given.name)):
            yield f"{key}.type", f"{given.name} is {given.type} here, but the function takes another type."
    names = {given.name for given in tool.parameters} | {CONTEXT}
    for name, parameter in takes.items():
        if _by_name(parameter) and parameter.default is inspect.Parameter.empty and name not in names:
            yield (
                "python",
                f"the function needs {name}; add it under [[tools.parameters]] with required = true.",
            )


def _http(tool: Tool, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in tool.headers.items():
        for variable in VARIABLE.findall(value):
            if not environment.get(variable, "").strip():
                yield (
                    f"headers.{name}",
                    f"the header {name} reads {variable} from the environment, where it is not set.",
                )


def _by_name(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (AttributeError, NameError, TypeError, SyntaxError):
        return {}  # annotations that name what is not there are the function's own affair


def _fits(given: EntityField, hint: Any) -> bool:
    """Only a plain type is held against the file; a union or a dict of something is taken on trust."""
    return not isinstance(hint, type) or hint is object or hint in _ANNOTATIONS[given.type]


def _listed(takes: Mapping[str, inspect.Parameter]) -> str:
    return ", ".join(takes) or "none"
