"""Which pictures of an object are taken: pure."""

import datetime as dt

from events.snapshots.choice import MOST_WAITING, Choice
from events.snapshots.portrait import Portrait, sharpness_share
from vedette.messages import FrameRef
from vedette.object_messages import Snapshot

NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
MIDDLE = (0.4, 0.4, 0.1, 0.2)


def portrait(
    object_id: str = "01A",
    picture: int = 1,
    confidence: float = 0.8,
    bbox: tuple[float, float, float, float] = MIDDLE,
    sharpness: float | None = None,
) -> Portrait:
    frame = FrameRef(
        epoch=1, seq=picture, captured_at=NOON, arrived_at=NOON, clock="rtcp", width=64, height=36, picture=picture
    )
    return Portrait("plant-1", "gate", "people", object_id, "person", None, confidence, bbox, frame, sharpness)


def snapshot(name: str) -> Snapshot:
    return Snapshot(sha256=name, width=1, height=1)


def test_a_score_grows_with_confidence_with_size_and_with_sharpness_and_halves_at_the_edge() -> None:
    plain = portrait().score(0.5)
    assert portrait(confidence=0.4).score(0.5) == plain / 2
    assert abs(portrait(bbox=(0.3, 0.3, 0.2, 0.4)).score(0.5) - 2 * plain) < 1e-9
    assert portrait().score(0.25) == plain / 2
    assert abs(portrait(bbox=(0.0, *MIDDLE[1:])).score(0.5) - plain / 2) < 1e-9
    assert 0 == sharpness_share(0) < sharpness_share(50) < sharpness_share(5000) < 1


def test_of_what_waits_the_best_is_taken_and_then_only_a_better_one() -> None:
    choice = Choice(better=0.1, every_s=2.0)
    assert choice.offer(portrait(picture=1, confidence=0.6))
    assert choice.offer(portrait(picture=2, confidence=0.7))
    assert not choice.offer(portrait(picture=3, confidence=0.65))
    assert [one.picture for one in choice.take(100.0)] == [2]
    choice.store("01A", snapshot("first"), portrait(confidence=0.7).score(0.6), 0.6)
    assert not choice.offer(portrait(picture=4, confidence=0.75))  # by less than a tenth
    assert choice.offer(portrait(picture=5, confidence=0.8))
    assert choice.take(101.0) == []  # too soon
    assert choice.due_s() == 102.0
    assert [one.picture for one in choice.take(102.0)] == [5]
    assert choice.best("01A") == snapshot("first")


def test_the_guards_sharpness_decides_before_the_picture_is_read() -> None:
    choice = Choice(better=0.1, every_s=2.0)
    choice.offer(portrait(picture=1, sharpness=20.0))
    choice.offer(portrait(picture=2, sharpness=200.0))
    assert not choice.offer(portrait(picture=3, sharpness=30.0))
    assert [one.picture for one in choice.take(0.0)] == [2]


def test_a_blurred_picture_is_worse_once_it_is_measured() -> None:
    choice = Choice(better=0.1, every_s=0.0)
    choice.store("01A", snapshot("sharp"), portrait().score(0.8), 0.8)
    larger = portrait(picture=2, bbox=(0.3, 0.3, 0.15, 0.3))
    assert choice.offer(larger)
    assert choice.score(larger, measured=10.0) is None
    assert choice.score(larger, measured=1000.0) is not None


def test_objects_of_one_picture_are_taken_together() -> None:
    choice = Choice(better=0.1, every_s=2.0)
    for object_id, picture in (("01A", 7), ("01B", 8), ("01C", 7)):
        choice.offer(portrait(object_id, picture))
    assert [one.object for one in choice.take(0.0)] == ["01A", "01C"]
    assert [one.object for one in choice.take(0.0)] == ["01B"]


def test_what_waits_is_bounded_and_what_falls_out_is_counted() -> None:
    choice = Choice(better=0.1, every_s=2.0)
    for number in range(MOST_WAITING + 5):
        choice.offer(portrait(str(number), number))
    assert len(choice) == MOST_WAITING
    assert choice.dropped == {"busy": 5}


def test_what_has_ended_is_forgotten_but_its_picture_is_still_taken() -> None:
    choice = Choice(better=0.1, every_s=60.0)
    choice.store("01A", snapshot("first"), 0.01, 0.5)
    choice.offer(portrait())
    choice.forget("01A")
    assert [one.object for one in choice.take(0.0)] == ["01A"]
    choice.keep(lambda object_id: False)
    assert choice.best("01A") is None
    assert choice.offer(portrait(confidence=0.1))  # nothing is known of it
    choice.take(0.0)
    choice.forget("01A")
    assert choice.due_s() is None
