"""Which events a reader gets: each once, and none of a gateway that was deposed."""

from hypothesis import given
from hypothesis import strategies as some

from tests.vedette.samples import detections, status
from vedette.subscriber.order import EventOrder, Recent, Verdict

NEW, REPEATED, SUPERSEDED = Verdict.NEW, Verdict.REPEATED, Verdict.SUPERSEDED


def test_an_id_is_new_once() -> None:
    order = EventOrder()
    assert [order.judge(detections(1), position) for position in (1, 2)] == [NEW, REPEATED]
    assert [order.judge(status(), position) for position in (3, 4)] == [NEW, REPEATED]


def test_an_event_out_of_order_within_its_epoch_is_new() -> None:
    order = EventOrder()
    assert [order.judge(detections(seq), seq) for seq in (5, 3, 4)] == [NEW, NEW, NEW]


def test_what_a_deposed_owner_publishes_is_superseded() -> None:
    order = EventOrder()
    assert order.judge(detections(9, epoch=7), 1) is NEW
    assert order.judge(detections(0, epoch=8), 2) is NEW
    assert order.judge(detections(10, epoch=7), 3) is SUPERSEDED


def test_what_was_stored_before_the_takeover_is_new_however_late_it_comes() -> None:
    order = EventOrder()
    assert order.judge(detections(0, epoch=8), 20) is NEW
    assert order.judge(detections(9, epoch=7), 19) is NEW
    assert order.judge(detections(10, epoch=7), 21) is SUPERSEDED


def test_epochs_of_other_cameras_do_not_matter() -> None:
    order = EventOrder()
    assert order.judge(detections(0, epoch=8), 1) is NEW
    assert order.judge(detections(0, epoch=3, camera="yard"), 2) is NEW


def test_memory_is_bounded_and_the_oldest_are_forgotten() -> None:
    order = EventOrder(ids=10, feeds=2)
    for seq in range(11):
        order.judge(detections(seq), seq)
    assert order.judge(detections(10), 20) is REPEATED
    assert order.judge(detections(0), 21) is NEW
    assert len(order._ids) == 10
    for camera in ("a", "b", "c"):
        order.judge(detections(0, epoch=9, camera=camera), 30)
    assert len(order._reigns) == 2


@given(some.lists(some.tuples(some.integers(0, 20), some.integers())), some.integers(1, 10))
def test_the_recent_are_the_last_that_were_put(items: list[tuple[int, int]], size: int) -> None:
    recent: Recent[int, int] = Recent(size)
    for key, value in items:
        recent.put(key, value)
    expected = dict(items)
    last = list(dict.fromkeys(reversed([key for key, _ in items])))[:size]
    assert len(recent) == len(last)
    assert all(recent.get(key) == expected[key] and key in recent for key in last)
