"""Every codec from files and over RTSP: decoded, sampled, and the right picture."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from gateway.pictures.sampled_frame import SampledFrame
from gateway.reading.interface import ReadOptions
from gateway.reading.reader import Reader
from gateway.reading.sampler import Sampling
from gateway.simulator import SimulatedCamera, Simulator
from tests.gateway import clips
from tests.gateway.run_reader import Witness, output, read, running

CODECS = {"mjpeg": "mjpeg", "vp8": "vp8", "vp9": "vp9", "vp9-full": "vp9", "av1": "av1", "av1-10bit": "av1"}
OVER_RTP = ["mjpeg", "vp8", "vp9", "av1"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {name: clips.make(folder, name) for name in CODECS}


def likeness(frame: SampledFrame, index: int) -> float:
    """PSNR in dB between a sampled picture and the scene that was filmed."""
    picture = simplejpeg.decode_jpeg(frame.jpeg).astype(float)
    scene = cv2.resize(
        clips.scene(320, 240, index), (frame.jpeg_width, frame.jpeg_height), interpolation=cv2.INTER_AREA
    )
    return float(10 * np.log10(255**2 / np.mean((picture - scene) ** 2)))


@pytest.mark.parametrize("name", CODECS)
def test_a_file_in_every_codec_gives_the_pictures_that_were_filmed(name: str, made: dict[str, Path]) -> None:
    frames = read(made[name])
    assert len(frames) == 20
    assert min(likeness(frame, index) for index, frame in enumerate(frames)) > 30
    assert [frame.pts_s for frame in frames] == pytest.approx([index / clips.FPS for index in range(20)], abs=0.002)
    assert {(frame.width, frame.height) for frame in frames} == {(320, 240)}


@pytest.mark.parametrize("name", CODECS)
def test_a_lower_rate_takes_the_same_pictures_fewer_times(name: str, made: dict[str, Path]) -> None:
    frames = read(made[name], Sampling(2.5))
    assert [frame.pts_s for frame in frames] == pytest.approx([0, 0.4, 0.8, 1.2, 1.6], abs=0.002)
    assert min(likeness(frame, 4 * index) for index, frame in enumerate(frames)) > 30


@pytest.mark.parametrize(("name", "transport"), [*((name, "tcp") for name in OVER_RTP), ("mjpeg", "udp")])
async def test_every_codec_comes_over_rtsp(name: str, transport: str, made: dict[str, Path]) -> None:
    options = ReadOptions(transport=transport)  # type: ignore[arg-type]
    camera = Simulator([SimulatedCamera("gate", made[name], 50)])
    async with camera, running(camera.url("gate"), options=options, width=320) as run:
        await run.until(lambda: len(run.frames) >= 12)
    assert run.infos[0].codec == CODECS[name]
    assert run.reader.stats.corrupt == 0
    for frame in run.frames[8:12]:
        assert max(likeness(frame, index) for index in range(20)) > 30
        assert frame.clock == "rtcp"


def test_what_is_said_of_a_stream_names_its_codec_not_its_decoder(made: dict[str, Path]) -> None:
    for name, codec in CODECS.items():
        witness = Witness()
        Reader(str(made[name]), [output()], witness.take, witness).run(threading.Event())
        assert witness.infos[0].codec == codec
