"""What a camera's reader connects to: the publisher's access units as IVF, a stream that FFmpeg reads from a socket.

IVF is a header of 32 bytes and 12 bytes before each access unit; FFmpeg reads H.264 in it as well as VP8.
"""

import asyncio
import struct
from collections.abc import Callable

from gateway.whip.access_unit import AccessUnit
from gateway.whip.offer import CLOCK_HZ

ROOM_BYTES = 1 << 20
"""Of a reader that doesn't read, beyond what the kernel keeps; at 4 Mb/s two seconds."""


class Outlet:
    """One reader's connection. Begins with a keyframe; never keeps more than `ROOM_BYTES` and one access unit.

    When the reader doesn't keep up, everything up to the next keyframe is dropped: what remains can be decoded.
    """

    def __init__(self, writer: asyncio.StreamWriter, want_keyframe: Callable[[], None]) -> None:
        self.dropped = 0
        """Access units that the reader had no room for."""
        self._writer = writer
        self._want_keyframe = want_keyframe
        self._began = False
        self._skipping = True

    @property
    def buffered_bytes(self) -> int:
        return int(self._writer.transport.get_write_buffer_size())

    def offer(self, codec: str, unit: AccessUnit) -> None:
        """Send an access unit, or drop it."""
        if self.buffered_bytes > ROOM_BYTES:
            self._skipping = True
        if self._skipping and not self._ready_for(unit):
            self.dropped += self._began
            return
        self._skipping = False
        header = b"" if self._began else _stream_header(codec)
        self._began = True
        self._writer.write(header + struct.pack("<IQ", len(unit.data), max(0, unit.timestamp)) + unit.data)

    def close(self) -> None:
        """The reader finds the end of the stream, behind what it has not read yet."""
        self._writer.close()

    def _ready_for(self, unit: AccessUnit) -> bool:
        """Whether a new beginning is possible: the reader has caught up, and this is a keyframe."""
        if self.buffered_bytes:
            return False
        if not unit.keyframe:
            self._want_keyframe()
        return unit.keyframe


def _stream_header(codec: str) -> bytes:
    """Of a stream whose picture has any size, and whose time stamps count ticks of RTP's clock."""
    fourcc = {"VP8": b"VP80", "H264": b"H264"}[codec]
    return struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, fourcc, 0, 0, CLOCK_HZ, 1, 0, 0)
