"""A plain NATS subscriber in a thread: notes when each detections message came, and reads them only afterwards, so that
counting costs next to nothing while it is measured."""

import asyncio
import threading
import time
from dataclasses import dataclass

from nats.aio.msg import Msg

from benchmarks.processes import Up, wait_until
from vedette.bus.address import address_of
from vedette.bus.connection import connect
from vedette.config.file import load_config
from vedette.messages import Detections, DetectionsEvent


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
        self._site = site
        self._came: list[tuple[str, float, bytes]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        wait_until((site.folder / "state" / "bench" / "nats.json").exists, "the server")
        self._thread.start()

    @property
    def messages(self) -> int:
        return len(self._came)

    def wait_for_all(self, cameras: int, deadline_s: float = 60.0) -> None:
        """Until every camera has been heard of."""
        wait_until(lambda: len({subject for subject, _, _ in self._came}) >= cameras, "all cameras", deadline_s)

    def arrivals(self, first: int = 0) -> list[Arrival]:
        """What came, from message number `first` on."""
        return [_arrival(at_s, DetectionsEvent.model_validate_json(data).data) for _, at_s, data in self._came[first:]]

    def close(self) -> None:
        self._ended.set()
        self._thread.join(10)

    async def _run(self) -> None:
        async def on_message(message: Msg) -> None:
            self._came.append((message.subject, time.time(), message.data))

        address = address_of(load_config(self._site.config))
        async with await connect(address, "counting", keeps_streams=False) as bus:
            await bus.client.subscribe("vedette.detections.>", cb=on_message)
            await asyncio.to_thread(self._ended.wait)


def _arrival(at_s: float, data: Detections) -> Arrival:
    timing = data.timing
    assert timing is not None
    return Arrival(
        data.camera,
        at_s,
        data.frame.captured_at.timestamp(),
        timing.total_ms or 0.0,
        timing.infer_ms,
        timing.queue_ms,
        timing.decode_ms or 0.0,
        timing.batch_size,
    )
