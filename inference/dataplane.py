"""The one way to a model, whatever the transport: JPEG in, detections out, through the batcher.

A picture that can't be decoded ends here, before it could spoil a batch.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference import metrics
from inference.errors import DeviceUnavailable, ModelError
from inference.preprocess import Placement, fill, jpeg_size, place, to_normalised
from inference.repository.folder import Model
from inference.runtime.batch_policy import BatchPolicy
from inference.runtime.batcher import Batcher
from inference.runtime.batching import DeadlineExceeded, Lane, ModelFailed
from inference.runtime.session import Detected, DetectorSession, open_session

logger = logging.getLogger(__name__)

USUAL_ASPECTS = ((16, 9), (4, 3))
"""Of cameras: the shapes that are warmed up and measured before the process is ready."""
_SLOTS_KEPT = 64


class Found(NamedTuple):
    """One object as the model sees it; most are below what a pipeline asks for, and never become a message."""

    label: str
    confidence: float
    bbox: tuple[float, float, float, float]
    """x, y, width, height of the picture, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What a model says of one picture, and where the time went."""

    detections: Sequence[Found]
    prepare_s: float
    queue_s: float
    infer_s: float
    batch_size: int


class DataPlane:
    """One model, its sessions and their batcher. `start` before the first picture, `close` after the last."""

    def __init__(self, model: Model, device: str, sessions: int, threads: int, decoders: int) -> None:
        self.model = model
        self._device = device
        self._threads = threads
        self._runs_on = device
        self._slots: dict[tuple[int, int], list[NDArray[np.uint8]]] = {}
        self._decoders = ThreadPoolExecutor(decoders, thread_name_prefix="decode")
        limits = model.card.batch
        self._batcher: Batcher[Detected] = Batcher(
            self._open_session,
            sessions=sessions,
            policy=BatchPolicy(limits.max, limits.max_delay_ms / 1000),
            observer=_Meter(model),
        )

    async def start(self) -> None:
        """Load, warm up and measure the model in every session.

        Raises ModelError, DeviceUnavailable, ModelFailed: it can't be run here.
        """
        placements = [place(width, height, self.model.card.input) for width, height in USUAL_ASPECTS]
        try:
            await self._batcher.start({(placement.input_height, placement.input_width, 3) for placement in placements})
        except ModelFailed as error:
            if isinstance(error.__cause__, ModelError | DeviceUnavailable):
                raise error.__cause__ from None
            raise
        logger.info("%s %s runs on the %s", self.model.card.name, self.model.version, self._runs_on)

    @property
    def ready(self) -> bool:
        """Whether a session is in service."""
        return self._batcher.in_service > 0

    @property
    def capacity(self) -> int:
        """How many pictures a lane may have in hand: what runs, and what runs next. 0 while no session can run."""
        return self._batcher.capacity

    async def infer(self, jpeg: bytes, deadline: float | None = None, lane: Lane = "live") -> Inference:
        """Detect in one picture.

        `deadline` is in monotonic seconds. Raises UndecodableImage, DeadlineExceeded, ModelFailed, BatcherClosed.
        """
        started = monotonic()
        slot, placement = await asyncio.get_running_loop().run_in_executor(self._decoders, self._prepare, jpeg)
        prepared = monotonic()
        await self._room(deadline, lane)
        submitted = monotonic()
        inferred = await self._batcher.submit(slot, deadline, lane)
        self._give_back(placement, slot)
        return Inference(
            self._found(inferred.result, placement),
            prepared - started,
            submitted - prepared + inferred.queue_s,
            inferred.infer_s,
            inferred.batch_size,
        )

    async def close(self, grace_s: float) -> None:
        """Finish what is in hand within `grace_s`, and stop."""
        await self._batcher.close(grace_s)
        self._decoders.shutdown(wait=False, cancel_futures=True)

    def _prepare(self, jpeg: bytes) -> tuple[NDArray[np.uint8], Placement]:
        """A picture in a slot, in a decoding thread. Raises UndecodableImage."""
        placement = place(*jpeg_size(jpeg), self.model.card.input)
        slot = self._slot(placement)
        fill(slot, jpeg, placement, self.model.card.input.pad)
        return slot, placement

    async def _room(self, deadline: float | None, lane: Lane) -> None:
        """In turn: who comes when there is room again does not overtake those who wait for it."""
        try:
            async with asyncio.timeout(None if deadline is None else deadline - monotonic()):
                await self._batcher.wait_for_room(lane)
        except TimeoutError:
            raise DeadlineExceeded("the deadline passed before there was room") from None

    def _open_session(self) -> DetectorSession:
        session = open_session(self.model, self._device, self._threads)
        self._runs_on = session.device
        return session

    def _slot(self, placement: Placement) -> NDArray[np.uint8]:
        shape = (placement.input_height, placement.input_width)
        try:
            return self._slots[shape].pop()
        except (KeyError, IndexError):
            return np.empty((*shape, 3), np.uint8)

    def _give_back(self, placement: Placement, slot: NDArray[np.uint8]) -> None:
        kept = self._slots.setdefault((placement.input_height, placement.input_width), [])
        if len(kept) < _SLOTS_KEPT:
            kept.append(slot)

    def _found(self, found: Detected, placement: Placement) -> list[Found]:
        """Raises ModelFailed for what can't be a detection: it would fail each time that the frame is served."""
        names = self.model.card.labels
        sound = np.isfinite(found.boxes).all() and ((found.scores >= 0) & (found.scores <= 1)).all()
        if not sound or not ((found.labels >= 0) & (found.labels < len(names))).all():
            raise ModelFailed("the model gave boxes, scores or labels that are out of range")
        boxes = to_normalised(found.boxes, placement).astype(np.float64).round(5).tolist()
        scores = found.scores.astype(np.float64).round(4).tolist()
        return [
            Found(names[label], score, tuple(box))
            for box, score, label in zip(boxes, scores, found.labels.tolist(), strict=True)
        ]


class _Meter:
    """Observes the batcher for the metrics."""

    def __init__(self, model: Model) -> None:
        self._name = name = model.card.name
        self._size = metrics.BATCH_SIZE.labels(name)
        self._queue = metrics.QUEUE_TIME.labels(name)
        self._latency = metrics.MODEL_LATENCY.labels(name, model.version)

    def on_batch(self, size: int, queue_s: Sequence[float], infer_s: float) -> None:
        self._size.observe(size)
        self._latency.observe(infer_s)
        for waited_s in queue_s:
            self._queue.observe(waited_s)

    def on_rebuild(self, error: Exception) -> None:
        """The runtime's own exception says more than the one that it is wrapped in."""
        metrics.SESSIONS_REBUILT.labels(self._name, type(error.__cause__ or error).__name__).inc()
