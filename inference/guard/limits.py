"""How large a picture of a stranger may be, and the one error that says what was over which limit."""

from dataclasses import dataclass

from inference.errors import UndecodableImage

MAX_PIXELS = 7680 * 4320
"""8K: the largest picture that cameras make."""

MAX_SCANS = 32
"""Encoders write about ten, and a thumbnail may add as many. A scan of 53 bytes costs 28 ms of an 8K picture."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a picture may ask of a decoder, all of it known from the header."""

    bytes: int = 32 * 2**20
    """Of the whole file."""
    pixels: int = MAX_PIXELS
    side: int = 16384
    """Pixels of the longer side."""
    scans: int = MAX_SCANS
    """Of a JPEG: each passes over the whole picture."""
    interlaced_pixels: int = 1920 * 1080
    """Of an interlaced PNG: it is held whole in memory, and assembled in seven passes."""
    unpacked_bytes: int = MAX_PIXELS * 4
    """Of a PNG, before it is 8 bits a channel: 16 bits and alpha take eight bytes a pixel."""
    chunks: int = 4608
    """Of a PNG or WebP file, and segments before the first scan of a JPEG. Libpng writes one for every 8 KiB."""


USUAL = Limits()


class OverLimit(UndecodableImage):
    """A picture is larger than it may be; `what` names the limit as in `Limits`."""

    def __init__(self, what: str, value: int, limit: int, seen: str | None = None) -> None:
        super().__init__(f"{seen or value} is more than {limit} {what.replace('_', ' ')}")
        self.what = what
        self.value = value
        self.limit = limit


def check_bytes(data: bytes, limits: Limits) -> None:
    """Raises OverLimit."""
    if len(data) > limits.bytes:
        raise OverLimit("bytes", len(data), limits.bytes)


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raises OverLimit, and UndecodableImage for a picture without pixels."""
    if width < 1 or height < 1:
        raise UndecodableImage(f"the header says {width}x{height} pixels")
    if width * height > limits.pixels:
        raise OverLimit("pixels", width * height, limits.pixels, f"{width}x{height}")
    if max(width, height) > limits.side:
        raise OverLimit("side", max(width, height), limits.side, f"a side of {max(width, height)}")
