import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.errors import UndecodableImage
from inference.preprocess import MAX_SCANS, Placement, fill, jpeg_size, place, to_normalised
from inference.repository.card import ImageInput
from tests.inference.nanodet_reference import pedestrians

SPEC = ImageInput(size=416, multiple=32, layout="NHWC", colour="BGR", pad=0)
Image = NDArray[np.uint8]


def encoded(picture: Image, colours: str = "BGR", sampling: str = "420") -> bytes:
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), 92, colours, sampling)
    return data


def filled(jpeg: bytes, pad: int = 0) -> tuple[Image, Placement]:
    """A slot that was dirty before."""
    placement = place(*jpeg_size(jpeg), SPEC)
    slot = np.full((placement.input_height, placement.input_width, 3), 77, np.uint8)
    fill(slot, jpeg, placement, pad)
    return slot, placement


def scene(width: int, height: int) -> Image:
    return np.asarray(cv2.resize(pedestrians()[0], (width, height), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 360), Placement(416, 256, 0, 11, 416, 234)),
        ((640, 480), Placement(416, 320, 0, 4, 416, 312)),
        ((1920, 1080), Placement(416, 256, 0, 11, 416, 234)),
        ((360, 640), Placement(256, 416, 11, 0, 234, 416)),
        ((416, 416), Placement(416, 416, 0, 0, 416, 416)),
        ((104, 78), Placement(416, 320, 0, 4, 416, 312)),
        ((1, 1), Placement(416, 416, 0, 0, 416, 416)),
        ((10000, 3), Placement(416, 32, 0, 15, 416, 1)),
    ],
)
def test_a_picture_is_scaled_to_the_longest_side_and_centred(size: tuple[int, int], expected: Placement) -> None:
    assert place(*size, SPEC) == expected


sides = st.integers(1, 10_000)
parts = st.floats(0, 1)


@settings(deadline=None)
@given(sides, sides)
def test_a_placement_is_the_smallest_input_that_holds_the_picture(width: int, height: int) -> None:
    placement = place(width, height, SPEC)
    assert max(placement.width, placement.height) == SPEC.size
    for inner, outer, offset in (
        (placement.width, placement.input_width, placement.left),
        (placement.height, placement.input_height, placement.top),
    ):
        assert outer % SPEC.multiple == 0
        assert 0 <= outer - inner < SPEC.multiple
        assert 0 <= outer - inner - 2 * offset <= 1
    scale = SPEC.size / max(width, height)
    assert abs(placement.width - max(width * scale, 1)) <= 0.5
    assert abs(placement.height - max(height * scale, 1)) <= 0.5


@settings(deadline=None)
@given(sides, sides, st.tuples(parts, parts, parts, parts))
def test_normalising_inverts_the_placement_within_a_pixel(
    width: int, height: int, ends: tuple[float, float, float, float]
) -> None:
    placement = place(width, height, SPEC)
    scale = SPEC.size / max(width, height)
    x1, x2 = sorted((ends[0] * width, ends[1] * width))
    y1, y2 = sorted((ends[2] * height, ends[3] * height))
    corners = np.array([[x1, y1, x2, y2]]) * scale + [[placement.left, placement.top] * 2]
    ((x, y, w, h),) = to_normalised(corners.astype(np.float32), placement)
    assert 0 <= x <= x + w <= 1 + 1e-6
    assert 0 <= y <= y + h <= 1 + 1e-6
    back = np.array([x * width, y * height, (x + w) * width, (y + h) * height]) * scale
    assert np.abs(back - np.array([x1, y1, x2, y2]) * scale).max() <= 1


def test_boxes_beyond_the_picture_are_clipped_to_it() -> None:
    placement = place(640, 360, SPEC)
    boxes = np.array([[0, 0, 416, 256], [-50, -50, 10, 5], [208, 128, 900, 900]], np.float32)
    expected = np.array([[0, 0, 1, 1], [0, 0, 10 / 416, 0], [0.5, 0.5, 0.5, 0.5]])
    assert np.abs(to_normalised(boxes, placement) - expected).max() < 1e-6
    assert to_normalised(np.empty((0, 4), np.float32), placement).shape == (0, 4)


def test_a_box_with_its_corners_the_wrong_way_round_has_no_size() -> None:
    ((_, _, width, height),) = to_normalised(np.array([[200, 100, 100, 50]], np.float32), place(640, 360, SPEC))
    assert (width, height) == (0, 0)


