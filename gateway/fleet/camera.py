"""One camera: its reader in a thread, its supervisor, its frames on their way to the bus. No other camera knows of it.

A source only runs: it connects, reads until failure, and raises. What follows from that (wait, try again, give up the
camera to another gateway) is decided here and nowhere else.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Protocol

from gateway import metrics
from gateway.errors import GatewayError, ReaderLost, SourceError
from gateway.fleet.camera_status import CONNECTING, OFFLINE, CameraStatus
from gateway.fleet.live_publisher import LiveFeed
from gateway.fleet.pace import Pace, paces
from gateway.pictures.frame_headers import headers_of
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.processes.messages import ReaderPlan
from gateway.processes.remote_reader import Listener as ReaderListener
from gateway.reading.interface import ReadOptions
from gateway.reading.listener import Listener
from gateway.reading.read_settings import decode_options, gate_policy, substream_of
from gateway.sources.tls import Tls
from vedette.background import background, end
from vedette.config.camera_settings import Camera as CameraConfig
from vedette.fleet.leases import Lease
from vedette.frames import FrameHeaders
from vedette.process.logs import current_camera
from vedette.process.metrics import DROPPED, STAGE_TIME, SUPERSEDED
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.5, cap_s=30.0, healthy_after_s=10.0)
_SLOWLY_S = 30.0
"""Wrong credentials again and again lock a camera's account."""


@dataclass(frozen=True, slots=True)
class _End:
    """Why reading ended."""

    reason: str
    retry_slowly: bool = False
    retry_at_once: bool = False


_FILE_ENDED = _End("the file has ended")
_TAKEN_OVER = _End("another gateway has it")


class CameraReader(Protocol):
    """Reads the camera's source, wherever it does that."""

    async def run(self) -> None:
        """Read until the end of a file that isn't looped. Raises GatewayError; it may be run again after each end."""

    def set_fps(self, pipeline: str, fps: float) -> None:
        """Sample so often for a pipeline from now on."""

    def hint(self, until_s: float) -> None:
        """An object moves before the camera until then; `time.monotonic`."""

    async def still(self, arrived_at: float) -> bytes:
        """The JPEG of the main stream's picture that came at this moment (Unix seconds), of a camera with a substream
        that gives such pictures; no bytes where there is none. Within seconds."""

    def close(self) -> None:
        """It will not be run again."""


