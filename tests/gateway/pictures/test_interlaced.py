"""Interlaced streams give pictures without combs."""

import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import simplejpeg
from av.codec.context import Flags

from gateway.reading.reader import Reader
from tests.gateway import clips
from tests.gateway.run_reader import Witness, output


def filmed(index: int) -> clips.Picture:
    """The scene with a bar that moves eight pixels from field to field."""
    picture = clips.scene(320, 240, 0).copy()
    picture[:, 20 + 8 * index : 60 + 8 * index] = 235
    return picture


@pytest.fixture
def interlaced(tmp_path: Path) -> Path:
    """MPEG-2: each frame's even lines were filmed a field before its odd ones."""
    path = tmp_path / "interlaced.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 6_000_000
        stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        for index in range(8):
            woven = filmed(2 * index)
            woven[1::2] = filmed(2 * index + 1)[1::2]
            halves = [av.VideoFrame.from_ndarray(np.ascontiguousarray(woven[n::2]), format="rgb24") for n in (0, 1)]
            frame = av.VideoFrame(320, 240, "yuv420p")
            for n, half in enumerate(halves):  # 4:2:0 of each field by itself, as cameras make it
                converted = half.reformat(format="yuv420p", dst_colorspace=5, dst_color_range=1)
                for plane, lines in zip(frame.planes, converted.planes, strict=True):
                    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
                    rows[n : plane.height : 2, : plane.width] = np.frombuffer(memoryview(lines), np.uint8).reshape(
                        -1, lines.line_size
                    )[: lines.height, : lines.width]
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("width", [320, 160])
def test_a_picture_shows_one_moment(interlaced: Path, width: int) -> None:
    witness = Witness()
    Reader(str(interlaced), [output(width=width)], witness.take, witness).run(threading.Event())
    assert len(witness.frames) == 8
    for index, frame in enumerate(witness.frames):
        assert (frame.width, frame.height, frame.jpeg_width) == (320, 240, width)
        picture = simplejpeg.decode_jpeg(frame.jpeg).astype(float)
        scene = cv2.resize(filmed(2 * index), (width, width * 3 // 4), interpolation=cv2.INTER_AREA)
        assert 10 * np.log10(255**2 / np.mean((picture - scene) ** 2)) > 27  # 22 with both fields