@pytest.mark.parametrize("size", [(640, 360), (640, 480), (360, 640), (1920, 1080), (300, 200), (2500, 2000)])
def test_an_object_is_found_again_where_it_was_in_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    left, top, right, bottom = width // 8, height // 4, width // 2, height * 7 // 8
    picture[top:bottom, left:right] = 255
    slot, placement = filled(encoded(picture))
    rows, columns = (np.flatnonzero((slot[:, :, 1] > 127).any(axis)) for axis in (1, 0))
    corners = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float32)
    ((x, y, w, h),) = to_normalised(corners, placement)
    found = np.array([x, y, x + w, y + h])
    expected = np.array([left / width, top / height, right / width, bottom / height])
    assert np.abs(found - expected).max() * SPEC.size <= 1


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080), (640, 480), (320, 240)])
def test_a_slot_holds_the_picture_on_a_border_of_the_pad_value(size: tuple[int, int]) -> None:
    picture = scene(*size)
    slot, placement = filled(encoded(picture), pad=114)
    right, bottom = placement.left + placement.width, placement.top + placement.height
    inside = slot[placement.top : bottom, placement.left : right].astype(int)
    shrinks = size[0] > SPEC.size
    expected = cv2.resize(
        picture, (416, placement.height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    assert np.abs(inside - expected).mean() < 5
    border = np.ones(slot.shape[:2], bool)
    border[placement.top : bottom, placement.left : right] = False
    assert (slot[border] == 114).all()


def test_colours_are_bgr() -> None:
    slot, _ = filled(encoded(np.full((416, 416, 3), (200, 100, 20), np.uint8)))
    assert np.abs(slot.astype(int) - (200, 100, 20)).max() <= 3


def test_grayscale_cmyk_and_progressive_pictures_are_bgr_too() -> None:
    gray = encoded(np.full((416, 416, 1), 90, np.uint8), "GRAY", "Gray")
    assert np.abs(filled(gray)[0].astype(int) - 90).max() <= 2
    ink = np.full((416, 416, 4), (0, 255, 255, 255), np.uint8)  # as Adobe writes it: 255 is no ink, so all is cyan
    assert np.abs(filled(encoded(ink, "CMYK", "444"))[0].astype(int) - (255, 255, 0)).max() <= 4
    picture = scene(416, 320)
    progressive = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert np.abs(filled(progressive)[0].astype(int) - picture).mean() < 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"GIF89a and so on",
        cv2.imencode(".png", np.zeros((32, 32, 3), np.uint8))[1].tobytes(),
        encoded(np.zeros((64, 64, 3), np.uint8))[:100],
    ],
    ids=["nothing", "a byte", "a start", "gif", "png", "half a header"],
)
def test_what_is_no_jpeg_has_no_size(data: bytes) -> None:
    with pytest.raises(UndecodableImage, match="not a JPEG") as caught:
        jpeg_size(data)
    assert caught.value.reason == str(caught.value)


def test_a_header_that_promises_too_many_pixels_is_refused_before_they_are_decoded() -> None:
    jpeg = bytearray(encoded(np.zeros((64, 64, 3), np.uint8)))
    start = jpeg.index(b"\xff\xc0") + 5
    jpeg[start : start + 4] = (9000).to_bytes(2, "big") + (30000).to_bytes(2, "big")
    with pytest.raises(UndecodableImage, match="30000x9000 is more than"):
        jpeg_size(bytes(jpeg))
    with pytest.raises(UndecodableImage, match="64x64 is more than 4095 pixels"):
        jpeg_size(encoded(np.zeros((64, 64, 3), np.uint8)), max_pixels=64 * 64 - 1)


def test_a_small_file_of_many_scans_is_refused() -> None:
    progressive = cv2.imencode(".jpg", scene(416, 320), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert jpeg_size(progressive) == (416, 320)
    last = progressive[progressive.rindex(b"\xff\xda") : -2]
    with pytest.raises(UndecodableImage, match="scans"):
        jpeg_size(progressive[:-2] + last * MAX_SCANS + progressive[-2:])


@pytest.mark.parametrize("kept", [0.4, 0.9, 0.999])
def test_a_picture_cut_off_is_refused_however_little_is_missing(kept: float) -> None:
    jpeg = encoded(scene(640, 480))
    with pytest.raises(UndecodableImage, match="damaged: Premature end of JPEG file"):
        filled(jpeg[: int(len(jpeg) * kept)])


def test_a_picture_with_other_bytes_in_its_middle_is_refused() -> None:
    jpeg = bytearray(encoded(scene(640, 480)))
    middle = len(jpeg) // 2
    jpeg[middle : middle + 60] = b"\xff\xd9" * 30
    with pytest.raises(UndecodableImage, match="damaged"):
        filled(bytes(jpeg))


@settings(deadline=None)
@given(st.data())
def test_damage_anywhere_is_refused_or_decoded_but_never_anything_else(data: st.DataObject) -> None:
    jpeg = bytearray(encoded(scene(160, 120)))
    for _ in range(data.draw(st.integers(1, 4))):
        jpeg[data.draw(st.integers(0, len(jpeg) - 1))] = data.draw(st.integers(0, 255))
    try:
        slot, placement = filled(bytes(jpeg[: data.draw(st.integers(1, len(jpeg)))]))
    except UndecodableImage as error:
        assert 0 < len(error.reason) < 200
    else:
        assert slot.shape == (placement.input_height, placement.input_width, 3)


def test_a_slot_of_another_shape_is_refused() -> None:
    placement = place(64, 64, SPEC)
    jpeg = encoded(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="the slot is"):
        fill(np.zeros((256, 416, 3), np.uint8), jpeg, placement)
    with pytest.raises(ValueError, match="the slot is float32"):
        fill(np.zeros((416, 416, 3), np.float32), jpeg, placement)


def test_a_slot_is_filled_in_place_in_the_middle_of_a_batch() -> None:
    jpeg = encoded(scene(640, 480))
    alone, placement = filled(jpeg)
    batch = np.full((3, 320, 416, 3), 9, np.uint8)
    fill(batch[1], jpeg, placement)
    np.testing.assert_array_equal(batch[1], alone)
    assert (batch[[0, 2]] == 9).all()
