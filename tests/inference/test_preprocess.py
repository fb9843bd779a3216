import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.errors import UndecodableImage
from inference.guard.limits import MAX_SCANS
from inference.preprocess import (
    Placement,
    fill,
    jpeg_size,
    place,
    points_to_normalised,
    put,
    to_normalised,
)
from inference.repository.card import ImageInput
from tests.inference.nanodet_reference import pedestrians

SIDE = 416
SPEC = ImageInput(size=SIDE, multiple=32, layout="NHWC", colour="BGR", pad=0)
FIXED = ImageInput(height=120, width=160, layout="NHWC", colour="BGR", pad=114)
FITS = {
    "free": SPEC,
    "centred": FIXED,
    "top-left": FIXED.model_copy(update={"anchor": "top-left"}),
    "stretched": FIXED.model_copy(update={"fit": "stretch"}),
    "cropped": FIXED.model_copy(update={"fit": "crop"}),
}
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
    assert max(placement.width, placement.height) == SIDE
    for inner, outer, offset in (
        (placement.width, placement.input_width, placement.left),
        (placement.height, placement.input_height, placement.top),
    ):
        assert outer % SPEC.multiple == 0
        assert 0 <= outer - inner < SPEC.multiple
        assert 0 <= outer - inner - 2 * offset <= 1
    scale = SIDE / max(width, height)
    assert abs(placement.width - max(width * scale, 1)) <= 0.5
    assert abs(placement.height - max(height * scale, 1)) <= 0.5


@pytest.mark.parametrize(
    ("fit", "size", "expected"),
    [
        ("centred", (640, 360), Placement(160, 120, 0, 15, 160, 90)),
        ("centred", (360, 640), Placement(160, 120, 46, 0, 68, 120)),
        ("centred", (10_000, 1), Placement(160, 120, 0, 59, 160, 1)),
        ("top-left", (640, 360), Placement(160, 120, 0, 0, 160, 90)),
        ("stretched", (640, 360), Placement(160, 120, 0, 0, 160, 120)),
        ("cropped", (640, 360), Placement(160, 120, -27, 0, 213, 120)),
        ("cropped", (360, 640), Placement(160, 120, 0, -82, 160, 284)),
        ("cropped", (160, 120), Placement(160, 120, 0, 0, 160, 120)),
    ],
)
def test_a_picture_fits_an_input_of_one_size_as_the_card_says(
    fit: str, size: tuple[int, int], expected: Placement
) -> None:
    assert place(*size, FITS[fit]) == expected


def looked_up(picture: Image, placement: Placement, pad: int) -> NDArray[np.float64]:
    """The input as the module says it: each pixel's centre is looked up in the picture, bilinear, the edge repeated."""
    height, width = picture.shape[:2]
    expected = np.full((placement.input_height, placement.input_width, 3), float(pad))
    for row in range(placement.input_height):
        for column in range(placement.input_width):
            x, y = column - placement.left, row - placement.top
            if 0 <= x < placement.width and 0 <= y < placement.height:
                across = min(max((x + 0.5) * width / placement.width - 0.5, 0), width - 1)
                down = min(max((y + 0.5) * height / placement.height - 0.5, 0), height - 1)
                left, top = int(across), int(down)
                right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
                upper = picture[top, left] * (left + 1 - across) + picture[top, right] * (across - left)
                lower = picture[bottom, left] * (left + 1 - across) + picture[bottom, right] * (across - left)
                expected[row, column] = upper * (top + 1 - down) + lower * (down - top)
    return expected


@pytest.mark.parametrize("fit", ["centred", "top-left", "stretched", "cropped"])
@pytest.mark.parametrize("size", [(320, 180), (180, 320), (160, 120), (90, 50)])
def test_every_fit_is_what_a_plain_lookup_gives(fit: str, size: tuple[int, int]) -> None:
    rough = np.random.default_rng(5).integers(0, 256, (12, 12, 3), np.uint8)
    picture = np.asarray(cv2.resize(rough, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    placement = place(*size, FITS[fit])
    slot = np.full((120, 160, 3), 77, np.uint8)
    put(slot, picture, placement, FITS[fit].pad)
    apart = np.abs(slot - looked_up(picture, placement, FITS[fit].pad))
    assert apart.mean() < (3 if fit == "cropped" else 0.5)  # what is cut off is cut at a pixel of the picture
    assert apart.max() <= (40 if fit == "cropped" else 2)


def test_a_picture_cropped_out_of_a_line_takes_no_more_memory_than_the_input() -> None:
    placement = place(10_000, 3, FITS["cropped"])
    assert placement.width == 400_000
    line = np.zeros((3, 10_000, 3), np.uint8)
    line[:, 4998:5002] = 200
    slot = np.full((120, 160, 3), 77, np.uint8)
    put(slot, line, placement)
    assert (slot == 200).all()


def test_colours_are_rgb_where_the_card_says_so() -> None:
    jpeg = encoded(np.full((120, 160, 3), (200, 100, 20), np.uint8))
    slot = np.empty((120, 160, 3), np.uint8)
    fill(slot, jpeg, place(160, 120, FIXED), 0, "RGB")
    assert np.abs(slot.astype(int) - (20, 100, 200)).max() <= 3


@settings(deadline=None)
@given(st.sampled_from(sorted(FITS)), sides, sides, parts, parts)
def test_a_point_is_found_again_where_it_was_in_the_picture(
    fit: str, width: int, height: int, across: float, down: float
) -> None:
    placement = place(width, height, FITS[fit])
    x = placement.left + across * placement.width
    y = placement.top + down * placement.height
    ((again_x, again_y, _, _),) = points_to_normalised(np.array([[x, y, 0, 0]], np.float32), placement)
    assert abs(again_x - across) * placement.width <= 0.5 + placement.width * 1e-6
    assert abs(again_y - down) * placement.height <= 0.5 + placement.height * 1e-6
    if 0 <= x <= placement.input_width and 0 <= y <= placement.input_height:
        ((left, top, w, h),) = to_normalised(np.array([[x, y, x, y]], np.float32), placement)
        assert np.allclose([left, top, w, h], [again_x, again_y, 0, 0], atol=1e-5)


@settings(deadline=None)
@given(sides, sides, st.tuples(parts, parts, parts, parts))
def test_normalising_inverts_the_placement_within_a_pixel(
    width: int, height: int, ends: tuple[float, float, float, float]
) -> None:
    placement = place(width, height, SPEC)
    scale = SIDE / max(width, height)
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
    assert np.abs(found - expected).max() * SIDE <= 1


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080), (640, 480), (320, 240)])
def test_a_slot_holds_the_picture_on_a_border_of_the_pad_value(size: tuple[int, int]) -> None:
    picture = scene(*size)
    slot, placement = filled(encoded(picture), pad=114)
    right, bottom = placement.left + placement.width, placement.top + placement.height
    inside = slot[placement.top : bottom, placement.left : right].astype(int)
    shrinks = size[0] > SIDE
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
    with pytest.raises(UndecodableImage, match="JPEG") as caught:
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
