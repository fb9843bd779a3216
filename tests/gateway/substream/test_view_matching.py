"""The view of a substream, measured on real pictures: stretched, cut, showing more, later, noisy, compressed; and what
can't be told is said to be doubtful.
"""

import av
import cv2
import numpy as np
import pytest

from gateway.substream.view_matching import Luma, match
from tests.gateway.run_reader import PEDESTRIANS
from vedette.view import WHOLE, View

MIDDLE = View(0.15, 0.15, 0.7, 0.7)
"""Of the recording: what the main picture shows, so that a substream can show more."""
VIEWS = {
    "stretched": WHOLE,
    "cut at the sides": View(0.125, 0.0, 0.75, 1.0),
    "cut around": View(0.1, 0.15, 0.8, 0.75),
    "more above and below": View(0.0, -0.125, 1.0, 1.25),
    "less aside and more below": View(0.05, 0.0, 0.8, 1.2),
}


@pytest.fixture(scope="module")
def recording() -> list[Luma]:
    """Ten pictures, half a second apart."""
    with av.open(str(PEDESTRIANS)) as container:
        frames = (frame for number, frame in enumerate(container.decode(video=0)) if number % 5 == 0)
        return [np.asarray(next(frames).to_ndarray(format="gray"), np.uint8) for _ in range(10)]


def shown(picture: Luma, view: View, width: int, height: int) -> Luma:
    """What a camera with this view of `picture` sends."""
    rows, columns = picture.shape
    scale_x, scale_y = view.width * columns / width, view.height * rows / height
    left, top = view.x * columns + scale_x / 2 - 0.5, view.y * rows + scale_y / 2 - 0.5
    smooth = cv2.GaussianBlur(picture, (0, 0), max(0.1, max(scale_x, scale_y) / 2.5))
    warp = np.array([[scale_x, 0, left], [0, scale_y, top]])
    return np.asarray(
        cv2.warpAffine(smooth, warp, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), np.uint8
    )


def main_of(picture: Luma) -> Luma:
    return shown(picture, MIDDLE, 640, 360)


def substream_of(picture: Luma, view: View, noise: float = 3.0, seed: int = 1) -> Luma:
    """4:3, darker, noisy and compressed."""
    x, y = MIDDLE.x + view.x * MIDDLE.width, MIDDLE.y + view.y * MIDDLE.height
    small = shown(picture, View(x, y, view.width * MIDDLE.width, view.height * MIDDLE.height), 320, 240)
    grey = small * 0.85 + 12 + np.random.default_rng(seed).normal(0, noise, small.shape)
    _, jpeg = cv2.imencode(".jpg", np.clip(grey, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 50])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)


@pytest.mark.parametrize(
    ("name", "later"),
    [(name, 9) for name in VIEWS] + [("less aside and more below", 0)],
    ids=lambda value: "" if isinstance(value, str) else f"{value / 2} s later",
)
def test_a_view_is_found_to_a_five_hundredth(recording: list[Luma], name: str, later: int) -> None:
    found = match(substream_of(recording[later], VIEWS[name]), main_of(recording[0]))
    assert found.doubt is None
    assert found.view.apart(VIEWS[name]) < 0.002, found


def test_what_is_nearly_the_whole_is_the_whole(recording: list[Luma]) -> None:
    assert match(substream_of(recording[0], View(0.002, 0.0, 0.997, 1.003)), main_of(recording[0])).view == WHOLE


@pytest.mark.parametrize("turn", [cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE])
def test_pictures_of_other_scenes_are_too_different(recording: list[Luma], turn: int) -> None:
    found = match(substream_of(np.asarray(cv2.rotate(recording[0], turn), np.uint8), WHOLE), main_of(recording[0]))
    assert found.doubt == "the two pictures are too different"


@pytest.mark.parametrize("level", [0, 16, 255])
def test_a_picture_without_anything_in_it_says_nothing(recording: list[Luma], level: int) -> None:
    empty = np.full((240, 320), level, np.uint8)
    assert match(empty, main_of(recording[0])).doubt == "there is nothing to see"
    assert match(substream_of(recording[0], WHOLE), empty).doubt == "there is nothing to see"


def test_noise_in_the_dark_is_no_match() -> None:
    rng = np.random.default_rng(7)
    dark, darker = (np.clip(rng.normal(20, 6, (240, 320)), 0, 255).astype(np.uint8) for _ in range(2))
    assert match(dark, darker).doubt is not None


def test_a_pattern_that_repeats_fits_in_several_places() -> None:
    rows, columns = np.indices((360, 640))
    pattern = np.where((rows // 30 + columns // 40) % 2 == 0, 60, 180).astype(np.uint8)
    part = shown(pattern, View(0.125, 0.0, 0.75, 1.0), 320, 240)
    assert match(part, pattern).doubt is not None


def test_stripes_leave_an_edge_undetermined() -> None:
    grey = np.random.default_rng(3).integers(0, 255, (1, 40)).astype(np.uint8)
    stripes = np.asarray(cv2.resize(np.repeat(grey, 30, axis=0), (640, 360), interpolation=cv2.INTER_CUBIC), np.uint8)
    assert match(shown(stripes, View(0.1, 0.2, 0.8, 0.6), 320, 240), stripes).doubt is not None
