"""A scene from end to end: messages in, events out."""

import datetime as dt
import json
from itertools import pairwise

import pytest

from events.scene import Scene, SceneSettings
from events.settings import Filter, LifeSettings, Line, Mask, TrackingSettings, Zone
from tests.events.messages import START, at, event_id, film, found, kinds, message, scene, shown
from vedette.messages import Detections, Input
from vedette.object_messages import (
    SCENE_EVENTS,
    IdentityMatch,
    LineCross,
    ObjectEnd,
    ObjectUpdate,
    ZoneEnter,
    ZoneLeave,
    scene_event,
)

LEFT_HALF = Zone("left", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
DOOR = Line("door", (0.5, 0.2), (0.5, 0.9), right="out", left="in")


def crossing_the_yard() -> list[Detections]:
    """Someone walks in, through zone and line, and out; then nothing for 5 s; at 2 fps."""
    frames = [[at(0.03 + 0.04 * n, 0.6)] for n in range(24)] + [[] for _ in range(10)]
    return film(frames)


def yard() -> SceneSettings:
    return SceneSettings(zones=(LEFT_HALF,), lines=(DOOR,))


def test_a_walker_has_one_life_with_zone_and_line_in_it() -> None:
    events = shown(scene(yard()), crossing_the_yard())
    life = [kind for kind in kinds(events) if kind != "object.update"]
    assert life == ["object.new", "zone.enter", "zone.leave", "line.cross", "object.end"]
    ids = [event.id for event in events]
    ulid = ids[0].partition("/")[0]
    assert len(ulid) == 26
    assert ids == [f"{ulid}/{revision}" for revision in range(1, len(ids) + 1)]
    crossed = next(event.data for event in events if isinstance(event.data, LineCross))
    # Along a line drawn downwards the right of the picture is on one's left.
    assert (crossed.line, crossed.direction) == ("door", "in")
    left = next(event.data for event in events if isinstance(event.data, ZoneLeave))
    assert left.dwell_s == pytest.approx(6.0, abs=1.0)
    assert left.occupancy == 0
    end = events[-1].data
    assert isinstance(end, ObjectEnd)
    assert (end.reason, end.sightings, end.duration_s) == ("left", 24, 11.5)
    assert end.distance == pytest.approx(0.92, abs=0.05)
    assert end.path[0].point[0] == pytest.approx(0.03) and end.path[-1].point[0] == pytest.approx(0.95)


def test_a_replay_gives_the_same_events_with_the_same_ids() -> None:
    assert shown(scene(yard()), crossing_the_yard()) == shown(scene(yard()), crossing_the_yard())


def test_another_worker_goes_on_from_the_state_as_if_nothing_had_happened() -> None:
    messages, whole = crossing_the_yard(), shown(scene(yard()), crossing_the_yard())
    for cut in range(1, len(messages)):
        first = scene(yard())
        events = shown(first, messages[:cut])
        stored = json.loads(json.dumps(first.state()))
        second = Scene.restored("plant", "gate", "people", yard(), stored)
        assert second.objects == first.objects
        assert events + shown(second, messages[cut - 1 :]) == whole  # the last one again: it is known


def test_a_state_of_another_version_or_a_damaged_one_is_refused() -> None:
    for state in ({"version": 1}, {"version": 2, "now_s": "yesterday"}):
        with pytest.raises(ValueError, match=r"version|now_s"):
            Scene.restored("plant", "gate", "people", yard(), state)


def test_late_doubled_and_older_epochs_frames_change_nothing() -> None:
    watched, messages = scene(yard()), crossing_the_yard()
    events = shown(watched, messages[:10])
    before = watched.state()
    assert shown(watched, [messages[9], messages[4], message(99, 50.0, epoch=0)]) == []
    assert watched.state() == before | {"late": 1}  # of many in a row the newest would not be believed any more
    assert watched.counts["repeated"] == 1 and watched.counts["late"] == 2
    assert events + shown(watched, messages[10:]) == shown(scene(yard()), messages)


def test_missing_frames_are_bridged_and_counted() -> None:
    messages = crossing_the_yard()
    watched = scene(yard())
    events = shown(watched, [one for one in messages if one.frame.seq not in (7, 8, 15)])
    assert kinds(events).count("object.new") == 1
    assert watched.counts["missing"] == 3


def test_an_object_lives_on_when_another_gateway_takes_the_camera_over() -> None:
    messages = crossing_the_yard()
    moved = [
        one if one.frame.seq < 10 else message(one.frame.seq - 10, one.frame.seq / 2, one.detections, epoch=7)
        for one in messages
    ]
    assert kinds(shown(scene(yard()), moved)).count("object.new") == 1


def test_a_flicker_of_the_detector_makes_no_event() -> None:
    watched = scene()
    weak = [[at(0.3, 0.5, confidence=0.42)] for _ in range(4)]
    assert shown(watched, film([[at(0.3, 0.5)], [at(0.3, 0.5)], *[[] for _ in range(8)], *weak])) == []
    assert watched.counts["flicker"] == 1


def test_confirmation_goes_by_the_median_so_that_one_bad_frame_does_not_matter() -> None:
    confidences = (0.8, 0.2, 0.7)
    events = shown(scene(), film([[at(0.3, 0.5, confidence=one)] for one in confidences]))
    assert kinds(events) == ["object.new"]


@pytest.mark.parametrize("fps", [1.0, 2.0, 5.0])
def test_two_who_cross_each_other_keep_their_ids(fps: float) -> None:
    seconds = 12
    frames = []
    for n in range(int(seconds * fps)):
        progress = n / (seconds * fps - 1)
        frames.append([at(0.1 + 0.8 * progress, 0.60), at(0.9 - 0.8 * progress, 0.66)])
    watched = scene()
    events = shown(watched, film(frames, fps))
    assert kinds(events).count("object.new") == 2
    rightward = [one for one in watched.objects if one.velocity[0] > 0]
    assert len(rightward) == 1 and rightward[0].bbox[0] > 0.8


def test_a_parked_car_is_one_object_though_a_truck_hides_it() -> None:
    car = found((0.4, 0.5, 0.12, 0.1), "car", 0.7)
    frames = [[car] for _ in range(20)]
    frames += [[found((-0.3 + 0.03 * n + 0.3, 0.4, 0.3, 0.25), "truck", 0.8)] for n in range(24)]
    frames += [[car] for _ in range(20)]
    events = shown(scene(), film(frames))
    cars = [e for e in events if e.kind == "object.new" and e.data.object.label == "car"]  # type: ignore[union-attr]
    assert len(cars) == 1
    updates = [event.data for event in events if isinstance(event.data, ObjectUpdate)]
    assert any("state" in one.changed and one.object.state == "stationary" for one in updates)
    assert not any(e.kind == "object.end" and e.data.object.label == "car" for e in events)  # type: ignore[union-attr]


def test_a_car_that_drives_off_is_the_one_that_was_parked() -> None:
    frames = [[found((0.4, 0.5, 0.12, 0.1), "car", 0.7)] for _ in range(20)]
    x = 0.4
    for step in (0.02, 0.05, 0.06, 0.08, 0.08, 0.08):
        x += step
        frames.append([found((x, 0.5, 0.12, 0.1), "car", 0.7)])
    events = shown(scene(), film(frames, 1.0))
    assert kinds(events).count("object.new") == 1
    states = [e.data.object.state for e in events if isinstance(e.data, ObjectUpdate) and "state" in e.data.changed]
    assert states == ["stationary", "moving"]


def idle(seq: int, second: float, *boxes: object) -> Detections:
    return message(seq, second, boxes, gate="refresh")  # type: ignore[arg-type]


def test_tracks_do_not_age_over_an_idle_gap() -> None:
    car = found((0.4, 0.5, 0.12, 0.1), "car", 0.7)
    messages = film([[car] for _ in range(6)])
    # Four refreshes half an hour apart in all, one of them without the car: a flicker.
    messages += [idle(6 + n, 30.0 * (n + 1), *([] if n == 1 else [car])) for n in range(40)]
    events = shown(scene(), messages)
    assert kinds(events).count("object.new") == 1
    assert "object.end" not in kinds(events)


def test_what_idle_frames_do_not_show_any_more_ends() -> None:
    car = found((0.4, 0.5, 0.12, 0.1), "car", 0.7)
    messages = film([[car] for _ in range(20)])
    messages += [idle(20 + n, 30.0 * (n + 1)) for n in range(8)]
    assert kinds(shown(scene(), messages))[-1] == "object.end"


def test_updates_come_at_most_once_an_interval_and_say_what_changed() -> None:
    settings = SceneSettings(life=LifeSettings(update_interval_s=2.0))
    frames = [[at(0.3 + 0.02 * n, 0.5, confidence=min(0.95, 0.5 + 0.03 * n))] for n in range(20)]
    events = [e for e in shown(scene(settings), film(frames, 5.0)) if e.kind in ("object.new", "object.update")]
    gaps = [(later.time - earlier.time).total_seconds() for earlier, later in pairwise(events)]
    assert gaps and min(gaps) >= 2.0
    assert all(e.data.changed == ("confidence",) for e in events if isinstance(e.data, ObjectUpdate))


def test_the_label_is_voted_on() -> None:
    labels = ["car", "car", "truck", "truck", "truck", "truck"]
    events = shown(scene(), film([[found((0.4, 0.5, 0.2, 0.2), label, 0.7)] for label in labels], 1.0))
    assert kinds(events).count("object.new") == 1
    changed = [e.data for e in events if isinstance(e.data, ObjectUpdate) and "label" in e.data.changed]
    assert [one.object.label for one in changed] == ["truck"]


def test_masks_hide_and_zones_filter() -> None:
    settings = SceneSettings(
        zones=(Zone("cars", LEFT_HALF.polygon, Filter(labels=frozenset({"car"}))),),
        masks=(Mask(((0.6, 0.0), (1.0, 0.0), (1.0, 1.0), (0.6, 1.0))),),
    )
    watched = scene(settings)
    events = shown(watched, film([[at(0.3, 0.5), at(0.8, 0.5)] for _ in range(5)]))
    assert kinds(events) == ["object.new"]
    assert watched.counts["masked"] == 5
    assert watched.occupancy == {"cars": 0}


def test_a_zone_that_waits_says_since_when() -> None:
    settings = SceneSettings(zones=(Zone("left", LEFT_HALF.polygon, after_s=4.0),))
    events = shown(scene(settings), film([[at(0.3, 0.5)] for _ in range(12)]))
    entered = [event for event in events if isinstance(event.data, ZoneEnter)]
    assert [event.time - START for event in entered] == [dt.timedelta(seconds=4)]
    assert isinstance(entered[0].data, ZoneEnter) and entered[0].data.since == START


def test_a_line_crossed_before_the_object_was_confirmed_is_told_of() -> None:
    settings = SceneSettings(lines=(DOOR,))
    events = shown(scene(settings), film([[at(0.44, 0.6)], [at(0.56, 0.6)], [at(0.68, 0.6)], [at(0.8, 0.6)]], 1.0))
    assert kinds(events)[:2] == ["object.new", "line.cross"]
    assert isinstance(events[1].data, LineCross) and events[1].data.at == START + dt.timedelta(seconds=1)


def test_the_end_of_a_recording_ends_all() -> None:
    messages = film([[at(0.3, 0.5)] for _ in range(5)])
    messages.append(message(5, 2.5, [at(0.3, 0.5)], final=True))
    events = shown(scene(yard()), messages)
    assert kinds(events)[-2:] == ["zone.leave", "object.end"]
    assert isinstance(events[-1].data, ObjectEnd) and events[-1].data.reason == "final"


def test_silence_ends_all_with_the_same_events_whether_a_tick_or_a_frame_notices() -> None:
    messages = film([[at(0.3, 0.5)] for _ in range(5)])
    ticked, surprised = scene(), scene()
    shown(ticked, messages)
    shown(surprised, messages)
    assert ticked.tick(START + dt.timedelta(seconds=600)) == []
    ended = ticked.tick(START + dt.timedelta(seconds=700))
    assert kinds(ended) == ["object.end"]
    assert ticked.tick(START + dt.timedelta(seconds=900)) == []
    assert shown(surprised, [message(5, 1000.0)]) == ended


def test_failed_and_rejected_frames_are_no_evidence_of_absence() -> None:
    rejected = Input(verdict="rejected", reasons=("dark",))
    messages = film([[at(0.3, 0.5)] for _ in range(5)])
    messages += [message(5 + n, 2.5 + n / 2, measured=rejected) for n in range(20)]
    messages += [message(25 + n, 12.5 + n / 2, error="undecodable") for n in range(20)]
    watched = scene()
    assert "object.end" not in kinds(shown(watched, messages))
    assert watched.counts["rejected"] == 20 and watched.counts["failed"] == 20


def test_a_clock_that_jumps_back_does_not_end_or_double_anything() -> None:
    messages = film([[at(0.3, 0.5)] for _ in range(6)])
    messages += [message(6 + n, -3600 + n / 2, [at(0.3, 0.5)]) for n in range(6)]
    events = shown(scene(), messages)
    assert kinds(events).count("object.new") == 1 and "object.end" not in kinds(events)


def test_a_recognised_person_is_named_once() -> None:
    known = found((0.3, 0.3, 0.1, 0.2), "face", 0.9, name="ada", similarity=0.61, liveness=0.93)
    unknown = found((0.3, 0.3, 0.1, 0.2), "face", 0.9)
    events = shown(scene(), film([[known], [known], [unknown], [known], [known]]))
    named = [event.data for event in events if isinstance(event.data, IdentityMatch)]
    assert [(one.identity, one.similarity, one.liveness) for one in named] == [("ada", 0.61, 0.93)]


def test_a_name_that_is_not_confirmed_again_is_forgotten_and_may_match_anew() -> None:
    known = found((0.3, 0.3, 0.1, 0.2), "face", 0.9, name="ada", similarity=0.61)
    unknown = found((0.3, 0.3, 0.1, 0.2), "face", 0.9)
    events = shown(scene(), film([[known]] * 3 + [[unknown]] * 24 + [[known]]))
    places = [place for place, event in enumerate(events) if event.kind == "identity.match"]
    named = [event.data for event in events if isinstance(event.data, IdentityMatch)]
    assert [one.identity for one in named] == ["ada", "ada"]
    assert named[0].object.id == named[1].object.id
    between = events[places[0] + 1 : places[1]]
    forgot = [
        event.data for event in between if isinstance(event.data, ObjectUpdate) and "attributes" in event.data.changed
    ]
    assert [update.object.attributes for update in forgot] == [{}]
    held_s = (forgot[0].frame.captured_at - named[0].frame.captured_at).total_seconds()
    assert 10 < held_s <= 12


def test_tracks_are_bounded_and_what_is_refused_is_counted() -> None:
    watched = scene(SceneSettings(tracking=TrackingSettings(max_tracks=5)))
    crowd = [at(0.05 + 0.1 * n, 0.5) for n in range(9)]
    events = shown(watched, film([crowd for _ in range(4)]))
    assert kinds(events) == ["object.new"] * 5
    assert watched.counts["refused"] == 16


def test_every_event_is_a_cloud_event_of_its_kind() -> None:
    for event in shown(scene(yard()), crossing_the_yard()):
        cloud = scene_event(event.kind, event.id, event.time, event.data)
        read = SCENE_EVENTS[event.kind].model_validate_json(cloud.model_dump_json())
        assert read.model_dump_json() == cloud.model_dump_json()
        assert cloud.type == f"dev.vedette.{event.kind}.v1"
        assert cloud.subject == event.id.partition("/")[0]


def test_event_ids_are_distinct() -> None:
    messages = crossing_the_yard()
    ids = [event.id for event in shown(scene(yard()), messages)]
    assert len(set(ids)) == len(ids)
    assert event_id(messages[0]) == "plant/gate/people/1-0"
