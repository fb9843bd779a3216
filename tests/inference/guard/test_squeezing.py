from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.guard.squeezing import disagreement, fewer_bits, is_sampled, smoothed
from inference.picture_answer import Found
from tests.inference.guard.pictures import scene

CROWD = [Found("person", 0.9, (i / 10, 0.7, 0.05, 0.1)) for i in range(9)]
HERE, THERE = (0.1, 0.1, 0.2, 0.4), (0.6, 0.1, 0.2, 0.4)


def person(confidence: float, bbox: tuple[float, float, float, float] = HERE, label: str = "person") -> Found:
    return Found(label, confidence, bbox)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([], [], 0.0),
        ([person(0.9)], [person(0.9)], 0.0),
        ([person(0.9)], [], 0.8),
        ([], [person(0.9)], 0.8),
        ([person(0.9)], [person(0.7)], 0.4),
        ([person(0.55)], [], 0.1),
        ([person(0.5)], [], 0.0),
        ([person(0.9)], [person(0.9, THERE)], 0.8),
        ([person(0.9)], [person(0.9, label="dog")], 0.8),
        ([person(0.9), person(0.8, THERE)], [person(0.8, THERE), person(0.9)], 0.0),
        ([person(0.9), *CROWD], CROWD, 0.8),
        ([person(0.9), person(0.9)], [person(0.9)], 0.8),
        ([person(0.9)], [person(0.9, (0.1, 0.1, 0.2, 0.19))], 0.8),
        ([person(0.9)], [person(0.9, (0.1, 0.1, 0.2, 0.21))], 0.0),
        ([person(0.9, (0.1, 0.1, 0.0, 0.0))], [person(0.9, (0.1, 0.1, 0.0, 0.0))], 0.8),
    ],
)  # fmt: skip
def test_the_disagreement_is_that_of_the_object_on_which_two_answers_differ_most(
    one: Sequence[Found], other: Sequence[Found], expected: float
) -> None:
    assert disagreement(one, other, floor=0.5) == pytest.approx(expected)


boxes = st.lists(
    st.builds(
        Found,
        st.sampled_from(["person", "dog"]),
        st.floats(0, 1),
        st.tuples(*[st.floats(0, 1)] * 4),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(boxes, boxes, st.floats(0, 0.9))
def test_the_disagreement_is_a_fraction_and_nobody_disagrees_with_an_empty_answer_more_than_all_weigh(
    one: list[Found], other: list[Found], floor: float
) -> None:
    assert 0 <= disagreement(one, other, floor) <= 1
    alone = max((box.confidence - floor for box in one), default=0.0) / (1 - floor)
    assert disagreement(one, [], floor) == pytest.approx(max(0.0, alone))


def test_fewer_bits_keep_black_and_white_and_move_nothing_by_more_than_half_a_step() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    squeezed = fewer_bits(ramp, 4)
    assert len(np.unique(squeezed)) == 16
    assert (squeezed[0, 0, 0], squeezed[-1, -1, 0]) == (0, 255)
    assert np.abs(squeezed.astype(int) - ramp).max() <= 9
    assert np.array_equal(fewer_bits(squeezed, 4), squeezed)
    assert len(np.unique(fewer_bits(ramp, 1))) == 2


def test_smoothing_takes_single_pixels_away_and_leaves_edges() -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:, 10:] = 200
    speckled = picture.copy()
    speckled[5, 5] = speckled[12, 15] = (255, 0, 255)
    assert np.array_equal(smoothed(speckled), picture)
    assert np.array_equal(smoothed(scene(30, 30)), cv2.medianBlur(scene(30, 30), 3))


def test_a_share_of_the_frames_is_sampled_and_a_repetition_decides_alike() -> None:
    ids = [f"plant-1/gate/people/7-{seq}" for seq in range(20_000)]
    sampled = [frame for frame in ids if is_sampled(frame, 0.01)]
    assert 140 < len(sampled) < 260
    assert [frame for frame in ids if is_sampled(frame, 0.01)] == sampled
    assert set(sampled) <= {frame for frame in ids if is_sampled(frame, 0.02)}
    assert not any(is_sampled(frame, 0.0) for frame in ids)
    assert all(is_sampled(frame, 1.0) for frame in ids)
