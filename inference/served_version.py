"""One version of a model as this process holds it: for tensors, and for pictures where it takes them."""

from concurrent.futures import Executor

from inference.errors import ModelError
from inference.picture_model import PictureModel
from inference.repository.model import Model
from inference.runtime.loaded_model import LoadedModel


class ServedVersion:
    """`start` before the first row, `close` after the last."""

    def __init__(self, model: Model, device: str, sessions: int, threads: int, decoders: Executor) -> None:
        self.model = model
        self.tensors = LoadedModel(model, device, sessions, threads)
        self._pictures = None if model.card.task == "tensor" else PictureModel(self.tensors, decoders)

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

    @property
    def ready(self) -> bool:
        """Whether a session is in service."""
        return self.tensors.ready

    async def close(self, grace_s: float) -> None:
        """Finish what is in hand within `grace_s`, and stop."""
        await self.tensors.close(grace_s)
