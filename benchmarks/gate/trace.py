"""What there is to see of an evaluation stream: its packets, its small pictures, the truth. Made once, then kept."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.encoding import CACHE, encode, fingerprint
from benchmarks.gate.stream_spec import StreamSpec
from gateway.pictures.luma import LumaScaler

CHECK_FPS = 5


@dataclass(frozen=True)
class Trace:
    """A stream after decoding: everything that the gate could be shown, and more than it may see."""

    spec: StreamSpec
    sizes: NDArray[np.int64]
    """Bytes of each packet, in the order of arrival; one picture each."""
    keyframes: NDArray[np.bool_]
    looks: dict[int, NDArray[np.uint8]]
    """The small luma of pictures by index: `CHECK_FPS` a second, counted from each keyframe."""
    boxes: NDArray[np.float32]
    """(pictures, events, 4): where objects are; NaN while they are not in view."""

    def time_s(self, index: int) -> float:
        return index / self.spec.fps

    def view_s(self, event: int) -> tuple[float, float] | None:
        """From when to when an event's object is in view; None if it never is."""
        seen = np.flatnonzero(~np.isnan(self.boxes[:, event, 0]))
        return (self.time_s(int(seen[0])), self.time_s(int(seen[-1]))) if len(seen) else None


def trace(spec: StreamSpec) -> Trace:
    """The stream's trace, rendered, encoded and decoded if it is not kept yet."""
    digest = hashlib.sha256(fingerprint(spec).encode()).hexdigest()[:12]
    path = CACHE / f"{spec.name}-{digest}.npz"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        _make(spec, path)
    with np.load(path) as kept:
        looks = dict(zip(kept["look_index"].tolist(), kept["look"], strict=True))
        return Trace(spec, kept["sizes"], kept["keyframes"], looks, kept["boxes"])


def _make(spec: StreamSpec, path: Path) -> None:
    video = path.with_suffix(".mp4")
    sightings = encode(spec, video)
    boxes = np.array([[box or (np.nan,) * 4 for box in row] for row in sightings], np.float32)
    sizes, keyframes, indexes, looks = _decoded(spec, video)
    video.unlink()
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        sizes=sizes,
        keyframes=keyframes,
        look_index=np.array(indexes, np.int64),
        look=np.array(looks, np.uint8),
        boxes=boxes.reshape(len(sightings), -1, 4),
    )
    part.rename(path)


def _decoded(spec: StreamSpec, video: Path) -> tuple[list[int], list[bool], list[int], list[NDArray[np.uint8]]]:
    sizes: list[int] = []
    keyframes: list[bool] = []
    indexes: list[int] = []
    looks: list[NDArray[np.uint8]] = []
    scaler = LumaScaler()
    step = max(1, round(spec.fps / CHECK_FPS))
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        index, since_keyframe = 0, 0
        for packet in container.demux(stream):
            if packet.size:
                sizes.append(packet.size)
                keyframes.append(packet.is_keyframe)
            for frame in packet.decode():
                since_keyframe = 0 if frame.key_frame else since_keyframe + 1
                if since_keyframe % step == 0:
                    indexes.append(index)
                    looks.append(scaler.luma(frame))
                index += 1
    return sizes, keyframes, indexes, looks
