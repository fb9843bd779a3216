"""The cards of further models, read from a repository that is not always there."""

import asyncio

import pytest

from inference.cascade.cards import StageCards
from inference.repository.card import ModelCard
from inference.repository.opening import open_repository
from inference.repository.store import RepositoryUnavailable
from tests.inference.cascade.access import ACCESS
from tests.inference.worker import ROOT
from vedette.config.config import Config
from vedette.config.models_settings import Models


async def test_a_card_that_could_not_be_read_is_read_at_the_next_look_and_then_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = Config(models=Models(path=ROOT / "models"), pipelines={"people": ACCESS})
    async with await asyncio.to_thread(open_repository, config) as repository:
        cards, read, asked = StageCards(repository, config.pipelines, 60.0), repository.card, list[str]()

        async def unavailable(name: str) -> ModelCard:
            raise RepositoryUnavailable("it went away after it had told what it has")

        async def counted(name: str) -> ModelCard:
            asked.append(name)
            return await read(name)

        monkeypatch.setattr(repository, "card", unavailable)
        await cards.look()
        assert len(cards.plan("people").unknown) == 2
        monkeypatch.setattr(repository, "card", counted)
        await cards.look()
        await cards.look()
        plan = cards.plan("people")
    assert (len(plan.steps), plan.unknown) == (2, ())
    assert sorted(asked) == sorted(ACCESS.model_names)
