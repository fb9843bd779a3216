"""Sharing out and putting in order: what needs no bus."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from events.ownership.shares import share_of
from events.scene_settings import Places, scene_settings
from events.scenes.recording_order import MOST_EARLY, Frame, RecordingOrder
from events.settings import SceneSettings
from tests.events.service.scenes import Walk
from vedette.config.events_settings import Events
from vedette.subjects import PARTITIONS

WORKERS = some.dictionaries(
    some.from_regex(r"events-[0-9a-f]{6}", fullmatch=True), some.sampled_from([None, 1.0, 4.0]), min_size=1, max_size=8
)
FRAMES = [Frame(event, 100 + n) for n, event in enumerate(Walk("clip-1795371818588", 40).events())]


@given(WORKERS)
def test_each_partition_has_one_worker(workers: dict[str, float | None]) -> None:
    shares = [share_of(worker, workers, PARTITIONS) for worker in workers]
    assert sorted(partition for share in shares for partition in share) == list(range(PARTITIONS))


@given(WORKERS)
def test_a_worker_that_joins_takes_from_others_and_moves_nothing_between_them(workers: dict[str, float | None]) -> None:
    newest = "events-newest"
    more = {**workers, newest: next(iter(workers.values()))}
    for worker in workers:
        before, after = share_of(worker, workers, PARTITIONS), share_of(worker, more, PARTITIONS)
        assert after <= before
        assert before - after <= share_of(newest, more, PARTITIONS)


def test_a_worker_that_says_no_weight_makes_all_share_as_it_does() -> None:
    named = {"events-a": None, "events-b": 8.0}
    assert share_of("events-a", named, 1000) == share_of("events-a", {"events-a": 1.0, "events-b": 1.0}, 1000)
    assert len(share_of("events-a", {"events-a": 1.0, "events-b": 9.0}, 1000)) < 200


@given(some.randoms(use_true_random=False), some.lists(some.integers(0, 39), max_size=10))
def test_a_recording_that_comes_out_of_order_and_doubled_is_put_in_order(
    chance: random.Random, again: list[int]
) -> None:
    arriving = sorted([*FRAMES, *(FRAMES[n] for n in again)], key=lambda frame: frame.seq + chance.uniform(0, 8))
    order, given_out, done = RecordingOrder(), [], set()
    for frame in arriving:
        given_out += order.add(frame)
        done.add(frame.position)
        safe = (order.waits_since or 1000) - 1  # what is read again from here on must be all that is missing
        assert {frame.position for frame in FRAMES if frame.position in done and frame.position <= safe} <= {
            frame.position for frame in given_out
        }
    assert [frame.seq for frame in given_out] == list(range(40))
    assert order.finished
    assert order.doubled == len(again)


def test_a_frame_that_never_comes_is_waited_for_no_longer_than_memory_allows() -> None:
    walk, order = Walk("clip-1795371818588", 2 * MOST_EARLY), RecordingOrder()
    given_out = [
        ready.seq
        for n, event in enumerate(walk.events())
        if event.data.frame.seq != 3
        for ready in order.add(Frame(event, n))
    ]
    assert given_out == [seq for seq in range(2 * MOST_EARLY) if seq != 3]
    assert order.missing == 1


def test_the_defaults_of_the_configuration_are_those_of_the_scene() -> None:
    assert scene_settings(Events(), Places()) == SceneSettings()


@pytest.mark.parametrize("direction", ["in", "right"])
def test_places_of_a_camera_become_those_of_its_scene(direction: str) -> None:
    places = Places.model_validate(
        {
            "url": {"sealed": "…"},
            "zones": {"yard": {"polygon": [[0, 0], [1, 0], [1, 1]], "labels": ["car"], "after_s": 2}},
            "lines": {"door": {"from": [0, 0], "to": [1, 1], "right": direction}},
            "masks": [[[0, 0], [0.5, 0], [0.5, 0.5]]],
        }
    )
    settings = scene_settings(Events(), places)
    assert (settings.zones[0].filter.labels, settings.zones[0].after_s) == (frozenset({"car"}), 2)
    assert (settings.lines[0].end, settings.lines[0].right) == ((1, 1), direction)
    assert settings.masks[0].polygon == ((0, 0), (0.5, 0), (0.5, 0.5))
