"""The queue in front of the sessions: lanes shared by weight, batches of one shape, deadlines. Pure: no clock, no loop.

Exceptions that a waiter may get (all are `InferenceError`):

* `DeadlineExceeded`: the row's deadline passed before its batch was formed
* `BatcherFull`: the lane holds as much as it may, or the row could not be run before its deadline
* `BatcherClosed`: the batcher is closing, closed or has died
* `ModelFailed`: the model raised for this row alone, or no session is left to run it

  * `RowRefused`: the model takes no such row, for instance because of its shape
"""

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, Literal, NamedTuple, TypeVar

from inference.errors import InferenceError
from inference.runtime.batch_policy import BatchCosts, BatchPolicy, Group, Run, Shape

Lane = Literal["live", "request", "complete"]
"""Live frames are worth little when late, somebody waits for the answer to a request, and recordings have all the time
there is; each must get its share."""

CAUTION = 1.2
"""A crowd's requests slow down the machine that they wait for; whoever is refused at once can go elsewhere."""
WEIGHTS: Mapping[Lane, int] = {"live": 3, "request": 2, "complete": 1}
_AVERAGE_S = 2.0
"""Over so long it is seen how busy a lane keeps the sessions: a camera's frames come more often."""


class DeadlineExceeded(InferenceError):
    """The row was not run: its deadline had passed."""


