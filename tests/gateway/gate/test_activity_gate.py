"""The gate on scenes that are made up."""

import math
from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest

from gateway.gate import ActivityGate, GatePolicy, Mode
from tests.gateway.gate.synthetic import GOP_S, STEP_S, Camera, Luma, Scene

PERSON = (6, 14)


def walking(camera: Camera, from_s: float) -> Callable[[float], Luma]:
    """A person of 84 px at 1080p who comes from the left edge at `from_s`."""
    return lambda time_s: camera.scene.picture((12 * (time_s - from_s) - PERSON[0], 80, *PERSON))


def test_a_gate_that_knows_nothing_is_open_and_an_empty_scene_closes_it() -> None:
    camera = Camera()
    assert camera.gate.mode is Mode.OPEN
    modes = camera.run(5)
    assert modes[0] is Mode.OPEN
    assert modes[-1] is Mode.IDLE


def test_noise_neither_arms_nor_opens() -> None:
    assert set(Camera().settled().run(60)) == {Mode.IDLE}


def test_somebody_who_walks_opens_it_at_the_keyframe_and_the_onset_is_when_they_came() -> None:
    camera = Camera().settled()
    came_s = camera.time_s + 0.6
    modes = camera.run(GOP_S + STEP_S, walking(camera, came_s))
    assert modes[-1] is Mode.OPEN
    onset_s = camera.gate.onset_s
    assert onset_s is not None
    assert came_s - 0.8 <= onset_s <= came_s + STEP_S
    x, y, _, _ = camera.gate.moving_at[0]
    assert x * 320 < 40
    assert y * 180 == pytest.approx(80, abs=5)


def test_it_closes_three_seconds_after_the_last_movement() -> None:
    camera = Camera().settled()
    camera.run(4, walking(camera, camera.time_s))
    assert camera.gate.mode is Mode.OPEN
    modes = camera.run(5)
    assert modes[11] is Mode.OPEN  # 2.4 s
    assert modes[20] is Mode.IDLE
    assert camera.gate.onset_s is None


def test_who_moves_keeps_it_open() -> None:
    camera = Camera().settled()
    came_s = camera.time_s
    camera.run(3, walking(camera, came_s))
    assert set(camera.run(15, walking(camera, came_s))) == {Mode.OPEN}


def test_what_parks_opens_it_and_does_not_keep_it_open() -> None:
    camera = Camera().settled()
    came_s = camera.time_s

    def parks(time_s: float) -> Luma:
        return camera.scene.picture((min(100.0, 40 * (time_s - came_s)) - 26, 80, 26, 12))

    assert Mode.OPEN in camera.run(4, parks)
    camera.run(4, parks)
    assert set(camera.run(30, parks)) == {Mode.IDLE}


def test_what_parked_and_drives_off_is_seen_again() -> None:
    camera = Camera().settled()
    parked = (100, 80, 26, 12)
    camera.run(20, lambda _: camera.scene.picture(parked))
    assert camera.gate.mode is Mode.IDLE
    off_s = camera.time_s
    modes = camera.run(4, lambda time_s: camera.scene.picture((100 + 30 * (time_s - off_s), *parked[1:])))
    assert Mode.OPEN in modes


def test_an_exposure_step_does_not_keep_it_open() -> None:
    camera = Camera().settled()
    camera.run(10, lambda _: camera.scene.picture(gain=1.15))
    assert set(camera.run(10, lambda _: camera.scene.picture(gain=1.15))) == {Mode.IDLE}


def test_somebody_is_seen_through_an_exposure_step() -> None:
    camera = Camera().settled()
    came_s = camera.time_s

    def darker(time_s: float) -> Luma:
        return camera.scene.picture((12 * (time_s - came_s), 80, *PERSON), gain=0.85 if time_s > came_s + 1 else 1)

    assert Mode.OPEN in camera.run(4, darker)


