"""What happened between two scrapes: rates, and quantiles as Prometheus computes them. Pure."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from vedette.top.scrape import Labels, Scrape

Key = tuple[str, ...]
"""Values of some labels."""
_STARTED = "process_start_time_seconds"


@dataclass(frozen=True, slots=True)
class Window:
    """Two scrapes of one process; none before where it is new, or was started anew meanwhile."""

    before: Scrape | None
    after: Scrape

    @classmethod
    def between(cls, before: Scrape | None, after: Scrape) -> "Window":
        """Nothing can be compared with a process that is gone, though it had the same address."""
        same = before is not None and before.value(_STARTED) == after.value(_STARTED) and after.at_s > before.at_s
        return cls(before if same else None, after)

    def rates(self, name: str) -> Iterator[tuple[Labels, float]]:
        """How much each counter grew, a second. One that went back began at 0 again; one that is new began there."""
        if self.before is None:
            return
        passed_s = self.after.at_s - self.before.at_s
        earlier = self.before.series.get(name, {})
        for labels, value in self.after.series.get(name, {}).items():
            was = earlier.get(labels, 0.0)
            yield labels, (value - was if value >= was else value) / passed_s


@dataclass(slots=True)
class Distribution:
    """What a histogram took in, a second."""

    buckets: dict[float, float] = field(default_factory=dict)
    """By upper bound; each holds the smaller ones too."""
    sum: float = 0.0

    @property
    def count(self) -> float:
        """Observations a second."""
        return self.buckets.get(math.inf, 0.0)

    @property
    def mean(self) -> float | None:
        """None: nothing was observed."""
        return self.sum / self.count if self.count else None

    def quantile(self, share: float) -> float | None:
        """Between the bounds of its bucket as if observations lay evenly there; above the last bound, that bound.

        https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
        """
        if not self.count:
            return None
        rank = share * self.count
        low, below = 0.0, 0.0
        for bound, up_to in sorted(self.buckets.items()):
            if up_to >= rank:
                if math.isinf(bound):
                    return low
                return low + (bound - low) * ((rank - below) / (up_to - below) if up_to > below else 1.0)
            low, below = bound, up_to
        return low


def rates(windows: Iterable[Window], name: str, by: Sequence[str] = ()) -> dict[Key, float]:
    """How much a counter grew in all processes, a second, by some of its labels."""
    found: dict[Key, float] = {}
    for window in windows:
        for labels, rate in window.rates(name):
            key = _key(labels, by)
            found[key] = found.get(key, 0.0) + rate
    return found


def gauges(windows: Iterable[Window], name: str, by: Sequence[str] = ()) -> dict[Key, list[float]]:
    """All values of a gauge, by some of its labels."""
    found: dict[Key, list[float]] = {}
    for window in windows:
        for labels, value in window.after.series.get(name, {}).items():
            found.setdefault(_key(labels, by), []).append(value)
    return found


def distributions(windows: Sequence[Window], name: str, by: Sequence[str] = ()) -> dict[Key, Distribution]:
    """What a histogram took in, in all processes, by some of its labels."""
    found: dict[Key, Distribution] = {}
    for key, rate in rates(windows, f"{name}_bucket", (*by, "le")).items():
        found.setdefault(key[:-1], Distribution()).buckets[float(key[-1])] = rate
    for key, rate in rates(windows, f"{name}_sum", by).items():
        found.setdefault(key, Distribution()).sum = rate
    return found


def _key(labels: Labels, by: Sequence[str]) -> Key:
    values = dict(labels)
    return tuple(values.get(name, "") for name in by)
