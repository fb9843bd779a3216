"""What a reader is told, and what it tells."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gateway.gate import GatePolicy
from gateway.sources.tls import CHECKED, Tls
from vedette.view import View

Transport = Literal["auto", "tcp", "udp", "http"]
"""How RTSP carries the pictures; `http` is its tunnel through HTTP, or HTTPS for `rtsps://`."""
Carrier = Literal["tcp", "udp", "http", "https", "rtmp", "rtmps", "webrtc", "device", "file"]
"""How a source's pictures come."""
Device = Literal["cpu", "cuda", "vaapi", "qsv"]


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How a stream is decoded."""

    device: Device = "cpu"
    """One that is not there is an error, never the CPU instead."""
    loop_filter: bool = True
    """False leaves out the deblocking filter: cheaper, and blocky towards the end of a GOP."""
    every_frame: bool = False
    """Every frame is decoded, whatever is sampled; a gate that is closed still lets nothing but keyframes through."""
    buffer_bytes: int = 32 << 20
    """The packets that are kept for a late decoding, at most."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a source is read."""

    transport: Transport = "auto"
    """RTSP only. `auto`: TCP, and where the server refuses that (461), UDP."""
    tls: Tls = CHECKED
    """How a server's certificate is checked, where the URL's scheme has TLS."""
    open_timeout_s: float = 5.0
    """For connecting, and again for the first packets."""
    stall_s: float = 5.0
    """A live source without a decoded frame for so long is stalled,"""
    dead_s: float = 10.0
    """and for so long failed. While only keyframes are decoded both follow their gap."""
    loop: bool = False
    """A file starts again at its end, with PTS running on."""
    paced: bool = False
    """A file is read in real time, as a camera would send it; otherwise as fast as the sink takes it."""
    media_start: float | None = None
    """When a recording's first frame was captured, Unix seconds; then capture times are not those of arrival."""
    decode: DecodeOptions = DecodeOptions()
    gate: GatePolicy | None = None
    """With it only what moves is decoded. Its polygons are those of the displayed picture."""


@dataclass(frozen=True, slots=True)
class Substream:
    """A camera's second, smaller stream; it is read as the main one is."""

    url: str = field(repr=False)
    """With its credentials."""
    view: View | None = None
    """What it shows of the main picture, where somebody has said it."""
    stills: bool = False
    """Pictures of the main stream can be asked for."""


@dataclass(frozen=True, slots=True)
class SubstreamInfo:
    """What a camera's second stream turned out to be, and what it is read for."""

    codec: str
    width: int
    height: int
    view: View
    known: Literal["given", "measured", "assumed"]
    """How its view is known."""
    reason: str | None
    """Why the view is assumed, in words."""
    pipelines: Sequence[str]
    """Whose frames come from it; those of the others from the main stream."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a source turned out to send."""

    codec: str
    width: int
    height: int
    """As coded, in pixels; frames carry the displayed size."""
    fps: float | None
    """As declared; cameras often don't."""
    transport: Carrier
    substream: SubstreamInfo | None = None
    """With it, all else is said of the main stream, as far as it is known."""


@dataclass(slots=True)
class ReaderStats:
    """Counters since the reader was made. Written by the reading thread only; anyone may read."""

    packets: int = 0
    received_bytes: int = 0
    keyframes: int = 0
    """Of the packets."""
    decoded: int = 0
    keyframes_decoded: int = 0
    """Keyframes of which a frame was decoded; one that is decoded again counts once."""
    sampled: int = 0
    corrupt: int = 0
    """Packets that can't be decoded and frames that were decoded with errors; they are never sampled."""
    held: int = 0
    """Frames decoded and not looked at, since they may refer to damaged ones; see `gateway.reading.damage`."""
    skipped: int = 0
    """Packets that were not decoded, since no sample could fall on them."""
    gated: int = 0
    """Packets that were not decoded, since nothing moved."""
    ended_unsampled: int = 0
    """Packets by what became of them, each once; see `gateway.reading.account`. Of the others it isn't decided yet."""
    ended_gated: int = 0
    ended_held: int = 0
    ended_corrupt: int = 0
    ended_sampled: int = 0
    decode: str = "all"
    """What is decoded; see `gateway.reading.decode_strategy.Decode`. Behind a gate that isn't open: `keyframes`."""
    keyframe_gap_s: float | None = None
    gate: str | None = None
    """`idle`, `armed` or `open`; None without a gate."""
    gate_since_s: float | None = None
    """When that began to move for which the gate is open, `time.monotonic`; None: it was open before anything moved."""
    gate_blind: str | None = None
    """Why the gate can't do with keyframes, in words."""
    clock: str | None = None
    """Whose time the capture times are; see `gateway.pictures.sampled_frame.Clock`."""
    clock_off_s: float | None = None
    """How far the camera's clock is behind ours (negative: ahead), while it is too far off to be believed."""
    cpu_s: float | None = None
    """CPU seconds of its threads, where they are measured: those of a reader in a decode process."""


class ReaderObserver(Protocol):
    """What a reader's owner hears, in the reading thread."""

    def on_stream(self, info: StreamInfo) -> None:
        """The source was opened, or its resolution changed."""

    def on_stalled(self, silent_s: float) -> None:
        """No frame for `silent_s`. Said once a stall."""

    def on_live(self) -> None:
        """A frame was decoded: the first one of a connection or pass, or of those that come again after a stall."""
