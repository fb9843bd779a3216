"""A data plane for tests of what comes over the bus."""

from collections.abc import AsyncIterator

import pytest

from inference.dataplane import DataPlane
from tests.inference.worker import open_plane


@pytest.fixture
async def plane() -> AsyncIterator[DataPlane]:
    async with open_plane() as plane:
        yield plane
