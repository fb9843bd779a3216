"""The pure core: which images run next, how many, and when."""

import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference.runtime.batch_policy import MAX_SHAPES, BatchCosts, BatchPolicy, CostCurve, Group, Run, Shape, WaitUntil
from inference.runtime.batching import BatchQueue, Item, Lane

SMALL: Shape = (192, 320, 3)
LARGE: Shape = (640, 640, 3)
POLICY = BatchPolicy(max_batch=16, max_delay_s=0.005)

Cost = Callable[[int], float]


def flat(size: int) -> float:
    """As on a CPU."""
    return 0.017 * size


def sublinear(size: int) -> float:
    """As on a GPU: 1.9 ms for one image, 0.5 ms for each of 16."""
    return 0.0015 + 0.0004 * size


def curve(cost: Cost, policy: BatchPolicy = POLICY) -> CostCurve:
    return CostCurve({size: cost(size) for size in policy.sizes})


def queue_of(cost: Cost | None, policy: BatchPolicy = POLICY) -> BatchQueue[Item]:
    costs = BatchCosts()
    if cost is not None:
        costs.seed(SMALL, curve(cost, policy))
    return BatchQueue(policy, costs)


def taken(queue: BatchQueue[Item], now: float = 0.0, idle_sessions: int = 1) -> list[Item]:
    batch = queue.take(idle_sessions, now)
    assert isinstance(batch, list), f"it waits until {batch}"
    return batch


def test_sizes_measured_are_powers_of_two_and_the_limit() -> None:
    assert BatchPolicy(16, 0).sizes == [1, 2, 4, 8, 16]
    assert BatchPolicy(6, 0).sizes == [1, 2, 4, 6]
    assert BatchPolicy(1, 0).sizes == [1]


@pytest.mark.parametrize(("max_batch", "max_delay_s"), [(0, 0.0), (1, -0.1)])
def test_a_policy_without_sense_is_refused(max_batch: int, max_delay_s: float) -> None:
    with pytest.raises(ValueError, match="max_batch"):
        BatchPolicy(max_batch, max_delay_s)


# What sizes cost


def test_flat_costs_prefer_single_images_in_spite_of_noise() -> None:
    noisy = {1: 0.0174, 2: 0.0340, 4: 0.0672, 8: 0.137, 16: 0.270}
    assert CostCurve(noisy).preferred == 1


def test_sublinear_costs_prefer_a_batch() -> None:
    assert curve(sublinear).preferred == 16
    assert curve(lambda size: 0.010 if size <= 4 else 0.0025 * size).preferred == 4


@given(st.lists(st.floats(1e-4, 10), min_size=5, max_size=5), st.integers(1, 16))
def test_economical_batches_cost_at_most_a_tenth_more_than_any_others(seconds: list[float], waiting: int) -> None:
    learned = CostCurve(dict(zip(POLICY.sizes, seconds, strict=True)))
    size = learned.economical(waiting)

    def cost(size: int) -> float:
        return waiting // size * learned.predict(size) + learned.predict(waiting % size)

    assert 1 <= size <= waiting
    assert cost(size) <= 1.1001 * min(cost(n) for n in (*POLICY.sizes, waiting) if n <= waiting)


@pytest.mark.parametrize("waiting", range(1, 17))
def test_a_few_images_are_not_left_behind_where_a_batch_is_cheaper(waiting: int) -> None:
    assert curve(sublinear).economical(waiting) == waiting


@given(st.integers(1, 16))
def test_predictions_between_measured_sizes_are_linear(size: int) -> None:
    assert curve(sublinear).predict(size) == pytest.approx(sublinear(size))


def test_a_machine_that_slows_down_does_not_make_other_sizes_look_cheaper() -> None:
    learned = curve(flat)
    for _ in range(500):
        learned.observe(1, 1.3 * flat(1))
    assert learned.preferred == 1
    assert learned.predict(1) == pytest.approx(1.3 * flat(1), rel=0.01)
    assert learned.predict(16) == pytest.approx(1.3 * flat(16), rel=0.05)


def test_real_runs_correct_a_curve_that_was_measured_wrongly() -> None:
    learned = curve(sublinear)
    for _ in range(500):
        for size in (1, 2, 4, 8, 16):
            learned.observe(size, flat(size))
    assert learned.preferred == 1


def test_one_stalled_run_moves_a_prediction_by_little() -> None:
    learned = curve(flat)
    learned.observe(1, 100.0)
    assert learned.predict(1) < 1.2 * flat(1)


