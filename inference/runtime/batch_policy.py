"""How large a batch should be, and whether it pays to wait for it: learned from what batches cost on this machine.

On a CPU the cost per row is the same in a batch of 1 and of 16; on a GPU it falls three- to fourfold. So nothing
here is a setting but two limits: the size that pays is measured at warm-up and followed while the machine drifts.
Pure arithmetic: time is a parameter, always monotonic seconds.
"""

import math
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Shape = tuple[int, ...]
"""The lengths of a row's arrays. Only rows of one shape share a batch."""

TOLERANCE = 0.10
"""A smaller batch is preferred while it costs no more than this above the best: below it, it is noise."""
DRIFT_RATE, CURVE_RATE = 0.2, 0.01
REVISED_EVERY = 16
"""So many runs move the curve by an eighth at most, and drift is common to all sizes: until then what is economical
stays, which takes longer to work out than a tiny model to run."""
OUTLIER = 2.0
"""One run moves the estimates as if it were at most this many times slower or faster than predicted."""
MAX_SHAPES = 8


@dataclass(frozen=True, slots=True)
class Run:
    """Form a batch of `size` rows now."""

    size: int


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """A larger batch is worth waiting for, until `at`."""

    at: float


@dataclass(slots=True)
class Group:
    """The rows of one shape that wait."""

    shape: Shape
    waiting: int = 0
    oldest: float = math.inf
    """When the first of them came."""
    earliest_deadline: float = math.inf

    def add(self, enqueued: float, deadline: float | None) -> None:
        self.waiting += 1
        self.oldest = min(self.oldest, enqueued)
        if deadline is not None:
            self.earliest_deadline = min(self.earliest_deadline, deadline)


class CostCurve:
    """Seconds that a batch of n rows of one shape takes, between measured sizes linear in n.

    `observe` keeps two estimates, both moving averages of the logarithm: what all sizes share is the machine's drift,
    followed fast; what one size shows against the others is the curve, followed slowly. With one estimate a size,
    a slow minute of the only size in use would make every other one look cheaper.
    """

    def __init__(self, seconds: Mapping[int, float], padded: bool = False) -> None:
        """`padded`: batches are filled up to a measured size, and cost what that does."""
        self._padded = padded
        self._seconds = {size: max(seconds[size], 1e-9) for size in sorted(seconds)}
        self._sizes = list(self._seconds)
        self._drift = 1.0
        self._observed = 0
        self._economical: dict[int, int] = {}
        self.preferred = self.economical(self._sizes[-1])
        """The smallest size that is economical however many wait: a larger one buys nothing."""

    def predict(self, size: int) -> float:
        """Seconds that a batch of `size` is expected to take. Beyond the measured sizes no gain is assumed."""
        size = self.bucket(size)
        above = min(bisect_left(self._sizes, size), len(self._sizes) - 1)
        high = self._sizes[above]
        if size >= high or above == 0:
            return self._drift * self._seconds[high] * size / high
        low = self._sizes[above - 1]
        share = (size - low) / (high - low)
        return self._drift * ((1 - share) * self._seconds[low] + share * self._seconds[high])

    def bucket(self, size: int) -> int:
        """How many rows a batch of `size` is run with: itself, or where it is padded the next size measured."""
        if not self._padded or not 0 < size <= self._sizes[-1]:
            return size
        return self._sizes[bisect_left(self._sizes, size)]

    def economical(self, limit: int) -> int:
        """The smallest batch in which `limit` rows, all there are, can be run within `TOLERANCE` of the least cost;
        what is left over by batches of a size is counted as a batch."""
        if (known := self._economical.get(limit)) is None:
            known = self._economical[limit] = self._most_economical(limit)
        return known

    def _most_economical(self, limit: int) -> int:
        cost = {size: self._cost_in_batches(limit, size) for size in (*self._sizes, limit) if size <= limit}
        enough = min(cost.values()) * (1 + TOLERANCE)
        return min(size for size in cost if cost[size] <= enough)

    def _revise(self) -> None:
        self._economical.clear()
        self.preferred = self.economical(self._sizes[-1])

    def _cost_in_batches(self, rows: int, size: int) -> float:
        return rows // size * self.predict(size) + self.predict(rows % size)

    def observe(self, size: int, seconds: float) -> None:
        """Learn from a batch that was run."""
        size = self.bucket(size)
        ratio = min(max(seconds / self.predict(size), 1 / OUTLIER), OUTLIER)
        self._drift *= ratio**DRIFT_RATE
        if size in self._seconds:
            self._seconds[size] *= ratio**CURVE_RATE
        self._observed += 1
        if self._observed % REVISED_EVERY == 0:
            self._revise()

    def scaled(self, factor: float) -> "CostCurve":
        """The curve of rows that are `factor` times as expensive."""
        return CostCurve({size: factor * self.predict(size) for size in self._sizes}, self._padded)


