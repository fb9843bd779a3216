"""How long a request will take, as it is told when it comes: right where the cost of batches is flat, as on a CPU."""

import heapq

import pytest

from inference.runtime.batch_policy import BatchCosts, BatchPolicy, CostCurve
from inference.runtime.batching import BatchQueue, Forecast, Item, Lane

SHAPE = (320, 416, 3)
ROW_S = 0.05
SESSIONS = 2


def queue_of(max_batch: int = 8) -> BatchQueue[Item]:
    policy, costs = BatchPolicy(max_batch, 0.005), BatchCosts()
    costs.seed(SHAPE, CostCurve({size: ROW_S * size for size in policy.sizes}))
    return BatchQueue(policy, costs)


def item(lane: Lane = "request", deadline: float | None = None, priority: int = 0) -> Item:
    return Item(shape=SHAPE, enqueued=0.0, deadline=deadline, lane=lane, priority=priority)


def turn_of(queue: BatchQueue[Item], wanted: Item, live: bool) -> float:
    """When its batch begins, if both sessions have just begun one, half a batch apart; `live` frames keep coming."""
    free_at = [ROW_S / 2, ROW_S]
    while True:
        now = heapq.heappop(free_at)
        if live:
            queue.add(item("live"))
        batch = queue.take(1, now)
        assert isinstance(batch, list)
        if wanted in batch:
            return now
        heapq.heappush(free_at, now + ROW_S * len(batch))


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("before", [1, 40, 256])
def test_a_crowd_is_told_how_long_it_will_wait(before: int, live: bool) -> None:
    queue, last = queue_of(), item(deadline=100.0)
    for _ in range(before):
        queue.add(item(deadline=99.0))
    if live:
        queue.add(item("live"))
        queue.add(item("live"))
    forecast = queue.foresee(last, SESSIONS, idle_sessions=0)
    queue.add(last)
    assert forecast.run_s == pytest.approx(ROW_S)
    assert forecast.wait_s == pytest.approx(turn_of(queue, last, live), abs=3 * ROW_S)


def test_those_that_are_on_their_way_wait_before_it_and_those_behind_it_do_not() -> None:
    queue = queue_of()
    for deadline in (1.0, 1.0, 9.0):
        queue.add(item(deadline=deadline))
    queue.add(item(deadline=1.0, priority=7))
    alone = queue.foresee(item(deadline=5.0), SESSIONS, idle_sessions=1)
    assert alone.wait_s == pytest.approx(2 * ROW_S / SESSIONS)
    assert queue.foresee(item(deadline=5.0), SESSIONS, 1, coming=4).wait_s == pytest.approx(6 * ROW_S / SESSIONS)


def test_where_batches_gain_the_queue_goes_by_batches() -> None:
    policy, costs = BatchPolicy(8, 0.005), BatchCosts()
    costs.seed(SHAPE, CostCurve(dict.fromkeys(policy.sizes, ROW_S)))  # eight cost as much as one
    queue: BatchQueue[Item] = BatchQueue(policy, costs)
    for _ in range(64):
        queue.add(item(deadline=1.0))
    forecast = queue.foresee(item(deadline=2.0), SESSIONS, idle_sessions=0)
    assert forecast.wait_s == pytest.approx(64 / 8 * ROW_S / SESSIONS + ROW_S / 2)


def test_who_finds_all_sessions_busy_waits_for_half_a_batch_and_else_not_at_all() -> None:
    assert queue_of().foresee(item(), SESSIONS, idle_sessions=0).wait_s == pytest.approx(ROW_S / 2)
    assert queue_of().foresee(item(), SESSIONS, idle_sessions=1).wait_s == 0


@pytest.mark.parametrize(("busy", "share"), [(0.5, 0.5), (5.0, 2 / 6), (0.0, 1.0)])
def test_cameras_that_have_nothing_waiting_just_now_still_take_what_they_took_of_late(
    busy: float, share: float
) -> None:
    """Requests keep their part by weight, 2 of 6, however busy the others were."""
    queue, now = queue_of(), 0.0
    for _ in range(int(400 * busy)):
        now += ROW_S / SESSIONS / busy
        queue.add(item("live"))
        queue.take(1, now)
    for _ in range(40):
        queue.add(item(deadline=1e6))
    last = Item(shape=SHAPE, enqueued=now, deadline=2e6, lane="request")
    forecast = queue.foresee(last, SESSIONS, idle_sessions=1)
    assert forecast.wait_s == pytest.approx(40 * ROW_S / SESSIONS / share, rel=0.15)
    last.enqueued = now + 60
    assert queue.foresee(last, SESSIONS, idle_sessions=1).wait_s == pytest.approx(40 * ROW_S / SESSIONS), "long ago"


def test_nothing_is_foreseen_where_nothing_was_measured() -> None:
    queue: BatchQueue[Item] = BatchQueue(BatchPolicy(8, 0.005), BatchCosts())
    queue.add(item())
    assert queue.foresee(item(), SESSIONS, 0) == Forecast(0.0, 0.0)


def test_what_counts_is_when_the_answer_is_there_and_not_when_its_turn_comes() -> None:
    assert Forecast(wait_s=1.0, run_s=0.5).is_late(1.6)
    assert not Forecast(wait_s=1.0, run_s=0.5).is_late(1.8)


def test_a_row_that_finds_a_session_idle_is_run_however_slow_the_last_ones_were() -> None:
    """Else nothing would be run any more after one stall, and so nothing learned."""
    assert not Forecast(wait_s=0.0, run_s=5.0).is_late(0.01)
