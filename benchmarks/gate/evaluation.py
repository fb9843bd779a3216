"""Compares what the gate found with what the same differencing finds when every frame is decoded."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.gate.replay import Played, played
from benchmarks.gate.stream_spec import Event
from benchmarks.gate.trace import Trace
from gateway.gate.scene import TUNED, Thresholds

_SLACK_S = 0.45
"""A blob may lag so far behind its object: movement is a difference between looks."""
_SETTLED_S = 6.0
"""Openings before this are the gate's first look at a scene."""


@dataclass(frozen=True)
class Outcome:
    """What became of an event."""

    kind: str
    event: Event
    in_view_s: float
    gap_s: float
    """Between the stream's keyframes."""
    reference: bool
    """Found by the differencing on every frame."""
    found: bool
    delay_s: float | None
    """From when the object was in view until the gate knew."""
    lost_s: float | None
    """Of its footage, how much came before the onset from which frames are sampled."""


@dataclass(frozen=True)
class QuietOutcome:
    """What the gate did with a stream in which nothing comes, after its first look."""

    kind: str
    seconds: float
    openings: int
    reference_openings: int
    decoded: float
    """The share of pictures that was decoded."""


def outcomes(trace: Trace, thresholds: Thresholds = TUNED) -> list[Outcome]:
    """What became of a stream's events."""
    reference, gate = (played(trace, every_frame, thresholds) for every_frame in (True, False))
    views = [(index, event, trace.view_s(index)) for index, event in enumerate(trace.spec.events)]
    return [_outcome(trace, index, event, view, reference, gate) for index, event, view in views if view is not None]


def quiet_outcome(trace: Trace, thresholds: Thresholds = TUNED) -> QuietOutcome:
    reference, gate = (played(trace, every_frame, thresholds) for every_frame in (True, False))
    first, pictures = round(_SETTLED_S * trace.spec.fps), len(trace.sizes)
    return QuietOutcome(
        trace.spec.kind,
        (pictures - first) / trace.spec.fps,
        sum(opening.at_s >= _SETTLED_S for opening in gate.openings),
        sum(opening.at_s >= _SETTLED_S for opening in reference.openings),
        sum(index >= first for index in gate.decoded) / (pictures - first),
    )


def _outcome(
    trace: Trace, index: int, event: Event, view: tuple[float, float], reference: Played, gate: Played
) -> Outcome:
    known_s = _known_s(trace, index, view, gate)
    onset_s = None
    if known_s is not None:
        overlapping = [o.onset_s for o in gate.openings if o.onset_s <= view[1] and o.until_s >= view[0]]
        onset_s = min(overlapping, default=None)
    return Outcome(
        trace.spec.kind,
        event,
        view[1] - view[0],
        trace.spec.gop_s,
        _known_s(trace, index, view, reference) is not None,
        known_s is not None,
        None if known_s is None else max(0.0, known_s - view[0]),
        None if onset_s is None else max(0.0, onset_s - view[0]),
    )


def _known_s(trace: Trace, index: int, view: tuple[float, float], result: Played) -> float | None:
    """When the gate, open, saw movement where the object is."""
    for time_s, blobs, now_s in result.moved:
        if view[0] - 0.05 <= time_s <= view[1] + _SLACK_S and any(_touches(trace, index, time_s, b) for b in blobs):
            return now_s
    return None


def _touches(trace: Trace, index: int, time_s: float, blob: tuple[float, float, float, float]) -> bool:
    first = max(0, round((time_s - _SLACK_S) * trace.spec.fps))
    last = round(time_s * trace.spec.fps) + 1
    boxes = trace.boxes[first:last, index]
    boxes = boxes[~np.isnan(boxes[:, 0])]
    x, y, width, height = blob
    apart = (
        (boxes[:, 0] > x + width)
        | (boxes[:, 0] + boxes[:, 2] < x)
        | (boxes[:, 1] > y + height)
        | (boxes[:, 1] + boxes[:, 3] < y)
    )
    return bool((~apart).any())


def wilson(found: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not of:
        return (0.0, 1.0)
    z, share = 1.96, found / of
    middle = share + z * z / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return ((middle - reach) / (1 + z * z / of), (middle + reach) / (1 + z * z / of))


def recall(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Of the events that the reference found: how many the gate found, and of how many."""
    found = [outcome.found for outcome in outcomes if outcome.reference]
    return sum(found), len(found)