class BatcherFull(InferenceError):
    """The lane has no room, or the row's turn would come too late."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        """How long a row that came now is expected to wait."""


class BatcherClosed(InferenceError):
    """Nothing is taken in any more, and what was not run in time never will be."""


class ModelFailed(InferenceError):
    """The model gave no result for this row; the text says why."""


class RowRefused(ModelFailed):
    """The model takes no such row: whoever sent it must send another."""


class Forecast(NamedTuple):
    """Seconds that a row is expected to take; 0 where nothing has been measured."""

    wait_s: float
    run_s: float

    def is_late(self, left_s: float) -> bool:
        """Whether the answer would come too late. A row that finds a session idle is run in any case: a forecast that
        has gone wrong would else never be put right."""
        return self.wait_s > 0 and CAUTION * self.wait_s + self.run_s > left_s


Rank = tuple[int, float, int]
"""Priority, deadline where that decides, and arrival."""


@dataclass(eq=False, slots=True, kw_only=True)
class Item:
    """A row that waits, seen from the queue."""

    shape: Shape
    enqueued: float
    deadline: float | None = None
    lane: Lane = "live"
    priority: int = 0
    """Within its lane; the lowest is served first."""
    rank: Rank = (0, 0.0, 0)
    """Set by the queue."""


AnyItem = TypeVar("AnyItem", bound=Item)


@dataclass(slots=True)
class _Waiting(Generic[AnyItem]):
    """One lane: its items by rank, and its turn."""

    stride: float
    turn: float = 0.0
    entries: list[tuple[Rank, AnyItem]] = field(default_factory=list)
    _busy: float = 0.0
    _seen_at: float = -math.inf

    def add(self, item: AnyItem) -> None:
        insort(self.entries, (item.rank, item))  # ranks differ: items are never compared

    def discard(self, item: AnyItem) -> bool:
        """Whether it was here."""
        place = bisect_left(self.entries, (item.rank,))
        if place == len(self.entries) or self.entries[place][1] is not item:
            return False
        del self.entries[place]
        return True

    def ran(self, seconds: float, now: float) -> None:
        """A row of this lane begins to run, which takes a session so long."""
        self._busy, self._seen_at = self.busy(now) + seconds / _AVERAGE_S, now

    def busy(self, now: float) -> float:
        """How many sessions the lane has kept busy of late, on the average."""
        return self._busy * math.exp(min(0.0, self._seen_at - now) / _AVERAGE_S)


class BatchQueue(Generic[AnyItem]):
    """Items that wait, and the batch that should run next. Not thread-safe: its owner holds a lock.

    Lanes share by stride scheduling (Waldspurger and Weihl, MIT/LCS/TM-528, 1995): whose turn is lowest goes first
    and moves on by 1/weight an item. A lane that was empty comes back at the turn being served, so idleness neither
    gathers credit nor owes. Within a lane items are served by priority, then as they came, requests by their deadline
    (the earliest first; those without one last). The first of them decides the shape, so no shape starves; while it
    waits for its batch to grow, a shape that is ready may run.

    A step costs the same however many wait, as long as enough of the first shape do: deadlines are gone through when
    the earliest has passed, and the other shapes when a batch of the first is to grow.
    """

    def __init__(self, policy: BatchPolicy, costs: BatchCosts, weights: Mapping[Lane, int] = WEIGHTS) -> None:
        self.policy = policy
        self.costs = costs
        self._lanes: dict[Lane, _Waiting[AnyItem]] = {lane: _Waiting(1 / weight) for lane, weight in weights.items()}
        self._turn = 0.0
        self._arrivals = count()
        self._of_shape = Counter[Shape]()
        self._no_deadline_before = math.inf

    @property
    def preferred(self) -> int:
        """The largest batch that pays for any shape; `max_batch` while nothing has been measured."""
        return max((curve.preferred for curve in self.costs), default=self.policy.max_batch)

    def __len__(self) -> int:
        return sum(len(lane.entries) for lane in self._lanes.values())

    def add(self, item: AnyItem) -> None:
        item.rank = (item.priority, self._urgency(item), next(self._arrivals))
        lane = self._lanes[item.lane]
        if not lane.entries:
            lane.turn = max(lane.turn, self._turn)
        lane.add(item)
        self._of_shape[item.shape] += 1
        if item.deadline is not None:
            self._no_deadline_before = min(self._no_deadline_before, item.deadline)

    def foresee(self, item: Item, sessions: int, idle_sessions: int, coming: int = 0) -> Forecast:
        """How long `item` would take if it were added now, behind `coming` others that are on their way: what comes
        before it in its lane, run at the lane's share of the sessions, and on average half a batch that is running."""
        curve = self.costs.of(item.shape)
        if curve is None or not sessions:
            return Forecast(0.0, 0.0)
        batch_s = curve.predict(curve.preferred)
        lane = self._lanes[item.lane]
        before = coming + bisect_left(lane.entries, ((item.priority, self._urgency(item), math.inf),))
        rows_s = batch_s / curve.preferred / (sessions * self._share_of(lane, sessions, item.enqueued))
        return Forecast(before * rows_s + (0.0 if idle_sessions else batch_s / 2), batch_s)

    def discard(self, item: AnyItem) -> None:
        """Forget an item whose waiter is gone; no matter whether it still waits."""
        if self._lanes[item.lane].discard(item):
            self._of_shape[item.shape] -= 1
            if not self._of_shape[item.shape]:
                del self._of_shape[item.shape]

    def clear(self) -> list[AnyItem]:
        """Forget everything; returns what waited."""
        return self._remove(lambda _: True)

    def expire(self, now: float) -> list[AnyItem]:
        """Remove the items whose deadline has passed. Those that may yet be too late are run all the same: a run
        costs the same whether its estimate was right, and a frame already here is the freshest of its camera."""
        if now < self._no_deadline_before:
            return []
        expired = self._remove(lambda item: item.deadline is not None and item.deadline <= now)
        left = (item.deadline for lane in self._lanes.values() for _, item in lane.entries)
        self._no_deadline_before = min((deadline for deadline in left if deadline is not None), default=math.inf)
        return expired

    def take(self, idle_sessions: int, now: float) -> list[AnyItem] | float:
        """The batch for one of `idle_sessions`; or the time until which it should wait, infinity if nothing waits."""
        wait_until = math.inf
        if (shape := self._first_shape()) is not None:
            enough = self.policy.decide(Group(shape, self._of_shape[shape]), self.costs.of(shape), idle_sessions, now)
            if isinstance(enough, Run):  # whenever the first of them came
                return self._pick(shape, enough.size, now)
        for group in self._groups():
            decision = self.policy.decide(group, self.costs.of(group.shape), idle_sessions, now)
            if isinstance(decision, Run):
                return self._pick(group.shape, decision.size, now)
            wait_until = min(wait_until, decision.at)
        return wait_until

    @staticmethod
    def _urgency(item: Item) -> float:
        return (math.inf if item.deadline is None else item.deadline) if item.lane == "request" else 0.0

    def _share_of(self, lane: _Waiting[AnyItem], sessions: int, now: float) -> float:
        """Of all sessions, if `lane` has rows to run: lanes where others wait share by weight. One that is empty at the
        moment, as that of a few cameras mostly is, goes on to take what it took of late, and leaves `lane` its part."""
        others = [other for other in self._lanes.values() if other is not lane]
        weights = 1 + lane.stride * sum(1 / other.stride for other in others if other.entries)
        taken = sum(other.busy(now) for other in others if not other.entries) / sessions
        least = 1 / (1 + lane.stride * sum(1 / other.stride for other in others))
        return max(least, (1 - taken) / weights)

    def _in_turn(self) -> list[_Waiting[AnyItem]]:
        return sorted((lane for lane in self._lanes.values() if lane.entries), key=lambda lane: lane.turn)

    def _first_shape(self) -> Shape | None:
        lanes = self._in_turn()
        return lanes[0].entries[0][1].shape if lanes else None

    def _groups(self) -> Iterator[Group]:
        """The shapes that wait: of the lane whose turn it is first, oldest first."""
        groups: dict[Shape, Group] = {}
        for lane in self._in_turn():
            for _, item in lane.entries:
                groups.setdefault(item.shape, Group(item.shape)).add(item.enqueued, item.deadline)
        return iter(groups.values())

    def _pick(self, shape: Shape, size: int, now: float) -> list[AnyItem]:
        """Remove `size` items of `shape`: the first of each lane, the lanes by turn."""
        self._turn = self._in_turn()[0].turn
        curve = self.costs.of(shape)
        row_s = curve.predict(size) / size if curve is not None else 0.0
        queues = [(lane, (i for _, i in lane.entries if i.shape == shape)) for lane in self._lanes.values()]
        batch: list[AnyItem] = []
        while len(batch) < size:
            lane, queue = min(queues, key=lambda entry: entry[0].turn)
            if (item := next(queue, None)) is None:
                queues.remove((lane, queue))
                continue
            lane.turn += lane.stride
            lane.ran(row_s, now)
            batch.append(item)
        for item in batch:
            self.discard(item)
        return batch

    def _remove(self, leaves: Callable[[AnyItem], bool]) -> list[AnyItem]:
        removed = [item for lane in self._lanes.values() for _, item in lane.entries if leaves(item)]
        for item in removed:
            self.discard(item)
        return removed
