"""The streams of the activity benchmark, and the motion detector that is compared with."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.gate.activity_stream import activity_stream, share_of
from benchmarks.motion_peer import HEIGHT, WIDTH, RunningAverage


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 1.0])
def test_something_moves_for_the_share_of_time_that_was_asked_for(share: float) -> None:
    assert share_of(activity_stream(share)) == pytest.approx(share, abs=0.01)


def test_the_same_share_is_always_the_same_stream() -> None:
    assert activity_stream(0.3) == activity_stream(0.3) != activity_stream(0.3, seed=2)


def test_the_peer_sees_what_moves_and_no_noise() -> None:
    noise = np.random.default_rng(4711)
    coarse = noise.integers(60, 200, (HEIGHT // 40, WIDTH // 40)).astype(np.uint8)
    street = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    grain = [np.asarray(noise.normal(0, 2.5, street.shape), np.float32) for _ in range(5)]

    def picture(left: int | None) -> NDArray[np.uint8]:
        luma = street + grain[noise.integers(len(grain))]
        if left is not None:
            luma[200:400, left : left + 80] = 250
        return np.asarray(np.clip(luma, 0, 255), np.uint8)

    average = RunningAverage()
    for _ in range(300):  # at 5 fps: a minute, until it has settled
        still = average.look(picture(None))
    assert not still
    seen = [average.look(picture(left)) for left in range(0, 800, 40)]
    assert all(seen)
    x, y, wide, high = max(seen[-1], key=lambda box: box[2] * box[3])
    assert x <= 800 * 100 // HEIGHT <= x + wide
    assert y <= 300 * 100 // HEIGHT <= y + high
