"""One version of a model as this process holds it: for tensors, and for pictures where it takes them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Self

from inference.errors import ModelError
from inference.picture_model import Decoders, PictureModel
from inference.repository.model import Model
from inference.rollout.background_thread import step_back
from inference.runtime.loaded_model import LoadedModel


class ServedVersion:
    """`start` before the first row, `close` or `retire` after the last."""

    def __init__(
        self,
        model: Model,
        device: str,
        sessions: int,
        threads: int,
        decoders: Decoders,
        background: bool = False,
    ) -> None:
        """`background`: once it is started, its sessions run when nobody else wants the processor. It is loaded like
        any other: a busy machine might never come to it."""
        self.model = model
        self._background = background
        self._session_threads: set[int] = set()
        self.tensors = LoadedModel(
            model, device, sessions, threads, lambda: self._session_threads.add(threading.get_native_id())
        )
        self._pictures = None if model.card.task == "tensor" else PictureModel(self.tensors, decoders)
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @property
    def pictures(self) -> PictureModel:
        """Raises ModelError if the model takes tensors only."""
        if self._pictures is None:
            raise ModelError(f"{self.model.card.name} takes tensors, not pictures")
        return self._pictures

    async def start(self) -> None:
        """Load, warm up and measure the model in every session.

        Raises ModelError, DeviceUnavailable, ModelFailed: it can't be run here.
        """
        await self.tensors.start(None if self._pictures is None else self._pictures.warm_up())
        if self._background:
            for thread in self._session_threads:
                step_back(thread)

    @property
    def ready(self) -> bool:
        """Whether a session is in service."""
        return self.tensors.ready

    @contextmanager
    def use(self) -> Iterator[Self]:
        """Until the body ends, `retire` waits: another version may take this one's place meanwhile."""
        self._users += 1
        self._unused.clear()
        try:
            yield self
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def retire(self, grace_s: float) -> None:
        """Wait until nobody uses it, at most `grace_s`, and stop. Nobody may begin to meanwhile."""
        started = monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._unused.wait()
        await self.close(max(0.0, grace_s - (monotonic() - started)))

    async def close(self, grace_s: float) -> None:
        """Take nothing in any more, finish what is in hand within `grace_s`, and stop."""
        await self.tensors.close(grace_s)
