"""Packets of an open source, with a pause every now and then in which its reader can look around."""

import struct
import threading
from collections.abc import Iterator
from typing import TypeAlias

import av
import av.error
from av.packet import Packet
from av.video.stream import VideoStream

from gateway.errors import Reason, SourceError
from gateway.opening import Source

VideoPacket: TypeAlias = "Packet[VideoStream]"
"""In quotes: PyAV's class is generic for type checkers only."""

_PRODUCED_AT = struct.Struct("=q")
"""FFmpeg's AVProducerReferenceTime begins with microseconds since 1970."""
_DAMAGED = 100
"""Unreadable in a row, without a packet between: the container is beyond reading."""


def packets(source: Source, stop: threading.Event) -> "Iterator[VideoPacket | None]":
    """Packets until the source ends or `stop` is set; the last of them is empty. None: nothing came for a while.

    Raises:
        SourceError: ended (the connection broke), undecodable (the container is damaged).
    """
    damaged = 0
    while not stop.is_set() and damaged < _DAMAGED:
        try:
            for packet in source.container.demux(source.stream):
                damaged = 0
                yield packet
                if stop.is_set():
                    return
            return
        except av.error.ExitError:
            yield None  # reading can go on after a time-out
            continue
        except av.error.InvalidDataError:
            damaged += 1
            continue
        except av.FFmpegError as error:
            failure = SourceError(Reason.ENDED, f"reading failed: {error.strerror}")
        raise failure  # not from PyAV's error, whose text holds the URL with its password
    if damaged:
        raise SourceError(Reason.UNDECODABLE, "the stream is damaged beyond reading")


def sender_at(packet: VideoPacket) -> float | None:
    """When the packet was captured by the sender's clock, Unix seconds; None: it tells none (RTCP sender reports)."""
    if not packet.has_sidedata("prft"):
        return None
    microseconds: int = _PRODUCED_AT.unpack_from(packet.get_sidedata("prft"))[0]
    return microseconds / 1e6
