"""A loaded model that takes pictures: JPEG, PNG or WebP in, detections out.

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
from inference.errors import InferenceError
from inference.guard.decoding import decode
from inference.guard.header import examine
from inference.guard.inspection import Inspection, squeezed_copies
from inference.guard.squeezing import disagreement
from inference.guard.verdict import Verdict, checked
from inference.preprocess import Placement, fill, place, put, to_normalised
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
    verdict: Verdict | None = None
    """Of the input guard, where it was asked."""

    @property
    def was_inferred(self) -> bool:
        """False for a picture that the guard rejected."""
        return self.batch_size > 0


class _Prepared(NamedTuple):
    """A picture in a slot."""

    slot: NDArray[np.uint8]
    placement: Placement
    verdict: Verdict | None
    copies: Sequence[NDArray[np.uint8]]
    """Squeezed."""


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

    async def infer(
        self, data: bytes, deadline: float | None = None, lane: Lane = "live", inspection: Inspection | None = None
    ) -> Inference:
        """Detect in one picture (JPEG, PNG or WebP), and give the guard's verdict on it where it is asked for.

        Exif orientation is applied: boxes are of the picture as a viewer shows it. `deadline` is in monotonic seconds.
        Raises UndecodableImage, DeadlineExceeded, ModelFailed, BatcherClosed.
        """
        started = monotonic()
        loop = asyncio.get_running_loop()
        prepared = await loop.run_in_executor(self._decoders, self._prepare, data, inspection)
        verdict, prepare_s = prepared.verdict, monotonic() - started
        if inspection and verdict and not inspection.wants_inference(verdict):
            self._give_back(prepared.placement, prepared.slot)
            return Inference(self.model, (), prepare_s, 0.0, 0.0, 0, verdict)
        detections, queue_s, infer_s, batch_size = await self._detect(prepared.slot, prepared.placement, deadline, lane)
        self._give_back(prepared.placement, prepared.slot)
        if inspection and verdict and prepared.copies:
            verdict = await self._checked(verdict, inspection, detections, prepared, deadline, lane)
        return Inference(self.model, detections, prepare_s, queue_s, infer_s, batch_size, verdict)

    def _prepare(self, data: bytes, inspection: Inspection | None) -> _Prepared:
        """A picture in a slot, in a decoding thread. Raises UndecodableImage."""
        header = examine(data)
        size = header.displayed_size
        placement = place(*size, self._input)
        slot = self._slot(placement)
        if header.format == "jpeg" and header.orientation == 1:
            fill(slot, data, placement, self._input.pad, self._input.colour)
        else:
            shown = (placement.width, placement.height)
            cover = shown if header.orientation < 5 else shown[::-1]
            put(slot, decode(data, cover=cover, colour=self._input.colour), placement, self._input.pad)
        if inspection is None:
            return _Prepared(slot, placement, None, ())
        verdict = inspection.verdict(slot, placement, size, self._input.colour)
        copies = squeezed_copies(slot) if inspection.squeezed and inspection.wants_inference(verdict) else ()
        return _Prepared(slot, placement, verdict, copies)

    async def _detect(
        self, slot: NDArray[np.uint8], placement: Placement, deadline: float | None, lane: Lane
    ) -> tuple[list[Found], float, float, int]:
        """Detections, seconds of waiting and of inference, size of the batch."""
        ready = monotonic()
        await self._room(deadline, lane)
        waited_s = monotonic() - ready
        inferred = await self._tensors.batcher.submit((slot,), deadline, lane)
        found = self._found(inferred.result, placement)
        return found, waited_s + inferred.queue_s, inferred.infer_s, inferred.batch_size

    async def _checked(
        self,
        verdict: Verdict,
        inspection: Inspection,
        detections: Sequence[Found],
        prepared: _Prepared,
        deadline: float | None,
        lane: Lane,
    ) -> Verdict:
        """With the largest disagreement of all squeezed copies; unchecked where one of them got no answer in time."""
        found, thresholds = 0.0, self.model.card.thresholds
        floor = max(inspection.floor, thresholds.score if thresholds else 0.0)
        try:
            for copy in prepared.copies:
                other, *_ = await self._detect(copy, prepared.placement, deadline, lane)
                found = max(found, disagreement(detections, other, floor))
        except InferenceError:
            return verdict
        squeeze = inspection.expected.squeeze
        return verdict if squeeze is None else checked(verdict, found, squeeze.threshold)

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