def test_a_shape_never_measured_borrows_the_nearest_curve_by_its_pixels() -> None:
    costs = BatchCosts()
    assert costs.of(SMALL) is None
    costs.seed(SMALL, curve(sublinear))
    costs.seed(LARGE, curve(flat))
    borrowed = costs.of((384, 320, 3))
    assert borrowed is not None
    assert borrowed.preferred == 16
    assert borrowed.predict(1) == pytest.approx(2 * sublinear(1))


def test_shapes_remembered_are_bounded_and_the_one_in_use_stays() -> None:
    costs = BatchCosts()
    costs.seed(SMALL, curve(sublinear))
    used = costs.of(SMALL)
    for height in range(100, 150):
        costs.of((height, 100, 3))
        assert costs.of(SMALL) is used
    assert len(list(costs)) == MAX_SHAPES


# When a batch is formed


def test_nothing_waits_where_a_larger_batch_buys_nothing() -> None:
    decision = POLICY.decide(Group(SMALL, 1, 0.0), curve(flat), idle_sessions=1, now=0.0)
    assert decision == Run(1)


@given(waiting=st.integers(1, 15), now=st.floats(0, 0.1), deadline=st.floats(0, 1) | st.just(math.inf))
def test_a_batch_that_pays_waits_at_its_pace_but_never_past_delay_or_deadline(
    waiting: int, now: float, deadline: float
) -> None:
    decision = POLICY.decide(Group(SMALL, waiting, 0.0, deadline), curve(sublinear), 1, now)
    latest = min(POLICY.max_delay_s * waiting / 16, deadline - sublinear(16))
    if isinstance(decision, WaitUntil):
        assert now < decision.at == pytest.approx(latest)
        assert decision.at <= POLICY.max_delay_s
    else:
        assert now >= latest - 1e-9


def test_a_batch_waits_on_while_images_keep_coming_and_not_when_they_stop() -> None:
    queue = queue_of(sublinear)
    for number in range(10):
        now = 0.0003 * number
        queue.add(Item(shape=SMALL, enqueued=now))
        assert isinstance(queue.take(1, now), float)
    assert queue.take(1, now) == pytest.approx(POLICY.max_delay_s * 10 / 16)
    assert len(taken(queue, now=POLICY.max_delay_s * 10 / 16)) == 10


def test_a_full_batch_does_not_wait() -> None:
    assert POLICY.decide(Group(SMALL, 20, 0.0), curve(sublinear), 1, now=0.0) == Run(16)


def test_a_batch_that_waited_takes_everybody_who_came() -> None:
    assert POLICY.decide(Group(SMALL, 5, 0.0), curve(sublinear), 2, now=0.005) == Run(5)


@pytest.mark.parametrize("cost", [None, flat])
def test_idle_sessions_share_out_what_waits_unless_a_larger_batch_is_cheaper(cost: Cost | None) -> None:
    queue = queue_of(cost)
    for _ in range(4):
        queue.add(Item(shape=SMALL, enqueued=0.0))
    sizes = [len(taken(queue, idle_sessions=idle)) for idle in (4, 3, 2, 1)]
    assert sizes == [1, 1, 1, 1]


def test_nothing_measured_means_no_wait_and_an_even_share() -> None:
    assert POLICY.decide(Group(SMALL, 9, 0.0), None, idle_sessions=2, now=0.0) == Run(5)
    assert POLICY.decide(Group(SMALL, 40, 0.0), None, idle_sessions=1, now=0.0) == Run(16)


# Whose turn it is


@pytest.mark.parametrize("cost", [flat, sublinear])
def test_saturated_lanes_share_three_to_one(cost: Cost) -> None:
    queue = queue_of(cost)
    served: Counter[Lane] = Counter()
    for lane in ("live", "complete"):
        for _ in range(400):
            queue.add(Item(shape=SMALL, enqueued=0.0, lane=lane))
    while served.total() < 320:
        served.update(item.lane for item in taken(queue))
    assert served == {"live": 240, "complete": 80}


def test_lanes_of_different_shapes_share_by_images_and_not_by_batches() -> None:
    costs = BatchCosts()
    costs.seed(SMALL, curve(sublinear))
    costs.seed(LARGE, curve(flat))
    queue: BatchQueue[Item] = BatchQueue(POLICY, costs)
    for _ in range(1000):
        queue.add(Item(shape=SMALL, enqueued=0.0, lane="live"))
        queue.add(Item(shape=LARGE, enqueued=0.0, lane="complete"))
    served = Counter(item.lane for _ in range(150) for item in taken(queue))
    assert 2.5 < served["live"] / served["complete"] < 3.5


