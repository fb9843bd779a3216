"""The JPEG is the displayed picture: colours, size, rotation and pixel aspect; and what is private is not in it."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from gateway.pictures.geometry import UPRIGHT, Orientation, picture_size
from gateway.pictures.orientations import Orientations
from gateway.pictures.picture import Picture, PictureEncoder
from gateway.pictures.privacy import Polygon

Image = NDArray[np.float64]
"""RGB, shape (height, width, 3), 0–255."""

BT601, BT709, UNTAGGED = 6, 1, 2
UNSPECIFIED, LIMITED, FULL = 0, 1, 2
WEIGHTS = {BT601: (0.299, 0.114), BT709: (0.2126, 0.0722), UNTAGGED: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Kr and Kb of ITU-R BT.601, BT.709 and BT.2020."""


def scene(width: int, height: int) -> Image:
    """Soft, saturated colours all over, so that 4:2:0 loses little and a wrong matrix shows."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [np.sin(x / width * 7), np.cos(y / height * 5 + x / width * 3), np.sin((x / width + y / height) * 6 + 2)]
    return np.stack([127.5 + 100 * wave for wave in waves], axis=2)


def halved(plane: Image) -> Image:
    """4:2:0 as MPEG-2 and H.264 site it: chroma at the left column, between the rows."""
    padded = np.pad(plane, ((0, plane.shape[0] % 2), (1, 1 + plane.shape[1] % 2)), mode="edge")
    rows = (padded[::2] + padded[1::2]) / 2
    smooth = np.asarray((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4)
    return smooth[:, ::2]


def video_frame(rgb: Image, space: int = UNTAGGED, rng: int = UNSPECIFIED, bits: int = 8) -> av.VideoFrame:
    """What a camera would send: own float64 matrix, range and subsampling."""
    kr, kb = WEIGHTS[space]
    r, g, b = np.moveaxis(rgb / 255, 2, 0)
    luma = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = halved((b - luma) / (2 - 2 * kb)), halved((r - luma) / (2 - 2 * kr))
    scale, low, span = 1 << (bits - 8), (0 if rng == FULL else 16), ((255, 255) if rng == FULL else (219, 224))
    planes = [(low + span[0] * luma) * scale, (128 + span[1] * cb) * scale, (128 + span[1] * cr) * scale]
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], "yuv420p" if bits == 8 else f"yuv420p{bits}le")
    frame.colorspace, frame.color_range = space, rng
    for target, values in zip(frame.planes, planes, strict=True):
        write(target, np.clip(np.round(values), 0, (1 << bits) - 1), np.uint8 if bits == 8 else np.uint16)
    return frame


def write(plane: av.video.plane.VideoPlane, values: Image, dtype: type[np.uint8] | type[np.uint16]) -> None:
    memory = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // np.dtype(dtype).itemsize)
    memory[: plane.height, : plane.width] = values


def decoded(picture: Picture) -> Image:
    image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert image is not None
    assert image.shape == (picture.height, picture.width, 3)
    return image.astype(np.float64)


def resized(rgb: Image, picture: Picture) -> Image:
    return cv2.resize(rgb, (picture.width, picture.height), interpolation=cv2.INTER_AREA).astype(np.float64)


def psnr(a: Image, b: Image) -> float:
    return float(10 * np.log10(255**2 / np.mean((a - b) ** 2)))


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("rng", [UNSPECIFIED, LIMITED, FULL])
@pytest.mark.parametrize("space", [UNTAGGED, BT601, BT709, 9])
def test_colours_survive_every_matrix_range_and_depth(space: int, rng: int, bits: int) -> None:
    rgb = scene(960, 540)
    picture = PictureEncoder(320, quality=95).encode(video_frame(rgb, space, rng, bits))
    assert psnr(decoded(picture), resized(rgb, picture)) > 36


def test_a_wrong_matrix_would_be_noticed_by_these_tests() -> None:
    rgb = scene(960, 540)
    picture = PictureEncoder(320, quality=95, matrix="bt601").encode(video_frame(rgb, BT709))
    assert psnr(decoded(picture), resized(rgb, picture)) < 30


def test_an_untagged_stream_can_be_said_to_be_bt709() -> None:
    rgb = scene(960, 540)
    frame = video_frame(rgb, BT709)
    frame.colorspace = UNTAGGED
    picture = PictureEncoder(320, quality=95, matrix="bt709").encode(frame)
    assert psnr(decoded(picture), resized(rgb, picture)) > 36


@pytest.mark.parametrize("fmt", ["yuvj420p", "nv12", "yuvj422p", "yuv444p", "rgb24", "gray"])
def test_other_pixel_formats_are_read(fmt: str) -> None:
    rgb = scene(320, 180)
    frame = video_frame(rgb).reformat(format=fmt)
    expected = rgb if fmt != "gray" else np.repeat((rgb @ (0.299, 0.587, 0.114))[:, :, None], 3, axis=2)
    assert psnr(decoded(PictureEncoder(320, quality=95).encode(frame)), expected) > 33


@pytest.mark.parametrize(("size", "width"), [((1921, 1081), 415), ((99, 75), 64), ((641, 361), 640), ((101, 75), 640)])
def test_odd_sizes_give_even_pictures_that_are_right(size: tuple[int, int], width: int) -> None:
    rgb = scene(*size)
    picture = PictureEncoder(width, quality=95).encode(video_frame(rgb))
    assert (picture.width, picture.height % 2) == (min(width, size[0]) // 2 * 2, 0)
    assert (picture.display_width, picture.display_height) == size
    assert psnr(decoded(picture), resized(rgb, picture)) > 30


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (17, 1), (3, 400)])
def test_the_smallest_pictures_are_encoded(size: tuple[int, int]) -> None:
    picture = PictureEncoder(640).encode(video_frame(np.full((size[1], size[0], 3), 200.0)))
    assert np.abs(decoded(picture) - 200).max() < 12


def test_small_pictures_are_not_upscaled() -> None:
    picture = PictureEncoder(640).encode(video_frame(scene(352, 288)))
    assert (picture.width, picture.height) == (352, 288)


@pytest.mark.parametrize(
    ("aspect", "display", "sent"),
    [
        (Fraction(64, 45), (1024, 576), (640, 360)),  # PAL, 16:9
        (Fraction(16, 15), (768, 576), (640, 480)),  # PAL, 4:3
        (Fraction(1, 2), (360, 576), (360, 576)),
        (Fraction(2), (1440, 576), (640, 256)),
    ],
)
def test_pixel_aspect_is_applied(aspect: Fraction, display: tuple[int, int], sent: tuple[int, int]) -> None:
    rgb = scene(720, 576)
    picture = PictureEncoder(640, quality=95).encode(video_frame(rgb), aspect)
    assert (picture.display_width, picture.display_height) == display
    assert (picture.width, picture.height) == sent
    assert psnr(decoded(picture), resized(rgb, picture)) > 36


def test_a_wide_pixel_does_not_upscale_the_picture() -> None:
    size = picture_size((720, 576), Fraction(2), UPRIGHT, max_width=4000)
    assert (size.width, size.height) == (720, 288)


# The display matrices of the eight orientations as (a, b, c, d), and what they do to an image.
TURNS: dict[tuple[int, int, int, int], Callable[[Image], Image]] = {
    (1, 0, 0, 1): lambda image: image,
    (-1, 0, 0, -1): lambda image: np.rot90(image, 2),
    (0, -1, 1, 0): lambda image: np.rot90(image, 1),  # counterclockwise
    (0, 1, -1, 0): lambda image: np.rot90(image, 3),
    (-1, 0, 0, 1): lambda image: image[:, ::-1],
    (1, 0, 0, -1): lambda image: image[::-1],
    (0, 1, 1, 0): lambda image: image.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda image: np.rot90(image, 2).transpose(1, 0, 2),
}


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return (np.array([a, b, 0, c, d, 0, 0, 0, 16384], np.int32) * 65536).tobytes()


@pytest.mark.parametrize("turn", TURNS)
def test_each_display_matrix_turns_a_plane_as_it_says(turn: tuple[int, int, int, int]) -> None:
    plane = np.arange(6, dtype=np.uint8).reshape(2, 3)
    turned = Orientation.of_matrix(matrix(*turn)).apply(plane)
    expected = TURNS[turn](plane[:, :, None].astype(np.float64))[:, :, 0]
    assert turned.tolist() == expected.tolist()


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_stream_gives_a_turned_jpeg(turn: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Orientations, "of", lambda _orientations, _frame: Orientation.of_matrix(matrix(*turn)))
    rgb = scene(321, 241)
    shown = TURNS[turn](rgb)
    picture = PictureEncoder(200, quality=95).encode(video_frame(rgb, BT709))
    assert (picture.display_height, picture.display_width) == shown.shape[:2]
    assert picture.width == 200
    assert psnr(decoded(picture), resized(np.ascontiguousarray(shown), picture)) > 34


def test_no_matrix_and_a_broken_one_are_upright() -> None:
    assert Orientation.of_matrix(None) == Orientation.of_matrix(b"short") == UPRIGHT


TRIANGLE: Polygon = [(0.31, 0.27), (0.83, 0.41), (0.47, 0.93)]
CORNER: Polygon = [(0.8, -0.1), (1.2, -0.1), (1.2, 0.23), (0.8, 0.23)]
BOW: Polygon = [(0.1, 0.1), (0.3, 0.4), (0.3, 0.1), (0.1, 0.4)]
SPECK: Polygon = [(0.5, 0.5), (0.5001, 0.5), (0.5, 0.5001)]


def covered(polygons: list[Polygon], width: int, height: int) -> NDArray[np.bool_]:
    """Source pixels that a polygon touches, found by drawing it 8 times finer and keeping every trace."""
    fine = np.zeros((height * 8, width * 8), np.uint8)
    for polygon in polygons:
        corners = np.round(np.array(polygon) * (width * 8, height * 8) - 0.5).astype(np.int32)
        cv2.fillPoly(fine, [corners], 1)
    touched: NDArray[np.bool_] = fine.reshape(height, 8, width, 8).max(axis=(1, 3)) > 0
    return touched


@pytest.mark.parametrize("space", [UNTAGGED, BT709])
@pytest.mark.parametrize("polygons", [[TRIANGLE], [CORNER, BOW], [SPECK]])
@pytest.mark.parametrize(("size", "width"), [((320, 180), 320), ((321, 181), 300), ((320, 180), 207), ((480, 271), 80)])
def test_what_is_under_a_polygon_changes_no_bit_of_the_jpeg(
    size: tuple[int, int], width: int, polygons: list[Polygon], space: int
) -> None:
    encoder = PictureEncoder(width, privacy=polygons)
    pictures = []
    for hidden in ((255, 255, 255), (255, 0, 0), (0, 0, 255)):
        frame = video_frame(scene(*size), space)
        hide = covered(polygons, *size)
        repaint(frame, hide, video_frame(np.full((size[1], size[0], 3), hidden, np.float64), space))
        pictures.append(encoder.encode(frame).jpeg)
    assert pictures[0] == pictures[1] == pictures[2]


def repaint(frame: av.VideoFrame, where: NDArray[np.bool_], other: av.VideoFrame) -> None:
    """Take the other frame's pixels, and its chroma wherever a cell covers one of them."""
    height, width = where.shape
    cells = np.pad(where, ((0, height % 2), (0, width % 2))).reshape((height + 1) // 2, 2, -1, 2).max(axis=(1, 3))
    for target, source, mask in zip(frame.planes, other.planes, (where, cells, cells), strict=True):
        old, new = (np.frombuffer(memoryview(p), np.uint8).reshape(-1, p.line_size) for p in (target, source))
        view = old[: target.height, : target.width]
        view[mask] = new[: target.height, : target.width][mask]


@pytest.mark.parametrize("turn", TURNS)
def test_a_polygon_is_black_in_the_displayed_picture(
    turn: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Orientations, "of", lambda _orientations, _frame: Orientation.of_matrix(matrix(*turn)))
    white = video_frame(np.full((360, 640, 3), 255.0))
    picture = PictureEncoder(300, privacy=[TRIANGLE, CORNER]).encode(white)
    image = decoded(picture)
    inside = covered([TRIANGLE, CORNER], picture.width, picture.height)
    assert image[inside].max() < 40  # the ringing of JPEG at black beside white
    far = cv2.dilate(inside.astype(np.uint8), np.ones((25, 25), np.uint8)) == 0
    assert image[far].min() > 240


def test_a_polygon_that_crosses_itself_hides_all_it_encloses() -> None:
    angles = np.arange(5) * 4 * np.pi / 5
    star: Polygon = [(0.5 + 0.4 * float(np.sin(a)), 0.5 - 0.4 * float(np.cos(a))) for a in angles]
    picture = PictureEncoder(200, privacy=[star]).encode(video_frame(np.full((200, 200, 3), 255.0)))
    assert decoded(picture)[90:110, 90:110].max() < 10


def test_blackening_leaves_the_decoders_frame_alone() -> None:
    frame = video_frame(scene(320, 240), BT601, FULL).reformat(format="yuvj420p", dst_color_range=FULL)
    before = [bytes(plane) for plane in frame.planes]
    picture = PictureEncoder(320, privacy=[TRIANGLE]).encode(frame)
    assert decoded(picture)[120, 170].max() < 10
    assert [bytes(plane) for plane in frame.planes] == before


def test_the_geometry_may_change_from_frame_to_frame() -> None:
    encoder = PictureEncoder(320, privacy=[TRIANGLE])
    for size in ((640, 360), (320, 240), (640, 360), (200, 300)):
        rgb = scene(*size)
        picture = encoder.encode(video_frame(rgb, BT709))
        assert picture.width == min(320, size[0])
        assert decoded(picture)[picture.height // 2, picture.width // 2].max() < 10


@pytest.mark.parametrize(
    "make",
    [
        lambda: PictureEncoder(0),
        lambda: PictureEncoder(640, quality=101),
        lambda: PictureEncoder(640, matrix="bt470"),
        lambda: PictureEncoder(640, privacy=[[(0.0, 0.0), (1.0, 1.0)]]),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], PictureEncoder]) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        make()


def test_frames_are_freed_once_they_are_encoded(pedestrians: Path) -> None:
    """A decoded picture of this video is 0.66 MB; PyAV frames easily end up in cycles that nothing frees."""
    encoder, process = PictureEncoder(320), psutil.Process()
    before = process.memory_full_info().uss
    for _ in range(4):
        with av.open(str(pedestrians)) as container:
            for frame in container.decode(video=0):
                encoder.encode(frame)
    assert process.memory_full_info().uss - before < 80e6  # 345 MB when every frame's side data was looked at
