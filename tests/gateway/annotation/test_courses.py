"""Boxes between the frames that were looked at; and the events' lines, each for its time."""

import datetime as dt

from gateway.annotation.captions import MOST_LINES, Captions
from gateway.annotation.courses import Courses
from tests.events.messages import START, at, film, found, message, scene, shown
from vedette.messages import Detections
from vedette.object_messages import ObjectState, scene_event


def state(x: float, ident: str = "A", label: str = "person") -> ObjectState:
    return ObjectState(
        id=ident,
        label=label,
        confidence=0.8,
        bbox=(x, 0.5, 0.1, 0.25),
        velocity=(0.0, 0.0),
        first_seen=START,
        last_seen=START,
        state="moving",
    )


def courses(*frames: list[ObjectState]) -> Courses:
    """Frames two seconds apart, from 10 s on."""
    watched = Courses()
    for number, objects in enumerate(frames):
        watched.note(10.0 + 2.0 * number, objects)
    return watched


def lefts(watched: Courses, *times: float) -> list[float | None]:
    return [round(there[0].box[0], 4) if (there := watched.at(at_s)) else None for at_s in times]


def test_between_two_sightings_a_box_is_interpolated_and_before_and_after_held_for_half_a_step() -> None:
    watched = courses([], [state(0.2)], [state(0.4)], [], [])
    assert lefts(watched, 10, 10.9, 11.1, 12, 12.5, 13, 14, 14.9, 15.1) == [
        None, None, 0.2, 0.2, 0.25, 0.3, 0.4, 0.4, None,
    ]  # fmt: skip


def test_one_frame_without_an_object_is_bridged_and_more_are_not() -> None:
    watched = courses([state(0.2)], [], [state(0.4)], [], [], [state(0.8)])
    assert lefts(watched, 12, 16, 17.5, 18.5, 19.5) == [0.3, None, None, None, 0.8]


def test_before_the_first_and_after_the_last_frame_what_they_show_is_held() -> None:
    watched = courses([state(0.2)], [state(0.4)])
    assert lefts(watched, 8.9, 9.5, 12.9, 13.5) == [None, 0.2, 0.4, None]


def test_a_label_changes_when_the_vote_does_and_only_wanted_ids_are_kept() -> None:
    watched = courses([state(0.2), state(0.6, "B")], [state(0.2, label="child"), state(0.6, "B")])
    watched.keep({"A"})
    assert [[one.label for one in watched.at(at_s)] for at_s in (10, 11.9, 12, 12.5)] == [
        ["person"], ["person"], ["child"], ["child"],
    ]  # fmt: skip


def test_a_frame_out_of_order_changes_nothing() -> None:
    watched = courses([state(0.2)], [state(0.4)])
    watched.note(11.0, [state(0.9)])
    assert lefts(watched, 11) == [0.3]


def timed(messages: list[Detections]) -> list[Detections]:
    """With PTS as a recording has them."""
    return [
        one.model_copy(
            update={
                "frame": one.frame.model_copy(update={"pts": (one.frame.captured_at - START) / dt.timedelta(seconds=1)})
            }
        )
        for one in messages
    ]


def test_a_line_is_shown_for_four_seconds_from_the_frame_after_which_it_was_known() -> None:
    messages = timed([*film([[at(0.3, 0.5)] for _ in range(4)]), message(4, 20.0, final=True)])
    said = [scene_event(one.kind, one.id, one.time, one.data) for one in shown(scene(), messages)]
    captions = Captions(said)
    assert [len(captions.at(at_s)) for at_s in (0.9, 1.0, 4.9, 5.1, 20.0)] == [0, 1, 1, 0, 1]
    assert "appeared" in captions.at(1.0)[0]


def test_of_many_lines_the_newest_are_shown() -> None:
    crowd = [[found((0.1 * n, 0.1, 0.06, 0.1)) for n in range(9)] for _ in range(3)]
    said = [scene_event(one.kind, one.id, one.time, one.data) for one in shown(scene(), timed(film(crowd)))]
    captions = Captions(said)
    assert len(said) == 9
    assert captions.at(1.0) == [f"person #{one.subject[-4:]} appeared (0.80)" for one in said[-MOST_LINES:]]
