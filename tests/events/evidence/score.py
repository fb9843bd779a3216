"""Tracks held against the hand-made count, as in CLEAR MOT (Bernardin, Stiefelhagen 2008): switches and coverage."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vedette.messages import Detection

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 768, 576
FILM_FPS = 10
_SAME_IOU = 0.35
_KEPT = 0.3
"""A track that a person had keeps it while another overlaps no better by so much."""

Box = tuple[float, float, float, float]
"""x, y of the centre, width, height, pixels."""


@dataclass(frozen=True, slots=True)
class Score:
    """Of one run."""

    switches: int
    """Times that a person's track became another one."""
    tracks: int
    false: int
    """Tracks that show no person most of the time."""
    covered: float
    """Share of the people in the frames that have a track."""


def people() -> dict[int, dict[str, Box]]:
    """Who is where, by frame."""
    frames: dict[int, dict[str, Box]] = defaultdict(dict)
    for name, entries in json.loads((FOLDER / "people.json").read_text("utf-8")).items():
        for (begin, *one), (end, *two) in pairwise(entries):
            for frame in range(begin, end + 1):
                share = (frame - begin) / (end - begin)
                x, y, w, h = (a + (b - a) * share for a, b in zip(one, two, strict=True))
                frames[frame][name] = (x, y, w, h)
    return frames


def sampled(fps: float, first: int = 0) -> Iterator[tuple[int, list[Detection]]]:
    """The detections of every frame that sampling at `fps` takes."""
    step = round(FILM_FPS / fps)
    for number, rows in json.loads((FOLDER / "detections.json").read_text("utf-8")):
        if number % step == first:
            yield number, [Detection(label=row[0], confidence=row[1], bbox=tuple(row[2:])) for row in rows]


def score(tracked: Mapping[int, Sequence[tuple[str, Box]]]) -> Score:
    """`tracked`: by frame, the tracks' ids and where they are."""
    truth, last = people(), dict[str, str]()
    seen, right, switches, present = Counter[str](), Counter[str](), 0, 0
    for frame, tracks in sorted(tracked.items()):
        seen.update(track for track, _ in tracks)
        present += len(truth[frame])
        for name, track in _pairs(truth[frame], tracks, last):
            right[track] += 1
            switches += name in last and last[name] != track
            last[name] = track
    false = sum(right[track] < count / 2 for track, count in seen.items())
    return Score(switches, len(seen), false, right.total() / present)


def _pairs(
    truth: Mapping[str, Box], tracks: Sequence[tuple[str, Box]], last: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    likely = sorted(
        (
            (overlap + (_KEPT if last.get(name) == track else 0), name, track)
            for name, place in truth.items()
            for track, box in tracks
            if (overlap := _iou(place, box)) >= _SAME_IOU
        ),
        reverse=True,
    )
    taken: set[str] = set()
    for _, name, track in likely:
        if name not in taken and track not in taken:
            taken |= {name, track}
            yield name, track


def _iou(one: Box, two: Box) -> float:
    width = min(one[0] + one[2] / 2, two[0] + two[2] / 2) - max(one[0] - one[2] / 2, two[0] - two[2] / 2)
    height = min(one[1] + one[3] / 2, two[1] + two[3] / 2) - max(one[1] - one[3] / 2, two[1] - two[3] / 2)
    shared = max(0.0, width) * max(0.0, height)
    return shared / (one[2] * one[3] + two[2] * two[3] - shared)
