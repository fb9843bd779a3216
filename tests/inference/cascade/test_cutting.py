"""Crops as models want them, cut from pictures whose every pixel is known."""

import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from inference.cascade.cutting import Cut, Cutting, cut, cut_all
from inference.errors import UndecodableImage
from inference.picture_answer import Found
from inference.repository.card import ImageInput
from inference.repository.crop import Crop
from tests.inference.cascade.access import MODELS, group

SMALL = ImageInput(height=64, width=64, layout="NHWC", colour="BGR", fit="stretch")
LARGE = ImageInput(height=1024, width=1024, layout="NHWC", colour="BGR", fit="stretch")
Box = tuple[float, float, float, float]


def ramp(width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """Blue says the column and green the row, 2 pixels a level: smooth, so that JPEG changes little."""
    columns, rows = np.meshgrid(np.arange(width) // 2, np.arange(height) // 2)
    return np.dstack([columns, rows, np.full_like(rows, 128)]).astype(np.uint8)


def pixels(found: Cut | None) -> NDArray[np.int64]:
    assert found is not None
    return np.asarray(simplejpeg.decode_jpeg(found.jpeg, "BGR"), np.int64)


def crop(box: Box, enlarge: float = 1.0, spec: ImageInput = LARGE) -> Cut | None:
    return cut(ramp(), Cutting(Crop(enlarge=enlarge), Found("thing", 0.9, box), spec))


def test_a_box_is_cut_out_as_it_is() -> None:
    found = crop((0.25, 0.25, 0.5, 0.5))
    shown = pixels(found)
    assert shown.shape == (120, 160, 3)
    assert np.abs(shown - ramp()[60:180, 80:240]).max() <= 3
    assert found is not None
    assert found.box == (0.25, 0.25, 0.5, 0.5)


def test_an_enlarged_box_keeps_its_middle_and_repeats_the_border_beyond_the_picture() -> None:
    found = crop((0.0, 0.0, 0.25, 0.25), enlarge=2.0)
    shown = pixels(found)
    assert found is not None
    assert found.box == (-0.125, -0.125, 0.5, 0.5)
    expected = cv2.copyMakeBorder(ramp()[:90, :120], 30, 0, 40, 0, cv2.BORDER_REPLICATE)
    assert shown.shape == expected.shape
    assert np.abs(shown - expected).max() <= 3


def test_a_crop_is_never_larger_than_its_model_takes_it_and_is_scaled_as_a_resize_does() -> None:
    shown = pixels(crop((0.0, 0.0, 1.0, 1.0), spec=SMALL))
    assert shown.shape == (64, 85, 3)
    resized = cv2.resize(ramp(), (85, 64), interpolation=cv2.INTER_LINEAR)
    assert np.abs(shown - resized).max() <= 4
    assert pixels(crop((0.0, 0.0, 1.0, 1.0), enlarge=10.0, spec=SMALL)).shape == (64, 85, 3)


@pytest.mark.parametrize("box", [(0.5, 0.5, 0.0, 0.2), (0.5, 0.5, 0.001, 0.2), (1.0, 1.0, 0.0, 0.0)])
def test_a_box_without_an_area_gives_no_crop(box: Box) -> None:
    assert crop(box) is None


@pytest.mark.parametrize("points", [[], [(0.5, 0.5)] * 5, [(0.5, 0.5)] * 4, [(float("nan"), 0.5)] * 5])
def test_a_face_without_landmarks_that_make_one_gives_no_crop(points: list[tuple[float, float]]) -> None:
    face = Found("face", 0.9, (0.2, 0.2, 0.5, 0.5), points)
    assert cut(ramp(), Cutting(Crop(align="face"), face, SMALL)) is None


@pytest.mark.parametrize("box", [(float("nan"), 0.2, 0.5, 0.5), (0.0, 0.5, 1.0, 0.005)])
def test_a_crop_that_cant_be_cut_costs_no_other(box: Box) -> None:
    wide = simplejpeg.encode_jpeg(ramp(7000, 200), colorspace="BGR")
    thing = Found("thing", 0.9, (0.25, 0.25, 0.5, 0.5))
    wanted = [Cutting(Crop(enlarge=10.0), Found("thing", 0.9, box), LARGE), Cutting(Crop(enlarge=1.0), thing, LARGE)]
    broken, found = cut_all(wide, wanted)
    assert broken is None
    assert pixels(found).shape[2] == 3


def test_what_is_no_picture_raises() -> None:
    with pytest.raises(UndecodableImage):
        cut_all(group("obama")[:500], [])


def test_the_shipped_cards_say_how_their_crops_are_cut() -> None:
    assert MODELS["face-liveness"].card.crop == Crop(enlarge=2.7)
    assert MODELS["face-embedding"].card.crop == Crop(align="face")
