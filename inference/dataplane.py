"""The one way to a model, whatever the transport: the versions that this process holds, and which of them serves."""

from concurrent.futures import ThreadPoolExecutor

from inference.errors import ModelError
from inference.picture_model import Inference
from inference.repository.folder import Model
from inference.runtime.batching import Lane
from inference.served_version import ServedVersion


class DataPlane:
    """One model. `start` before the first picture, `close` after the last."""

    def __init__(self, model: Model, device: str, sessions: int, threads: int, decoders: int) -> None:
        self._decoders = ThreadPoolExecutor(decoders, thread_name_prefix="decode")
        self.stable = ServedVersion(model, device, sessions, threads, self._decoders)

    async def start(self) -> None:
        """Load, warm up and measure the model.

        Raises ModelError, DeviceUnavailable, ModelFailed: it can't be run here.
        """
        await self.stable.start()

    @property
    def name(self) -> str:
        """The model's."""
        return self.stable.model.card.name

    @property
    def ready(self) -> bool:
        """Whether a session is in service."""
        return self.stable.ready

    @property
    def capacity(self) -> int:
        """How many frames a lane may have in hand: what runs, and what runs next. 0 while no session can run."""
        return self.stable.tensors.capacity

    def version(self, asked: str | None = None) -> ServedVersion:
        """A version that is held; None: the stable one. Raises ModelError."""
        if asked not in (None, self.stable.model.version):
            raise ModelError(f"{self.name} {asked} is not loaded here; there is: {self.stable.model.version}")
        return self.stable

    async def infer(self, jpeg: bytes, deadline: float | None = None, lane: Lane = "live") -> Inference:
        """Detect in one picture.

        `deadline` is in monotonic seconds. Raises UndecodableImage, DeadlineExceeded, ModelFailed, BatcherClosed.
        """
        return await self.stable.pictures.infer(jpeg, deadline, lane)

    async def close(self, grace_s: float) -> None:
        """Finish what is in hand within `grace_s`, and stop."""
        await self.stable.close(grace_s)
        self._decoders.shutdown(wait=False, cancel_futures=True)
