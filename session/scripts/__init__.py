"""Lua steps of the ledger, loaded by name.

A script's header is its contract: the KEYS line names the keys (as in ``session.keys``),
the ARGV line its arguments. The loader turns both into locals, so that neither side
counts positions, and checks the keys against the tables.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import NamedTuple

from session import keys

# What is shared, and the functions that a text calls it by. Each may use those above it.
_FRAGMENTS = {
    "_part.lua": ("part_of(", "written(", "accept(", "bound_to("),
    "_refused_part.lua": ("refused_part(",),
    "_compact.lua": ("compact(",),
    "_expected_part.lua": ("expected_part(",),
    "_put_session.lua": ("put_session(", "stale("),
    "_tail.lua": ("tail(",),
    "_record.lua": ("recorded(",),
    "_resolve.lua": ("resolve(",),
    "_failure.lua": ("open_failure(",),
    "_note_failure.lua": ("note_failure(",),
    "_ring.lua": ("wait_for_ring(",),
    "_owe.lua": ("owe(",),
    "_requeue.lua": ("requeue(",),
    "_call.lua": ("call_of(", "keep_call("),
    "_word.lua": ("word_of(", "keep_word("),
}


class Step(NamedTuple):
    """One atomic step: the whole text, and the order of its keys and arguments."""

    name: str
    text: str
    keys: tuple[str, ...]
    args: tuple[str, ...]


def _line(name: str, text: str) -> tuple[str, ...]:
    found = re.search(rf"^-- {name} (.*)$", text, re.MULTILINE)
    return tuple(found[1].split()) if found else ()


def load(name: str, prelude: str | None = None) -> Step:
    """The step ``name``. ``prelude`` replaces ours: tests put in a clock of their own."""
    folder = resources.files(__package__)
    body = (folder / f"{name}.lua").read_text(encoding="utf-8")
    key_names, args = _line("KEYS", body), _line("ARGV", body)
    known = keys.CUSTOMER | keys.CLAIM | keys.PARTITION | keys.SINGLE
    if unknown := [k for k in key_names if k not in known]:
        raise LookupError(f"{name}.lua uses keys that session/keys.py does not list: {', '.join(unknown)}")
    locals_ = [f"local {k} = KEYS[{i}]" for i, k in enumerate(key_names, 1)]
    locals_ += [f"local {a} = ARGV[{i}]" for i, a in enumerate(args, 1)]
    owned = ", ".join(k for k in key_names if k in keys.CUSTOMER)
    locals_.append(f"local customer_keys = {{{owned}}}")
    if prelude is None:
        prelude = (folder / "prelude.lua").read_text(encoding="utf-8")
    text = body
    for file, marks in reversed(_FRAGMENTS.items()):
        if any(mark in text for mark in marks):
            text = (folder / file).read_text(encoding="utf-8") + "\n" + text
    return Step(name, "\n".join([*locals_, prelude, text]), key_names, args)
