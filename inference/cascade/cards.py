"""The cards of further models: they say how crops are cut for them, and what their answers become."""

import asyncio
import logging
from collections.abc import Mapping

from inference.cascade.plan import Plan, faults, plan_of
from inference.errors import ModelError
from inference.repository.card import ModelCard
from inference.repository.repository import ModelRepository
from inference.repository.store import RepositoryUnavailable
from vedette.config.pipeline_settings import Pipeline

logger = logging.getLogger(__name__)


class StageCards:
    """`look` once, and keep `run` running: a card may come later, and may change."""

    def __init__(self, repository: ModelRepository, pipelines: Mapping[str, Pipeline], every_s: float) -> None:
        """`pipelines` are those whose first stage this process runs."""
        self._repository = repository
        self._pipelines = {name: one for name, one in pipelines.items() if one.further}
        self._every_s = every_s
        self._cards: dict[str, ModelCard] = {}
        self._plans: dict[str, Plan] = {}
        self._tokens: dict[str, str | None] = {}
        """As they were when the card was read; None: the repository did not say."""
        self._said: set[str] = set()

    def plan(self, pipeline: str) -> Plan:
        """The further stages of a pipeline, as they can be run now."""
        return self._plans[pipeline]

    async def run(self) -> None:
        """Look for changes every so often; never returns."""
        while True:
            await asyncio.sleep(self._every_s)
            await self.look()

    async def look(self) -> None:
        """Read the cards that are new, changed or could not be read; what can't be read now stays as it was."""
        if not self._pipelines:
            return
        tokens: Mapping[str, str] | None = None
        try:
            tokens = await self._repository.tokens()
        except (RepositoryUnavailable, ModelError) as error:
            self._say(str(error))
        for name in {name for pipeline in self._pipelines.values() for name in pipeline.model_names}:
            if name not in self._cards or (tokens is not None and tokens.get(name) != self._tokens[name]):
                await self._read(name, None if tokens is None else tokens.get(name))
        self._plans = {name: plan_of(pipeline, self._cards) for name, pipeline in self._pipelines.items()}
        for name, pipeline in self._pipelines.items():
            for fault in faults(pipeline, self._cards):
                self._say(f"pipelines.{name}.stages[{fault.index}].{fault.key}: {fault.text}; that stage does not run")

    async def _read(self, name: str, token: str | None) -> None:
        """What fails is tried again at the next look: the token is that of the card that was read."""
        try:
            self._cards[name] = await self._repository.card(name)
            self._tokens[name] = token
        except (RepositoryUnavailable, ModelError) as error:
            self._say(f"{error}; stages of {name} are missing until then")

    def _say(self, text: str) -> None:
        """Once."""
        if text not in self._said:
            self._said.add(text)
            logger.warning("%s", text)
