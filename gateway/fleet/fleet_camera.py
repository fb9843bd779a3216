"""A camera with all that it registers elsewhere in the gateway; and what makes it."""

from contextlib import AbstractAsyncContextManager, AsyncExitStack

import vedette.process.metrics
from gateway import metrics
from gateway.fleet.camera import Camera, Decoding
from gateway.fleet.camera_status import CameraStatus
from gateway.fleet.hints import Hints
from gateway.fleet.live_publisher import LivePublisher
from gateway.fleet.rate_control import RateLimits
from gateway.fleet.recovery import Recovery, recovery_of
from gateway.fleet.stills import stills_given
from gateway.pictures.sampled_frame import Output
from gateway.reading.sampler import Sampling
from gateway.whip.service import WhipService
from gateway.whip.whip_reader import WhipDecoding
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.cameras.check import check_camera
from vedette.config.camera_settings import Camera as CameraConfig
from vedette.config.config import Config
from vedette.fleet.leases import Lease
from vedette.fleet.members import Member

_LEAST = 20
"""Of the usual rate, where the configuration doesn't say how low it may become."""


class FleetCamera:
    """A camera that a fleet can run, once."""

    def __init__(
        self,
        camera: Camera,
        status: CameraStatus,
        publisher: LivePublisher,
        hints: Hints,
        recovery: Recovery | None,
        place: WhipDecoding | None,
        stills: AbstractAsyncContextManager[None] | None = None,
    ) -> None:
        """`place`: where the camera is published to; `stills` gives pictures of its main stream."""
        self._camera = camera
        self._stills = stills
        self._place = place
        self._status = status
        self._publisher = publisher
        self._hints = hints
        self._recovery = recovery
        hints.tell(camera.name, camera.hint)
        if recovery is not None:
            status.on_change.append(recovery.on_state)

    async def run(self) -> None:
        """Run until cancelled."""
        async with AsyncExitStack() as stack:
            if self._recovery is not None:
                await stack.enter_async_context(background(self._recovery.run()))
            if self._place is not None:
                await stack.enter_async_context(self._place)
            if self._stills is not None:
                await stack.enter_async_context(self._stills)
            await self._camera.run()

    def refuse(self, why: str | None) -> None:
        """The status says that the latest change was refused, or (None) no more."""
        if why != self._status.refused:
            self._status.refused = why
            self._status.publish_soon()

    def part(self, reason: str) -> None:
        """The last that the status says will be `reason`."""
        self._status.farewell = reason

    def close(self) -> None:
        """Leave the publisher and the bus."""
        self._hints.forget(self._camera.name)
        self._publisher.remove(self._camera.name)
        self._status.close()


class FleetCameraBuilder:
    """Makes the cameras of one gateway."""

    def __init__(
        self,
        config: Config,
        bus: Bus,
        publisher: LivePublisher,
        hints: Hints,
        member: Member,
        decoding: Decoding,
        whip: WhipService,
    ) -> None:
        self._config = config
        self._bus = bus
        self._publisher = publisher
        self._hints = hints
        self._member = member
        self._decoding = decoding
        self._whip = whip
        self._leases: dict[str, Lease] = {}

    def holds(self, name: str) -> bool:
        """Whether a camera's lease is ours now."""
        return name in self._leases and self._leases[name].held

    def check(self, name: str, camera: CameraConfig) -> None:
        """Whether it can be run with this gateway's pipelines. Raises CameraRefused."""
        check_camera(name, camera, self._config.pipelines)

    def build(self, name: str, camera: CameraConfig) -> FleetCamera:
        """A camera that is to run."""
        site = self._config.site
        for pipeline in camera.pipeline:
            metrics.SAMPLED.labels(name, pipeline)  # a zero from the start
        lease = self._leases[name] = Lease(self._bus, f"{site}.{name}", self._member.name)
        status = CameraStatus(self._bus, site, name, self._member.name, lease)
        place = WhipDecoding(self._whip, name, camera.token, lease, status, self._decoding) if camera.is_whip else None
        running = Camera(
            name,
            camera,
            outputs_of(camera, self._config),
            {
                pipeline: self._publisher.feed(name, pipeline, lease, rates_of(camera, pipeline, self._config))
                for pipeline in camera.pipeline
            },
            lease,
            status,
            self._config.inference.budget_ms,
            place or self._decoding,
        )
        recovery = recovery_of(site, name, camera.recovery)
        substream = camera.substream
        gives = substream is not None and substream.snapshots == "main"
        stills = stills_given(self._bus, site, name, running.still) if gives else None
        return FleetCamera(running, status, self._publisher, self._hints, recovery, place, stills)

    def forget(self, name: str) -> None:
        """Remove the camera's series from every metric."""
        self._leases.pop(name, None)
        self._publisher.forget(name)
        vedette.process.metrics.forget((metrics, vedette.process.metrics), {"camera": name})


def outputs_of(camera: CameraConfig, config: Config) -> list[Output]:
    """What the reader of a camera makes: pictures for each of its pipelines."""
    outputs = []
    for name in camera.pipeline:
        pipeline = config.pipelines[name]
        sampling, frame = camera.sampling or pipeline.sampling, pipeline.frame
        outputs.append(Output(name, frame.width, frame.quality, Sampling(sampling.fps, sampling.keyframes)))
    return outputs


def rates_of(camera: CameraConfig, pipeline: str, config: Config) -> RateLimits | None:
    """How often a camera may be sampled for a pipeline; None where its keyframes say that."""
    sampling = camera.sampling or config.pipelines[pipeline].sampling
    if sampling.fps is None:
        return None
    least, most = sampling.min_fps or sampling.fps / _LEAST, sampling.max_fps or sampling.fps
    return RateLimits(sampling.fps, least, most, camera.priority, config.inference.budget_ms / 1000)
