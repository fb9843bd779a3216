"""A decoded frame as the JPEG of the displayed picture: one swscale pass, then straight from the planes.

JPEG (JFIF) is full range BT.601. Camera video is mostly limited range and untagged, or tagged BT.601 or BT.709. One
pass scales and expands the range; only where the matrix isn't BT.601 a second one converts the small picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import simplejpeg
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from gateway.pictures.geometry import SQUARE, PictureSize, Plane, picture_size
from gateway.pictures.interlace import progressive
from gateway.pictures.orientations import Orientations
from gateway.pictures.privacy import Polygon, PrivacyMask

TAGGED: Mapping[int, Colorspace] = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""Matrix coefficients (ITU-T H.273 table 4, FFmpeg's AVColorSpace) to swscale's; all others are taken as BT.601."""

MATRICES: Mapping[str, Colorspace] = {
    "bt601": Colorspace.ITU601,
    "bt709": Colorspace.ITU709,
}
"""What a camera can be said to send, whatever its stream's tags are."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG, its size, and the size of the stream's displayed picture; in pixels."""

    jpeg: bytes
    width: int
    height: int
    display_width: int
    display_height: int


class PictureEncoder:
    """Makes JPEGs at most `width` pixels wide, never upscaled, with `privacy` polygons black.

    One per stream and size, used by one thread: it keeps swscale's context. `matrix` (a key of `MATRICES`) overrides
    the stream's tags. Any pixel format that swscale reads will do, 10-bit ones too.

    Raises:
        ValueError: an argument is out of range or unknown.
    """

    def __init__(
        self, width: int, quality: int = 85, privacy: Sequence[Polygon] = (), matrix: str | None = None
    ) -> None:
        if width < 1 or not 1 <= quality <= 100:
            raise ValueError(f"width must be at least 1 and quality 1–100, not {width} and {quality}")
        if matrix is not None and matrix not in MATRICES:
            raise ValueError(f"matrix must be one of {', '.join(MATRICES)}, not {matrix!r}")
        self._width = width
        self._quality = quality
        self._privacy = PrivacyMask(privacy)
        self._matrix = MATRICES[matrix] if matrix else None
        self._scaler = VideoReformatter()
        self._converter = VideoReformatter()
        self._orientations = Orientations()

    def encode(self, frame: av.VideoFrame, aspect: Fraction = SQUARE) -> Picture:
        """The displayed picture of `frame`, whose pixels have `aspect` (width : height); `frame` stays untouched.

        Raises:
            av.FFmpegError: swscale can't read the frame's pixel format.
        """
        size = picture_size((frame.width, frame.height), aspect, self._orientations.of(frame), self._width)
        matrix = self._matrix or TAGGED.get(frame.colorspace, Colorspace.ITU601)
        scaled = self._scaled(progressive(frame), size, matrix)
        planes = [size.orientation.apply(plane) for plane in _planes(scaled)]
        if self._privacy:
            if scaled is frame:
                planes = [plane.copy() for plane in planes]
            scale = max(size.stored[0] / frame.width, size.stored[1] / frame.height)
            self._privacy.blacken(planes, scale, matrix is not Colorspace.ITU601)
        jpeg = _jpeg(planes, self._quality)
        return Picture(jpeg, size.width, size.height, size.display_width, size.display_height)

    def _scaled(self, frame: av.VideoFrame, size: PictureSize, matrix: Colorspace) -> av.VideoFrame:
        """Full range 4:2:0 BT.601 at the size sent, as stored; may be `frame` itself where nothing is to be done."""
        width, height = size.stored
        scaled = _pass(self._scaler, frame, width, height, matrix, matrix)
        if matrix is Colorspace.ITU601:
            return scaled
        return _pass(self._converter, scaled, width, height, matrix, Colorspace.ITU601)


def _pass(
    scaler: VideoReformatter, frame: av.VideoFrame, width: int, height: int, source: Colorspace, target: Colorspace
) -> av.VideoFrame:
    # threads=1: swscale's own threads cost more than they bring at these sizes, and a camera has one thread.
    return scaler.reformat(
        frame,
        width=width,
        height=height,
        format="yuvj420p",
        src_colorspace=source,
        dst_colorspace=target,
        dst_color_range=ColorRange.JPEG,
        # The second pass doesn't scale: POINT is then as good (PSNR) and cheaper.
        interpolation=Interpolation.AREA if source is target else Interpolation.POINT,
        threads=1,
    )


def _planes(frame: av.VideoFrame) -> list[Plane]:
    """Views of a frame's Y, Cb and Cr; rows are padded in memory."""
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    ]


def _jpeg(planes: Sequence[Plane], quality: int) -> bytes:
    """Y (h, w), Cb and Cr (⌈h/2⌉, ⌈w/2⌉) as JPEG; simplejpeg's one typed wrapper."""
    jpeg: bytes = simplejpeg.encode_jpeg_yuv_planes(*planes, quality=quality)
    return jpeg