@pytest.mark.parametrize(("idle", "busy"), [("live", "complete"), ("complete", "live")])
def test_an_idle_lane_costs_the_other_nothing_and_gathers_no_credit(idle: Lane, busy: Lane) -> None:
    queue = queue_of(flat)
    for _ in range(500):
        queue.add(Item(shape=SMALL, enqueued=0.0, lane=busy))
    assert {item.lane for _ in range(100) for item in taken(queue)} == {busy}
    for _ in range(100):
        queue.add(Item(shape=SMALL, enqueued=1.0, lane=idle))
    served = Counter(item.lane for _ in range(40) for item in taken(queue))
    assert served["live"] == pytest.approx(30, abs=1)


def test_the_oldest_image_decides_the_shape() -> None:
    queue = queue_of(sublinear)
    queue.add(Item(shape=LARGE, enqueued=0.0))
    for _ in range(50):
        queue.add(Item(shape=SMALL, enqueued=0.001))
    assert [item.shape for item in taken(queue, now=0.006)] == [LARGE]


def test_a_shape_that_is_ready_runs_while_an_older_one_waits_for_company() -> None:
    queue = queue_of(sublinear)
    queue.add(Item(shape=LARGE, enqueued=0.0))
    for _ in range(16):
        queue.add(Item(shape=SMALL, enqueued=0.0001))
    assert [item.shape for item in taken(queue, now=0.0001)] == [SMALL] * 16
    assert queue.take(1, 0.0001) == pytest.approx(POLICY.max_delay_s / 16)


def test_an_empty_queue_has_nothing_to_wait_for() -> None:
    assert queue_of(flat).take(1, 0.0) == math.inf


class Queueing(RuleBasedStateMachine):
    """Any sequence of arrivals, cancellations, expiries and batches keeps the queue's promises."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = queue_of(None)
        self.now = 0.0
        self.waiting: list[Item] = []
        self.gone: list[Item] = []

    @rule(cost=st.sampled_from([flat, sublinear]), shape=st.sampled_from([SMALL, LARGE]))
    def learn(self, cost: Cost, shape: Shape) -> None:
        self.queue.costs.seed(shape, curve(cost))

    @rule(
        shape=st.sampled_from([SMALL, LARGE]),
        lane=st.sampled_from(["live", "complete"]),
        budget_s=st.none() | st.floats(0.001, 0.1),
        copies=st.integers(1, 20),
    )
    def arrive(self, shape: Shape, lane: Lane, budget_s: float | None, copies: int) -> None:
        for _ in range(copies):
            deadline = None if budget_s is None else self.now + budget_s
            item = Item(shape=shape, enqueued=self.now, deadline=deadline, lane=lane)
            self.queue.add(item)
            self.waiting.append(item)

    @rule(seconds=st.floats(0.0001, 0.05))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.waiting))
        self.queue.discard(item)
        self._leave([item])

    @rule()
    def expire(self) -> None:
        expired = self.queue.expire(self.now)
        assert all(item.deadline is not None and item.deadline <= self.now for item in expired)
        self._leave(expired)
        assert all(item.deadline is None or item.deadline > self.now for item in self.waiting)

    @rule(idle_sessions=st.integers(1, 4))
    def take(self, idle_sessions: int) -> None:
        batch = self.queue.take(idle_sessions, self.now)
        if isinstance(batch, float):
            assert self.now < batch
            assert all(item.enqueued + POLICY.max_delay_s >= batch for item in self.waiting)
            return
        assert 1 <= len(batch) <= POLICY.max_batch
        assert len({item.shape for item in batch}) == 1
        for lane in ("live", "complete"):
            of_lane = [item for item in self.waiting if item.lane == lane and item.shape == batch[0].shape]
            mine = [item for item in batch if item.lane == lane]
            assert mine == of_lane[: len(mine)], "the oldest of a lane go first"
        self._leave(batch)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert len(self.queue) == len(self.waiting)
        assert len(self.gone) == len(set(map(id, self.gone)))

    def teardown(self) -> None:
        assert set(map(id, self.queue.clear())) == set(map(id, self.waiting))
        assert len(self.queue) == 0

    def _leave(self, items: list[Item]) -> None:
        for item in items:
            self.waiting.remove(item)
            self.gone.append(item)


TestQueueing = Queueing.TestCase
