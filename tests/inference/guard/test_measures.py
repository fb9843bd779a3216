from itertools import pairwise

import cv2
import numpy as np
import pytest

from inference.guard.measures import difference_hash, distance, measure
from tests.inference.guard.pictures import Image
from tests.inference.nanodet_reference import pedestrians


def picture(number: int = 0) -> Image:
    return np.asarray(cv2.resize(pedestrians()[number], (416, 234), interpolation=cv2.INTER_AREA), np.uint8)


def test_luminance_is_the_mean_luma() -> None:
    flat = np.full((50, 70, 3), (10, 20, 200), np.uint8)
    assert measure(flat).luminance == pytest.approx(0.114 * 10 + 0.587 * 20 + 0.299 * 200, abs=0.6)
    assert measure(flat[..., ::-1], "RGB").luminance == measure(flat).luminance
    assert measure(np.zeros((9, 9, 3), np.uint8)).luminance == 0
    assert measure(np.full((9, 9, 3), 255, np.uint8)).luminance == 255


def test_sharpness_falls_with_blur_and_is_the_variance_of_the_laplacian() -> None:
    found = [
        measure(np.asarray(cv2.GaussianBlur(picture(), (0, 0), sigma), np.uint8)).sharpness for sigma in (1, 2, 3, 5)
    ]
    assert measure(picture()).sharpness > 2 * found[0]
    assert all(one > 2 * other for one, other in pairwise(found))
    luma = cv2.cvtColor(picture(), cv2.COLOR_BGR2GRAY)
    half = cv2.resize(luma, (208, 117), interpolation=cv2.INTER_AREA)
    assert measure(picture()).sharpness == pytest.approx(cv2.Laplacian(half, cv2.CV_64F).var(), rel=1e-6)
    assert measure(np.full((50, 70, 3), 99, np.uint8)).sharpness == 0


def test_only_the_inside_of_a_slot_counts() -> None:
    slot = np.zeros((256, 416, 3), np.uint8)
    slot[11:245] = picture()
    assert measure(slot[11:245]) == measure(picture())


def test_the_hash_bears_light_noise_and_scale_and_tells_scenes_apart() -> None:
    scene = picture()
    brighter = np.asarray(cv2.convertScaleAbs(scene, alpha=1.1, beta=5), np.uint8)
    grain = np.random.default_rng(0).normal(0, 6, scene.shape)
    noisy = (scene + grain).clip(0, 255).astype(np.uint8)
    larger = np.asarray(cv2.resize(scene, (640, 360)), np.uint8)
    hashes = [measure(other).hash for other in (brighter, noisy, larger)]
    assert max(distance(measure(scene).hash, other) for other in hashes) <= 4
    assert distance(measure(scene).hash, measure(np.asarray(cv2.flip(scene, 1), np.uint8)).hash) > 16
    assert measure(scene).hash == measure(scene.copy()).hash


def test_the_hash_has_a_bit_for_each_cell_from_the_top_left() -> None:
    luma = np.tile(np.arange(9, dtype=np.uint8), (8, 1))
    assert difference_hash(luma) == 2**64 - 1
    luma[0, 1] = 0
    assert difference_hash(luma) == 2**63 - 1


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2), (5, 300)])
def test_the_smallest_pictures_are_measured_too(size: tuple[int, int]) -> None:
    found = measure(np.full((*size, 3), 50, np.uint8))
    assert (found.luminance, found.sharpness, found.hash) == (50, 0, 0)
