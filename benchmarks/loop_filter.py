"""What leaving out the loop filter does: to the detections, and to the cost of decoding.

The same frames, decoded with and without, sampled at 2 fps, encoded as a gateway does and inferred by the bundled
model. Agreement is the share of detections (confidence of 0.4 at least) that have a partner of their label at IoU 0.5
in the other's; beside it stands that of a change that everybody thinks harmless, JPEG quality 80 instead of 85.
"""

import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.cameras_1080p import ROOT, clip
from benchmarks.ingest_reader import Deaf
from benchmarks.results import Result
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.reading.interface import DecodeOptions, ReadOptions
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling
from inference.detected import detected
from inference.preprocess import fill, jpeg_size, place, to_normalised
from inference.repository.folder import Repository
from inference.runtime.session import ModelSession, open_session

_CONFIDENCE, _IOU = 0.4, 0.5

Box = tuple[int, float, float, float, float]
"""Label, then x, y, width, height in 0–1."""


def run(quick: bool) -> Result:
    rounds = 1 if quick else 5
    session = open_session(Repository(ROOT / "models").resolve("coco-detector"), "cpu", 2)
    figures: dict[str, float] = {}
    for name, video in {"native_768x576": ROOT / "media" / "pedestrians.mp4", "upscaled_1080p": clip()}.items():
        usual = [_detect(session, frame.jpeg) for frame in _frames(video, True)]
        without = [_detect(session, frame.jpeg) for frame in _frames(video, False)]
        coarser = [_detect(session, frame.jpeg) for frame in _frames(video, True, quality=80)]
        costs = [(_cost_ms(video, True), _cost_ms(video, False)) for _ in range(rounds)]
        figures |= {
            f"{name}_detections": sum(map(len, usual)),
            f"{name}_detections_without_filter": sum(map(len, without)),
            f"{name}_agreement": round(_agreement(usual, without), 3),
            f"{name}_agreement_of_jpeg_80": round(_agreement(usual, coarser), 3),
            f"{name}_decode_cost_ratio": round(statistics.median(off / on for on, off in costs), 3),
        }
    return Result("loop_filter", f"{__doc__.splitlines()[0]} {rounds} interleaved rounds of cost", figures)


def _read(video: Path, loop_filter: bool, quality: int, sink: list[SampledFrame]) -> None:
    options = ReadOptions(decode=DecodeOptions(loop_filter=loop_filter, every_frame=True))
    outputs = [Output("people", 640, quality, Sampling(2))]
    Reader(str(video), outputs, sink.append, Deaf(), options).run(threading.Event())


def _frames(video: Path, loop_filter: bool, quality: int = 85) -> list[SampledFrame]:
    frames: list[SampledFrame] = []
    _read(video, loop_filter, quality, frames)
    return frames


def _cost_ms(video: Path, loop_filter: bool) -> float:
    began_s = time.thread_time()
    _read(video, loop_filter, 85, [])
    return (time.thread_time() - began_s) * 1000


def _detect(session: ModelSession, jpeg: bytes) -> list[Box]:
    spec = session.model.card.input_of(session.model.version)
    placement = place(*jpeg_size(jpeg), spec)
    slot = np.empty((placement.input_height, placement.input_width, 3), np.uint8)
    fill(slot, jpeg, placement, spec.pad)
    found = detected(session.run([slot[np.newaxis]])[0])
    boxes = to_normalised(found.boxes, placement).tolist()
    everything = zip(boxes, found.scores.tolist(), found.labels.tolist(), strict=True)
    return [(int(label), *box) for box, score, label in everything if score >= _CONFIDENCE]


def _agreement(first: Sequence[list[Box]], second: Sequence[list[Box]]) -> float:
    """Twice the pairs over all detections (the F1 of each as the other's truth)."""
    pairs = sum(_pairs(a, b) for a, b in zip(first, second, strict=True))
    return 2 * pairs / max(1, sum(map(len, first)) + sum(map(len, second)))


def _pairs(first: list[Box], second: list[Box]) -> int:
    free, count = list(second), 0
    for box in first:
        best = max(free, key=lambda other: _iou(box, other), default=None)
        if best is not None and _iou(box, best) >= _IOU:
            free.remove(best)
            count += 1
    return count


def _iou(a: Box, b: Box) -> float:
    """0 for boxes of different labels."""
    if a[0] != b[0]:
        return 0.0
    width = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    height = min(a[2] + a[4], b[2] + b[4]) - max(a[2], b[2])
    both = max(0.0, width) * max(0.0, height)
    return both / (a[3] * a[4] + b[3] * b[4] - both or 1.0)
