"""Writes pictures into a video file that is there whole, or not at all.

Encoders: FFmpeg's own MPEG-4 part 2 (LGPL) in .mp4, .mov and .mkv, which players show and browsers don't; VP9 of libvpx
(BSD) in .webm, which browsers show too, at several times the work. The wheel's x264 and x265 (GPL) are not used.
"""

import contextlib
import secrets
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
from av.video.stream import VideoStream

from gateway.errors import GatewayError

_MPEG4, _VP9 = "mpeg4", "libvpx-vp9"
ENCODERS = {".mp4": _MPEG4, ".mov": _MPEG4, ".mkv": _MPEG4, ".webm": _VP9}
_OPTIONS = {
    _MPEG4: {"flags": "+qscale", "global_quality": str(4 * 118), "bf": "0"},  # quantiser 4, in FFmpeg's lambda
    _VP9: {"deadline": "realtime", "cpu-used": "7", "row-mt": "1", "crf": "32", "b": "0"},
}
_KEYFRAME_EVERY = 100
_FINEST_TICK = 65535
"""MPEG-4 part 2 (ISO/IEC 14496-2, vop_time_increment_resolution) has 16 bits for the ticks of a second."""
_TICK = Fraction(1, 60000)
"""Where the source's is finer: it fits 24, 25, 30 and 60 frames a second, and their 1000/1001."""
_MOST_SIDE = {_MPEG4: 8191, _VP9: 16384}


class VideoWriter:
    """Use `with`: the file is put in its place at the end of a body that doesn't raise.

    Raises:
        GatewayError: the file can't be written, or no encoder takes such pictures.
    """

    def __init__(
        self, path: Path, width: int, height: int, rate: Fraction, tick: Fraction, colour: av.VideoFrame
    ) -> None:
        """`rate`: nominal, frames a second; `tick`: seconds; `colour`: a frame whose matrix and range are kept."""
        encoder = ENCODERS[path.suffix.lower()]
        if max(width, height) > _MOST_SIDE[encoder]:
            raise GatewayError(f"{path}: {encoder} takes at most {_MOST_SIDE[encoder]} pixels a side")
        self.tick = tick if tick.numerator == 1 and tick.denominator <= _FINEST_TICK else _TICK
        self._path = path
        # In the same folder, so that it can be renamed; its ending says the container.
        self._unfinished = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
        with self._told():
            self._container = av.open(str(self._unfinished), "w")
            try:
                self._stream = self._added(encoder, width, height, rate, colour)
            except BaseException:
                self._drop()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._drop()
            return
        try:
            with self._told():
                self._container.mux(self._stream.encode(None))
                self._container.close()
                self._unfinished.replace(self._path)
        except BaseException:
            self._drop()
            raise

    def write(self, frame: av.VideoFrame) -> None:
        """The next picture, 4:2:0; its PTS is in ticks of `tick` and above those before it."""
        frame.time_base = self.tick
        with self._told():
            self._container.mux(self._stream.encode(frame))

    def abandon(self) -> None:
        """Remove what there is, from whatever thread: the process ends at once."""
        with contextlib.suppress(OSError):
            self._unfinished.unlink()

    def _added(self, encoder: str, width: int, height: int, rate: Fraction, colour: av.VideoFrame) -> VideoStream:
        stream: Any = self._container.add_stream(encoder, rate=rate, options=_OPTIONS[encoder])
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.time_base, context.gop_size = self.tick, _KEYFRAME_EVERY
        context.thread_count = 0
        context.colorspace, context.color_range = colour.colorspace, 1  # limited
        added: VideoStream = stream
        return added

    def _drop(self) -> None:
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()
        self.abandon()

    @contextlib.contextmanager
    def _told(self) -> Any:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise GatewayError(f"{self._path}: can't be written: {error.strerror or error}") from error
