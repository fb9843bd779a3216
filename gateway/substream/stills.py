"""Pictures of a camera's main stream at moments that have passed, for snapshots. It is read only while they may be
wanted: while the gate is open, and for a while after one was asked for.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic, time

import av

from gateway.errors import SourceError
from gateway.pictures.decoded import Decoded, Stamp
from gateway.pictures.picture import PictureEncoder
from gateway.processes.messages import ReaderPlan
from gateway.reading.account import Account
from gateway.reading.decoder import StreamDecoder
from gateway.reading.interface import ReaderStats
from gateway.reading.packet_buffer import PacketBuffer
from gateway.sources.opening import Source, open_source
from gateway.sources.packets import VideoPacket, packets

logger = logging.getLogger(__name__)

_KEPT_OPEN_S = 20.0
"""Since a picture was asked for, or the gate was seen open."""
_AGAIN_S = 10.0
"""Until a stream that could not be read is opened again."""
_LOOK_S = 0.2
_MOST_ASKED = 16
_LATE_S = 1.5
"""So long a picture is waited for that should have come by now."""
_NEAR_S = 0.25
"""A picture that came further from the moment shows something else."""
_GOPS = 2
_WIDTH, _QUALITY = 3840, 85


class Stills:
    """Says of each picture that is asked for what it is, or that there is none (no bytes)."""

    def __init__(self, plan: ReaderPlan, moves: Callable[[], bool], answer: Callable[[int, bytes], None]) -> None:
        """`moves`: whether the camera's gate is open. Raises ValueError as `Reader` does."""
        self._plan = plan
        self._moves = moves
        self._answer = answer
        self._asked: deque[tuple[int, float]] = deque()
        self._wanted_until_s = -inf

    def ask(self, number: int, arrived_at: float) -> None:
        """The picture that came nearest to this moment, Unix seconds of our clock. Any thread may call it."""
        self._wanted_until_s = monotonic() + _KEPT_OPEN_S
        if len(self._asked) < _MOST_ASKED:
            self._asked.append((number, arrived_at))
        else:
            self._answer(number, b"")

    def run(self, stop: threading.Event) -> None:
        """Until then. What goes wrong with the main stream costs pictures, and nothing else."""
        not_before_s = -inf
        while not stop.is_set():
            if self._wanted() and monotonic() >= not_before_s:
                try:
                    self._read(stop)
                except SourceError as error:
                    logger.info("no pictures of the main stream: %s", error)
                    not_before_s = monotonic() + _AGAIN_S
            self._refuse()
            stop.wait(_LOOK_S)
        self._refuse()

    def _wanted(self) -> bool:
        if self._moves():
            self._wanted_until_s = max(self._wanted_until_s, monotonic() + _KEPT_OPEN_S)
        return monotonic() < self._wanted_until_s

    def _refuse(self) -> None:
        while self._asked:
            self._answer(self._asked.popleft()[0], b"")

    def _read(self, stop: threading.Event) -> None:
        options = self._plan.options
        self._refuse()  # it was not there
        source = open_source(self._plan.url, options.transport, options.open_timeout_s, stop, options.tls)
        if source is None:
            return
        try:
            film, came_s = Film(source, self._plan), monotonic()
            for packet in packets(source, stop):
                if packet is not None and packet.size:
                    came_s = monotonic()
                    film.keep(packet, came_s)
                self._answer_asked(film)
                if not self._wanted() or monotonic() - came_s > options.dead_s:
                    return
        finally:
            source.close()

    def _answer_asked(self, film: "Film") -> None:
        for _ in range(len(self._asked)):
            number, arrived_at = self._asked.popleft()
            ago_s = time() - arrived_at
            at_s = monotonic() - ago_s
            if film.until_s < at_s and ago_s < _LATE_S:
                self._asked.append((number, arrived_at))
            else:
                self._answer(number, film.picture(at_s))


class Film:
    """The packets of a stream's last GOPs, and the pictures in them. Times are of `time.monotonic`, at arrival."""

    def __init__(self, source: Source, plan: ReaderPlan) -> None:
        """Raises SourceError: no_device."""
        stats, decode = ReaderStats(), plan.options.decode
        self.until_s = -inf
        """When the last packet came."""
        self._source = source
        self._decoder = StreamDecoder(source, decode, stats, Account(stats))
        self._encoder = PictureEncoder(_WIDTH, _QUALITY, plan.privacy, plan.matrix)
        self._buffer: PacketBuffer[VideoPacket] = PacketBuffer(_GOPS, decode.buffer_bytes)
        self._keyframes: deque[float] = deque(maxlen=_GOPS + 1)

    def keep(self, packet: VideoPacket, arrived_s: float) -> None:
        """The next packet."""
        packet.opaque = Stamp(arrived_s, arrived_s, None, packet.is_keyframe)
        if packet.is_keyframe:
            self._keyframes.append(arrived_s)
        if self._keyframes:
            self._buffer.add(packet, packet.size, packet.is_keyframe)
            self._buffer.skip()
        self.until_s = arrived_s

    def picture(self, at_s: float) -> bytes:
        """The JPEG of the frame that came nearest to `at_s`; no bytes where there is none that is near and sound."""
        found = self._nearest(at_s)
        if found is None or found.damaged or abs(found.stamp.arrived_s - at_s) > _NEAR_S:
            return b""
        try:
            return self._encoder.encode(found.frame, self._source.aspect).jpeg
        except av.FFmpegError as error:
            logger.info("no picture can be made of the main stream: %s", error.strerror)
            return b""

    def _nearest(self, at_s: float) -> Decoded | None:
        """Decodes from the keyframe before on; one frame at a time is kept."""
        self._buffer.rewind(min(sum(keyframe_s > at_s for keyframe_s in self._keyframes), _GOPS))
        best: Decoded | None = None
        begun = False
        while (packet := self._buffer.take()) is not None:
            if not begun:
                self._decoder.restart(packet)
                begun = True
            best = _nearer(best, self._decoder.decode(packet), at_s)
            if isinstance(packet.opaque, Stamp) and packet.opaque.arrived_s >= at_s:
                break
        self._buffer.skip()
        return _nearer(best, self._decoder.drain(), at_s) if begun else None


def _nearer(best: Decoded | None, frames: list[Decoded], at_s: float) -> Decoded | None:
    for frame in frames:
        if best is None or abs(frame.stamp.arrived_s - at_s) < abs(best.stamp.arrived_s - at_s):
            best = frame
    return best
