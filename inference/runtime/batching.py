"""The queue in front of the sessions: lanes shared by weight, batches of one shape, deadlines. Pure: no clock, no loop.

Exceptions that a waiter may get (all are `InferenceError`):

* `DeadlineExceeded`: the image's deadline passed before its batch was formed
* `BatcherFull`: the lane holds as much as the sessions can take; come back when there is room
* `BatcherClosed`: the batcher is closing, closed or has died
* `ModelFailed`: the model raised for this image alone, or no session is left to run it

  * `ImageRefused`: the model takes no such image, for instance because of its shape
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from inference.errors import InferenceError
from inference.runtime.batch_policy import BatchCosts, BatchPolicy, Group, Run, Shape

Lane = Literal["live", "complete"]
"""Live images are worth little when late; complete ones have all the time there is, and must get their share."""

WEIGHTS: Mapping[Lane, int] = {"live": 3, "complete": 1}


class DeadlineExceeded(InferenceError):
    """The image was not run: its deadline had passed."""


class BatcherFull(InferenceError):
    """The lane has no room."""


class BatcherClosed(InferenceError):
    """Nothing is taken in any more, and what was not run in time never will be."""


class ModelFailed(InferenceError):
    """The model gave no result for this image; the text says why."""


class ImageRefused(ModelFailed):
    """The model takes no such image: whoever sent it must send another."""


@dataclass(eq=False, slots=True, kw_only=True)
class Item:
    """An image that waits, seen from the queue."""

    shape: Shape
    enqueued: float
    deadline: float | None = None
    lane: Lane = "live"


AnyItem = TypeVar("AnyItem", bound=Item)


@dataclass(slots=True)
class _Waiting(Generic[AnyItem]):
    """One lane: its items in order of arrival (a dict, so that a cancelled one leaves at once), and its turn."""

    stride: float
    turn: float = 0.0
    items: dict[AnyItem, None] = field(default_factory=dict)


class BatchQueue(Generic[AnyItem]):
    """Items that wait, and the batch that should run next. Not thread-safe: its owner holds a lock.

    Lanes share by stride scheduling (Waldspurger and Weihl, MIT/LCS/TM-528, 1995): whose turn is lowest goes first
    and moves on by 1/weight an item. A lane that was empty comes back at the turn being served, so idleness neither
    gathers credit nor owes. Within a lane the oldest item decides the shape, so no shape starves; while it waits for
    its batch to grow, a shape that is ready may run.
    """

    def __init__(self, policy: BatchPolicy, costs: BatchCosts, weights: Mapping[Lane, int] = WEIGHTS) -> None:
        self.policy = policy
        self.costs = costs
        self._lanes: dict[Lane, _Waiting[AnyItem]] = {lane: _Waiting(1 / weight) for lane, weight in weights.items()}
        self._turn = 0.0

    @property
    def preferred(self) -> int:
        """The largest batch that pays for any shape; `max_batch` while nothing has been measured."""
        return max((curve.preferred for curve in self.costs), default=self.policy.max_batch)

    def __len__(self) -> int:
        return sum(len(lane.items) for lane in self._lanes.values())

    def add(self, item: AnyItem) -> None:
        lane = self._lanes[item.lane]
        if not lane.items:
            lane.turn = max(lane.turn, self._turn)
        lane.items[item] = None

    def discard(self, item: AnyItem) -> None:
        """Forget an item whose waiter is gone; no matter whether it still waits."""
        self._lanes[item.lane].items.pop(item, None)

    def clear(self) -> list[AnyItem]:
        """Forget everything; returns what waited."""
        return self._remove(lambda _: True)

    def expire(self, now: float) -> list[AnyItem]:
        """Remove the items whose deadline has passed. Those that may yet be too late are run all the same: a run
        costs the same whether its estimate was right, and an image already here is the freshest of its camera."""
        return self._remove(lambda item: item.deadline is not None and item.deadline <= now)

    def take(self, idle_sessions: int, now: float) -> list[AnyItem] | float:
        """The batch for one of `idle_sessions`; or the time until which it should wait, infinity if nothing waits."""
        wait_until = math.inf
        for group in self._groups():
            decision = self.policy.decide(group, self.costs.of(group.shape), idle_sessions, now)
            if isinstance(decision, Run):
                return self._pick(group.shape, decision.size)
            wait_until = min(wait_until, decision.at)
        return wait_until

    def _in_turn(self) -> list[_Waiting[AnyItem]]:
        return sorted((lane for lane in self._lanes.values() if lane.items), key=lambda lane: lane.turn)

    def _groups(self) -> Iterator[Group]:
        """The shapes that wait: of the lane whose turn it is first, oldest first."""
        groups: dict[Shape, Group] = {}
        for lane in self._in_turn():
            for item in lane.items:
                groups.setdefault(item.shape, Group(item.shape)).add(item.enqueued, item.deadline)
        return iter(groups.values())

    def _pick(self, shape: Shape, size: int) -> list[AnyItem]:
        """Remove `size` items of `shape`: the oldest of each lane, the lanes by turn."""
        self._turn = self._in_turn()[0].turn
        queues = [(lane, iter([i for i in lane.items if i.shape == shape])) for lane in self._lanes.values()]
        batch: list[AnyItem] = []
        while len(batch) < size:
            lane, queue = min(queues, key=lambda entry: entry[0].turn)
            if (item := next(queue, None)) is None:
                queues.remove((lane, queue))
                continue
            lane.turn += lane.stride
            del lane.items[item]
            batch.append(item)
        return batch

    def _remove(self, leaves: Callable[[AnyItem], bool]) -> list[AnyItem]:
        removed = [item for lane in self._lanes.values() for item in lane.items if leaves(item)]
        for item in removed:
            self.discard(item)
        return removed
