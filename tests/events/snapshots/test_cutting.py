"""Objects cut out of JPEGs: pure."""

import hashlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from events.snapshots.cutting import BadPicture, Cut, cut_out, size_of, whole
from vedette.config.snapshots_settings import Snapshots
from vedette.view import WHOLE, View

PLAIN = Snapshots(margin=0.0)
RED, BLUE = (0, 0, 255), (255, 0, 0)


def scene() -> NDArray[np.uint8]:
    """400x200, blue, with a red box from (100, 50) to (200, 150)."""
    picture = np.full((200, 400, 3), BLUE, np.uint8)
    picture[50:150, 100:200] = RED
    return picture


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())


def opened(cut: Cut | None) -> NDArray[np.uint8]:
    assert cut is not None
    picture = cv2.imdecode(np.frombuffer(cut.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert (picture.shape[1], picture.shape[0]) == (cut.width, cut.height)
    assert cut.sha256 == hashlib.sha256(cut.jpeg).hexdigest()
    return np.asarray(picture, np.uint8)


def redness(picture: NDArray[np.uint8]) -> float:
    """Share of red pixels."""
    return float((picture[..., 2] > 128).mean())


def test_a_box_is_cut_out_where_it_is() -> None:
    (cut,) = cut_out(jpeg(scene()), WHOLE, [(0.25, 0.25, 0.25, 0.5)], PLAIN)
    assert opened(cut).shape[:2] == pytest.approx((100, 100), abs=1)
    assert redness(opened(cut)) > 0.95


def test_the_margin_is_around_it_and_ends_at_the_pictures_edge() -> None:
    boxes = [(0.25, 0.25, 0.25, 0.5), (0.9, 0.0, 0.1, 0.2)]
    inside, corner = cut_out(jpeg(scene()), WHOLE, boxes, Snapshots(margin=0.2))
    assert opened(inside).shape[:2] == pytest.approx((140, 140), abs=1)
    assert 0.45 < redness(opened(inside)) < 0.55
    assert opened(corner).shape[:2] == pytest.approx((48, 48), abs=1)


def test_what_is_large_is_made_smaller_and_what_is_small_stays() -> None:
    large, small = cut_out(
        jpeg(scene()), WHOLE, [(0.0, 0.0, 1.0, 1.0), (0.1, 0.1, 0.05, 0.1)], Snapshots(margin=0.0, max_side=100)
    )
    assert opened(large).shape == (50, 100, 3)
    assert opened(small).shape[:2] == pytest.approx((20, 20), abs=1)


def test_a_box_of_the_main_picture_is_cut_out_of_the_part_that_the_substream_shows() -> None:
    shown = scene()[:, :200]
    cut, outside = cut_out(
        jpeg(shown), View(0.0, 0.0, 0.5, 1.0), [(0.25, 0.25, 0.25, 0.5), (0.7, 0.1, 0.2, 0.2)], PLAIN
    )
    assert redness(opened(cut)) > 0.95
    assert outside is None


def test_a_box_that_cant_be_cut_out_costs_no_other() -> None:
    broken, cut = cut_out(jpeg(scene()), WHOLE, [(float("nan"), 0.0, 0.5, 0.5), (0.25, 0.25, 0.25, 0.5)], PLAIN)
    assert broken is None
    assert redness(opened(cut)) > 0.95


def test_a_blurred_object_is_less_sharp_whatever_its_size() -> None:
    noise = np.random.default_rng(1)
    texture = cv2.resize(noise.integers(0, 255, (24, 24, 3), np.uint8), (384, 384), interpolation=cv2.INTER_CUBIC)
    sharp, small = np.asarray(texture, np.uint8), np.asarray(cv2.resize(texture, (192, 192)), np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(texture, (0, 0), 12), np.uint8)
    measured = [cut_out(jpeg(one), WHOLE, [(0, 0, 1, 1)], PLAIN)[0] for one in (sharp, small, blurred)]
    of_sharp, of_small, of_blurred = (one.sharpness for one in measured if one is not None)
    assert of_small == pytest.approx(of_sharp, rel=0.3)
    assert of_blurred < of_sharp / 2


def test_the_whole_picture_stays_as_it_is() -> None:
    picture = jpeg(scene())
    assert whole(picture) == Cut(picture, hashlib.sha256(picture).hexdigest(), 400, 200)


@pytest.mark.parametrize("bad", [b"", b"\xff\xd8", b"GIF89a" + bytes(20), b"\xff\xd8\xff\xe0\x00\x04ab" + bytes(30)])
def test_what_is_no_jpeg_is_a_bad_picture(bad: bytes) -> None:
    with pytest.raises(BadPicture):
        cut_out(bad, WHOLE, [(0, 0, 1, 1)], PLAIN)


def test_a_picture_that_says_it_is_huge_is_not_decoded() -> None:
    picture = bytearray(jpeg(scene()))
    at = picture.index(b"\xff\xc0")
    picture[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(BadPicture, match="65535x65535"):
        size_of(bytes(picture))
