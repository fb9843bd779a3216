"""One camera: its reader in a thread, its supervisor, its frames on their way to the bus. No other camera knows of it.

A source only runs: it connects, reads until failure, and raises. What follows from that (wait, try again, give up the
camera to another gateway) is decided here and nowhere else.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
from vedette.background import background, end
from vedette.config import Camera as CameraConfig
from vedette.frames import FrameHeaders
from vedette.leases import Lease
from vedette.logs import current_camera
from vedette.metrics import SUPERSEDED
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

P = ParamSpec("P")

_BACKOFF = Backoff(first_s=0.5, cap_s=30.0, healthy_after_s=10.0)
_SLOWLY_S = 30.0
"""Wrong credentials again and again lock a camera's account."""


@dataclass(frozen=True, slots=True)
class _End:
    """Why reading ended."""

    reason: str
    retry_slowly: bool = False


_FILE_ENDED = _End("the file has ended")
_TAKEN_OVER = _End("another gateway has it")


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
        # The lease is given back last: no other gateway begins before all else here has ended.
        async with background(self._lease.run()), background(self._status.run(), self._publish()):
            await self._supervise(self._reader())

    def _reader(self) -> Reader:
        loop, config = asyncio.get_running_loop(), self._config
        reader = Reader(
            str(config.path) if config.is_file else config.url.reveal(),
            self._outputs,
            lambda frame: _call(loop, self._offer, frame),
            _Observer(loop, self._status),
            ReadOptions(transport=config.transport, loop=config.loop, paced=True),
            config.privacy,
            config.matrix,
        )
        self._status.stats = reader.stats
        return reader

    async def _supervise(self, reader: Reader) -> None:
        retry = Retry(_BACKOFF)
        while True:
            await self._lease.until_held()
            self._status.publish_soon()
            live_before_s = self._status.live_s()
            end = await self._read(reader)
            self._status.change(CONNECTING if end is _TAKEN_OVER else OFFLINE, end.reason)
            if end is _FILE_ENDED:
                await asyncio.Event().wait()
            if end is not _TAKEN_OVER:
                live_s = self._status.live_s() - live_before_s
                await asyncio.sleep(retry.wait_s(live_s, at_least_s=_SLOWLY_S if end.retry_slowly else 0.0))
                self._status.reconnects += 1
                metrics.RECONNECTS.labels(self.name).inc()

    async def _read(self, reader: Reader) -> "_End":
        """Read until the source fails or ends, or another gateway owns the camera."""
        reading = asyncio.create_task(read_in_thread(f"camera-{self.name}", reader.run))
        taken_over = asyncio.create_task(self._lease.until_owned_by_other())
        try:
            await asyncio.wait((reading, taken_over), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                return _TAKEN_OVER
            await reading
        except SourceError as error:
            return _End(str(error), error.retry_slowly)
        except Exception as error:  # a defect that shows with one camera must not end the others
            logger.exception("the reader failed")
            return _End(f"internal error: {type(error).__name__}")
        finally:
            await end((reading, taken_over))
        return _FILE_ENDED

    def _offer(self, frame: SampledFrame) -> None:
        """A frame was sampled. Where the one before it has not even been sent yet, that one is superseded."""
        self._status.change(LIVE)
        metrics.SAMPLED.labels(self.name, frame.pipeline).inc()
        if frame.pipeline in self._latest:
            SUPERSEDED.labels(self.name, frame.pipeline).inc()
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
        _call(self._loop, self._status.on_stream, info)

    def on_stalled(self, silent_s: float) -> None:
        _call(self._loop, self._status.change, STALLED, f"no frame for {silent_s:.0f} s")

    def on_recovered(self) -> None:
        _call(self._loop, self._status.change, LIVE)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call on the loop, from another thread; nothing where the loop has ended meanwhile."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(partial(function, *args, **kwargs))
