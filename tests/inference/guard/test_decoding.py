import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import simplejpeg

from inference.guard import Limits, OverLimit, UndecodableImage, decode
from tests.inference.guard.pictures import Image, chunk, jpeg, png, png_of, scene, webp, with_exif

PICTURE = scene(71, 43)


def packed(depth: int, colour: int, row: bytes, palette: bytes = b"") -> Image:
    """A PNG of four such rows, decoded."""
    before = [chunk(b"PLTE", palette)] if palette else []
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    return decode(png_of(len(row) * 8 // (depth * channels), 4, (b"\0" + row) * 4, depth, colour, before=before))


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_comes_out_pixel_for_pixel(interlaced: bool) -> None:
    assert np.array_equal(decode(png(PICTURE, interlaced)), PICTURE)
    assert np.array_equal(decode(cv2.imencode(".png", PICTURE)[1].tobytes()), PICTURE)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1), (4, 9)])
def test_a_small_interlaced_png_with_empty_passes_comes_out(size: tuple[int, int]) -> None:
    assert np.array_equal(decode(png(scene(*size), interlaced=True)), scene(*size))


def test_a_lossless_webp_comes_out_pixel_for_pixel() -> None:
    assert np.array_equal(decode(webp(PICTURE)), PICTURE)


@pytest.mark.parametrize("data", [jpeg(PICTURE), jpeg(PICTURE, progressive=True), webp(PICTURE, lossless=False)])
def test_lossy_pictures_come_out_nearly(data: bytes) -> None:
    picture = decode(data)
    assert picture.shape == PICTURE.shape
    assert np.abs(picture.astype(int) - PICTURE).mean() < 6


def test_other_pixels_come_out_as_bgr() -> None:
    assert packed(8, 0, bytes([0, 100, 255, 7]))[0].tolist() == [[v, v, v] for v in (0, 100, 255, 7)]
    assert packed(1, 0, bytes([0b10100000]))[0, :4].tolist() == [[v, v, v] for v in (255, 0, 255, 0)]
    assert packed(2, 3, bytes([0b00011011]), bytes(range(12)))[0].tolist() == [
        [2, 1, 0],
        [5, 4, 3],
        [8, 7, 6],
        [11, 10, 9],
    ]
    assert packed(16, 2, struct.pack(">3H", 0x1234, 0x80FF, 0xFFFF))[0].tolist() == [[0xFF, 0x80, 0x12]]
    assert packed(8, 6, bytes([1, 2, 3, 0]))[0].tolist() == [[3, 2, 1]]
    assert packed(8, 4, bytes([9, 0]))[0].tolist() == [[9, 9, 9]]


def test_a_grey_and_a_cmyk_jpeg_come_out_as_bgr() -> None:
    grey = simplejpeg.encode_jpeg(PICTURE[..., :1].copy(), 95, "GRAY", "GRAY")
    picture = decode(grey)
    assert np.array_equal(picture[..., 0], picture[..., 2])
    inverted = np.ascontiguousarray(np.concatenate([255 - PICTURE[..., ::-1], np.zeros((43, 71, 1), np.uint8)], axis=2))
    cmyk = simplejpeg.encode_jpeg(255 - inverted, 95, "CMYK", "444")
    assert np.abs(decode(cmyk).astype(int) - PICTURE).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("data", [jpeg(PICTURE), png(PICTURE), webp(PICTURE)])
def test_a_picture_is_turned_as_a_viewer_turns_it(data: bytes, orientation: int) -> None:
    data = with_exif(data, orientation)
    viewer = cv2.imdecode(np.frombuffer(with_exif(jpeg(PICTURE), orientation), np.uint8), cv2.IMREAD_COLOR)
    assert viewer is not None
    upright = decode(data)
    assert upright.shape == viewer.shape
    assert np.abs(upright.astype(int) - viewer).mean() < 4
    assert decode(data, upright=False).shape == PICTURE.shape


def test_a_jpeg_may_come_out_smaller_but_not_too_small() -> None:
    data = jpeg(scene(640, 360))
    assert decode(data, cover=(160, 90)).shape == (90, 160, 3)
    assert decode(data, cover=(161, 90)).shape == (135, 240, 3)
    assert decode(data, cover=(900, 900)).shape == (360, 640, 3)


@pytest.mark.parametrize("encode", [png, webp])
def test_other_pictures_too_and_what_is_small_is_not_lost(encode: Callable[[Image], bytes]) -> None:
    stripes = np.zeros((360, 640, 3), np.uint8)
    stripes[:, ::4] = 200
    data = encode(stripes)
    assert decode(data, cover=(160, 90)).shape == (90, 160, 3)
    assert np.abs(decode(data, cover=(160, 90)).astype(int) - 50).max() <= 1
    assert decode(data, cover=(161, 90)).shape == (120, 213, 3)
    assert decode(data, cover=(400, 90)).shape == (360, 640, 3)
    assert decode(with_exif(data, 6), cover=(160, 90)).shape == (160, 90, 3)


@pytest.mark.parametrize("data", [jpeg(PICTURE), png(PICTURE), webp(PICTURE)])
def test_the_channels_come_in_the_order_that_is_asked_for(data: bytes) -> None:
    assert np.array_equal(decode(data, colour="RGB"), decode(data)[..., ::-1])


def test_a_jpeg_that_is_cut_off_is_refused() -> None:
    data = jpeg(PICTURE)
    with pytest.raises(UndecodableImage, match="damaged"):
        decode(data[: len(data) // 2])


LINES = (b"\0" + bytes(range(210))) * 40


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (LINES + bytes(100_000_000), "more data than pixels"),
        (LINES[:-1], "less data than pixels"),
        (b"\5" + LINES[1:], "unknown filter"),
    ],
)
def test_a_png_whose_data_are_not_its_pixels_is_refused(rows: bytes, reason: str) -> None:
    with pytest.raises(UndecodableImage, match=reason):
        decode(png_of(70, 40, rows))


def test_a_png_with_damaged_data_is_refused() -> None:
    data = bytearray(png_of(70, 40, LINES))
    data[data.index(b"IDAT") + 20] ^= 0xFF
    with pytest.raises(UndecodableImage, match=r"damaged|less data"):
        decode(bytes(data))
    with pytest.raises(UndecodableImage, match="palette"):
        decode(png_of(70, 40, (b"\0" + bytes(70)) * 40, 8, 3))


def test_what_the_pixels_do_not_need_never_reaches_the_decoder() -> None:
    """Text, profiles and transparency would be unpacked by libpng; damaged ones may not matter either."""
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000)))
    profile = chunk(b"iCCP", b"p\0\0" + b"\xff" * 20)
    plain = decode(png_of(70, 40, LINES))
    assert np.array_equal(decode(png_of(70, 40, LINES, before=[text, profile, chunk(b"tRNS", bytes(6))])), plain)


def test_the_limits_hold_for_decoding_too() -> None:
    with pytest.raises(OverLimit):
        decode(png(PICTURE), Limits(pixels=100))
