"""A camera's state, as it is published: at every change and every 10 s."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from nats.errors import Error as NatsError

from gateway import metrics
from gateway.reading.account import FATES
from gateway.reading.interface import ReaderStats, StreamInfo, SubstreamInfo
from vedette.bus.connection import Bus, describe
from vedette.fleet.leases import Lease
from vedette.messages import CLOUDEVENT_CONTENT_TYPE, Status, SubstreamStatus, status_event
from vedette.subjects import status as status_subject

logger = logging.getLogger(__name__)

_EVERY_S = 10.0
_TICK_S = 1.0
_MEASURED_OVER_S = 3.0
_MILLISECOND = dt.timedelta(milliseconds=1)

_COUNTERS = (
    (metrics.RECEIVED, "packets"),
    (metrics.KEYFRAMES, "keyframes"),
    (metrics.KEYFRAMES_DECODED, "keyframes_decoded"),
    (metrics.CORRUPT, "corrupt"),
    (metrics.HELD, "held"),
    (metrics.SKIPPED, "skipped"),
    (metrics.GATED, "gated"),
)
"""Each with what it counts of the reader's stats."""
_COUNTED = (*(name for _, name in _COUNTERS), *(f"ended_{fate}" for fate in FATES))
_LOST = "lost"

CONNECTING, LIVE, STALLED, OFFLINE = "connecting", "live", "stalled", "offline"


class CameraStatus:
    """Told of changes by the camera; `run` publishes them, and keeps the camera's metrics."""

    def __init__(self, bus: Bus, site: str, camera: str, gateway: str, lease: Lease) -> None:
        self.state = CONNECTING
        self.reason: str | None = None
        self.reconnects = 0
        self.stats = ReaderStats()
        """Of the camera's reader; see `follow`."""
        self.farewell = "the gateway has stopped"
        """The last thing said."""
        self.refused: str | None = None
        """Why the latest change of the camera's configuration was not taken."""
        self.on_change: list[Callable[[str, str | None], None]] = []
        """Called with each new state and its reason."""
        self._bus = bus
        self._site = site
        self._camera = camera
        self._gateway = gateway
        self._lease = lease
        self._info: StreamInfo | None = None
        self._since = dt.datetime.now(dt.UTC)
        self._since_s = monotonic()
        self._offline_since: dt.datetime | None = None
        self._said_at = self._since
        self._live_s = 0.0
        self._logged = CONNECTING
        self._changed = asyncio.Event()
        self._rates = _Rates()
        self._settled: ReaderStats | None = None
        self._counters = (
            *(counter.labels(camera) for counter, _ in _COUNTERS),
            *(metrics.READ.labels(camera, fate) for fate in FATES),
        )
        self._clock_doubted = False
        self._gate: tuple[str | None, str | None] = (None, None)
        metrics.UP.labels(camera).set(0)
        metrics.RECONNECTS.labels(camera)
        self._forget = bus.on_reconnect(self._on_reconnect)

    def close(self) -> None:
        """It will not be used any more."""
        self._forget()

    def change(self, state: str, reason: str | None = None) -> None:
        """The camera's state is `state` now, and why."""
        if (state, reason) == (self.state, self.reason):
            return
        if state != self._logged and (state, self._logged) != (CONNECTING, OFFLINE):  # one line, not one a retry
            self._logged = state
            level = logging.INFO if state == LIVE else logging.WARNING
            logger.log(level, "%s%s", state, f": {reason}" if reason else "")
        self._set(state, reason)
        self.publish_soon()
        for listener in self.on_change:
            listener(state, reason)

    def on_stream(self, info: StreamInfo) -> None:
        """The source was opened, or its resolution changed."""
        self._info = info
        self.publish_soon()

    def follow(self, stats: ReaderStats) -> None:
        """Another reader's counters from now on; what the last one counted stays counted."""
        self._settle()
        self._rates.restart()
        self.stats = stats

    def publish_soon(self) -> None:
        """Publish the state at once, though it may be the same."""
        self._changed.set()

    def live_s(self) -> float:
        """How long the camera has been live in all."""
        return self._live_s + (monotonic() - self._since_s if self.state == LIVE else 0.0)

    async def run(self) -> None:
        """Publish until cancelled; then say that nobody watches the camera, unless another gateway does."""
        due_s = monotonic()
        try:
            while True:
                now_s = monotonic()
                self._count(now_s)
                if self._changed.is_set() or now_s >= due_s:
                    self._changed.clear()
                    due_s = now_s + (_EVERY_S if await self._publish() else 0.0)  # else as soon as it can be said
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self._changed.wait()
        finally:
            self._settle()
            self._set(OFFLINE, self.farewell)
            await self._publish()

    def message(self) -> Status:
        """The state as a message."""
        info, stats, rates = self._info, self.stats, self._rates
        return Status(
            site=self._site,
            camera=self._camera,
            state=self.state,
            reason=self.reason,
            since=self._since,
            gateway=self._gateway,
            epoch=self._lease.epoch or None,
            codec=info.codec if info else None,
            width=info.width if info else None,
            height=info.height if info else None,
            source_fps=rates.source_fps if rates.source_fps is not None or not info else info.fps,
            sampled_fps=rates.sampled_fps,
            cpu=rates.cpu,
            decode=stats.decode if info else None,
            gate=stats.gate if info else None,
            gate_reason=stats.gate_blind if info else None,
            clock=stats.clock,
            clock_off_s=None if stats.clock_off_s is None else round(stats.clock_off_s, 1),
            substream=_said(info.substream) if info and info.substream else None,
            reconnects=self.reconnects,
            refused=self.refused,
        )

    async def _publish(self) -> bool:
        """Only the camera's owner speaks: a gateway that waits for it would replace what the owner says."""
        if not (self._bus.connected and self._lease.held):
            return False
        # An event's id holds its time in ms, and the stream keeps one event an id.
        self._said_at = max(dt.datetime.now(dt.UTC), self._said_at + _MILLISECOND)
        event = status_event(self.message(), self._said_at)
        headers = {"Content-Type": CLOUDEVENT_CONTENT_TYPE, "Nats-Msg-Id": event.id}
        payload = event.model_dump_json(exclude_none=True).encode()
        try:
            await self._bus.client.publish(status_subject(self._site, self._camera), payload, headers=headers)
        except NatsError as error:
            logger.debug("status: %s", describe(error))
            return False
        return True

    def _set(self, state: str, reason: str | None) -> None:
        if state != self.state:
            self._live_s = self.live_s()
            self._since, self._since_s = dt.datetime.now(dt.UTC), monotonic()
            if state == OFFLINE:  # still, where it was so before it was tried again
                self._since = self._offline_since = self._offline_since or self._since
            elif state != CONNECTING:
                self._offline_since = None
        self.state, self.reason = state, reason
        metrics.UP.labels(self._camera).set(state == LIVE)

    def _count(self, now_s: float) -> None:
        new = self._rates.update(self.stats, now_s)
        for counter, count in zip(self._counters, new, strict=True):
            if count:
                counter.inc(count)
        self._say_gate((self.stats.gate, self.stats.gate_blind))
        self._doubt_clock(self.stats.clock_off_s)

    def _settle(self) -> None:
        """The reader will count no more: what it read and never said the fate of is lost with its process."""
        self._count(monotonic())
        stats = self.stats
        if stats is not self._settled:
            self._settled = stats
            ended = sum(getattr(stats, f"ended_{fate}") for fate in FATES)
            metrics.READ.labels(self._camera, _LOST).inc(max(0, stats.packets - ended))

    def _say_gate(self, gate: tuple[str | None, str | None]) -> None:
        if gate != self._gate:
            self._gate = gate
            self.publish_soon()

    def _doubt_clock(self, off_s: float | None) -> None:
        """Say once when the camera's clock can't be believed."""
        if off_s is not None and not self._clock_doubted:
            off, side = dt.timedelta(seconds=round(abs(off_s))), "behind" if off_s > 0 else "ahead"
            logger.warning("the camera's clock is %s %s; capture times are those of arrival", off, side)
            self.publish_soon()
        self._clock_doubted = off_s is not None

    async def _on_reconnect(self) -> None:
        self.publish_soon()  # the server may have forgotten it


