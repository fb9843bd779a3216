from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from inference import picture_model
from inference.dataplane import DataPlane
from inference.rollout.available import AvailableVersions
from inference.rollout.follower import Follower
from inference.rollout.starting import first_model, start_stable
from inference.rollout.store import RolloutStore
from tests.inference.rollout.versions import TestRepository
from vedette.background import background

POLL_S = 0.05


@pytest.fixture
def repository(tmp_path: Path) -> TestRepository:
    return TestRepository(tmp_path / "models")


@pytest.fixture(autouse=True)
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of planes in the test's own process."""
    monkeypatch.setattr(picture_model, "USUAL_ASPECTS", ((4, 3),))
    monkeypatch.setattr("inference.runtime.session_runner.MEASURE_S", 0.0)
    yield


Following = Callable[..., AbstractAsyncContextManager[tuple[DataPlane, Follower]]]


@pytest.fixture
def following() -> Following:
    """A plane that follows, as `inference.app` builds it."""

    @asynccontextmanager
    async def follow(
        available: AvailableVersions, store: RolloutStore | None = None, poll_s: float = POLL_S
    ) -> AsyncIterator[tuple[DataPlane, Follower]]:
        plane = DataPlane(await first_model(available), "cpu", 1, 1, decoders=2, find=available.find)
        try:
            found, stored = await start_stable(plane, available, store)
            follower = Follower(plane, available, store, poll_s)
            follower.begin(found, stored)
            async with background(follower.run()):
                await follower.until_followed()
                yield plane, follower
        finally:
            await plane.close(grace_s=1)

    return follow
