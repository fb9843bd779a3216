"""A video file, read and packetised once, ready to be sent any number of times."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from gateway.simulator.bitstream import CODECS, Codec, Format, read_format, split
from gateway.simulator.errors import UnsupportedCodec, VideoError
from gateway.simulator.payload import payloads
from gateway.simulator.picture_payload import picture_payloads

MAX_CLIP_BYTES = 256 << 20
"""A longer file is played up to the last keyframe before this, then from its start again."""


@dataclass(frozen=True)
class AccessUnit:
    """One coded picture, as RTP payloads. Times are seconds on the clip's own timeline."""

    send_s: float
    """When an encoder would let it go, by the file's DTS; never before ``capture_s``."""
    capture_s: float
    """When it was seen, by the file's PTS; the first picture's is 0."""
    keyframe: bool
    payloads: tuple[bytes, ...]


@dataclass(frozen=True)
class Clip:
    """A whole file in the order of sending; it starts with a keyframe and can follow itself after ``period_s``."""

    video: Path
    codec: Codec
    parameter_sets: tuple[bytes, ...]
    width: int
    height: int
    fps: float
    units: tuple[AccessUnit, ...]
    period_s: float
    whole: bool = True
    """False when the file is longer than ``MAX_CLIP_BYTES``."""


class _Packet(NamedTuple):
    pts_s: float
    dts_s: float
    keyframe: bool
    data: bytes


def load(video: Path, max_bytes: int = MAX_CLIP_BYTES) -> Clip:
    """Read and packetise ``video``; blocks. Raises ``VideoError`` when the file cannot be served."""
    if not video.is_file():
        raise VideoError(video, "there is no such file")
    try:
        with av.open(f"file:{video}") as container:
            if not container.streams.video:
                raise VideoError(video, "it holds no video")
            return _read(video, container, max_bytes)
    except av.error.FFmpegError as error:
        raise VideoError(video, f"it cannot be read as a video ({error.strerror})") from error
    except ValueError as error:
        raise VideoError(video, f"its video is damaged: {error}") from error


def _read(video: Path, container: InputContainer, max_bytes: int) -> Clip:
    stream = container.streams.video[0]
    context = stream.codec_context
    name = context.codec.canonical_name
    codec = CODECS.get(name)
    if codec is None:
        raise UnsupportedCodec(video, name)
    fps = float(stream.average_rate or stream.guessed_rate or 25)
    packets, whole = _up_to(max_bytes, _packets(container, stream, fps))
    if not packets:
        raise VideoError(video, "it holds no keyframe")
    sets, contents = _contents(video, codec, context.extradata or b"", packets)
    units, period_s = _on_one_timeline(packets, contents, 1 / fps)
    return Clip(video, codec, sets, context.width, context.height, fps, units, period_s, whole)


def _contents(
    video: Path, codec: Codec, extradata: bytes, packets: list[_Packet]
) -> tuple[tuple[bytes, ...], list[tuple[bytes, ...]]]:
    """The parameter sets, and each packet's RTP payloads."""
    if not codec.has_nals:
        return (), [tuple(picture_payloads(codec, packet.data, packet.keyframe)) for packet in packets]
    layout = read_format(codec, extradata)
    sets = layout.parameter_sets or _parameter_sets(codec, split(packets[0].data, layout.length_bytes))
    if not sets:
        raise VideoError(video, "it holds no parameter sets")
    layout = replace(layout, parameter_sets=sets)
    return sets, [_payloads(codec, layout, packet) for packet in packets]


def _packets(container: InputContainer, stream: VideoStream, fps: float) -> Iterator[_Packet]:
    """The stream's packets from its first keyframe on, with DTS that never decrease; what is missing is filled in."""
    base = stream.time_base or Fraction(1, 90_000)
    last_s: float | None = None
    for packet in container.demux(stream):
        if packet.size == 0 or (last_s is None and not packet.is_keyframe):
            continue
        expected_s = 0.0 if last_s is None else last_s + 1 / fps
        dts_s = expected_s if packet.dts is None else float(packet.dts * base)
        last_s = dts_s if last_s is None else max(dts_s, last_s)
        pts_s = last_s if packet.pts is None else float(packet.pts * base)
        yield _Packet(pts_s, last_s, packet.is_keyframe, bytes(packet))


def _up_to(max_bytes: int, packets: Iterator[_Packet]) -> tuple[list[_Packet], bool]:
    """The packets which fit, and whether these are all."""
    kept: list[_Packet] = []
    size_bytes = 0
    for packet in packets:
        size_bytes += len(packet.data)
        if size_bytes > max_bytes:
            return kept, False
        kept.append(packet)
    return kept, True


def _parameter_sets(codec: Codec, nals: list[bytes]) -> tuple[bytes, ...]:
    return tuple(nal for nal in nals if codec.type_of(nal) in codec.parameter_types)


def _payloads(codec: Codec, layout: Format, packet: _Packet) -> tuple[bytes, ...]:
    """The RTP payloads of one access unit; a keyframe always brings its parameter sets along."""
    nals = [nal for nal in split(packet.data, layout.length_bytes) if codec.type_of(nal) not in codec.idle_types]
    if packet.keyframe and not _parameter_sets(codec, nals):
        nals = [*layout.parameter_sets, *nals]
    return tuple(payload for nal in nals for payload in payloads(codec, nal))


def _on_one_timeline(
    packets: list[_Packet], contents: list[tuple[bytes, ...]], frame_s: float
) -> tuple[tuple[AccessUnit, ...], float]:
    """Shift the times so that the first picture is seen at 0, and none is sent before it is seen."""
    first_s = min(packet.pts_s for packet in packets)
    reordering_s = max(packet.pts_s - packet.dts_s for packet in packets)
    units = tuple(
        AccessUnit(packet.dts_s - first_s + reordering_s, packet.pts_s - first_s, packet.keyframe, content)
        for packet, content in zip(packets, contents, strict=True)
    )
    seen_s = max(packet.pts_s for packet in packets) - first_s
    sent_s = packets[-1].dts_s - packets[0].dts_s
    return units, max(seen_s, sent_s) + frame_s
