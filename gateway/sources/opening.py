"""Opening a stream or a file, so that a stop doesn't have to wait for it."""

import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from time import monotonic

import av
import av.error
from av.container import InputContainer
from av.stream import Discard
from av.video.stream import VideoStream

from gateway.errors import Reason, SourceError
from gateway.pictures.geometry import SQUARE
from gateway.reading.interface import Carrier, StreamInfo, Transport
from gateway.reading.reader_threads import beside
from gateway.sources.diagnosis import diagnose
from gateway.sources.inputs import SILENT_S, Input, inputs_of
from gateway.sources.packets import MADE_TICK_S, VideoPacket, pumped
from gateway.sources.pump import Pump
from gateway.sources.tls import CHECKED, Tls

_POLL_S = 0.4
"""FFmpeg's read timeout where reading can go on after it; the first one takes twice as long."""
_STOP_S = 0.1
_HUNG_S = 60.0
"""Longer than FFmpeg's time-outs and those of a name's resolution together."""
_MAX_FPS = 1000
_MAX_PIXELS = 36_000_000
"""8K and a little; damaged headers can ask for gigabytes."""
_MAX_ASPECT = 8


@dataclass(frozen=True, slots=True)
class Source:
    """An open container and its video stream."""

    container: InputContainer
    stream: VideoStream
    input: Input
    pump: Pump[VideoPacket] | None = field(init=False)
    """Reads in a thread of its own, where reading must not be interrupted."""
    seconds: float = field(init=False)
    """Of one tick of the stream's time stamps."""

    def __post_init__(self) -> None:
        seconds = float(self.stream.time_base or 0) if self.stamped else MADE_TICK_S
        object.__setattr__(self, "seconds", seconds)
        uninterrupted = self.live and not self.input.polled
        read = partial(pumped, self.container, self.stream, self.stamped)  # which does not hold what holds the pump
        pump = Pump(read, self.container.close)
        object.__setattr__(self, "pump", pump if uninterrupted else None)

    @property
    def live(self) -> bool:
        return self.input.live

    @property
    def transport(self) -> Carrier:
        return self.input.carrier

    @property
    def bursts(self) -> bool:
        """Whether pictures come by the segment, seconds of them at once, and must be spread over their time."""
        return self.container.format.name == "hls"

    @property
    def stamped(self) -> bool:
        """Whether packets have time stamps of their own; for MJPEG over HTTP FFmpeg makes up 25 frames a second."""
        return self.container.format.name != "mpjpeg"

    def close(self) -> None:
        """Only the thread that reads may call it, once: FFmpeg crashes when a container that is read is closed."""
        if self.pump is None:
            self.container.close()
        else:
            self.pump.abandon()

    @property
    def aspect(self) -> Fraction:
        """Width : height of a pixel, of the picture decoded last; square where it is unknown or absurd."""
        aspect = self.stream.codec_context.sample_aspect_ratio or self.stream.sample_aspect_ratio or SQUARE
        return aspect if Fraction(1, _MAX_ASPECT) <= aspect <= _MAX_ASPECT else SQUARE

    def info(self, width: int, height: int) -> StreamInfo:
        """The stream as it is, in the size that its frames have now."""
        rate = float(self.stream.average_rate or 0)
        fps = rate if 0 < rate <= _MAX_FPS else None
        return StreamInfo(self.stream.codec_context.codec.canonical_name, width, height, fps, self.transport)


