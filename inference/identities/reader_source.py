"""Which models read faces for an enrolment: those that serve the pipelines now. Loaded when they are first needed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inference.identities.face_reader import FaceReader
from inference.repository.model import Model
from inference.repository.references import Reference
from inference.repository.repository import ModelRepository
from inference.rollout.available import AvailableVersions
from inference.rollout.plan import Bounds, Plan, plan_of
from inference.rollout.starting import bounds_of
from inference.rollout.store import RolloutStore
from vedette.bus.connection import Bus
from vedette.config.config import Config


class ReaderSource:
    """Keeps the reader until other versions serve; one enrolment has it at a time."""

    def __init__(self, config: Config, repository: ModelRepository, bus: Bus) -> None:
        self._config = config
        self._repository = repository
        self._rollouts = RolloutStore(bus)
        self._turn = asyncio.Lock()
        self._reader: FaceReader | None = None
        self._models: tuple[Model, ...] = ()

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[FaceReader]:
        """A reader with the detector, and with the embedding model's stable version and its candidate, if there is one:
        whichever of the two a camera is served by, it knows who is enrolled.

        Raises ModelError, RepositoryUnavailable, RolloutRefused, BusUnavailable, DeviceUnavailable.
        """
        async with self._turn:
            detector, *embeddings = models = [
                (await self._serving(self._config.identities.detector))[0],
                *await self._serving(self._config.identities.embedding),
            ]
            if self._reader is None or self._models != tuple(models):
                self._reader = await asyncio.to_thread(FaceReader.load, detector, embeddings)
                self._models = tuple(models)
            yield self._reader

    async def _serving(self, reference: str) -> list[Model]:
        """The version that serves, and the one that may follow it."""
        name = Reference.parse(reference).name
        pipelines = bounds_of(self._config, name).references
        available = AvailableVersions(self._repository, Bounds(name, {**pipelines, "identities": reference}))
        found, stored = await available.look(), await self._rollouts.read(name)
        plan: Plan = plan_of(
            found.card, available.bounds, stored.record.rollout if stored.record else found.card.rollout
        )
        return [await available.find(version) for version in (plan.stable, plan.candidate) if version is not None]