class Decoding(Protocol):
    """Where cameras get their readers."""

    def reader(self, camera: str, plan: ReaderPlan, listener: ReaderListener) -> CameraReader:
        """A reader of what `plan` says."""


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
        decoding: Decoding,
    ) -> None:
        """`outputs` and `feeds`: one for each of the camera's pipelines."""
        self.name = name
        self._config = config
        self._outputs = outputs
        self._feeds = feeds
        self._lease = lease
        self._status = status
        self._budget_ms = budget_ms
        self._decoding = decoding
        self._latest: dict[str, SampledFrame] = {}
        self._arrived = asyncio.Event()
        self._paces: list[Pace] = []
        self._reader: CameraReader | None = None
        metrics.DEFECTS.labels(name)

    async def run(self) -> None:
        """Own the lease, keep the source open, publish its frames and its status. A defect begins all of it anew."""
        current_camera.set(self.name)
        retry = Retry(_BACKOFF)
        while True:
            began_s = monotonic()
            try:
                await self._own()
            except Exception as error:  # a defect that shows with one camera must not end the others
                logger.exception("internal error; the camera begins anew")
                metrics.DEFECTS.labels(self.name).inc()
                self._status.change(OFFLINE, _defect(error))
            await asyncio.sleep(retry.wait_s(monotonic() - began_s))

    def hint(self, until_s: float) -> None:
        """Somebody knows that an object moves before the camera until then; `time.monotonic`."""
        if self._reader is not None:
            self._reader.hint(until_s)
        for pace in self._paces:
            pace.excite(monotonic(), until_s)

    async def still(self, arrived_at: float) -> bytes | None:
        """See `CameraReader.still`; None: the camera is another gateway's."""
        if not self._lease.held or self._reader is None:
            return None
        return await self._reader.still(arrived_at)

    async def _own(self) -> None:
        self._status.farewell = "the gateway has stopped"
        # The lease is given back last: no other gateway begins before all else here has ended.
        async with background(self._lease.run()), background(self._status.run()):
            try:
                async with background(self._publish()):
                    await self._supervise()
            except Exception as error:
                self._status.farewell = _defect(error)
                raise

    def _new_reader(self) -> CameraReader:
        config = self._config
        plan = ReaderPlan(
            str(config.path) if config.is_file else config.url.reveal(),
            self._outputs,
            ReadOptions(
                transport=config.transport,
                tls=Tls(config.tls.verify, config.tls.ca),
                loop=config.loop,
                paced=True,
                decode=decode_options(config),
                gate=gate_policy(config, self.name),
            ),
            config.privacy,
            config.matrix,
            substream_of(config),
        )
        reader = self._decoding.reader(self.name, plan, Listener(self._status, self._offer))
        self._reader = reader
        self._paces = paces(self.name, self._feeds, reader, gated=config.gate.mode != "off")
        return reader

    async def _supervise(self) -> None:
        retry, reader = Retry(_BACKOFF), self._new_reader()
        try:
            while True:
                await self._lease.until_held()
                reason = self._status.reason if self._status.state == OFFLINE else None
                self._status.change(CONNECTING, f"last: {reason}" if reason else None)
                self._status.publish_soon()
                live_before_s = self._status.live_s()
                outcome = await self._read(reader)
                self._status.change(CONNECTING if outcome is _TAKEN_OVER else OFFLINE, outcome.reason)
                if outcome is _FILE_ENDED:
                    await asyncio.Event().wait()
                if outcome is not _TAKEN_OVER:
                    await self._wait(retry, outcome, self._status.live_s() - live_before_s)
        finally:
            reader.close()

    async def _wait(self, retry: Retry, outcome: _End, live_s: float) -> None:
        """Wait before the source is opened again."""
        wait_s = retry.wait_s(live_s, at_least_s=_SLOWLY_S if outcome.retry_slowly else 0.0)
        if not outcome.retry_at_once or retry.failures > 1:  # the second time it may be this camera's fault
            await asyncio.sleep(wait_s)
        self._status.reconnects += 1
        metrics.RECONNECTS.labels(self.name).inc()

    async def _read(self, reader: CameraReader) -> _End:
        """Read until the source fails or ends, or another gateway owns the camera."""
        reading = asyncio.create_task(reader.run())
        taken_over = asyncio.create_task(self._lease.until_owned_by_other())
        try:
            await asyncio.wait((reading, taken_over), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                return _TAKEN_OVER
            await reading
        except SourceError as error:
            return _End(str(error), error.retry_slowly)
        except ReaderLost as error:
            return _End(str(error), retry_at_once=True)
        except GatewayError as error:
            return _End(str(error))
        finally:
            await end((reading, taken_over))
        return _FILE_ENDED

    def _offer(self, frame: SampledFrame, superseded: int) -> None:
        """A frame was sampled. Where the one before it has not even been sent yet, that one is superseded too."""
        metrics.SAMPLED.labels(self.name, frame.pipeline).inc(1 + superseded)
        SUPERSEDED.labels(self.name, frame.pipeline).inc(superseded + (frame.pipeline in self._latest))
        STAGE_TIME.labels("decode", frame.pipeline).observe(frame.decode_ms / 1000)
        STAGE_TIME.labels("encode", frame.pipeline).observe(frame.encode_ms / 1000)
        self._latest[frame.pipeline] = frame
        self._arrived.set()

    async def _publish(self) -> None:
        try:
            await self._publish_latest()
        finally:
            if self._latest:
                DROPPED.labels(self.name, "stopped", "gateway").inc(len(self._latest))
                self._latest.clear()

    async def _publish_latest(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._latest:
                pipeline, frame = self._latest.popitem()
                await self._feeds[pipeline].publish(frame.jpeg, partial(self._headers, frame))
                for pace in self._paces:
                    pace.follow(frame, monotonic())

    def _headers(self, frame: SampledFrame, epoch: int, seq: int) -> FrameHeaders:
        return headers_of(frame, epoch, seq, frame.age_s(monotonic()) * 1000, self._budget_ms)


def _defect(error: BaseException) -> str:
    """An internal error, as a status says it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"internal error: {type(error).__name__}"
