"""The cascades of one process: those of the pipelines whose first stage it runs."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from inference.cascade.cards import StageCards
from inference.cascade.cascade import Cascade
from inference.cascade.matching import Gallery
from inference.cascade.questions import Questions
from inference.repository.repository import ModelRepository
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.config.pipeline_settings import IdentitiesStage, Pipeline

_THREADS = 2


class Cascades:
    """`begin`, then keep `run` running, and `close`."""

    def __init__(
        self,
        bus: Bus,
        repository: ModelRepository,
        pipelines: Mapping[str, Pipeline],
        cards_every_s: float,
        galleries: Mapping[str, Gallery],
    ) -> None:
        self._cards = StageCards(repository, pipelines, cards_every_s)
        self._questions = Questions(bus)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="crop")
        self._cascades = {
            name: Cascade(lambda name=name: self._cards.plan(name), self._questions, self._threads, galleries)  # type: ignore[misc]
            for name, pipeline in pipelines.items()
            if pipeline.further
        }

    def of(self, pipeline: str) -> Cascade | None:
        """None: it has one stage."""
        return self._cascades.get(pipeline)

    async def begin(self) -> None:
        """Read the models' cards."""
        await self._cards.look()

    async def run(self) -> None:
        """Never returns."""
        async with background(self._cards.run()):
            await self._questions.run()

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def galleries_of(pipelines: Mapping[str, Pipeline]) -> tuple[str, ...]:
    """The galleries that the pipelines ask, each once."""
    stages = [stage for pipeline in pipelines.values() for stage in pipeline.further]
    return tuple(dict.fromkeys(stage.identities for stage in stages if isinstance(stage, IdentitiesStage)))


def is_further_stage(model: str, pipelines: Mapping[str, Pipeline]) -> bool:
    """Whether a pipeline asks a model with crops."""
    return any(stage.model_name == model for pipeline in pipelines.values() for stage in pipeline.models[1:])
