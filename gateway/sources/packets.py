"""Packets of an open source, with a pause every now and then in which its reader can look around."""

import struct
import threading
from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import Protocol, TypeAlias

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from gateway.errors import Reason, SourceError
from gateway.reading.reader_threads import reading
from gateway.sources.pump import Pump

VideoPacket: TypeAlias = "Packet[VideoStream]"
"""In quotes: PyAV's class is generic for type checkers only."""

MADE_TICK_S = 0.001
"""Of time stamps that a source has none of its own."""
_LOOK_S = 0.4
_UNHURRIED_S = 0.1
"""What a keyframe may be late by while nothing moves."""
_PRODUCED_AT = struct.Struct("=q")
"""FFmpeg's AVProducerReferenceTime begins with microseconds since 1970."""
_DAMAGED = 100
"""Unreadable in a row, without a packet between: the container is beyond reading."""


class Readable(Protocol):
    """An open source."""

    @property
    def container(self) -> InputContainer: ...

    @property
    def stream(self) -> VideoStream: ...

    @property
    def pump(self) -> "Pump[VideoPacket] | None":
        """Where it is read in a thread of its own."""


def packets(
    source: Readable, stop: threading.Event, unhurried: Callable[[], bool] = lambda: False
) -> "Iterator[VideoPacket | None]":
    """Packets until the source ends or `stop` is set; the last of them is empty. None: nothing came for a while.

    While it is `unhurried`, packets of a source with a pump are taken some at a time: to wake a thread for each costs
    more than what is done with most of them. Their `opaque` is when they came, by `time.monotonic`.

    Raises:
        SourceError: ended (the connection broke), undecodable (the container is damaged), stalled.
    """
    here = source.pump is None
    with reading() as look:
        for packet in demuxed(source.container, source.stream) if here else _taken(source.pump, unhurried):
            look()
            if stop.is_set():
                return
            yield packet


def demuxed(container: InputContainer, stream: VideoStream) -> "Iterator[VideoPacket | None]":
    """The stream's packets until it ends; None after each of FFmpeg's read time-outs.

    Raises:
        SourceError: ended, undecodable.
    """
    damaged = 0
    while damaged < _DAMAGED:
        try:
            for packet in container.demux(stream):
                damaged = 0
                yield packet
            return
        except av.error.ExitError:
            yield None
            continue
        except av.error.InvalidDataError:
            damaged += 1
            continue
        except av.error.TimeoutError:
            failure = SourceError(Reason.STALLED, "the connection is silent")
        except av.FFmpegError as error:
            failure = SourceError(Reason.ENDED, f"reading failed: {error.strerror}")
        try:
            raise failure  # not from PyAV's error, whose text holds the URL with its password
        finally:
            del failure  # or it and this frame, with the container in it, hold one another until they are collected
    raise SourceError(Reason.UNDECODABLE, "the stream is damaged beyond reading")


def pumped(container: InputContainer, stream: VideoStream, stamped: bool) -> Iterator[VideoPacket]:
    """The same for a source with which nothing can be read after a time-out; where it isn't `stamped`, packets get the
    time since the first one, in ticks of `MADE_TICK_S`.

    Raises:
        SourceError: ended, undecodable, stalled.
    """
    began_s = monotonic()
    for packet in demuxed(container, stream):
        if packet is None:
            raise SourceError(Reason.STALLED, "the connection is silent")
        if packet.size and not stamped:
            packet.pts = packet.dts = round((monotonic() - began_s) / MADE_TICK_S)
        packet.opaque = monotonic()
        yield packet


def _taken(pump: "Pump[VideoPacket] | None", unhurried: Callable[[], bool]) -> "Iterator[VideoPacket | None]":
    while pump is not None:
        if pump.empty and unhurried():
            sleep(_UNHURRIED_S)
        try:
            packet = pump.take(_LOOK_S)
        except TimeoutError:
            yield None
            continue
        if packet is None:
            return
        yield packet


def sender_at(packet: VideoPacket) -> float | None:
    """When the packet was captured by the sender's clock, Unix seconds; None: it tells none (RTCP sender reports)."""
    if not packet.has_sidedata("prft"):
        return None
    microseconds: int = _PRODUCED_AT.unpack_from(packet.get_sidedata("prft"))[0]
    return microseconds / 1e6
