"""A camera's reader, as the camera sees it; it runs in a decode process, and not for ever in the same one."""

import asyncio
import itertools
import logging
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Any, Literal, Protocol

from gateway import metrics
from gateway.errors import ReaderBroken, ReaderLost, SourceError
from gateway.pictures.sampled_frame import SampledFrame
from gateway.processes.link import DecodeLink, ReaderReport
from gateway.processes.messages import (
    Adjust,
    Ended,
    Live,
    Open,
    Opened,
    ReaderPlan,
    Run,
    Sampled,
    Stalled,
    Still,
    Stop,
    Usage,
)
from gateway.processes.placement import Meter
from gateway.processes.slot import DecodeSlot
from gateway.reading.interface import ReaderStats, StreamInfo
from vedette.process.logs import about_camera

logger = logging.getLogger(__name__)

_LEAVE_WITHIN_S = 1.2
_MOST_STILLS = 8
_STILL_WITHIN_S = 4.0
_STUCK_BEATS = 120
"""A minute. What takes longest is to decode all that was kept, when a gate opens."""


class Listener(Protocol):
    """What the reader's camera hears, in the event loop."""

    def on_reader(self, stats: ReaderStats) -> None:
        """A reader was made; its counters will be in `stats`."""

    def on_waiting(self, why: str) -> None:
        """There is no process yet to run it in."""

    def on_frame(self, frame: SampledFrame, superseded: int) -> None:
        """A frame was sampled, and took the place of so many that nobody had time for."""

    def on_stream(self, info: StreamInfo) -> None:
        """The source was opened, or its resolution changed."""

    def on_stalled(self, silent_s: float) -> None:
        """No frame for `silent_s`. Said once a stall."""

    def on_live(self) -> None:
        """Frames come, for the first time or again."""


class Places(Protocol):
    """Who knows the decode processes."""

    def place(self, reader: "RemoteReader") -> DecodeSlot:
        """Where `reader` is to run."""

    def isolate(self, reader: "RemoteReader") -> DecodeSlot:
        """Where `reader`, over which a process crashed, does no harm to others."""

    def forget(self, reader: "RemoteReader") -> None:
        """`reader` will not run again."""


