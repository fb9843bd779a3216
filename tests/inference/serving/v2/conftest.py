"""A server for tests that only ask."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.inference.serving.models import colours
from tests.inference.serving.server import Server, serving


@pytest.fixture
async def colour_server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(colours(tmp_path)) as server:
        yield server


@pytest.fixture(autouse=True)
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.runtime.session_runner.MEASURE_S", 0.0)
