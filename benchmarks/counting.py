"""Counts detections messages, as a subscriber of its own in a thread, and keeps what they say of time."""

import asyncio
import threading
import time
from dataclasses import dataclass

import vedette
from benchmarks.processes import Up, wait_until
from vedette.errors import BusUnavailable
from vedette.messages import Detections


@dataclass(frozen=True)
class Arrival:
    """One message, as it arrived."""

    camera: str
    at_s: float
    """Unix seconds."""
    captured_s: float
    total_ms: float
    infer_ms: float
    queue_ms: float
    decode_ms: float
    batch_size: int


class Counting:
    """Runs until closed."""

    def __init__(self, site: Up) -> None:
        self.arrivals: list[Arrival] = []
        self._site = site
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    @property
    def messages(self) -> int:
        return len(self.arrivals)

    def wait_for_all(self, cameras: int, deadline_s: float = 60.0) -> None:
        """Until every camera has been heard of."""
        wait_until(lambda: len({arrival.camera for arrival in self.arrivals}) >= cameras, "all cameras", deadline_s)

    def close(self) -> None:
        self._ended.set()
        self._thread.join(10)

    async def _run(self) -> None:
        while not self._ended.is_set():
            try:
                async with vedette.subscribe(config=self._site.config) as events:
                    while not self._ended.is_set():
                        try:
                            event = await asyncio.wait_for(anext(events), 1.0)
                        except TimeoutError:
                            continue
                        if isinstance(event.data, Detections):
                            self.arrivals.append(_arrival(event.data))
            except BusUnavailable:
                await asyncio.sleep(0.2)


def _arrival(data: Detections) -> Arrival:
    timing = data.timing
    assert timing is not None
    return Arrival(
        data.camera,
        time.time(),
        data.frame.captured_at.timestamp(),
        timing.total_ms or 0.0,
        timing.infer_ms,
        timing.queue_ms,
        timing.decode_ms or 0.0,
        timing.batch_size,
    )
