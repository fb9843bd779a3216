"""The cards of further models: they say how crops are cut for them, and what their answers become."""

import asyncio
import logging
from collections.abc import Collection, Mapping

from inference.cascade.plan import Plan, faults, plan_of
from inference.errors import ModelError
from inference.repository.card import ModelCard
from inference.repository.repository import ModelRepository
from inference.repository.store import RepositoryUnavailable
from vedette.pipeline_settings import Pipeline

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
        self._tokens: Mapping[str, str] | None = None
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
        """Read the cards that are new or changed; what can't be read stays as it was."""
        if not self._pipelines:
            return
        try:
            tokens: Mapping[str, str] = await self._repository.tokens()
        except (RepositoryUnavailable, ModelError) as error:
            self._say(str(error))
            tokens = self._tokens or {}
        names = {name for pipeline in self._pipelines.values() for name in pipeline.model_names}
        if self._tokens is None or any(tokens.get(name) != self._tokens.get(name) for name in names):
            await self._read(names)
        self._tokens = tokens
        self._plans = {name: plan_of(pipeline, self._cards) for name, pipeline in self._pipelines.items()}
        for name, pipeline in self._pipelines.items():
            for fault in faults(pipeline, self._cards):
                self._say(f"pipelines.{name}.stages[{fault.index}].{fault.key}: {fault.text}; that stage does not run")

    async def _read(self, names: Collection[str]) -> None:
        for name in names:
            try:
                self._cards[name] = await self._repository.card(name)
            except (RepositoryUnavailable, ModelError) as error:
                self._say(f"{error}; stages of {name} are missing until then")

    def _say(self, text: str) -> None:
        """Once."""
        if text not in self._said:
            self._said.add(text)
            logger.warning("%s", text)