def test_a_mast_that_sways_opens_nothing() -> None:
    camera = Camera().settled()

    def sways(time_s: float) -> Luma:
        luma = camera.scene.picture()
        move = np.array([[1, 0, 0.5 * math.sin(7 * time_s)], [0, 1, 0]])
        shifted = cv2.warpAffine(luma, move, luma.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(shifted, np.uint8)

    assert Mode.OPEN not in camera.run(30, sways)


def test_a_camera_that_was_turned_is_idle_again_and_sees_who_comes_in_its_new_view() -> None:
    camera = Camera().settled()
    camera.scene.ground = camera.scene.ground[::-1, ::-1].copy()
    camera.run(20)
    assert set(camera.run(20)) == {Mode.IDLE}
    assert Mode.OPEN in camera.run(4, walking(camera, camera.time_s))


def test_light_that_is_switched_on_and_off_again_leaves_it_idle() -> None:
    camera = Camera().settled()
    camera.run(20, lambda _: camera.scene.picture(gain=0.6))
    assert set(camera.run(20, lambda _: camera.scene.picture(gain=0.6))) == {Mode.IDLE}
    camera.run(20)
    assert set(camera.run(20)) == {Mode.IDLE}


def test_nothing_counts_inside_of_an_ignore_polygon() -> None:
    polygon = ((0.0, 0.4), (1.0, 0.4), (1.0, 0.6), (0.0, 0.6))
    camera = Camera(GatePolicy(ignore=(polygon,))).settled()
    assert set(camera.run(20, walking(camera, camera.time_s))) == {Mode.IDLE}


def test_a_hint_keeps_it_open_while_nothing_moves_but_not_for_ever() -> None:
    camera = Camera().settled()
    camera.run(4, walking(camera, camera.time_s))
    until_s = camera.time_s + 8
    camera.gate.hint(until_s)
    assert set(camera.run(8)) == {Mode.OPEN}
    assert camera.run(4)[-1] is Mode.IDLE


def test_a_hint_from_a_time_line_that_is_gone_is_not_waited_for() -> None:
    camera = Camera().settled()
    camera.run(4, walking(camera, camera.time_s))
    camera.gate.hint(camera.time_s + 100_000)
    assert camera.run(5)[-1] is Mode.IDLE


def test_a_keyframe_of_an_idle_scene_is_due_every_thirty_seconds() -> None:
    camera = Camera().settled()
    due = []
    for _ in range(40):
        camera.run(GOP_S)
        if camera.gate.refresh_due(camera.time_s):
            due.append(camera.time_s)
    assert len(due) in (2, 3)
    assert all(later - earlier >= 30 for earlier, later in pairwise(due))


def first_refresh_s(phase: float) -> float:
    camera = Camera(GatePolicy(refresh_phase=phase)).settled()
    while not camera.gate.refresh_due(camera.time_s):
        camera.run(GOP_S)
        assert camera.time_s < 120
    return camera.time_s


def test_cameras_that_start_together_refresh_one_after_another() -> None:
    moments = [first_refresh_s(phase) for phase in (0.0, 0.25, 0.5)]
    assert moments == sorted(moments, reverse=True)
    assert all(earlier - later >= 5 for earlier, later in pairwise(moments))


def test_nothing_is_refreshed_while_it_is_open() -> None:
    gate = ActivityGate(GatePolicy())
    assert gate.mode is Mode.OPEN
    assert not gate.refresh_due(100.0)


def test_keyframes_far_apart_make_it_blind_and_never_idle() -> None:
    gate, scene = ActivityGate(GatePolicy()), Scene()
    modes = []
    for step in range(200):
        time_s = step * STEP_S
        gate.packet(1000, time_s, keyframe=step % 40 == 0)
        modes.append(gate.look(scene.picture(), time_s))
    assert gate.keyframe_gap_s == pytest.approx(8.0)
    assert gate.blind is not None
    assert "8.0 s apart" in gate.blind
    assert set(modes[60:]) == {Mode.ARMED}


def test_a_blind_gate_opens_for_who_walks_and_is_armed_again_after() -> None:
    gate, scene = ActivityGate(GatePolicy(blind_gap_s=0.1)), Scene()
    modes = []
    for step in range(160):
        time_s = step * STEP_S
        gate.packet(1000, time_s, keyframe=step % 10 == 0)
        box = (12 * (time_s - 14), 80, *PERSON) if 14 <= time_s < 20 else None
        modes.append(gate.look(scene.picture(box), time_s))
    assert modes[65] is Mode.ARMED
    assert set(modes[75:100]) == {Mode.OPEN}
    assert modes[-1] is Mode.ARMED


@pytest.mark.parametrize(("every_frame", "found"), [(False, False), (True, True)])
def test_what_comes_and_goes_between_two_keyframes_is_seen_where_every_frame_is_looked_at(
    every_frame: bool, found: bool
) -> None:
    camera = Camera(GatePolicy(every_frame=every_frame))
    camera.run(20)
    assert camera.gate.mode is (Mode.ARMED if every_frame else Mode.IDLE)
    came_s = camera.time_s + 0.4

    def darts(time_s: float) -> Luma:
        gone = not 0 <= time_s - came_s < 1.2
        return camera.scene.picture(None if gone else (60 + 60 * (time_s - came_s), 80, *PERSON))

    assert (Mode.OPEN in camera.run(2 * GOP_S, darts)) is found
    assert Mode.OPEN not in camera.run(10)[-5:]
    assert (camera.gate.blind == "every frame is decoded, as configured") is every_frame


def test_keyframes_exactly_four_seconds_apart_with_jitter_are_not_blind() -> None:
    gate = ActivityGate(GatePolicy())
    for step in range(100):
        gate.packet(1000, step * 4.0 + 0.05 * (step % 3), keyframe=True)
    assert gate.blind is None


def test_times_that_are_not_known_change_nothing_in_what_it_finds() -> None:
    camera, scene = Camera().settled(), Scene()
    gate = camera.gate
    came = False
    for step in range(30):
        box = (12 * step * STEP_S, 80, *PERSON)
        if gate.mode is Mode.IDLE:
            gate.look(scene.picture(box), None)
        else:
            came = gate.look(scene.picture(box), None) is Mode.OPEN or came
        gate.packet(1000, None, keyframe=step % 10 == 0)
    assert came


@pytest.mark.parametrize("jump_s", [-1e6, -50.0, -0.5, 0.0, 50.0, 1e6])
def test_a_jump_of_time_neither_opens_it_nor_hinders_it_later(jump_s: float) -> None:
    camera = Camera().settled()
    camera.time_s = round(camera.time_s + jump_s - (camera.time_s + jump_s) % GOP_S, 6)
    camera.run(6)
    assert Mode.OPEN not in camera.run(10)
    assert camera.gate.mode is Mode.IDLE
    assert Mode.OPEN in camera.run(4, walking(camera, camera.time_s))
    assert camera.run(8)[-1] is Mode.IDLE


def test_an_armed_gate_rests_though_time_stands_still() -> None:
    camera = Camera().settled()
    gate, scene = camera.gate, camera.scene
    assert gate.look(scene.picture((100, 80, *PERSON)), camera.time_s) is Mode.ARMED
    modes = [gate.look(scene.picture((100, 80, *PERSON)), camera.time_s - 1) for _ in range(100)]
    assert modes[-1] is Mode.IDLE


def test_another_picture_size_is_another_scene_and_no_movement() -> None:
    camera = Camera().settled()
    shapes = [np.full((240, 320), 90, np.uint8), np.full((320, 180), 90, np.uint8)]
    for luma in shapes:
        camera.gate.look(luma, camera.time_s)
        assert camera.gate.mode is Mode.IDLE


@pytest.mark.parametrize("shape", [(1, 1), (2, 320), (3, 3), (320, 2)])
@pytest.mark.parametrize("level", [0, 255])
def test_the_oddest_pictures_close_it_like_any_other(shape: tuple[int, int], level: int) -> None:
    gate = ActivityGate(GatePolicy(ignore=(((0.1, 0.1), (0.2, 0.1), (0.2, 0.2)),)))
    modes = [gate.look(np.full(shape, level, np.uint8), step * STEP_S) for step in range(30)]
    assert modes[-1] is Mode.IDLE


def test_looks_are_due_at_the_rate_of_checks() -> None:
    gate, scene = ActivityGate(GatePolicy(check_fps=5)), Scene()
    looked = 0
    for step in range(50):
        if gate.look_due(step * 0.04):
            gate.look(scene.picture(), step * 0.04)
            looked += 1
    assert looked == 10


@pytest.mark.parametrize("wrong", [{"check_fps": 0}, {"close_after_s": -1}, {"ignore": (((0, 0), (1, 1)),)}])
def test_a_policy_without_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        GatePolicy(**wrong)  # type: ignore[arg-type]
