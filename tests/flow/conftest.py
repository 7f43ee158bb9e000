"""Systems for the flow tests: one plain one that many tests share, and a maker for those with wishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.flow.gallery import gallery, host  # noqa: F401  fixtures
from tests.flow.local_twilio import shared, twilio  # noqa: F401  fixtures
from tests.flow.mind import mind  # noqa: F401  fixture
from tests.flow.shell import bare, shell  # noqa: F401  fixtures
from tests.flow.system import System
from tests.flow.voice_web import phone, shared_telephone  # noqa: F401  fixtures


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Everything running at the defaults. Tests use customers of their own and break nothing."""
    running = System(tmp_path_factory.mktemp("system"))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def web_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Redis and web, and nobody who takes out what is stored."""
    running = System(tmp_path_factory.mktemp("web"))
    try:
        yield running.start("web")
    finally:
        running.stop()


@pytest.fixture
def make_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., System]]:
    """A system of one's own, with settings; not started."""
    made: list[System] = []

    def make(**settings: str) -> System:
        made.append(System(tmp_path_factory.mktemp("own"), **settings))
        return made[-1]

    yield make
    for running in made:
        running.stop()
