"""The bundled video against a count by hand (tests/events/evidence/README.md)."""

import pytest

from events.scene import SceneEvent
from tests.events.evidence.score import FILM_FPS, HEIGHT, WIDTH, Box, sampled, score
from tests.events.messages import event_id, message, scene
from vedette.object_messages import ObjectEnd

VISITS = 11
PARKED = 2


def watched(fps: float, first: int = 0) -> tuple[list[SceneEvent], dict[int, list[tuple[str, Box]]]]:
    """All events, and by frame the people who are tracked."""
    seen, events, tracked = scene(), list[SceneEvent](), dict[int, list[tuple[str, Box]]]()
    frames = list(sampled(fps, first))
    for seq, (number, detections) in enumerate(frames):
        one = message(seq, number / FILM_FPS, detections, final=seq == len(frames) - 1)
        newest = one.model_copy(update={"frame": one.frame.model_copy(update={"width": WIDTH, "height": HEIGHT})})
        events += seen.see(newest, event_id(newest))
        tracked[number] = [
            (known.id, _pixels(known.bbox))
            for known in seen.objects
            if known.last_seen == newest.frame.captured_at and known.label == "person"
        ]
    return events, tracked


def _pixels(bbox: Box) -> Box:
    x, y, width, height = bbox
    return (x + width / 2) * WIDTH, (y + height / 2) * HEIGHT, width * WIDTH, height * HEIGHT


@pytest.mark.parametrize(("fps", "switches", "covered"), [(5.0, 18, 0.93), (2.0, 14, 0.88), (1.0, 14, 0.82)])
def test_people_are_counted_and_kept_apart(fps: float, switches: int, covered: float) -> None:
    """Measured: 16 switches at 5 fps, 12 at 2 and at 1; people who hide one another behind a sign make most of them."""
    _, tracked = watched(fps)
    result = score(tracked)
    assert VISITS - 2 <= result.tracks <= VISITS + 4
    assert result.switches <= switches
    assert result.covered >= covered
    assert result.false <= 2


@pytest.mark.parametrize("fps", [5.0, 2.0])
def test_each_parked_car_is_one_object_for_the_whole_time(fps: float) -> None:
    events, _ = watched(fps)
    ends = [event.data for event in events if isinstance(event.data, ObjectEnd)]
    cars = [end for end in ends if end.object.label == "car"]
    assert [(car.reason, car.object.state) for car in cars] == [("final", "stationary")] * PARKED
    assert all(car.duration_s > 38 for car in cars)


def test_people_live_as_long_as_they_were_there() -> None:
    """At 5 fps: the one in the brown jacket is there for all 40 s, the others for 8 to 36 s."""
    events, _ = watched(5.0)
    ends = [event.data for event in events if isinstance(event.data, ObjectEnd)]
    durations = sorted(end.duration_s for end in ends if end.object.label == "person" and end.object.state == "moving")
    assert sum(8 <= duration <= 40 for duration in durations) >= VISITS - 2
