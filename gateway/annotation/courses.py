"""Where each object of a recording is at any time, known from the frames that were looked at. Pure.

Between two sightings of an object its box is interpolated, over one frame that doesn't show it too. Before and after
that it is held for half of the time to the next frame that was looked at; elsewhere nothing is drawn.
"""

from array import array
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from vedette.object_messages import ObjectState

Box = tuple[float, float, float, float]
_BRIDGED_FRAMES = 2
"""Sightings so many sampled frames apart are joined."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An object at a moment."""

    id: str
    label: str
    box: Box
    """x, y, width, height in fractions of the displayed picture."""


@dataclass(slots=True)
class _Course:
    """One object's sightings: 28 bytes each."""

    id: str
    frames: "array[int]" = field(default_factory=lambda: array("l"))
    """Indices of the frames that show it."""
    boxes: "array[float]" = field(default_factory=lambda: array("f"))
    """Four numbers a sighting."""
    labels: list[tuple[int, str]] = field(default_factory=list)
    """From which frame on it is called what."""

    def note(self, frame: int, state: ObjectState) -> None:
        self.frames.append(frame)
        self.boxes.extend(state.bbox)
        if not self.labels or self.labels[-1][1] != state.label:
            self.labels.append((frame, state.label))

    def box(self, index: int) -> Box:
        x, y, width, height = self.boxes[4 * index : 4 * index + 4]
        return x, y, width, height


class Courses:
    """Fed with every sampled frame in order."""

    def __init__(self) -> None:
        self._times = array("d")
        """Of the sampled frames, seconds on the video's own time line."""
        self._courses: dict[str, _Course] = {}
        self._in_frame: list[tuple[_Course, ...]] = []
        """Which objects each sampled frame shows."""

    @property
    def ids(self) -> Collection[str]:
        """All objects that were seen."""
        return self._courses.keys()

    def note(self, at_s: float, objects: Sequence[ObjectState]) -> None:
        """What the frame at `at_s` shows; one that is not after the newest is left out."""
        if self._times and at_s <= self._times[-1]:
            return
        self._times.append(at_s)
        shown = {state.id: state for state in objects}
        for ident, state in shown.items():
            self._courses.setdefault(ident, _Course(ident)).note(len(self._times) - 1, state)
        self._in_frame.append(tuple(self._courses[ident] for ident in shown))

    def keep(self, ids: Collection[str]) -> None:
        """Forget all others: those that never became an object."""
        self._courses = {ident: course for ident, course in self._courses.items() if ident in ids}

    def at(self, at_s: float) -> list[Shown]:
        """The objects to be drawn at `at_s`, the largest first."""
        frame = bisect_right(self._times, at_s) - 1
        # Who is drawn was seen in the newest frame, the one before it (bridged), or the next one (held).
        near = {course.id: course for shows in self._in_frame[max(0, frame - 1) : frame + 2] for course in shows}
        there = near.keys() & self._courses.keys()
        found = [shown for ident in there if (shown := self._shown(near[ident], frame, at_s))]
        return sorted(found, key=lambda shown: (-shown.box[2] * shown.box[3], shown.id))

    def _shown(self, course: _Course, frame: int, at_s: float) -> Shown | None:
        """`frame`: the newest that was sampled by then, -1 before the first."""
        after = bisect_right(course.frames, frame)
        box = self._box(course, after, at_s)
        if box is None:
            return None
        name = max(0, bisect_right(course.labels, frame, key=lambda entry: entry[0]) - 1)
        return Shown(course.id, course.labels[name][1], box)

    def _box(self, course: _Course, after: int, at_s: float) -> Box | None:
        """`after`: the first sighting that is later."""
        if 0 < after < len(course.frames):
            first, second = course.frames[after - 1], course.frames[after]
            if second - first <= _BRIDGED_FRAMES:
                share = (at_s - self._times[first]) / (self._times[second] - self._times[first])
                return _between(course.box(after - 1), course.box(after), share)
        if after > 0 and at_s <= self._times[course.frames[after - 1]] + self._half_step_s(course.frames[after - 1]):
            return course.box(after - 1)
        if after < len(course.frames) and at_s >= self._times[course.frames[after]] - self._half_step_s(
            course.frames[after] - 1
        ):
            return course.box(after)
        return None

    def _half_step_s(self, frame: int) -> float:
        """Half of the time between this sampled frame and the next."""
        if len(self._times) < 2:
            return 0.0
        first = min(max(0, frame), len(self._times) - 2)
        return (self._times[first + 1] - self._times[first]) / 2


def _between(one: Box, two: Box, share: float) -> Box:
    x, y, width, height = (start + share * (end - start) for start, end in zip(one, two, strict=True))
    return x, y, width, height
