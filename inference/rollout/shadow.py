"""A version that sees what the stable one has served, and is compared with it. It is never in anybody's way."""

import asyncio
import logging
import random
from collections import Counter
from time import monotonic

from inference import metrics
from inference.errors import InferenceError
from inference.picture_model import Inference
from inference.rollout.agreement import compare, compare_best
from inference.served_version import ServedVersion
from vedette.background import end

logger = logging.getLogger(__name__)

_LOG_EVERY_S = 60.0
_WITHIN_S = 30.0


class Shadow:
    """One picture at a time in threads of the lowest priority; what comes meanwhile is left out. `stop` ends it."""

    def __init__(self, version: ServedVersion, sample: float, confidence: float) -> None:
        """`sample` is the share of the pictures that it sees; objects of at least `confidence` are compared."""
        self.version = version
        self.sample = sample
        self._confidence = confidence
        self._name, number = version.model.card.name, version.model.version
        self._frames = {
            outcome: metrics.SHADOW_FRAMES.labels(self._name, number, outcome)
            for outcome in ("compared", "left_out", "failed")
        }
        self._iou = metrics.SHADOW_IOU.labels(self._name, number)
        self._failures: Counter[str] = Counter()
        self._logged_s = -_LOG_EVERY_S
        self._next: asyncio.Queue[tuple[bytes, Inference]] = asyncio.Queue(maxsize=1)
        self._busy = False
        self._stopped = False
        self._running = asyncio.create_task(self._run(), name=f"shadow {number}")

    def offer(self, jpeg: bytes, served: Inference) -> None:
        """A picture that was served; returns at once."""
        if random.random() >= self.sample:  # noqa: S311 -- a sample, no secret
            return
        if self._busy or self._next.full():
            self._frames["left_out"].inc()
        else:
            self._next.put_nowait((jpeg, served))

    def stop(self) -> None:
        """Look at nothing more; a run under way goes on, and its version is in use until it ends."""
        self._stopped = True
        if not self._busy:
            self._running.cancel()

    async def close(self) -> None:
        """The same at once."""
        await end([self._running])

    async def _run(self) -> None:
        while not self._stopped:
            jpeg, served = await self._next.get()
            self._busy = True
            try:
                with self.version.use():
                    deadline_s = monotonic() + _WITHIN_S
                    own = await self.version.pictures.infer(jpeg, deadline_s, "complete", protocol="shadow")
            except InferenceError as error:
                self._frames["failed"].inc()
                self._failed(error)
            else:
                self._note(served, own)
            finally:
                self._busy = False

    def _note(self, served: Inference, own: Inference) -> None:
        self._frames["compared"].inc()
        compared = compare(served.detections, own.detections, self._confidence)
        if served.classes and own.classes:
            compared = [compare_best(served.classes[0].label, own.classes[0].label)]
        for one in compared:
            metrics.SHADOW_DETECTIONS.labels(self._name, self.version.model.version, one.label, one.outcome).inc()
            if one.iou:
                self._iou.observe(one.iou)

    def _failed(self, error: InferenceError) -> None:
        """Once a minute, with how often."""
        self._failures[type(error).__name__] += 1
        if monotonic() - self._logged_s > _LOG_EVERY_S:
            how_often = ", ".join(f"{count} {name}" for name, count in self._failures.items())
            logger.warning("the shadow %s fails: %s (%s)", self.version.model.version, error, how_often)
            self._logged_s = monotonic()
            self._failures.clear()
