"""One camera: its reader in a thread, its supervisor, its frames on their way to the bus. No other camera knows of it.

A source only runs: it connects, reads until failure, and raises. What follows from that (wait, try again, give up the
camera to another gateway) is decided here and nowhere else.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import ParamSpec

from gateway import metrics
from gateway.camera_status import CONNECTING, LIVE, OFFLINE, STALLED, CameraStatus
from gateway.errors import SourceError
from gateway.frame_headers import headers_of
from gateway.live_publisher import LiveFeed
from gateway.reader import Reader
from gateway.reading import ReadOptions, StreamInfo
from gateway.reading_thread import read_in_thread
from gateway.sampled_frame import Output, SampledFrame
from vedette.background import background
from vedette.config import Camera as CameraConfig
from vedette.frames import FrameHeaders
from vedette.leases import Lease
from vedette.logs import current_camera
from vedette.metrics import DROPPED
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

P = ParamSpec("P")

_BACKOFF = Backoff(first_s=0.5, cap_s=30.0, healthy_after_s=10.0)
_SLOWLY_S = 30.0
"""Wrong credentials again and again lock a camera's account."""


class Camera:
    """Runs one camera until cancelled."""

    def __init__(
        self,
        name: str,
        config: CameraConfig,
        outputs: Sequence[Output],
        feeds: dict[str, LiveFeed],
        lease: Lease,
        status: CameraStatus,
        budget_ms: float,
    ) -> None:
        """`outputs` and `feeds`: one for each of the camera's pipelines."""
        self.name = name
        self._config = config
        self._outputs = outputs
        self._feeds = feeds
        self._lease = lease
        self._status = status
        self._budget_ms = budget_ms
        self._latest: dict[str, SampledFrame] = {}
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        """Own the lease, keep the source open, publish its frames and its status."""
        current_camera.set(self.name)
        reader = self._reader()
        self._status.stats = reader.stats
        async with background(self._lease.run(), self._status.run(), self._publish()):
            await self._supervise(reader)

    def _reader(self) -> Reader:
        loop, config = asyncio.get_running_loop(), self._config
        return Reader(
            str(config.path) if config.is_file else config.url.reveal(),
            self._outputs,
            lambda frame: _call(loop, self._offer, frame),
            _Observer(loop, self._status),
            ReadOptions(transport=config.transport, loop=config.loop, paced=True),
            config.privacy,
            config.matrix,
        )

    async def _supervise(self, reader: Reader) -> None:
        retry = Retry(_BACKOFF)
        while True:
            await self._until_ours()
            failure = await self._read(reader)
            healthy_s = self._status.for_s() if self._status.state == LIVE else 0.0
            if failure is None and self._lease.other_owner is None:
                self._status.change(OFFLINE, "the file has ended")
                await asyncio.Event().wait()
            if failure is not None:
                self._status.change(OFFLINE, str(failure))
                await asyncio.sleep(retry.wait_s(healthy_s, at_least_s=_SLOWLY_S if failure.retry_slowly else 0.0))
            self._status.reconnects += 1
            metrics.RECONNECTS.labels(self.name).inc()

    async def _until_ours(self) -> None:
        if not self._lease.held and self._lease.other_owner is not None:
            self._status.change(CONNECTING, f"another gateway has it: {self._lease.other_owner}")
        await self._lease.until_held()
        self._status.epoch = self._lease.epoch

    async def _read(self, reader: Reader) -> SourceError | None:
        """Read until the source fails (why), ends, or another gateway owns the camera (None)."""
        reading = asyncio.create_task(read_in_thread(f"camera-{self.name}", reader.run))
        taken_over = asyncio.create_task(self._lease.until_owned_by_other())
        try:
            await asyncio.wait((reading, taken_over), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        except SourceError as error:
            return error
        finally:
            reading.cancel()
            taken_over.cancel()
            await asyncio.gather(reading, taken_over, return_exceptions=True)
        return None

    def _offer(self, frame: SampledFrame) -> None:
        """A frame was sampled. Where the one before it has not even been sent yet, that one is superseded."""
        self._status.change(LIVE)
        metrics.SAMPLED.labels(self.name, frame.pipeline).inc()
        if frame.pipeline in self._latest:
            DROPPED.labels(self.name, "superseded", "gateway").inc()
        self._latest[frame.pipeline] = frame
        self._arrived.set()

    async def _publish(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._latest:
                pipeline, frame = self._latest.popitem()
                await self._feeds[pipeline].publish(frame.jpeg, partial(self._headers, frame))

    def _headers(self, frame: SampledFrame, epoch: int, seq: int) -> FrameHeaders:
        return headers_of(frame, epoch, seq, (monotonic() - frame.arrived_monotonic) * 1000, self._budget_ms)


class _Observer:
    """Takes what the reading thread says to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, status: CameraStatus) -> None:
        self._loop = loop
        self._status = status

    def on_stream(self, info: StreamInfo) -> None:
        logger.info("%s %sx%s over %s", info.codec, info.width, info.height, info.transport)
        self._status.info = info

    def on_stalled(self, silent_s: float) -> None:
        _call(self._loop, self._status.change, STALLED, f"no frame for {silent_s:.0f} s")

    def on_recovered(self) -> None:
        _call(self._loop, self._status.change, LIVE)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call on the loop, from another thread; nothing where the loop has ended meanwhile."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(partial(function, *args, **kwargs))