class RemoteReader:
    """Runs one at a time. While it stays in its process, a run after a failure keeps the counters, the sampling grids
    and the transport that worked."""

    def __init__(self, places: Places, camera: str, plan: ReaderPlan, listener: Listener) -> None:
        self.camera = camera
        self.cost = Meter()
        """CPU seconds a second of its threads, while it runs."""
        self._places = places
        self._plan = plan
        self._listener = listener
        self._slot: DecodeSlot | None = None
        self._link: DecodeLink | None = None
        self._number = 0
        self._stats = ReaderStats()
        self._cpu_s = 0.0
        self._ended: asyncio.Future[None] | None = None
        self._moves = False
        self._stills: dict[int, asyncio.Future[bytes]] = {}
        self._still_numbers = itertools.count()
        self._adjusted: dict[Hashable, tuple[Literal["hint", "set_fps"], Sequence[Any]]] = {}

    @property
    def cost_now(self) -> float | None:
        """CPU seconds a second, none between two runs: its source may be away for long. None: not measured yet."""
        return 0.0 if self._ended is None and self.cost.rate is not None else self.cost.rate

    async def run(self) -> None:
        """Until the end of a file that isn't looped. Cancelled, the source is closed first, or left behind if stuck.

        Raises:
            SourceError: the source can't be opened or read on; the end of a live source too.
            ReaderLost: run it again at once.
            ReaderBroken: a defect, or what the source sends crashed the process.
        """
        link = await self._process()
        if self._link is not link:
            self._open(link)
        self._ended = asyncio.get_running_loop().create_future()
        self._ended.add_done_callback(lambda ended: ended.exception())  # seen, should nobody wait any more
        self.cost.pause()
        link.send(Run(self._number))
        try:
            await asyncio.shield(self._ended)
        except asyncio.CancelledError:
            await self._leave(self._ended)
            raise
        finally:
            self._ended = None

    def close(self) -> None:
        """Not to be run again."""
        self._leave_link()
        self._places.forget(self)

    def move(self, slot: DecodeSlot) -> None:
        """Go on in another process; the run that is under way ends with ReaderLost."""
        self._slot = slot
        if self._ended is None or self._link is None:
            self._leave_link()
        else:  # one connection after the other: many cameras have few
            self._moves = True
            self._link.send(Stop(self._number))
            asyncio.get_running_loop().call_later(_LEAVE_WITHIN_S, self._moved, self._link)

    def hint(self, until_s: float) -> None:
        """See `Reader.hint`."""
        self._adjust("hint", "hint", (until_s,))

    def set_fps(self, pipeline: str, fps: float) -> None:
        """See `Reader.set_fps`."""
        self._adjust(("set_fps", pipeline), "set_fps", (pipeline, fps))

    async def still(self, arrived_at: float) -> bytes:
        """See `CameraReader.still`."""
        if self._link is None or self._ended is None or len(self._stills) >= _MOST_STILLS:
            return b""
        number = next(self._still_numbers)
        self._stills[number] = asyncio.get_running_loop().create_future()
        self._link.send(Adjust(self._number, "still", (number, arrived_at)))
        try:
            async with asyncio.timeout(_STILL_WITHIN_S):
                return await self._stills[number]
        except TimeoutError:
            return b""
        finally:
            del self._stills[number]

    def heard(self, report: ReaderReport, at_s: float) -> None:
        """From the process."""
        with about_camera(self.camera):
            self._hear(report, at_s)

    def lost(self, why: str, at_fault: bool) -> None:
        """From the process: it is no more."""
        self._link = None
        if at_fault:
            self._slot = self._places.isolate(self)
            self._settle(ReaderBroken(f"its decode process {why}, over what this camera sends"))
        else:
            self._settle(ReaderLost(f"its decode process {why}"))

    def _hear(self, report: ReaderReport, at_s: float) -> None:
        if not isinstance(report, Sampled | Still):
            self._count(report.stats)
        match report:
            case Sampled():
                self._listener.on_frame(report.frame, report.superseded)
            case Still():
                if (asked := self._stills.get(report.number)) is not None and not asked.done():
                    asked.set_result(report.jpeg)
            case Opened():
                self._listener.on_stream(report.info)
            case Live():
                self._listener.on_live()
            case Stalled():
                self._listener.on_stalled(report.silent_s)
            case Usage():
                self._use(report, at_s)
            case Ended():
                self._end(report)

    async def _process(self) -> DecodeLink:
        """The process that it runs in."""
        self._slot = self._slot or self._places.place(self)
        slot, link = self._slot, await self._slot.link(self._wait)
        while slot is not self._slot:  # moved meanwhile
            slot, link = self._slot, await self._slot.link(self._wait)
        return link

    def _wait(self, why: str) -> None:
        self._listener.on_waiting(f"its decode process {why}")

    def _open(self, link: DecodeLink) -> None:
        self._leave_link()
        self._link, self._number = link, link.add(self)
        self._stats, self._cpu_s, self._moves = ReaderStats(), 0.0, False
        self._listener.on_reader(self._stats)
        link.send(Open(self._number, self.camera, self._plan))
        for method, arguments in self._adjusted.values():
            link.send(Adjust(self._number, method, arguments))

    async def _leave(self, ended: "asyncio.Future[None]") -> None:
        """Stop the run and wait a little; a thread that is stuck in a library is left behind, with its reader."""
        if self._link is not None and not ended.done():
            self._link.send(Stop(self._number))
            with suppress(asyncio.CancelledError):
                await asyncio.wait((ended,), timeout=_LEAVE_WITHIN_S)
            if not ended.done():
                logger.warning("the reader is stuck and left behind")
                self._leave_link()

    def _leave_link(self) -> None:
        if self._link is not None:
            self._link.remove(self._number)
            self._link = None

    def _adjust(self, key: Hashable, method: Literal["hint", "set_fps"], arguments: Sequence[Any]) -> None:
        self._adjusted[key] = method, arguments
        if self._link is not None:
            self._link.send(Adjust(self._number, method, arguments))

    def _use(self, usage: Usage, at_s: float) -> None:
        if self._ended is not None:
            self.cost.feed(at_s, usage.cpu_s)
        metrics.CAMERA_CPU.labels(self.camera).inc(max(0.0, usage.cpu_s - self._cpu_s))
        self._cpu_s = self._stats.cpu_s = max(self._cpu_s, usage.cpu_s)
        if self._ended is not None and usage.silent_beats > _STUCK_BEATS:
            self._abandon()
            self._settle(ReaderBroken("it was stuck in a library for a minute, and is read anew"))

    def _abandon(self) -> None:
        """A thread of it is stuck; the next run is that of a new reader."""
        logger.warning("the reader is stuck and left behind")
        if self._link is not None:
            self._link.abandon(self._number)
            self._link = None

    def _count(self, stats: ReaderStats) -> None:
        for field in fields(stats):
            if field.name != "cpu_s":  # its process doesn't count that among them
                setattr(self._stats, field.name, getattr(stats, field.name))

    def _end(self, report: Ended) -> None:
        if self._moves:
            self._moved(self._link)
        elif report.defect is not None:
            self._leave_link()  # the next run is that of a new reader
            self._settle(ReaderBroken(f"internal error: {report.defect}"))
        elif report.reason is not None:
            self._settle(SourceError(report.reason, report.text))
        else:
            self._settle(None)

    def _moved(self, link: DecodeLink | None) -> None:
        if self._moves and self._link is link:
            self._moves = False
            self._leave_link()
            self._settle(ReaderLost("moved to another decode process"))

    def _settle(self, error: Exception | None) -> None:
        if self._ended is not None and not self._ended.done():
            if error is None:
                self._ended.set_result(None)
            else:
                self._ended.set_exception(error)
