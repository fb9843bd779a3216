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

from inference.errors import InferenceError
from inference.guard.decoding import decode
from inference.guard.header import examine
from inference.guard.inspection import Inspection, squeezed_copies
from inference.guard.squeezing import disagreement
from inference.guard.verdict import Verdict, checked
from inference.picture_answer import Found, PictureAnswer, Scored, answer_of
from inference.preprocess import Placement, fill, place, put
from inference.repository.folder import Model
from inference.runtime.batch_policy import Shape
from inference.runtime.batching import DeadlineExceeded, Item, Lane
from inference.runtime.loaded_model import LoadedModel
from inference.runtime.rows import Row, shape_of

USUAL_ASPECTS = ((16, 9), (4, 3))
"""Of cameras: the shapes that are warmed up and measured before the model is ready."""
REQUESTS_DECODED = 4
"""Pictures of requests that are with their decoding threads at a time; the others wait before them."""
_SLOTS_KEPT = 64


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
    size: tuple[int, int] = (0, 0)
    """Width and height of the picture as a viewer shows it, pixels."""
    classes: Sequence[Scored] = ()
    """Of a classifier, the likeliest first."""
    embedding: Sequence[float] = ()
    """Of a model that embeds."""

    @property
    def was_inferred(self) -> bool:
        """False for a picture that the guard rejected."""
        return self.batch_size > 0


class _Prepared(NamedTuple):
    """A picture in a slot."""

    slot: NDArray[np.uint8]
    placement: Placement
    size: tuple[int, int]
    verdict: Verdict | None
    copies: Sequence[NDArray[np.uint8]]
    """Squeezed."""


class _Turn(NamedTuple):
    """When a picture is inferred, and before whom."""

    deadline: float | None
    lane: Lane
    priority: int
    protocol: str


class Decoders(NamedTuple):
    """The threads in which pictures are decoded. Requests have their own: a large picture takes as long as hundreds of
    frames, which would wait behind it."""

    frames: Executor
    requests: Executor


class PictureModel:
    """One version of a model that takes pictures. They are decoded in the threads of `decoders`, not its own."""

    def __init__(self, tensors: LoadedModel, decoders: Decoders) -> None:
        """Raises ModelError if the model takes no pictures."""
        self.model = tensors.model
        self._tensors = tensors
        self._input = self.model.card.input_of(self.model.version)
        self._decoders = decoders
        self._decoding = asyncio.Semaphore(REQUESTS_DECODED)
        self._to_decode = 0
        """Pictures of requests that are decoded, or wait for it."""
        self._usual_shape: Shape = (*self._input.smallest, 3)
        """The last picture's: what others are taken for until they are decoded."""
        self._slots: dict[tuple[int, int], list[NDArray[np.uint8]]] = {}

    def warm_up(self) -> list[Row]:
        """Rows of the shapes that cameras' pictures have."""
        placements = [place(width, height, self._input) for width, height in USUAL_ASPECTS]
        shapes = {(placement.input_height, placement.input_width, 3) for placement in placements}
        return [(np.zeros(shape, np.uint8),) for shape in sorted(shapes)]

    async def infer(
        self,
        data: bytes,
        deadline: float | None = None,
        lane: Lane = "live",
        inspection: Inspection | None = None,
        priority: int = 0,
        protocol: str = "",
    ) -> Inference:
        """What the model says of one picture (JPEG, PNG or WebP), and the guard's verdict where it is asked for.

        Exif orientation is applied: boxes are of the picture as a viewer shows it. `deadline` is in monotonic seconds.
        In the lane of requests nobody waits for room. Raises UndecodableImage, BatcherFull (of requests alone),
        DeadlineExceeded, ModelFailed, BatcherClosed.
        """
        started = monotonic()
        turn = _Turn(deadline, lane, priority, protocol)
        prepared = await self._decoded(data, inspection, turn)
        verdict, prepare_s = prepared.verdict, monotonic() - started
        if inspection and verdict and not inspection.wants_inference(verdict):
            self._give_back(prepared.placement, prepared.slot)
            return Inference(self.model, (), prepare_s, 0.0, 0.0, 0, verdict, prepared.size)
        answer, queue_s, infer_s, batch_size = await self._detect(prepared.slot, prepared.placement, turn)
        self._give_back(prepared.placement, prepared.slot)
        if inspection and verdict and prepared.copies:
            verdict = await self._checked(verdict, inspection, answer.detections, prepared, turn)
        return Inference(
            self.model,
            answer.detections,
            prepare_s,
            queue_s,
            infer_s,
            batch_size,
            verdict,
            prepared.size,
            answer.classes,
            answer.embedding,
        )

    async def _decoded(self, data: bytes, inspection: Inspection | None, turn: _Turn) -> _Prepared:
        """A picture in a slot. Requests are decoded in turn; one that would be answered too late is not decoded."""
        loop = asyncio.get_running_loop()
        if turn.lane != "request":
            return await loop.run_in_executor(self._decoders.frames, self._prepare, data, inspection)
        expected = Item(
            shape=self._usual_shape,
            enqueued=monotonic(),
            deadline=turn.deadline,
            lane=turn.lane,
            priority=turn.priority,
        )
        self._tensors.batcher.refuse_if_late(expected, self._to_decode)
        self._to_decode += 1
        try:
            async with self._decoding:
                if turn.deadline is not None and monotonic() > turn.deadline:
                    raise DeadlineExceeded("the deadline passed before the picture was decoded")
                prepared = await loop.run_in_executor(self._decoders.requests, self._prepare, data, inspection)
        finally:
            self._to_decode -= 1
        self._usual_shape = shape_of((prepared.slot,))
        return prepared

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
            return _Prepared(slot, placement, size, None, ())
        verdict = inspection.verdict(slot, placement, size, self._input.colour)
        compared = inspection.squeezed and self.model.card.task == "detection" and inspection.wants_inference(verdict)
        copies = squeezed_copies(slot) if compared else ()
        return _Prepared(slot, placement, size, verdict, copies)

    async def _detect(
        self, slot: NDArray[np.uint8], placement: Placement, turn: _Turn
    ) -> tuple[PictureAnswer, float, float, int]:
        """The answer, seconds of waiting and of inference, size of the batch."""
        ready = monotonic()
        if turn.lane != "request":
            await self._room(turn.deadline, turn.lane)
        waited_s = monotonic() - ready
        inferred = await self._tensors.batcher.submit((slot,), *turn)
        answer = answer_of(inferred.result, placement, self.model.card)
        return answer, waited_s + inferred.queue_s, inferred.infer_s, inferred.batch_size

    async def _checked(
        self,
        verdict: Verdict,
        inspection: Inspection,
        detections: Sequence[Found],
        prepared: _Prepared,
        turn: _Turn,
    ) -> Verdict:
        """With the largest disagreement of all squeezed copies; unchecked where one of them got no answer in time."""
        found, thresholds = 0.0, self.model.card.thresholds
        floor = max(inspection.floor, thresholds.score if thresholds else 0.0)
        try:
            for copy in prepared.copies:
                other, *_ = await self._detect(copy, prepared.placement, turn)
                found = max(found, disagreement(detections, other.detections, floor))
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
