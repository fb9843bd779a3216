"""Where did a frame go: after a run in which everything fails, every frame that was read is accounted for."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from tests.gateway.fleet.test_fleet_gateway import Desired, record
from tests.gateway.run_gateway import SITE, configured, counted, gateway, simulated
from tests.inference.process import CONFIG, Processes, processes_of
from tests.inference.worker import stored
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.cameras.store import CameraStore
from vedette.config.config import Config
from vedette.secrets.sealing import sealer_of
from vedette.streams import DETECTIONS

CAMERAS = ("account-a", "account-b", "account-c")
PEOPLE = {"people": {"frame": {"width": 640}, "sampling": {"fps": 25}, "stages": [{"model": "coco-detector"}]}}


@pytest.fixture
def workers(nats_server: NatsServer, tmp_path: Path) -> Iterator[Processes]:
    with processes_of(tmp_path, nats_server.port) as processes:
        yield processes


def total(name: str, **labels: str) -> float:
    """Over all series with these labels."""
    return sum(
        sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def read(camera: str, fate: str) -> float:
    return counted("vedette_frames_read_total", camera=camera, fate=fate)


def answered(camera: str, outcome: str = "inferred") -> float:
    return counted("vedette_frames_answered_total", camera=camera, pipeline="people", outcome=outcome)


def of_feed(what: str, camera: str) -> float:
    return counted(f"vedette_frames_{what}", camera=camera, pipeline="people")


def under_way(camera: str) -> float:
    undecided = total("vedette_frames_received_total", camera=camera) - total(
        "vedette_frames_read_total", camera=camera
    )
    return undecided + of_feed("waiting", camera) + sampled(camera) - ends(camera)


def sampled(camera: str) -> float:
    return of_feed("sampled_total", camera)


def ends(camera: str) -> float:
    """Of the frames that were sampled."""
    return (
        of_feed("superseded_total", camera)
        + of_feed("expired_total", camera)
        + total("vedette_frames_dropped_total", camera=camera, hop="gateway")
        + total("vedette_frames_answered_total", camera=camera)
    )


async def desired_cameras(bus: Bus, config: Config) -> Desired:
    return Desired(CameraStore(bus, SITE, await asyncio.to_thread(sealer_of, config)))


@pytest.mark.timeout(280)
async def test_received_is_the_sum_of_all_ends_whatever_dies_on_the_way(
    nats_server: NatsServer, bus: Bus, workers: Processes
) -> None:
    """Two workers in overload, of which one is killed; cameras that vanish, come back and are edited."""
    killed, survivor = workers.start(), workers.start(CONFIG.replace("sessions: 2", "sessions: 1"))
    config = configured(nats_server, {}, PEOPLE)
    desired = await desired_cameras(bus, config)
    first, *others = CAMERAS
    async with simulated(*CAMERAS) as cameras, gateway(config):
        gated = {"gate": {"mode": "activity"}}
        await desired.put(*(record(name, cameras.url(name)) for name in (first, others[0])))
        await desired.put(record(others[1], cameras.url(others[1]), **gated))
        await until(lambda: all(answered(name) > 2 for name in CAMERAS), lambda: survivor.text[-2000:], 120)
        await until(lambda: of_feed("superseded_total", first), "more is sampled than can be served", 120)
        killed.signal(signal.SIGKILL)
        before = answered(first)
        await until(lambda: answered(first) > before + 2, "the other worker goes on", 120)
        await desired.put(record(first, cameras.url(first), sampling={"fps": 24}))
        before = sampled(first)
        await until(lambda: sampled(first) > before, "it is sampled after its change", 120)
        await cameras.close()
        await until(lambda: not any(counted("vedette_camera_up", camera=name) for name in CAMERAS), "all are away", 120)
        await cameras.start()
        before = answered(others[0])
        await until(lambda: answered(others[0]) > before, "they are back", 120)
        await cameras.close()
        await until(
            lambda: not any(under_way(name) for name in CAMERAS),
            lambda: str({name: under_way(name) for name in CAMERAS}),
            120,
        )
        for name in CAMERAS:
            assert counted("vedette_frames_received_total", camera=name) == total(
                "vedette_frames_read_total", camera=name
            )
            assert sampled(name) == ends(name)
            assert read(name, "sampled") == sampled(name)
            assert read(name, "lost") == 0
        assert total("vedette_camera_reconnects_total") > 0
        assert read(first, "unsampled") > 0
        assert sum(answered(name) for name in CAMERAS) <= await stored(bus, DETECTIONS)
