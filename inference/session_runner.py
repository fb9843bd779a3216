"""One model session with its input buffers: puts images together into a batch, runs it, measures what sizes cost."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.batch_policy import MAX_SHAPES, BatchPolicy, CostCurve, Shape
from inference.batching import ModelFailed
from inference.request import R

R_co = TypeVar("R_co", covariant=True)

ROUNDS = 3

Samples = Mapping[Shape, Mapping[int, Sequence[float]]]
"""Seconds of each measured run, by shape and batch size."""


class Session(Protocol[R_co]):
    """A loaded model. It is used by one thread only and must not keep `images`, whose memory is used again."""

    def run(self, images: NDArray[np.uint8]) -> Sequence[R_co]:
        """One result an image of [N, H, W, 3], in order. A ValueError means that the model takes no such images; after
        any other exception the session is not used again."""
        ...


OpenSession = Callable[[], Session[R]]


class SessionRunner(Generic[R]):
    """Owned by one thread. One buffer of `max_batch` images is kept for each of the last `MAX_SHAPES` shapes; its
    pages become real memory only as far as batches fill them."""

    def __init__(self, open_session: OpenSession[R], policy: BatchPolicy) -> None:
        self._open_session = open_session
        self._policy = policy
        self._session: Session[R] | None = None
        self._buffers: OrderedDict[Shape, NDArray[np.uint8]] = OrderedDict()

    def open(self) -> None:
        """Open a session; the one before is let go first, so that a device never has to hold both."""
        self._session = None
        self._session = self._open_session()

    def run(self, images: Sequence[NDArray[np.uint8]]) -> Sequence[R]:
        """The results of images of one shape, in order. Raises what the session raises, and `ModelFailed` if it does
        not give one result an image."""
        if self._session is None:
            raise ModelFailed("the session is not open")
        results = self._session.run(self._assemble(images))
        if len(results) != len(images):
            raise ModelFailed(f"the model gave {len(results)} results for {len(images)} images")
        return results

    def measure(self, shapes: Iterable[Shape]) -> Samples:
        """Run every batch size `ROUNDS` times, after once to warm up; in turn, so that drift touches all alike."""
        return {shape: self._measure(np.zeros(shape, np.uint8)) for shape in shapes}

    def _measure(self, image: NDArray[np.uint8]) -> Mapping[int, Sequence[float]]:
        seconds: dict[int, list[float]] = {size: [] for size in self._policy.sizes}
        for _ in range(1 + ROUNDS):
            for size in self._policy.sizes:
                started = time.monotonic()
                self.run([image] * size)
                seconds[size].append(time.monotonic() - started)
        return {size: samples[1:] for size, samples in seconds.items()}

    def _assemble(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        if len(images) == 1 and images[0].flags.c_contiguous:
            return images[0][np.newaxis]
        batch = self._buffer(images[0].shape)[: len(images)]
        for slot, image in zip(batch, images, strict=True):
            slot[:] = image
        return batch

    def _buffer(self, shape: Shape) -> NDArray[np.uint8]:
        if shape not in self._buffers:
            self._buffers[shape] = np.empty((self._policy.max_batch, *shape), np.uint8)
            if len(self._buffers) > MAX_SHAPES:
                self._buffers.popitem(last=False)
        self._buffers.move_to_end(shape)
        return self._buffers[shape]


def curve_of(samples: Iterable[Mapping[int, Sequence[float]]]) -> CostCurve:
    """The medians over what several sessions measured for one shape."""
    pooled: dict[int, list[float]] = {}
    for session in samples:
        for size, seconds in session.items():
            pooled.setdefault(size, []).extend(seconds)
    return CostCurve({size: median(seconds) for size, seconds in pooled.items()})
