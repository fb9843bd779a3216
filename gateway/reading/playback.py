"""One connection, or one pass over a file, from its first packet to its last."""

import threading
from collections.abc import Iterable
from functools import partial
from math import inf
from time import monotonic

from gateway.errors import Reason, SourceError
from gateway.pictures.decoded import Decoded, Stamp
from gateway.reading.account import Account
from gateway.reading.decode_strategy import DecodeStrategy
from gateway.reading.decoder import StreamDecoder
from gateway.reading.decoding import Decoding, Frames
from gateway.reading.emitter import Emitter
from gateway.reading.following import FollowingDecoding, Lead
from gateway.reading.gated_decoding import GatedDecoding
from gateway.reading.interface import ReaderObserver, ReaderStats, ReadOptions
from gateway.reading.moments import Moments
from gateway.reading.watchdog import Pulse, Watchdog
from gateway.sources.opening import Source
from gateway.sources.pacing import Pacer
from gateway.sources.packets import VideoPacket, packets
from gateway.sources.timeline import Timeline

_UNKNOWN_GAP_S = 12.0
"""Between keyframes, while packets come and fewer than two keyframes did; cameras that save bits go so far."""


class Playback:
    """Reads, decodes and emits, and watches that frames keep coming."""

    def __init__(
        self,
        source: Source,
        strategy: DecodeStrategy,
        timeline: Timeline,
        emitter: Emitter,
        observer: ReaderObserver,
        options: ReadOptions,
        stats: ReaderStats,
        account: Account,
        lead: Lead | None = None,
    ) -> None:
        """Raises SourceError: no_device."""
        self._source = source
        self._strategy = strategy
        self._timeline = timeline
        self._emitter = emitter
        self._observer = observer
        self._options = options
        self._stats = stats
        self._account = account
        self._moments = Moments(source, timeline, options, stats)
        self._gated: GatedDecoding | None = None
        self._frames = self._decoding(lead)
        emitter.begin(paced=source.live or options.paced)
        paced = source.bursts if source.live else options.paced
        self._pacer = Pacer() if paced else None
        self._watchdog = Watchdog(options.stall_s, options.dead_s, monotonic())
        self._size = (source.stream.width, source.stream.height)
        self._colours: tuple[int, int] | None = None
        self._stalled = False
        self._decoded = False
        self._keyframes = 0
        self._keyframe_at_s = -inf
        self._packet_at_s = self._frame_at_s = monotonic()

    def run(self, stop: threading.Event) -> None:
        """Block until the source ends or `stop` is set.

        Raises:
            SourceError: the source broke, stalled, or nothing in it can be decoded.
        """
        self._tell_size()
        try:
            for packet in packets(self._source, stop, self._unhurried):
                if packet is not None:
                    self._take(packet, stop)
                if self._source.live:
                    self._watch(monotonic())
        finally:
            self._frames.close()
            self._account.close()
        if not self._source.live and not self._decoded and not stop.is_set():
            raise SourceError(Reason.UNDECODABLE, "nothing in it can be decoded")

    def hint(self, for_s: float) -> None:
        """Something moves before the camera, and will for so long."""
        if self._gated is not None:
            self._gated.hint(for_s)

    def _unhurried(self) -> bool:
        return self._gated is not None and self._gated.idle

    def _decoding(self, lead: Lead | None) -> Frames:
        options, stats = self._options, self._stats
        gate_out = partial(_gate_out, self._account)
        decoder = StreamDecoder(self._source, options.decode, stats, self._account)
        most_bytes = options.decode.buffer_bytes
        decoding = Decoding(decoder, self._strategy, self._emitter.due_s, most_bytes, stats)
        if lead is not None:
            return FollowingDecoding(decoding, lead, most_bytes, stats, gate_out)
        if options.gate is None:
            return decoding
        self._gated = GatedDecoding(decoding, options.gate, self._emitter, most_bytes, stats, gate_out)
        return self._gated

    def _take(self, packet: VideoPacket, stop: threading.Event) -> None:
        self._wait_for(packet, stop)
        if stop.is_set():
            return
        for decoded in self._frames_of(packet):
            self._show(decoded)
        if self._frames.resting:
            self._frame_at_s = self._packet_at_s
            self._watchdog.feed(self._frame_at_s)
        self._emitter.tick(monotonic())
        self._strategy.interval_s = self._emitter.interval_s

    def _frames_of(self, packet: VideoPacket) -> Iterable[Decoded]:
        if packet.size:
            packet.opaque = stamp = self._moments.stamp(packet)
            self._packet_at_s = stamp.arrived_s
            self._keyframes += packet.is_keyframe
            self._stats.packets += 1
            self._account.enter(stamp.arrived_s, stamp.keyframe)
            self._stats.keyframes += stamp.keyframe
            self._stats.received_bytes += packet.size
            return self._frames.take(packet)
        return () if self._source.live else self._frames.end()  # of live video nobody wants what is left at the end

    def _wait_for(self, packet: VideoPacket, stop: threading.Event) -> None:
        """A file's packet comes when it is due, in decoding order as a camera sends it."""
        ticks = packet.pts if packet.dts is None else packet.dts
        if self._pacer is not None and ticks is not None:
            time_s = self._timeline.packet_s(ticks * self._source.seconds)
            delay_s = self._pacer.delay_s(time_s, monotonic())
            if delay_s:
                stop.wait(delay_s)

    def _show(self, decoded: Decoded) -> None:
        self._alive(decoded)
        if decoded.damaged:
            self._stats.held += 1
            self._account.mark(decoded.stamp.arrived_s, "held")
        elif decoded.fate != "seen":
            self._emitter.offer(decoded.frame, self._source, self._moments.of(decoded), self._strategy.snap_s)

    def _alive(self, decoded: Decoded) -> None:
        """Note that a frame was decoded, and tell when its size or the stream's health changed.

        Raises SourceError: its range or matrix of colours changed.
        """
        self._stats.decoded += 1
        if decoded.stamp.keyframe and decoded.stamp.arrived_s > self._keyframe_at_s:
            self._keyframe_at_s = decoded.stamp.arrived_s
            self._stats.keyframes_decoded += 1
        self._frame_at_s = monotonic()
        self._watchdog.feed(self._frame_at_s)
        if self._stalled or not self._decoded:
            self._stalled, self._decoded = False, True
            self._observer.on_live()
        frame = decoded.frame
        colours = (frame.color_range, frame.colorspace)
        if (frame.width, frame.height) != self._size:
            self._size = (frame.width, frame.height)
            self._tell_size()
        elif colours != (self._colours or colours):
            # Most likely a damaged parameter set said so; and where the sound one says nothing of colours, FFmpeg's
            # decoder keeps to the damaged one's for ever.
            raise SourceError(Reason.UNDECODABLE, "its colours changed, perhaps by damage: it is opened anew")
        self._colours = colours

    def _tell_size(self) -> None:
        self._observer.on_stream(self._source.info(*self._size))
        if self._gated is not None:
            self._gated.picture(*self._size)

    def _watch(self, now_s: float) -> None:
        pulse = self._watchdog.check(now_s, self._expected_gap_s(now_s))
        silent_s = self._watchdog.silent_s(now_s)
        if pulse is Pulse.STALLED and not self._stalled:
            self._stalled = True
            self._observer.on_stalled(silent_s)
        if pulse is Pulse.DEAD:
            came = self._packet_at_s > self._frame_at_s
            reason, what = (Reason.UNDECODABLE, "data that can't be decoded") if came else (Reason.STALLED, "nothing")
            raise SourceError(reason, f"{what} for {silent_s:.0f} s")

    def _expected_gap_s(self, now_s: float) -> float | None:
        """How long frames may be apart though nothing is wrong; None: no longer than usual."""
        apart_s, silent = self._frames.apart_s, now_s - self._packet_at_s > self._options.stall_s
        if apart_s == inf:
            return None if silent else _UNKNOWN_GAP_S
        if apart_s is None and not (silent or self._keyframes):
            return self._strategy.keyframe_gap_s or _UNKNOWN_GAP_S
        return apart_s


def _gate_out(account: Account, packet: VideoPacket) -> None:
    """The gate has kept it out. Not a method: what calls it is held by the playback, and neither should wait for the
    garbage collector, with seconds of packets and a decoder's pictures."""
    if isinstance(packet.opaque, Stamp):
        account.mark(packet.opaque.arrived_s, "gated")
