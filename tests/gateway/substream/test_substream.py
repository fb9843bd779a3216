"""A camera with a substream in a whole gateway: on the bus nothing private is seen, and the status says it all."""

from pathlib import Path

import pytest

from gateway.simulator import Credentials, SimulatedCamera, Simulator, SimulatorSettings
from tests.gateway.run_gateway import Witness, configured, gateway, pixels
from tests.gateway.two_streams import CUT, DOOR_POLYGON, FPS, Stream, first_picture, purple
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.view import WHOLE

PIPELINES = {
    name: {"frame": {"width": width}, "sampling": {"fps": 5}, "stages": [{"model": "coco-detector"}]}
    for name, width in (("people", 160), ("faces", 640))
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return Stream((640, 360)).write(folder / "main.mp4"), Stream((320, 240), CUT).write(folder / "small.mp4")


async def test_both_streams_of_a_camera_reach_the_bus_with_what_is_private_black(
    nats_server: NatsServer, bus: Bus, videos: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    witness = await Witness.on(bus)
    cameras = [SimulatedCamera(name, video, FPS) for name, video in zip(("main", "small"), videos, strict=True)]
    settings = SimulatorSettings(credentials=Credentials("operator", "s3cret"))
    async with Simulator(cameras, settings) as simulator:
        camera = {
            "url": simulator.url("main"),
            "substream": simulator.url("small"),
            "pipeline": ["people", "faces"],
            "privacy": [DOOR_POLYGON],
        }
        async with gateway(configured(nats_server, {"gate": camera}, PIPELINES)):
            await until(lambda: {frame.feed.pipeline for frame in witness.frames} == {"people", "faces"}, "frames")
            await until(lambda: len(witness.frames) > 10, "more frames")
            await until(lambda: witness.is_("gate", "live") and witness.last("gate").substream, "the status says it")
        status = witness.last("gate")
    for frame in witness.frames:
        assert (frame.headers.width, frame.headers.height) == (640, 360)
        assert purple(pixels(frame.jpeg)) == 0
        if frame.feed.pipeline == "faces":
            assert frame.headers.view == WHOLE
        else:
            assert frame.headers.view.apart(CUT) < 0.003
    assert min(purple(first_picture(video)) for video in videos) > 0.02, "it is there to be hidden"
    said = [status for status in witness.statuses if status.substream][-1]
    assert said.substream is not None
    assert (said.codec, said.width, said.height) == ("h264", 640, 360)
    assert (said.substream.codec, said.substream.width, said.substream.height) == ("h264", 320, 240)
    assert (said.substream.view_known, said.substream.reason) == ("measured", None)
    assert said.substream.view == pytest.approx((CUT.x, CUT.y, CUT.width, CUT.height), abs=0.003)
    assert said.substream.pipelines == ("people",)
    assert "s3cret" not in caplog.text + "".join(status.model_dump_json() for status in witness.statuses) + repr(status)
