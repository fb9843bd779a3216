"""The model repository of a site: a place, and the cache in front of it if the place is not this machine's.

Who waits for new versions compares `tokens()` from time to time: it costs one request, or a look at each file's time.

    known = await repository.tokens()
    while True:
        await asyncio.sleep(2)
        now = await repository.tokens()
        if now.get(name) != known.get(name):
            model = await repository.resolve(reference)
        known = now
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

from inference.repository.cache import Cache
from inference.repository.card import MAX_CARD_BYTES, ModelCard
from inference.repository.folder import no_model, no_version
from inference.repository.model import Model, check_name, digest_of
from inference.repository.references import Reference
from inference.repository.store import (
    Objects,
    RepositoryUnavailable,
    Store,
    card_path,
    file_path,
    names_in,
    tokens_in,
)
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.5, cap_s=15.0)

T = TypeVar("T")


class ModelRepository:
    """Use `async with open_repository(config) as repository`.

    Methods raise ModelError for what is wrong or missing, and RepositoryUnavailable if the place can't be reached, for
    `patience_s` (None: they try for ever), and the cache doesn't have it.
    """

    def __init__(self, store: Store, cache: Cache | None, patience_s: float | None = 0.0) -> None:
        self.store = store
        self.offline: str | None = None
        """Why the place can't be reached, if it was so the last time."""
        self._cache = cache if store.folder is None else None
        self._patience_s = patience_s

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.store.close()

    @property
    def where(self) -> str:
        """The place as users know it, secrets masked."""
        return self.store.where

    async def tokens(self) -> Mapping[str, str]:
        """Each model that is there now, with a token that is another one whenever one of its objects changed.

        Asked once, never answered from the cache.
        """
        return tokens_in(await self._once(self.store.objects))

    async def objects(self) -> Objects:
        """What is there; offline, nothing."""
        try:
            return await self._once(self.store.objects)
        except RepositoryUnavailable:
            return {}

    async def names(self) -> list[str]:
        """The models, sorted; offline, those whose cards are remembered."""

        async def remembered() -> list[str] | None:
            return (await asyncio.to_thread(self._cache.card_names, self.where) or None) if self._cache else None

        async def there() -> list[str]:
            names = names_in(await self.store.objects())
            if self._cache is not None:
                await asyncio.to_thread(self._cache.forget_cards_but, self.where, names)
            return names

        return await self._ask(there, remembered)

    async def card(self, name: str) -> ModelCard:
        """A model's card; offline, as it was read last."""
        names = await self.names()
        if name not in names:
            raise no_model(self.where, name, names)
        place = f"{self.where}/{card_path(name)}"
        text = await self.card_text(name)
        return check_name(await asyncio.to_thread(ModelCard.parse, text, place), name, place)

    async def card_text(self, name: str) -> bytes:
        """The same as it is written; one byte over the limit of its size, if it is longer."""

        async def remembered() -> bytes | None:
            return await asyncio.to_thread(self._cache.card_text, self.where, name) if self._cache else None

        async def there() -> bytes:
            text = await self._start_of(card_path(name))
            if self._cache is not None and len(text) <= MAX_CARD_BYTES:
                await asyncio.to_thread(self._cache.keep_card, self.where, name, text)
            return text

        return await self._ask(there, remembered)

    async def resolve(self, reference: str) -> Model:
        """The newest version that fits, on this machine; offline, the newest that is in the cache."""
        wanted = Reference.parse(reference)
        card = await self.card(wanted.name)
        newest = wanted.newest(card.versions)
        if newest is None:
            raise no_version(self.where, wanted, card)

        async def older() -> Model | None:
            kept = wanted.newest([version for version in card.versions if await self.is_local(card, version)])
            if kept is None or kept == newest:
                return None
            logger.warning("%s %s is not in the cache, and can't be fetched now; %s serves", card.name, newest, kept)
            return await self.fetch(card, kept)

        return await self._fetch(card, newest, older)

    async def fetch(self, card: ModelCard, version: str) -> Model:
        """A version of a model on this machine; from the cache, if it is there with the digest of the card."""
        return await self._fetch(card, version, _nothing)

    async def _fetch(self, card: ModelCard, version: str, instead: Callable[[], Awaitable[Model | None]]) -> Model:
        digest, path = digest_of(card, version), file_path(card.name, version)
        if self.store.folder is not None:
            return Model(card, version, self.store.folder / path, digest)
        assert self._cache is not None, "a distant place has a cache"  # noqa: S101
        cache, sha256 = self._cache, card.versions[version].sha256

        async def there() -> Model:
            held = await cache.fill(sha256, self.store.read(path), f"{self.where}/{path}")
            return Model(card, version, held.path, digest, held)

        held = await cache.take(sha256)
        return Model(card, version, held.path, digest, held) if held else await self._ask(there, instead)

    async def is_local(self, card: ModelCard, version: str) -> bool:
        """Whether a version's file is on this machine."""
        if self.store.folder is not None:
            return await asyncio.to_thread((self.store.folder / file_path(card.name, version)).is_file)
        return self._cache is not None and await self._cache.has(card.versions[version].sha256)

    async def _start_of(self, path: str) -> bytes:
        """An object's bytes, as far as a card may be long and one more."""
        text = bytearray()
        async with aclosing(self.store.read(path)) as pieces:
            async for piece in pieces:
                text += piece
                if len(text) > MAX_CARD_BYTES:
                    break
        return bytes(text[: MAX_CARD_BYTES + 1])

    async def _ask(self, ask: Callable[[], Awaitable[T]], instead: Callable[[], Awaitable[T | None]]) -> T:
        """What the place says; if it can't be reached, what there is `instead`; without that, the place again."""
        retry, started_s = Retry(_BACKOFF), monotonic()
        while True:
            try:
                return await self._once(ask)
            except RepositoryUnavailable:
                kept = await instead()
                if kept is not None:
                    return kept
                if self._patience_s is not None and monotonic() - started_s >= self._patience_s:
                    raise
            await asyncio.sleep(retry.wait_s(0.0))

    async def _once(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            answer = await ask()
        except RepositoryUnavailable as error:
            if self.offline is None:
                logger.warning("the models can't be reached: %s", error)
            self.offline = str(error)
            raise
        if self.offline is not None:
            logger.info("the models at %s can be reached again", self.where)
        self.offline = None
        return answer


async def _nothing() -> None:
    return None
