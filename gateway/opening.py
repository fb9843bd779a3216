"""Opening a stream or a file, so that a stop doesn't have to wait for it."""

import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass
from fractions import Fraction
from time import monotonic
from typing import Literal

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from gateway.diagnosis import diagnose, is_live
from gateway.errors import Reason, SourceError
from gateway.geometry import SQUARE
from gateway.reading import StreamInfo, Transport

POLL_S = 0.4
"""FFmpeg's read timeout, at which a reader looks for its stop flag; the first one takes twice as long."""
_STOP_S = 0.1
_MAX_FPS = 1000
_MAX_ASPECT = 8


@dataclass(frozen=True, slots=True)
class Source:
    """An open container and its video stream. Only the thread that reads it may close it."""

    container: InputContainer
    stream: VideoStream
    transport: Literal["tcp", "udp", "file"]

    @property
    def live(self) -> bool:
        return self.transport != "file"

    @property
    def seconds(self) -> float:
        """Of one tick of the stream's time stamps."""
        return float(self.stream.time_base or 0)

    @property
    def aspect(self) -> Fraction:
        """Width : height of a pixel, of the picture decoded last; square where it is unknown or absurd."""
        aspect = self.stream.codec_context.sample_aspect_ratio or self.stream.sample_aspect_ratio or SQUARE
        return aspect if Fraction(1, _MAX_ASPECT) <= aspect <= _MAX_ASPECT else SQUARE

    def info(self, width: int, height: int) -> StreamInfo:
        """The stream as it is, in the size that its frames have now."""
        rate = float(self.stream.average_rate or 0)
        fps = rate if 0 < rate <= _MAX_FPS else None
        return StreamInfo(self.stream.codec_context.name, width, height, fps, self.transport)


def open_source(url: str, transport: Transport, timeout_s: float, stop: threading.Event) -> Source | None:
    """Open `url`, a path or a stream; None when `stop` was set before it was done.

    FFmpeg can't be interrupted while it connects. So it does that in a thread of its own, which ends within its
    time-outs; if it was given up meanwhile, that thread closes what it opened.

    Raises:
        SourceError: the source can't be opened, or has no video that can be decoded.
    """
    opening: Future[Source] = Future()
    arguments = (opening, url, transport, timeout_s)
    threading.Thread(target=_settle, args=arguments, name="open-source", daemon=True).start()  # no exit waits for it
    while not wait([opening], _STOP_S).done:
        if stop.is_set():
            opening.add_done_callback(_close)
            return None
    return opening.result()


def _settle(opening: "Future[Source]", url: str, transport: Transport, timeout_s: float) -> None:
    try:
        opening.set_result(_open(url, transport, timeout_s))
    except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
        opening.set_exception(error)


def _close(opening: "Future[Source]") -> None:
    if opening.exception() is None:
        opening.result().container.close()


def _open(url: str, transport: Transport, timeout_s: float) -> Source:
    if not is_live(url):
        return _checked(url, _container(url, {}, timeout_s), "file")
    if transport != "auto":
        return _checked(url, _container(url, _rtsp(transport), timeout_s), transport)
    try:
        return _checked(url, _container(url, _rtsp("tcp"), timeout_s), "tcp")
    except SourceError as error:
        if error.reason is not Reason.TRANSPORT:
            raise
    return _checked(url, _container(url, _rtsp("udp"), timeout_s), "udp")


def _rtsp(transport: str) -> dict[str, str]:
    # fpsprobesize: 0.4 s instead of 2.4 s at 10 fps. Other media are not set up: nobody reads them.
    return {"rtsp_transport": transport, "fpsprobesize": "0", "allowed_media_types": "video"}


def _container(url: str, options: dict[str, str], timeout_s: float) -> InputContainer:
    started = monotonic()
    try:
        return av.open(url, options=options, timeout=(timeout_s, POLL_S))
    except av.FFmpegError as error:
        failure = diagnose(url, error, monotonic() - started, timeout_s)
    raise failure  # outside of the handler: PyAV's error, whose text holds the password, is not its context


def _checked(url: str, container: InputContainer, transport: Literal["tcp", "udp", "file"]) -> Source:
    try:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise SourceError(Reason.NO_VIDEO, f"{url}: there is no video in it")
        if stream.codec_context is None:
            raise SourceError(Reason.UNSUPPORTED_CODEC, f"{url}: there is no decoder for its video")
        if transport == "file" and _truncated(container, stream):
            raise SourceError(Reason.TRUNCATED, f"{url}: the file is cut off; its index names frames beyond its end")
    except BaseException:
        container.close()
        raise
    stream.thread_type = "NONE"  # threads are slower here and deliver late; with av.logging they can hang
    stream.codec_context.copy_opaque = True
    return Source(container, stream, transport)


def _truncated(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the last frame in the index (MP4, AVI, Matroska with cues) lies beyond the end of the file."""
    entries = stream.index_entries
    if not len(entries) or container.size <= 0:
        return False
    last = entries[len(entries) - 1]
    return last.pos + last.size > container.size
