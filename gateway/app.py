"""The gateway process: the cameras of the configuration, each on its own, and one publisher."""

import logging
import sys

from aiohttp import web

from gateway.camera import Camera
from gateway.camera_status import CameraStatus
from gateway.http import Door, serve_http
from gateway.live_publisher import LivePublisher
from gateway.sampled_frame import Output
from gateway.sampler import Sampling
from vedette.background import background
from vedette.bus import Bus, connect
from vedette.bus_address import address_of
from vedette.config import Address, Config
from vedette.health import Health
from vedette.leases import Lease
from vedette.members import Member, announce, new_member
from vedette.process import DONE, Stop

logger = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.0005
"""Decoding threads get the interpreter back quickly: with the default 5 ms busy Python slows them 4 to 7 times."""


async def serve(config: Config, listen: Address, stop: Stop) -> int:
    """Run the cameras until stopped; returns the exit status.

    Raises StartFailed, BusMisfit, BusUnavailable.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    health = Health()
    health.require("bus", lambda: False)
    door = Door()
    routes: list[web.RouteDef] = []  # of the services: [*api.routes(), *whip.routes()]
    async with (
        serve_http(health, door, routes, listen) as address,
        await stop.unless_requested(connect(address_of(config), "gateway")) as bus,
    ):
        health.require("bus", lambda: bus.connected)
        member = new_member("gateway", config.site, str(address))
        publisher = LivePublisher(bus, config.site)
        await publisher.start()
        cameras = [_camera(config, name, bus, publisher, member) for name in config.cameras]
        logger.info("%s camera(s); health on http://%s", len(cameras), address)
        runs = [camera.run() for camera in cameras]
        door.is_open = True
        async with background(bus.until_lost(), announce(bus, member), publisher.run(), *runs):
            await stop.wait()
            health.stopping = True
    return DONE


def _camera(config: Config, name: str, bus: Bus, publisher: LivePublisher, member: Member) -> Camera:
    camera = config.cameras[name]
    lease = Lease(bus, f"{config.site}.{name}", member.name)
    return Camera(
        name,
        camera,
        outputs_of(config, name),
        {pipeline: publisher.feed(name, pipeline, lease) for pipeline in camera.pipeline},
        lease,
        CameraStatus(bus, config.site, name, member.name, lease),
        config.inference.budget_ms,
    )


def outputs_of(config: Config, name: str) -> list[Output]:
    """What the reader of a camera makes: pictures for each of its pipelines."""
    camera = config.cameras[name]
    outputs = []
    for pipeline in camera.pipeline:
        sampling, frame = config.sampling_of(name, pipeline), config.pipelines[pipeline].frame
        outputs.append(Output(pipeline, frame.width, frame.quality, Sampling(sampling.fps, sampling.keyframes)))
    return outputs