def _said(info: SubstreamInfo) -> SubstreamStatus:
    view = info.view
    return SubstreamStatus(
        codec=info.codec,
        width=info.width,
        height=info.height,
        view=(view.x, view.y, view.width, view.height),
        view_known=info.known,
        reason=info.reason,
        pipelines=tuple(info.pipelines),
    )


class _Rates:
    """Frames and CPU seconds a second of a reader, over the last few seconds, and its counts since the last look."""

    def __init__(self) -> None:
        self.source_fps: float | None = None
        self.sampled_fps: float | None = None
        self.cpu: float | None = None
        self._counted = (0,) * len(_COUNTED)
        self._from: tuple[float, int, int] | None = None
        self._cpu_from: tuple[float, float] | None = None

    def restart(self) -> None:
        """The counters begin at zero again."""
        self._counted = (0,) * len(_COUNTED)
        self._from = self._cpu_from = None

    def update(self, stats: ReaderStats, now_s: float) -> tuple[int, ...]:
        """What was counted since the last call, in the order of `_COUNTED`."""
        counted = tuple(getattr(stats, name) for name in _COUNTED)
        new = tuple(now - before for now, before in zip(counted, self._counted, strict=True))
        self._counted = counted
        if self._from is None and stats.packets:
            self._from = (now_s, stats.packets, stats.sampled)
        elif self._from is not None and now_s - self._from[0] >= _MEASURED_OVER_S:
            since_s, first_packets, first_sampled = self._from
            self.source_fps = round((stats.packets - first_packets) / (now_s - since_s), 2)
            self.sampled_fps = round((stats.sampled - first_sampled) / (now_s - since_s), 2)
            self._from = (now_s, stats.packets, stats.sampled)
        self._measure_cpu(stats.cpu_s, now_s)
        return new

    def _measure_cpu(self, cpu_s: float | None, now_s: float) -> None:
        if cpu_s is None:
            return
        if self._cpu_from is None:
            self._cpu_from = (now_s, cpu_s)
        elif now_s - self._cpu_from[0] >= _MEASURED_OVER_S:
            since_s, before_s = self._cpu_from
            self.cpu = round(max(0.0, cpu_s - before_s) / (now_s - since_s), 3)
            self._cpu_from = (now_s, cpu_s)
