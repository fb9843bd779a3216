"""What an inference process begins with: the bounds of its model, and the first version that serves."""

import asyncio
import logging
from contextlib import suppress

from inference.dataplane import DataPlane
from inference.errors import ModelError, ModelMissing
from inference.repository.model import Model
from inference.repository.references import Reference
from inference.repository.store import RepositoryUnavailable
from inference.rollout.available import AvailableVersions, Found
from inference.rollout.plan import Bounds, plan_of
from inference.rollout.record import RolloutRefused
from inference.rollout.store import RolloutStore, Stored
from inference.runtime.batching import ModelFailed
from vedette.config.config import Config
from vedette.config.pipeline_settings import Stage
from vedette.errors import BusUnavailable
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.5, cap_s=15.0)
_LOOK_FOR_IT_S = 1.0


def bounds_of(config: Config, model_name: str) -> Bounds:
    """What the pipelines ask for: nothing of a model that none uses, which serves requests alone.

    Raises ModelError for what is no reference.
    """
    references = {
        name if index == 0 else f"{name}, stage {index + 1}": stage.model
        for name, pipeline in config.pipelines.items()
        for index, stage in enumerate(pipeline.stages)
        if isinstance(stage, Stage) and stage.model_name == model_name
    }
    for reference in references.values():
        Reference.parse(reference)
    return Bounds(model_name, references)


async def first_model(available: AvailableVersions) -> Model:
    """The version that serves if nobody has said otherwise; while the repository can't be reached, an older one that is
    on this machine. Waits for the repository if there is none, and for the model where the repository is a distant one:
    a bucket on an embedded server can be filled only while `vedette up` runs.

    Raises ModelError.
    """
    retry, said = Retry(_BACKOFF), ""
    while True:
        try:
            found = await available.look()
        except RepositoryUnavailable as error:
            logger.warning("%s; trying again", error)
        except ModelMissing as error:
            if available.repository.store.folder is not None:
                raise
            if said != (said := str(error)):
                logger.warning("%s; waiting for it (vedette models pull --from brings it there)", said)
            await asyncio.sleep(_LOOK_FOR_IT_S)
            continue
        else:
            plan = plan_of(found.card, available.bounds, found.card.rollout)
            for version in available.stable_first(found, plan):
                with suppress(RepositoryUnavailable):
                    return await available.find(version)
        await asyncio.sleep(retry.wait_s(0.0))


async def start_stable(
    plane: DataPlane, available: AvailableVersions, store: RolloutStore | None
) -> tuple[Found, Stored]:
    """Start the plane with the version that should serve; where that can't be run, with the next older one that may.

    Waits for a repository that can't be reached. Returns what it was decided by. Raises ModelError, ModelFailed: none
    can be run, and it is the first one's reason; DeviceUnavailable.
    """
    retry = Retry(_BACKOFF)
    while True:
        stored = await _stored(available, store)
        try:
            found = await available.look()
            await _start_one(plane, available, found, stored)
        except RepositoryUnavailable as error:
            logger.warning("%s; trying again", error)
            await asyncio.sleep(retry.wait_s(0.0))
        else:
            return found, stored


async def _start_one(plane: DataPlane, available: AvailableVersions, found: Found, stored: Stored) -> None:
    rollout = stored.record.rollout if stored.record is not None else found.card.rollout
    plan = plan_of(found.card, available.bounds, rollout)
    plane.know(found.card.versions)
    first_error: ModelError | ModelFailed | RepositoryUnavailable | None = None
    for version in available.stable_first(found, plan):
        try:
            model = await available.find(version)
            if plane.stable.model != model:
                plane.begin_with(model)
            await plane.start()
        except (ModelError, ModelFailed, RepositoryUnavailable) as error:
            first_error = first_error or error
            if not isinstance(error, RepositoryUnavailable):  # which is tried again
                plane.held.note_failure(plane.name, version, error)
        else:
            if first_error is not None:
                logger.error("%s %s serves in place of %s", plane.name, version, plan.stable)
            return
    assert first_error is not None, "a plan has a stable version"  # noqa: S101
    raise first_error


async def _stored(available: AvailableVersions, store: RolloutStore | None) -> Stored:
    """What the bucket says, if it says it now; the follower asks again."""
    try:
        return Stored(None, 0) if store is None else await store.read(available.name)
    except (BusUnavailable, RolloutRefused) as error:
        logger.warning("%s", error)
        return Stored(None, 0)
