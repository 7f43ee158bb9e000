"""The pages of docs/: what is built stands on them, and what they link to exists.

Settings and states have pages that are checked beside their own tests. After a change in ``session/keys.py`` or
``session/events.py``: ``python -m tests.unit.test_docs`` writes the tables in docs/keys.md and docs/events.md anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.agents import load_agents
from config.settings import load_settings
from console.cli import main as program
from ingress.app import create_app
from session import events, keys, scripts

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    PROJECT / "CHANGELOG.md",
    *sorted(DOCS.glob("*.md")),
]
PRINTED = {"keys.md": "keys", "events.md": "events"}  # page -> the name of its table
STEPS = sorted(
    path.stem
    for path in (PROJECT / "session" / "scripts").glob("*.lua")
    if path.stem[0] != "_" and path.stem != "prelude"
)
ENVIRONMENT = {
    "REDIS_URL": "redis://127.0.0.1:1/0", "PUBLIC_BASE_URL": "https://bot.example.com", "AI_PROVIDER": "mock",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "0" * 32, "TWILIO_PHONE_NUMBER": "+15550001111",
    "ADMIN_API_KEY": "k" * 16, "CUSTOMER_ID_KEY": "k" * 16, "CONSOLE_PASSWORD": "k" * 16, "SECRET_KEY": "k" * 16,
}  # fmt: skip


def keys_table() -> str:
    """Every key as Markdown, from the tables in ``session.keys``."""
    rows = ["| key | type | lives | holds | written by |", "| --- | --- | --- | --- | --- |"]
    for names, pattern in (
        (keys.CUSTOMER, "{{p07}}:{name}:<customer>"), (keys.CLAIM, "{{p07}}:{name}:<customer>"),
        (keys.PARTITION, "{{p07}}:{name}"), (keys.SINGLE, "{{p07}}:{name}:<...>"),
    ):  # fmt: skip
        for name, kind in names.items():
            key = keys.PREFIX + pattern.format(name=name)
            holds = kind.holds.replace("|", "\\|")
            rows.append(f"| `{key}` | {kind.type} | {kind.lifetime} | {holds} | {kind.writer} |")
    return "\n".join(rows)


def events_table() -> str:
    """Every event as Markdown, from ``session.events``."""
    rows = [f"| `{kind}` | {what} |" for kind, what in events.TYPES.items()]
    return "\n".join(["| event | what happened |", "| --- | --- |", *rows])


def _page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def _marks(page: str) -> tuple[str, str]:
    """What stands before and behind the printed table of a page."""
    return f"<!-- {PRINTED[page]} -->\n", f"\n<!-- end of {PRINTED[page]} -->"


def _printed(page: str) -> str:
    begin, end = _marks(page)
    return _page(page).partition(begin)[2].partition(end)[0]


def _routes() -> list[str]:
    """Every rule of the web process, as the pages write it: ``/session/{phone}``."""
    app = create_app(load_settings(ENVIRONMENT, None, "web"))
    return sorted({re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()})


def test_every_key_is_explained() -> None:
    """docs/keys.md holds the tables of session/keys.py."""
    assert keys_table() == _printed("keys.md")


def test_every_event_is_explained() -> None:
    """docs/events.md holds the table of session/events.py."""
    assert events_table() == _printed("events.md")


def test_the_readmes_agent_can_be_read(tmp_path: Path) -> None:
    """The agent's file that the README shows is one without a fault."""
    shown = re.findall(r"```toml\n(.*?)```", (PROJECT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "bakery.toml").write_text(shown[0], encoding="utf-8")

    assert load_agents(tmp_path, "bakery").default.name == "Bakery"


@pytest.mark.parametrize(
    "key",
    [
        keys.clock_slot("<job>", 0).replace(":0", ":<slot>"), keys.SCAN_CURSOR, keys.RUN_ID,
        keys.sign_in_tries("<who>"), keys.ended_sign_in("<session>"),
    ],
)  # fmt: skip
def test_every_key_of_the_clock_is_explained(key: str) -> None:
    """The keys that belong to no customer stand on docs/keys.md too."""
    assert f"`{key}`" in _page("keys.md")


def test_every_route_is_explained() -> None:
    """Each path of the web process stands on a page: the API's, Twilio's side in the protocol, health in deploying."""
    pages = _page("api.md") + _page("protocol.md") + _page("deploy.md")

    assert [route for route in _routes() if not re.search(rf"[` ]{re.escape(route)}[`? ]", pages)] == []


@pytest.mark.parametrize("command", sorted(program.commands))
def test_every_command_is_explained(command: str) -> None:
    """Each command of the command line stands on its page and in the README."""
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")

    assert re.search(rf"\bringback {command}\b", _page("command-line.md"))
    assert f"| `ringback {command}" in readme


@pytest.mark.parametrize("step", STEPS)
def test_every_step_is_explained(step: str) -> None:
    """Each script of the ledger stands in the table of docs/protocol.md, and can be loaded."""
    assert scripts.load(step).name == step
    assert f"| `{step}` |" in _page("protocol.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link and picture that stays in the project names a file that exists."""
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    """Each file that a page names by its path is there."""
    rooms = "ai|config|console|ingress|session|simulator|tests|workers|bench|examples|docs"
    named = re.findall(
        rf"(?<![\w/.-])((?:{rooms})/[\w/.-]*\w\.(?:py|lua|toml|md|txt))\b", page.read_text(encoding="utf-8")
    )

    assert [name for name in named if name != "bench/results.md" and not (PROJECT / name).exists()] == []


@pytest.mark.parametrize("page", ["security.md", "proof.md"])
def test_named_tests_exist(page: str) -> None:
    """Each test that a page names as proof, ``path::name``, is there by that name."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", _page(page))
    found = {
        path: re.findall(r"(?m)^def (test_\w+)\(", (PROJECT / path).read_text(encoding="utf-8"))
        for path in {path for path, _ in named}
        if (PROJECT / path).exists()
    }

    assert len(named) > 20
    assert len(named) == _page(page).count(".py::")  # none is written in a way that is not read
    assert [f"{path}::{name}" for path, name in named if name not in found.get(path, ())] == []


if __name__ == "__main__":
    for name, table in (("keys.md", keys_table()), ("events.md", events_table())):
        (begin, end), text = _marks(name), _page(name)
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        (DOCS / name).write_text(before + begin + table + end + after, encoding="utf-8")
