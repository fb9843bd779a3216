"""A camera on the air: it sends its clip to all who watch, as one shared live stream, and can be made to fail."""

import asyncio
from dataclasses import dataclass
from itertools import islice

from gateway.simulator.clip import AccessUnit, Clip
from gateway.simulator.outlet import Burst, Outlet
from gateway.simulator.playhead import Playhead
from gateway.simulator.rtp import Garbler, Loser, RtpStream

REPORT_EVERY_S = 5.0  # RFC 3550, 6.2: the least interval between reports
_BURST_PACKETS = 32  # a UDP client's default receive buffer takes about 90
_BURST_PAUSE_S = 0.001


@dataclass
class Faults:
    """What is wrong with a camera at the moment."""

    stalled: bool = False
    vanished: bool = False
    rate: float = 1.0
    garbler: Garbler | None = None
    loser: Loser | None = None


@dataclass
class Sent:
    """What went to a camera's clients since it was made: each picture as often as there were clients for it."""

    pictures: int = 0
    keyframes: int = 0
    withheld: int = 0
    """Kept from a client, whose backlog was full or which waited for a keyframe."""


class Viewer:
    """A client which plays. It starts at a keyframe, and starts again at one after anything was kept from it."""

    def __init__(self, outlet: Outlet, backlog_bytes: int) -> None:
        self.outlet = outlet
        self.waiting = True
        self._limit_bytes = backlog_bytes

    def admits(self, unit: AccessUnit) -> bool:
        """Whether this picture goes to the client: not between an overflow of its backlog and the next keyframe."""
        if self.outlet.backlog_bytes() > self._limit_bytes:
            self.waiting = True
        elif unit.keyframe:
            self.waiting = False
        return not self.waiting


class LiveCamera:
    """One clip, sent to any number of viewers at the same time.

    The stream stands still while nobody watches, and then starts from the clip's first picture; who joins later gets
    the next keyframe. ``run`` is the only sender.
    """

    def __init__(
        self,
        name: str,
        clip: Clip,
        fps: float | None = None,
        clock_off_s: float | None = 0.0,
        first_timestamp: int | None = None,
        audio: bool = False,
    ) -> None:
        self.clip = clip
        self.audio = audio
        self.faults = Faults()
        self.sent = Sent()
        self._stream = RtpStream(name, first_timestamp=first_timestamp, payload_type=clip.codec.payload_type)
        self._clock_off_s = clock_off_s
        self._playhead = Playhead(clip, fps)
        self._viewers: dict[Viewer, None] = {}
        self._watched = asyncio.Event()
        self._fresh = True
        self._report_due_s = 0.0

    @property
    def viewers(self) -> int:
        """How many clients play now."""
        return len(self._viewers)

    def join(self, viewer: Viewer) -> None:
        """Send to this viewer from the next keyframe on."""
        self._fresh |= not self._viewers
        viewer.waiting = True
        self._viewers[viewer] = None
        self._watched.set()

    def leave(self, viewer: Viewer) -> None:
        """Send nothing more to this viewer."""
        self._viewers.pop(viewer, None)
        if not self._viewers:
            self._watched.clear()

    def switch(self, clip: Clip) -> None:
        """Go on with the first picture of another clip; raises ``ValueError`` if its codec is another."""
        if clip.codec is not self.clip.codec:
            raise ValueError(f"{clip.video} is {clip.codec.title}, and the stream is {self.clip.codec.title}")
        self.clip = clip
        self._fresh = True

    def set_clock(self, off_s: float | None) -> None:
        """Tell another wall clock, at once; ``None`` tells none from now on."""
        self._clock_off_s = off_s
        self._report_due_s = 0.0

    def jump(self, by_s: float) -> None:
        """Let the time stamps leap."""
        self._stream.jump(by_s)
        self._report_due_s = 0.0

    def recover(self) -> None:
        """End every fault."""
        self.faults = Faults()
        self._playhead.catch_up()

    async def run(self) -> None:
        """Send until cancelled, each picture when it is due."""
        loop = asyncio.get_running_loop()
        while True:
            await self._watched.wait()
            if self._fresh:
                self._fresh = False
                self._playhead.rewind(loop.time(), self.clip)
            unit, due_s, captured_s = self._playhead.step(loop.time(), self.faults.rate)
            await asyncio.sleep(due_s - loop.time())
            if self.faults.stalled:
                self._withhold()
            elif not self._fresh:
                await self._send(unit, captured_s, loop.time())

    def _withhold(self) -> None:
        for viewer in self._viewers:
            viewer.waiting = True

    async def _send(self, unit: AccessUnit, captured_s: float, now_s: float) -> None:
        new = [viewer for viewer in self._viewers if viewer.waiting]
        audience = [viewer for viewer in self._viewers if viewer.admits(unit)]
        self._count(unit, len(audience))
        self._report(audience, new, now_s)
        packets = iter(self._packets(unit, captured_s))
        while burst := list(islice(packets, _BURST_PACKETS)):
            framed = Burst(burst)
            for viewer in audience:
                if viewer in self._viewers:
                    viewer.outlet.send(framed)
            if len(burst) == _BURST_PACKETS:
                await asyncio.sleep(_BURST_PAUSE_S)

    def _count(self, unit: AccessUnit, clients: int) -> None:
        self.sent.pictures += clients
        self.sent.keyframes += clients * unit.keyframe
        self.sent.withheld += len(self._viewers) - clients

    def _packets(self, unit: AccessUnit, captured_s: float) -> list[bytes]:
        packets = self._stream.packets(unit.payloads, captured_s)
        garbler, loser = self.faults.garbler, self.faults.loser
        if loser:
            packets = [packet for packet in packets if loser.passes()]
        return [garbler.damage(packet) for packet in packets] if garbler else packets

    def _report(self, audience: list[Viewer], new: list[Viewer], now_s: float) -> None:
        """Tell the wall clock: to those who just start at once, to all every ``REPORT_EVERY_S``."""
        if self._clock_off_s is None:
            return
        due = now_s >= self._report_due_s
        if due:
            self._report_due_s = now_s + REPORT_EVERY_S
        for viewer in audience:
            if due or viewer in new:
                viewer.outlet.report(self._stream.report(now_s, self._clock_off_s))
