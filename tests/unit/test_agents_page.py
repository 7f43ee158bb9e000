"""docs/agents.md: the file that it shows piece by piece can be read, and no setting is left out."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import get_args

import pytest

from config.agent import ENTITY_TYPES, AfterHours
from config.agent_table import Table
from config.agents import load_agents
from config.tool_check import tool_faults
from session import policy

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "agents.md").read_text(encoding="utf-8")
SHOWN = "\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))


def test_the_file_on_the_page_can_be_read(tmp_path: Path) -> None:
    """The pieces make one file without a fault, whose tools can be used once its secret is set."""
    (tmp_path / "shop.toml").write_text(SHOWN, encoding="utf-8")
    agents = load_agents(tmp_path, "shop")

    assert tool_faults(agents, {"WORKSHOP_TOKEN": "t"}) == []
    assert set(agents.default.policy) == policy._AGENT_KEYS


def test_no_setting_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key that the reading of a file knows, in every table, stands in the file on the page."""
    known, shown = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)

    def only(table: Table, *keys: str) -> None:
        heading = re.sub(r"\.\d+", "", table.path)
        known[heading].update(keys)
        shown[heading].update(table.values)

    monkeypatch.setattr(Table, "only", only)
    (tmp_path / "shop.toml").write_text(SHOWN, encoding="utf-8")
    load_agents(tmp_path, "shop")
    # What these tables share with entities is explained there.
    for heading in ("entities.fields", "tools.parameters"):
        assert known.pop(heading) <= known["entities"]
    known["voice"].remove("queue")  # stands in the place of transfer

    assert {heading: keys - shown[heading] for heading, keys in known.items() if keys - shown[heading]} == {}
    assert len(known) > 10


@pytest.mark.parametrize("word", [*ENTITY_TYPES, *get_args(AfterHours), *policy.PRESETS, *policy.SCOPES])
def test_each_word_of_choice_is_named(word: str) -> None:
    """The words that a setting may have stand on the page."""
    assert re.search(rf"\b{word}\b", PAGE)


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "config" / "agents").glob("*.toml")), ids=lambda path: path.stem
)
def test_each_preset_is_named(path: Path) -> None:
    """Each shipped agent stands in the page's table."""
    assert f"| `{path.stem}` |" in PAGE