class BatchCosts:
    """The cost curve of each shape; the `MAX_SHAPES` last used are kept."""

    def __init__(self) -> None:
        self._curves: OrderedDict[Shape, CostCurve] = OrderedDict()

    def __iter__(self) -> Iterator[CostCurve]:
        return iter(self._curves.values())

    def seed(self, shape: Shape, curve: CostCurve) -> None:
        self._curves[shape] = curve
        self._curves.move_to_end(shape)
        if len(self._curves) > MAX_SHAPES:
            self._curves.popitem(last=False)

    def observe(self, shape: Shape, size: int, seconds: float) -> None:
        """Learn from a batch that was run."""
        if (curve := self.of(shape)) is not None:
            curve.observe(size, seconds)

    def bucket(self, shape: Shape, size: int) -> int:
        """With how many rows a batch of `size` is run."""
        curve = self.of(shape)
        return size if curve is None else curve.bucket(size)

    def of(self, shape: Shape) -> CostCurve | None:
        """The curve of `shape`; one never measured borrows the curve of the nearest in size. None: nothing measured."""
        if not self._curves:
            return None
        if shape not in self._curves:
            size = _size(shape)
            nearest = min(self._curves, key=lambda known: abs(math.log(_size(known) / size)))
            self.seed(shape, self._curves[nearest].scaled(size / _size(nearest)))
        self._curves.move_to_end(shape)
        return self._curves[shape]


def _size(shape: Shape) -> int:
    return max(1, math.prod(shape))


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """The two limits of a dynamic batch."""

    max_batch: int
    max_delay_s: float
    """The longest that a row waits for others while a session is idle; it never waits where that buys nothing."""

    def __post_init__(self) -> None:
        if self.max_batch < 1 or self.max_delay_s < 0:
            raise ValueError(f"max_batch must be at least 1 and max_delay_s at least 0: {self}")

    @property
    def sizes(self) -> list[int]:
        """The sizes to measure: powers of two, and `max_batch`."""
        return [*(2**power for power in range((self.max_batch - 1).bit_length())), self.max_batch]

    def decide(self, group: Group, curve: CostCurve | None, idle_sessions: int, now: float) -> Run | WaitUntil:
        """What an idle session does about the rows of one shape that wait; `idle_sessions` counts it too.

        A batch never exceeds what is economical for those waiting, so that with flat costs several sessions share
        them out. It waits only while fewer than the preferred size are there and they come at the pace that would
        complete it within `max_delay_s` of the oldest: k of n are expected by k/n of the delay, so that a few callers
        who wait for their answers, or a lonely camera, don't pay for a batch that will never be. It does not wait
        into the time that a run needs before the earliest deadline. Where nothing has been measured it never waits,
        and shares out evenly.
        """
        if curve is None:
            return Run(min(self.max_batch, math.ceil(group.waiting / idle_sessions)))
        if group.waiting >= curve.preferred:
            return Run(curve.preferred)
        patience_s = self.max_delay_s * group.waiting / curve.preferred
        until = min(group.oldest + patience_s, group.earliest_deadline - curve.predict(curve.preferred))
        return Run(curve.economical(group.waiting)) if now >= until else WaitUntil(until)
