"""What a source is: opened once, watched for a few seconds, and told; or the reason why it can't be read.

For `vedette cameras test URL`. It opens the source as a camera's reader does, so that what it says is what a camera
would do.
"""

import threading
from dataclasses import dataclass, field
from time import monotonic, time

import av

from gateway.errors import Reason, SourceError
from gateway.pictures.picture import PictureEncoder
from gateway.reading.interface import Transport
from gateway.sources.opening import Source, open_source
from gateway.sources.packets import VideoPacket, packets, sender_at
from gateway.sources.tls import CHECKED, Tls

_LONGEST_S = 30.0
_PICTURE_WIDTH = 640


@dataclass(frozen=True, slots=True)
class Probe:
    """What a source turned out to send."""

    codec: str
    profile: str | None
    width: int
    height: int
    """As coded, in pixels."""
    display_width: int
    display_height: int
    """As displayed: after rotation and pixel aspect."""
    rotation: int
    """Degrees clockwise by which the picture is turned to be displayed: 0, 90, 180 or 270."""
    pixel_format: str
    interlaced: bool
    declared_fps: float | None
    """What the source says of itself; cameras often say nothing or something wrong."""
    fps: float | None
    """Measured, over what was watched."""
    keyframe_gap_s: float | None
    """The longest between two keyframes; None: fewer than two came."""
    b_frames: bool
    """Pictures come in another order than they are displayed in."""
    kbps: float | None
    """Measured, of the video alone."""
    transport: str
    """`tcp`, `udp`, `http`, …; `file` for a file."""
    audio: bool | None
    """There is sound too; it is never read. None: RTSP, where it isn't even asked for."""
    clock_behind_s: float | None
    """How far the camera's clock is behind ours (negative: ahead), with the delay of the way; None: it tells none."""
    opened_s: float
    """How long connecting and the answer about the stream took."""
    first_picture_s: float
    """How long it took until a picture was decoded, connecting included."""
    watched_s: float
    """How long packets were watched."""
    picture: bytes = field(default=b"", repr=False)
    """The first one, a JPEG at most 640 pixels wide."""


def probe(
    url: str,
    transport: Transport = "auto",
    tls: Tls = CHECKED,
    timeout_s: float = 10.0,
    watch_s: float = 5.0,
    stop: threading.Event | None = None,
) -> Probe:
    """Open `url`, decode until there is a picture, watch packets for `watch_s`, and tell; blocks.

    It goes on until two keyframes have come, but for at most half a minute. `stop`, set by another thread, ends it
    within half a second: then what was seen so far is told, or a SourceError raised.

    Raises:
        SourceError: its `reason` is one word, its text a sentence without credentials.
    """
    stop = stop or threading.Event()
    began_s = monotonic()
    source = open_source(url.removeprefix("file://"), transport, timeout_s, stop, tls)
    if source is None:
        raise SourceError(Reason.TIMEOUT, f"{url}: stopped before it was opened")
    opened_s = monotonic() - began_s
    try:
        return _Watch(url, source, began_s, opened_s).run(timeout_s, watch_s, stop)
    finally:
        source.close()


class _Watch:
    """Counts what comes out of an open source."""

    def __init__(self, url: str, source: Source, began_s: float, opened_s: float) -> None:
        self._url = url
        self._source = source
        self._began_s = began_s
        self._opened_s = opened_s
        self._first: av.VideoFrame | None = None
        self._first_s = 0.0
        self._times: list[float] = []
        self._keyframes: list[float] = []
        self._reordered = False
        self._bytes = 0
        self._delays: list[float] = []

    def run(self, timeout_s: float, watch_s: float, stop: threading.Event) -> Probe:
        started_s = monotonic()
        for packet in packets(self._source, stop):
            watched_s = monotonic() - started_s
            if packet is not None and packet.size:
                self._note(packet, watched_s)
            if self._first is None and watched_s > timeout_s:
                came = f"{self._bytes} bytes, but no picture that can be decoded" if self._bytes else "nothing"
                reason = Reason.UNDECODABLE if self._bytes else Reason.STALLED
                raise SourceError(reason, f"{self._url}: {came} for {watched_s:.0f} s")
            if self._first is not None and self._seen_enough(watched_s, watch_s):
                break
        return self._told(monotonic() - started_s)

    def _note(self, packet: VideoPacket, watched_s: float) -> None:
        ticks = packet.dts if packet.pts is None else packet.pts
        time_s = watched_s if ticks is None else ticks * self._source.seconds
        self._bytes += packet.size
        sent_at = sender_at(packet)
        if sent_at is not None:
            self._delays.append(time() - sent_at)
        self._reordered |= bool(self._times) and time_s < self._times[-1]
        self._times.append(time_s)
        if packet.is_keyframe:
            self._keyframes.append(time_s)
        if self._first is None:
            self._decode(packet)

    def _decode(self, packet: VideoPacket) -> None:
        try:
            frames = self._source.stream.codec_context.decode(packet)
        except av.FFmpegError:
            return
        whole = [frame for frame in frames if not frame.is_corrupt]
        if whole:
            self._first, self._first_s = whole[0], monotonic() - self._began_s

    def _seen_enough(self, watched_s: float, watch_s: float) -> bool:
        if not self._source.live:
            watched_s = max(self._times) - min(self._times)
        return watched_s >= _LONGEST_S or (watched_s >= watch_s and len(self._keyframes) >= 2)

    def _told(self, watched_s: float) -> Probe:
        frame = self._first
        if frame is None:
            raise SourceError(Reason.UNDECODABLE, f"{self._url}: no picture came out of it")
        picture = PictureEncoder(_PICTURE_WIDTH).encode(frame, self._source.aspect)
        info = self._source.info(frame.width, frame.height)
        span_s = max(self._times) - min(self._times)
        gaps = [later - earlier for earlier, later in zip(self._keyframes, self._keyframes[1:], strict=False)]
        return Probe(
            codec=info.codec,
            profile=self._source.stream.codec_context.profile,
            width=frame.width,
            height=frame.height,
            display_width=picture.display_width,
            display_height=picture.display_height,
            rotation=-frame.rotation % 360,
            pixel_format=frame.format.name,
            interlaced=frame.interlaced_frame,
            declared_fps=info.fps,
            fps=(len(self._times) - 1) / span_s if span_s > 0 else None,
            keyframe_gap_s=max(gaps, default=None),
            b_frames=self._reordered,
            kbps=self._bytes * 8 / 1000 / span_s if span_s > 0 else None,
            transport=info.transport,
            audio=None if self._source.input.video_only else bool(self._source.container.streams.audio),
            clock_behind_s=min(self._delays, key=abs, default=None),
            opened_s=self._opened_s,
            first_picture_s=self._first_s,
            watched_s=watched_s,
            picture=picture.jpeg,
        )
