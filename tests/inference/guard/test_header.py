import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.guard import Header, Limits, OverLimit, UndecodableImage, examine
from tests.inference.guard.pictures import chunk, extended, jpeg, png, png_of, riff, scene, webp, with_exif

PICTURE = scene(70, 40)
LINES = (b"\0" + bytes(70 * 3)) * 40
MAKERS = {
    "baseline jpeg": jpeg(PICTURE),
    "progressive jpeg": jpeg(PICTURE, progressive=True),
    "png": png(PICTURE),
    "interlaced png": png(PICTURE, interlaced=True),
    "lossless webp": webp(PICTURE),
    "lossy webp": webp(PICTURE, lossless=False),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_header_tells_format_and_size(kind: str) -> None:
    assert examine(MAKERS[kind]) == Header(kind.split()[-1], 70, 40, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["baseline jpeg", "png", "lossless webp"])
def test_the_header_tells_how_the_picture_is_turned(kind: str) -> None:
    assert [examine(with_exif(MAKERS[kind], turn)).orientation for turn in range(1, 9)] == list(range(1, 9))
    assert examine(with_exif(MAKERS[kind], 6)).displayed_size == (40, 70)
    assert examine(with_exif(MAKERS[kind], 9)).orientation == 1


@pytest.mark.parametrize("kind", MAKERS)
def test_a_picture_that_is_cut_off_within_its_header_is_refused(kind: str) -> None:
    for length in range(12):
        with pytest.raises(UndecodableImage):
            examine(MAKERS[kind][:length])


@pytest.mark.parametrize("kind", ["png", "lossless webp", "lossy webp"])
def test_a_picture_that_is_cut_off_anywhere_is_refused_where_the_format_tells(kind: str) -> None:
    data = MAKERS[kind]
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(UndecodableImage):
            examine(data[:length])


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    ("limits", "what", "value", "reason"),
    [
        (Limits(bytes=10), "bytes", None, "is more than 10 bytes"),
        (Limits(side=69), "side", 70, "a side of 70 is more than 69 side"),
        (Limits(pixels=2799), "pixels", 2800, "70x40 is more than 2799 pixels"),
    ],
)
def test_what_is_too_large_is_refused_with_what_and_how_much(
    kind: str, limits: Limits, what: str, value: int | None, reason: str
) -> None:
    with pytest.raises(OverLimit) as error:
        examine(MAKERS[kind], limits)
    assert (error.value.what, error.value.value) == (what, value or len(MAKERS[kind]))
    assert error.value.reason.endswith(reason)


def frame(width: int, height: int) -> bytes:
    """A JPEG as far as its first scan."""
    parts = struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
    return b"\xff\xd8\xff\xc0" + parts + b"\xff\xda" + struct.pack(">HB", 12, 3) + bytes(9)


def test_a_bomb_is_refused_by_what_its_header_claims() -> None:
    for data in (
        frame(65500, 65500),
        png_of(2**31 - 1, 2**31 - 1, b""),
        riff(b"VP8L" + struct.pack("<I", 5) + b"\x2f\xff\xff\xff\x0f\0"),
    ):
        with pytest.raises(OverLimit):
            examine(data)


def test_a_png_of_more_pixels_than_its_data_can_hold_is_refused() -> None:
    with pytest.raises(UndecodableImage, match="bytes can't hold the"):
        examine(png_of(4000, 4000, LINES))


@pytest.mark.parametrize(
    ("limits", "what"),
    [(Limits(unpacked_bytes=4000), "unpacked_bytes"), (Limits(interlaced_pixels=2799), "interlaced_pixels")],
)
def test_what_a_png_would_take_to_unpack_is_limited(limits: Limits, what: str) -> None:
    with pytest.raises(OverLimit) as error:
        examine(MAKERS["interlaced png"], limits)
    assert error.value.what == what


def test_chunks_are_limited() -> None:
    text = [chunk(b"tEXt", b"a\0b")] * 100
    assert examine(png_of(70, 40, LINES, before=text), Limits(chunks=103)).width == 70
    with pytest.raises(OverLimit, match="102 is more than 101 chunks"):
        examine(png_of(70, 40, LINES, before=text), Limits(chunks=101))
    comments = b"\xff\xfe\0\2" * 100
    with pytest.raises(OverLimit, match="chunks"):
        examine(b"\xff\xd8" + comments + MAKERS["baseline jpeg"][2:], Limits(chunks=100))
    with pytest.raises(OverLimit, match="chunks"):
        examine(b"\xff\xd8" + b"\xff" * 10_000_000)
    with pytest.raises(OverLimit, match="chunks"):
        examine(riff((b"JUNK" + bytes(4)) * 200), Limits(chunks=100))


def test_scans_are_limited_where_a_decoder_reads_them_all() -> None:
    data = MAKERS["progressive jpeg"]
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(OverLimit, match="is more than 32 scans"):
        examine(data[:-2] + scan * 40 + b"\xff\xd9")


def canvas(flags: int) -> bytes:
    return b"VP8X" + struct.pack("<IB3x", 10, flags) + extended(MAKERS["lossless webp"])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither JPEG, PNG nor WebP"),
        (b"GIF89a" + bytes(100), "neither JPEG, PNG nor WebP"),
        (frame(70, 40).replace(b"\xff\xc0", b"\xff\xc9"), "arithmetic"),
        (frame(70, 40).replace(b"\xff\xc0", b"\xff\xc3"), "lossless"),
        (frame(70, 40).replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"), "12 bits"),
        (frame(0, 40), "0x40 pixels"),
        (frame(70, 40)[:2] + frame(70, 40)[2:21] + frame(70, 40)[2:], "two frames"),
        (b"\xff\xd8" + frame(70, 40)[21:], "size"),
        (png_of(70, 40, LINES, before=[chunk(b"acTL", bytes(8))]), "animated"),
        (png_of(70, 40, LINES, before=[chunk(b"CgBI", bytes(4))]), "must be understood"),
        (png_of(70, 40, LINES, depth=4), "impossible header"),
        (png_of(0, 40, LINES), "0x40 pixels"),
        (riff(canvas(2) + MAKERS["lossless webp"][12:]), "animated"),
        (riff(MAKERS["lossless webp"][12:] * 2), "two pictures"),
        (riff(canvas(0)), "without a picture"),
        (riff(canvas(0)[:-3] + b"\1\0\0" + MAKERS["lossless webp"][12:]), "canvas"),
    ],
)
def test_what_is_not_read_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UndecodableImage, match=reason):
        examine(data)


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(sorted(MAKERS)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6), st.data()
)
def test_whatever_the_bytes_only_the_one_error_is_raised(
    kind: str, changes: list[tuple[float, int]], data: st.DataObject
) -> None:
    damaged = bytearray(MAKERS[kind])
    for where, value in changes:
        damaged[int(where * min(len(damaged) - 1, 200))] = value
    end = data.draw(st.integers(0, len(damaged)))
    for candidate in (bytes(damaged), bytes(damaged[:end])):
        try:
            header = examine(candidate)
        except UndecodableImage as error:
            assert error.reason
        else:
            assert header.width * header.height <= Limits().pixels
            assert header.orientation in range(1, 9)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\0\0\0WEBP"]))
def test_bytes_behind_a_signature_are_no_surprise(rest: bytes, signature: bytes) -> None:
    try:
        examine(signature + rest)
    except UndecodableImage as error:
        assert error.reason
