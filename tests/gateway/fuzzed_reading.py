"""Reads damaged copies of clips with the real reader, in a process of its own: a crash of FFmpeg ends only that.

Usage: python -m tests.gateway.fuzzed_reading SEED ROUNDS CLIP…; prints one JSON object.
"""

import json
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from gateway.errors import SourceError
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling
from tests.gateway.clips import scheduled_as_before
from tests.gateway.run_reader import Witness, output

Damage = Callable[[random.Random, bytes], bytes]


def flipped(chance: random.Random, data: bytes) -> bytes:
    """A few bits anywhere."""
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 4, 32))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def flipped_in_front(chance: random.Random, data: bytes) -> bytes:
    """Bits of the headers, where sizes and references are."""
    damaged = bytearray(data)
    for _ in range(3):
        damaged[chance.randrange(min(32, len(damaged)))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def truncated(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(1, len(data) + 1)]


def noise(chance: random.Random, data: bytes) -> bytes:
    return chance.randbytes(len(data))


def noise_behind_the_header(chance: random.Random, data: bytes) -> bytes:
    return data[:24] + chance.randbytes(max(0, len(data) - 24))


def cut_out(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    return (data[:start] + data[start + chance.randrange(1, 200) :]) or b"\0"


def doubled(chance: random.Random, data: bytes) -> bytes:
    return data + data[chance.randrange(len(data)) :]


DAMAGES: tuple[Damage, ...] = (
    flipped,
    flipped_in_front,
    truncated,
    noise,
    noise_behind_the_header,
    cut_out,
    doubled,
)


def damaged_copy(clip: Path, target: Path, chance: random.Random) -> None:
    """The clip in Matroska, with a share of its packets damaged in one way, some left out."""
    damage, share = chance.choice(DAMAGES), chance.choice((0.1, 0.5, 1.0))
    with av.open(str(clip)) as source, av.open(str(target), "w", format="matroska") as out:
        stream = source.streams.video[0]
        copy = _copied(out, stream)
        for packet in source.demux(stream):
            if not packet.size or chance.random() < 0.03:
                continue
            data = bytes(packet)
            made = av.Packet(damage(chance, data) if chance.random() < share else data)
            made.pts, made.dts, made.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
            made.time_base, made.stream = packet.time_base, copy
            with suppress(av.FFmpegError):  # some damage not even a muxer takes
                out.mux(made)


def _copied(out: OutputContainer, stream: VideoStream) -> VideoStream:
    """PyAV has no template of a stream whose decoder isn't called like its codec."""
    context = stream.codec_context
    if context.name != "libdav1d":
        return out.add_stream_from_template(stream)
    copy = out.add_stream("libsvtav1", rate=10)
    assert isinstance(copy, VideoStream)
    copy.width, copy.height, copy.pix_fmt = context.width, context.height, context.pix_fmt or "yuv420p"
    return copy


def _peak_mb() -> float:
    """Of this program alone: `ru_maxrss` has what the process was that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main(seed: int, rounds: int, clips: list[Path]) -> None:
    ends: Counter[str] = Counter()
    frames = corrupt = 0
    for clip in clips:
        for round_ in range(rounds):
            chance = random.Random(f"{seed} {clip.name} {round_}")
            with tempfile.TemporaryDirectory() as folder:
                target = Path(folder) / "damaged.mkv"
                with scheduled_as_before():
                    damaged_copy(clip, target, chance)
                witness = Witness()
                samplings = (Sampling(), Sampling(keyframes=True), Sampling(2))
                reader = Reader(str(target), [output(chance.choice(samplings))], witness.take, witness)
                try:
                    reader.run(threading.Event())
                    ends["end"] += 1
                except SourceError as error:
                    ends[error.reason.value] += 1
                frames += len(witness.frames)
                corrupt += reader.stats.corrupt
    peak_mb = _peak_mb()
    print(json.dumps({"ends": ends, "frames": frames, "corrupt": corrupt, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
