"""What a source is, as `vedette cameras test` tells it."""

import asyncio
import threading
from pathlib import Path

import pytest

from gateway.errors import Reason, SourceError
from gateway.simulator import Credentials, SimulatedCamera, Simulator, SimulatorSettings
from gateway.sources.probe import Probe, probe
from tests.gateway import clips
from tests.gateway.run_reader import PEDESTRIANS, WALK, WALK_ODD
from tests.gateway.web_cameras import web_camera
from tests.waiting import until


async def looked_at(url: str, **options: object) -> Probe:
    return await asyncio.to_thread(probe, url, **options)  # type: ignore[arg-type]


async def test_a_camera_is_told_with_what_it_really_sends() -> None:
    settings = SimulatorSettings(credentials=Credentials("op", "s3cret"))
    async with Simulator([SimulatedCamera("gate", PEDESTRIANS, 40)], settings) as camera:
        told = await looked_at(camera.url("gate"), watch_s=1.2)
    assert (told.codec, told.profile, told.pixel_format, told.transport) == ("h264", "High", "yuv420p", "tcp")
    assert (told.width, told.height, told.rotation, told.interlaced) == (768, 576, 0, False)
    assert told.fps == pytest.approx(40, rel=0.1)
    assert told.keyframe_gap_s == pytest.approx(20 / 40, abs=0.05)
    assert told.b_frames
    assert told.audio is None
    assert told.kbps == pytest.approx(4 * 900, rel=0.5)
    assert told.clock_behind_s == pytest.approx(0, abs=1)
    assert 0 < told.opened_s <= told.first_picture_s
    assert "s3cret" not in repr(told)


def test_a_file_is_told_with_its_displayed_size_and_not_waited_for() -> None:
    told = probe(str(WALK_ODD), watch_s=1.0)
    assert (told.width, told.height, told.display_width, told.display_height) == (418, 314, 557, 314)
    assert told.transport == "file"
    assert (told.fps, told.keyframe_gap_s) == pytest.approx((10, 1.0))
    assert told.clock_behind_s is None
    assert told.watched_s < 1.0


@pytest.mark.parametrize(("name", "codec"), [("av1-10bit", "av1"), ("vp9", "vp9"), ("mjpeg", "mjpeg")])
def test_each_codec_is_called_by_its_name(name: str, codec: str, tmp_path: Path) -> None:
    told = probe(str(clips.make(tmp_path, name)))
    assert told.codec == codec
    assert told.pixel_format == {"av1-10bit": "yuv420p10le", "vp9": "yuv420p", "mjpeg": "yuvj420p"}[name]


async def test_bytes_without_pictures_and_silence_are_told_apart_within_the_time_out() -> None:
    async with Simulator([SimulatedCamera("gate", WALK, 25)]) as camera:
        camera.garble("gate")
        with pytest.raises(SourceError, match="no picture") as garbage:
            await looked_at(camera.url("gate"), timeout_s=1.5)
        camera.resume("gate")
        camera.stall("gate")
        with pytest.raises(SourceError) as silence:
            await looked_at(camera.url("gate"), timeout_s=1.5)
    assert (garbage.value.reason, silence.value.reason) == (Reason.UNDECODABLE, Reason.STALLED)


async def test_it_lets_go_when_it_is_stopped() -> None:
    stop = threading.Event()
    async with web_camera() as camera:
        url = f"http://127.0.0.1:{camera.port}/video.mjpg"
        looking = asyncio.create_task(looked_at(url, watch_s=60.0, stop=stop))
        await until(lambda: camera.pictures > 5, "it looks at pictures")
        stop.set()
        async with asyncio.timeout(90):
            assert (await looking).codec == "mjpeg"
