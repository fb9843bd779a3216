"""A loaded model that takes pictures: JPEG in, detections out.

A picture that can't be decoded ends here, before it could spoil a batch.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference.detected import detected
from inference.preprocess import Placement, fill, jpeg_size, place, to_normalised
from inference.repository.folder import Model
from inference.runtime.batching import DeadlineExceeded, Lane, ModelFailed
from inference.runtime.loaded_model import LoadedModel
from inference.runtime.rows import Row

USUAL_ASPECTS = ((16, 9), (4, 3))
"""Of cameras: the shapes that are warmed up and measured before the model is ready."""
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

    model: Model
    detections: Sequence[Found]
    prepare_s: float
    queue_s: float
    infer_s: float
    batch_size: int


class PictureModel:
    """One version of a detector. Pictures are decoded in the threads of `decoders`, which are not its own."""

    def __init__(self, tensors: LoadedModel, decoders: Executor) -> None:
        """Raises ModelError if the model takes no pictures."""
        self.model = tensors.model
        self._tensors = tensors
        self._input = self.model.card.input_of(self.model.version)
        self._decoders = decoders
        self._slots: dict[tuple[int, int], list[NDArray[np.uint8]]] = {}

    def warm_up(self) -> list[Row]:
        """Rows of the shapes that cameras' pictures have."""
        placements = [place(width, height, self._input) for width, height in USUAL_ASPECTS]
        shapes = {(placement.input_height, placement.input_width, 3) for placement in placements}
        return [(np.zeros(shape, np.uint8),) for shape in sorted(shapes)]

    async def infer(self, jpeg: bytes, deadline: float | None = None, lane: Lane = "live") -> Inference:
        """Detect in one picture.

        `deadline` is in monotonic seconds. Raises UndecodableImage, DeadlineExceeded, ModelFailed, BatcherClosed.
        """
        started = monotonic()
        slot, placement = await asyncio.get_running_loop().run_in_executor(self._decoders, self._prepare, jpeg)
        prepared = monotonic()
        await self._room(deadline, lane)
        submitted = monotonic()
        inferred = await self._tensors.batcher.submit((slot,), deadline, lane)
        self._give_back(placement, slot)
        return Inference(
            self.model,
            self._found(inferred.result, placement),
            prepared - started,
            submitted - prepared + inferred.queue_s,
            inferred.infer_s,
            inferred.batch_size,
        )

    def _prepare(self, jpeg: bytes) -> tuple[NDArray[np.uint8], Placement]:
        """A picture in a slot, in a decoding thread. Raises UndecodableImage."""
        placement = place(*jpeg_size(jpeg), self._input)
        slot = self._slot(placement)
        fill(slot, jpeg, placement, self._input.pad)
        return slot, placement

    async def _room(self, deadline: float | None, lane: Lane) -> None:
        """In turn: who comes when there is room again does not overtake those who wait for it."""
        try:
            async with asyncio.timeout(None if deadline is None else deadline - monotonic()):
                await self._tensors.batcher.wait_for_room(lane)
        except TimeoutError:
            raise DeadlineExceeded("the deadline passed before there was room") from None

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

    def _found(self, row: Row, placement: Placement) -> list[Found]:
        """Raises ModelFailed for what can't be a detection: it would fail each time that the frame is served."""
        names = self.model.card.labels
        boxes, scores, labels = detected(row)
        sound = np.isfinite(boxes).all() and ((scores >= 0) & (scores <= 1)).all()
        if not sound or not ((labels >= 0) & (labels < len(names))).all():
            raise ModelFailed("the model gave boxes, scores or labels that are out of range")
        fractions = to_normalised(boxes, placement).astype(np.float64).round(5).tolist()
        confidences = scores.astype(np.float64).round(4).tolist()
        return [
            Found(names[label], confidence, tuple(bbox))
            for bbox, confidence, label in zip(fractions, confidences, labels.tolist(), strict=True)
        ]
