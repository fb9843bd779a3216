"""A camera with a gate: what its status, its frames and its metrics say, and what its configuration may say."""

from functools import partial
from pathlib import Path

import pytest

from gateway.reading.read_settings import decode_options, gate_policy
from tests.gateway.run_gateway import FPS, Witness, configured, counted, gateway, simulated
from tests.gateway.scenes import Scene
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.config.checks import contradictions
from vedette.config.config import Config


async def test_the_gate_is_told_in_status_frames_and_metrics(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    video = Scene(10, (5.2, 8), gop=25, size=(320, 180)).write(tmp_path / "walk.mp4")
    camera = {"pipeline": "people", "gate": {"mode": "activity", "refresh_s": 1}}
    witness = await Witness.on(bus)

    def gates() -> list[str]:
        return [frame.headers.gate for frame in witness.of("yard")]

    async with simulated("yard", video=video) as simulator:
        config = configured(nats_server, {"yard": {**camera, "url": simulator.url("yard")}})
        async with gateway(config):
            await until(lambda: witness.statuses and witness.last("yard").gate == "open", "it begins open")
            await until(lambda: witness.last("yard").gate == "idle", "idle")
            assert witness.last("yard").decode == "keyframes"
            await until(lambda: "refresh" in gates(), "a look at the idle scene")
            await until(lambda: "onset" in gates(), "somebody walks")
            await until(lambda: witness.last("yard").gate == "open", "open")
            await until(lambda: counted("vedette_frames_gated_total", camera="yard") > FPS / 2, "counted")
    ages = [frame.headers.age_ms for frame in witness.of("yard") if frame.headers.gate == "onset"]
    assert max(ages) < 1000  # though they arrived up to two GOPs before


async def test_every_keyframe_that_a_camera_sends_is_decoded_while_nothing_moves(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    video = Scene(10, gop=12, size=(320, 180)).write(tmp_path / "still.mp4")

    def keyframes(what: str) -> float:
        return counted(f"vedette_keyframes_{what}_total", camera="still")

    async with simulated("still", video=video) as simulator:
        camera = {"pipeline": "people", "gate": {"mode": "activity"}, "url": simulator.url("still")}
        async with gateway(configured(nats_server, {"still": camera})):
            idle = partial(counted, "vedette_frames_gated_total", camera="still")
            await until(lambda: keyframes("received") > 12 < idle(), "idle")
            simulator.stall("still")
            pictures = partial(counted, "vedette_frames_received_total", camera="still")
            # the last picture is whole only when the next one begins
            await until(lambda: pictures() == simulator.sent("still").pictures - 1, "all have come")
            await until(lambda: keyframes("received") == keyframes("decoded"), "all are decoded")
            assert keyframes("received") >= simulator.sent("still").keyframes - 1


def config(**camera: object) -> Config:
    whole = {"url": "rtsp://10.0.0.5/1", "pipeline": "people", **camera}
    pipelines = {"people": {"stages": [{"model": "coco-detector"}]}}
    return Config.model_validate({"cameras": {"yard": whole}, "pipelines": pipelines})


def test_by_default_everything_is_decoded_on_the_cpu_with_every_filter() -> None:
    camera = config().cameras["yard"]
    assert gate_policy(camera, "yard") is None
    assert (decode_options(camera).device, decode_options(camera).loop_filter) == ("cpu", True)


def test_what_is_private_is_not_looked_at_either() -> None:
    clock, house = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.1)), ((0.8, 0.0), (1.0, 0.0), (1.0, 0.2))
    gate = {"mode": "activity", "refresh_s": 60, "ignore": [clock]}
    policy = gate_policy(config(gate=gate, privacy=[house]).cameras["yard"], "yard")
    assert policy is not None
    assert policy.refresh_s == 60
    assert policy.ignore == (clock, house)


def test_what_is_asked_for_of_decoding_reaches_the_reader() -> None:
    decode = {"loop_filter": "off", "device": "cuda", "strategy": "all"}
    options = decode_options(config(decode=decode).cameras["yard"])
    assert (options.loop_filter, options.device, options.every_frame) == (False, "cuda", True)


@pytest.mark.parametrize(
    ("key", "value"), [("gate", {"mode": "on"}), ("gate", {"refresh_s": 0}), ("decode", {"device": "gpu"})]
)
def test_values_that_make_no_sense_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        config(**{key: value})


def test_decode_is_not_for_publishers() -> None:
    problems = contradictions(config(url="whip", decode={"device": "cuda"}))
    assert [str(problem) for problem in problems] == [
        "cameras.yard.decode: is not for url: whip; its library decodes on the CPU"
    ]