def open_source(
    url: str, transport: Transport, timeout_s: float, stop: threading.Event, tls: Tls = CHECKED
) -> Source | None:
    """Open `url`, a path, a stream or a device; None when `stop` was set before it was done.

    FFmpeg can't be interrupted while it connects. So it does that in a thread of its own, which ends within its
    time-outs; if it was given up meanwhile, that thread closes what it opened. Some things know no time-out (a FIFO,
    a file system that is away): what hangs is given up after a minute, and opened again only after that has ended, so
    that there is one such thread for each source.

    Raises:
        SourceError: the source can't be opened, hangs, or has no video that can be decoded.
    """
    before = _given_up.get(url)
    if before is not None and not _done(before, url, stop):
        return None
    opening: Future[Source] = Future()
    arguments = (opening, url, transport, tls, timeout_s)
    threading.Thread(
        target=beside(_settle), args=arguments, name="open-source", daemon=True
    ).start()  # no exit waits for it
    done = False
    try:
        done = _done(opening, url, stop)
    finally:
        if not done:
            _give_up(opening, url)
    try:
        return opening.result() if done else None
    finally:
        del opening  # or its error and this frame hold one another until they are collected


_given_up: dict[str, "Future[Source]"] = {}
"""Of each URL the latest, until it ends. Threads of the process, as these are: nobody else knows of them."""


def _done(opening: "Future[Source]", url: str, stop: threading.Event) -> bool:
    """Wait for it; False: stopped before. Raises SourceError."""
    until_s = monotonic() + _HUNG_S
    while not wait([opening], _STOP_S).done:
        if stop.is_set():
            return False
        if monotonic() > until_s:
            raise SourceError(Reason.TIMEOUT, f"{url}: opening it hangs")
    return True


def _give_up(opening: "Future[Source]", url: str) -> None:
    """What it opens, it closes."""

    def close(ended: "Future[Source]") -> None:
        if _given_up.get(url) is ended:
            del _given_up[url]
        if ended.exception() is None:
            ended.result().close()

    _given_up[url] = opening
    opening.add_done_callback(close)


def _settle(opening: "Future[Source]", url: str, transport: Transport, tls: Tls, timeout_s: float) -> None:
    try:
        opening.set_result(_open(url, transport, tls, timeout_s))
    except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
        opening.set_exception(error)
    finally:
        del opening


def _open(url: str, transport: Transport, tls: Tls, timeout_s: float) -> Source:
    *refusable, last = inputs_of(url, transport, tls)
    for way in refusable:
        try:
            return _checked(url, way, _container(url, way, tls, timeout_s))
        except SourceError as error:
            if error.reason is not Reason.TRANSPORT:
                raise
    return _checked(url, last, _container(url, last, tls, timeout_s))


def _container(url: str, way: Input, tls: Tls, timeout_s: float) -> InputContainer:
    started = monotonic()
    read_s = _POLL_S if way.polled else None if way.ends_itself else SILENT_S
    try:
        return av.open(way.url, format=way.format, options=way.options, timeout=(timeout_s, read_s))
    except av.FFmpegError as error:
        failure = diagnose(url, error, monotonic() - started, timeout_s, tls)
    raise failure  # outside of the handler: PyAV's error, whose text holds the password, is not its context


def _checked(url: str, way: Input, container: InputContainer) -> Source:
    try:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise SourceError(Reason.NO_VIDEO, f"{url}: there is no video in it")
        if stream.codec_context is None:
            raise SourceError(Reason.UNSUPPORTED_CODEC, f"{url}: there is no decoder for its video")
        if stream.width * stream.height > _MAX_PIXELS:
            size = f"{stream.width}x{stream.height}"
            raise SourceError(Reason.UNDECODABLE, f"{url}: pictures of {size} are larger than any that is read (8K)")
        if not way.live and _truncated(container, stream):
            raise SourceError(Reason.TRUNCATED, f"{url}: the file is cut off; its index names frames beyond its end")
    except BaseException:
        container.close()
        raise
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all  # sound costs nothing then
    stream.thread_type = "NONE"  # threads are slower here and deliver late; with av.logging they can hang
    stream.codec_context.copy_opaque = True
    stream.codec_context.options = {"max_pixels": str(_MAX_PIXELS)}
    return Source(container, stream, way)


def _truncated(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the last frame in the index (MP4, AVI, Matroska with cues) lies beyond the end of the file."""
    entries = stream.index_entries
    if not len(entries) or container.size <= 0:
        return False
    last = entries[len(entries) - 1]
    return last.pos + last.size > container.size
