"""The versions of coco-detector side by side: how each agrees with 1.0.0 on the bundled video, and what it costs."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import mean, median
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.processes import ROOT
from benchmarks.results import Result
from inference.detected import detected
from inference.preprocess import place, put, to_normalised
from inference.repository.folder import Model, Repository
from inference.rollout.agreement import iou
from inference.runtime.session import ModelSession, open_session

REFERENCE, OTHERS = "1.0.0", ("0.8.0", "0.9.0")
EVERY = 4
"""Of the video's frames one is looked at."""
SURE = 0.5
"""Boxes of more confidence are compared, with all that the other version gives (over 0.2)."""
_VIDEO = ROOT / "media/pedestrians.mp4"

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Box:
    """One detection, in shares of the picture's sides."""

    place: tuple[float, float, float, float]
    """x, y, width, height."""
    score: float
    label: int


@dataclass
class Version:
    """A loaded version, and what it gave for each picture."""

    model: Model
    session: ModelSession
    found: list[list[Box]]
    cpu_ms: list[float]


def run(quick: bool) -> Result:
    figures: dict[str, Any] = {}
    frames = list(islice(_frames(), 10 if quick else None))
    for view, pictures in {"16:9": [_middle(frame) for frame in frames], "4:3": frames}.items():
        versions = _compared(pictures)
        first = versions[0]
        for version in versions:
            name = f"{view} {version.model.version}"
            figures[f"{name} CPU ms"] = round(median(version.cpu_ms), 2)
            if version is first:
                figures[f"{name} boxes over {SURE:g}"] = sum(box.score > SURE for row in first.found for box in row)
            else:
                figures |= {f"{name} {what}": value for what, value in _agreement(first, version).items()}
    return Result(
        "versions",
        f"coco-detector on every {EVERY}th frame of the bundled video, its 16:9 middle and the whole 4:3 picture; one"
        f" thread, versions in turn picture by picture; medians of the thread's CPU time. Boxes over {SURE:g} and their"
        " best match of the same label: `found` are 1.0.0's that the version has, `right` the version's that 1.0.0 has."
        " None of the video's frames served to measure the ranges of 0.8.0 and 0.9.0.",
        figures,
        at_most={
            "16:9 0.8.0 CPU ms": 0.8 * figures["16:9 1.0.0 CPU ms"],
            "16:9 0.9.0 CPU ms": 0.8 * figures["16:9 1.0.0 CPU ms"],
        },
        at_least={f"16:9 {version} {way} at IoU 0.5": 0.98 for version in OTHERS for way in ("found", "right")},
    )


def _frames() -> Iterator[Picture]:
    with av.open(str(_VIDEO)) as container:
        for frame in islice(container.decode(video=0), 0, None, EVERY):
            yield frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def _middle(frame: Picture) -> Picture:
    height = frame.shape[1] * 9 // 16
    top = (frame.shape[0] - height) // 2
    return np.ascontiguousarray(frame[top : top + height])


def _compared(pictures: Sequence[Picture]) -> list[Version]:
    repository = Repository(ROOT / "models")
    models = [repository.resolve(f"coco-detector@{version}") for version in (REFERENCE, *OTHERS)]
    versions = [Version(model, open_session(model, "cpu", 1), [], []) for model in models]
    for number, picture in enumerate([pictures[0], *pictures]):
        for version in versions:
            boxes, cpu_ms = _infer(version, picture)
            if number:  # the first only warms up
                version.found.append(boxes)
                version.cpu_ms.append(cpu_ms)
    return versions


def _infer(version: Version, picture: Picture) -> tuple[list[Box], float]:
    placement = place(picture.shape[1], picture.shape[0], version.model.card.input_of(version.model.version))
    slot = np.zeros((1, placement.input_height, placement.input_width, 3), np.uint8)
    put(slot[0], picture, placement)
    started = time.thread_time()
    (row,) = version.session.run([slot])
    cpu_ms = 1000 * (time.thread_time() - started)
    found = detected(row)
    places = to_normalised(found.boxes, placement).tolist()
    rows = zip(places, found.scores, found.labels, strict=True)
    return [Box(tuple(place), float(score), int(label)) for place, score, label in rows], cpu_ms


def _agreement(first: Version, second: Version) -> dict[str, float]:
    there, back = _matches(first.found, second.found), _matches(second.found, first.found)
    apart = [abs(score) for overlap, score in there if overlap >= 0.5]
    return {
        **{f"found at IoU {bound:g}": _share(there, bound) for bound in (0.5, 0.9)},
        **{f"right at IoU {bound:g}": _share(back, bound) for bound in (0.5, 0.9)},
        "confidence apart, mean": round(float(mean(apart)), 4),
        "confidence apart, most": round(float(max(apart)), 4),
    }


def _share(matches: Sequence[tuple[float, float]], bound: float) -> float:
    return round(mean(overlap >= bound for overlap, _ in matches), 4)


def _matches(ours: Sequence[Sequence[Box]], theirs: Sequence[Sequence[Box]]) -> list[tuple[float, float]]:
    """For each sure box of ours: the overlap with their best match of the same label, and the difference in score."""
    found = []
    for boxes, others in zip(ours, theirs, strict=True):
        for box in boxes:
            if box.score > SURE:
                same = [(iou(box.place, other.place), other.score) for other in others if other.label == box.label]
                overlap, score = max(same, default=(0.0, 0.0))
                found.append((overlap, box.score - score))
    return found
