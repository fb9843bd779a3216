"""The inference process: one model, its data plane, and the consumers of the pipelines that begin with it."""

import asyncio
import logging
import os

from inference.dataplane import DataPlane
from inference.repository.model import Model
from inference.repository.opening import open_repository
from inference.serving.http import Service, serve_http
from inference.serving.limits import Limits
from inference.serving.loopback import is_loopback
from inference.serving.v2.repository import ModelControl
from inference.serving.v2.rest import RestV2
from inference.stream.clip_consumer import ClipConsumer
from inference.stream.intake import Intake
from inference.stream.latest_frames import LatestFrames
from inference.stream.live_consumer import LiveConsumer
from inference.stream.results import Results
from inference.stream.room import Room
from inference.stream.server_clock import ServerClock
from inference.stream.tokens import Tokens
from vedette.background import background, end
from vedette.bus import Bus, connect
from vedette.bus_address import address_of
from vedette.config import Address, Config
from vedette.errors import ConfigError
from vedette.health import Health
from vedette.logs import current_model
from vedette.members import announce, new_member
from vedette.process import DONE, Stop
from vedette.subjects import CLIPS, WORK, clip_consumer, work_consumer

logger = logging.getLogger(__name__)

_DRAIN_S = 1.5


async def serve(config: Config, model_name: str, listen: Address, stop: Stop) -> int:
    """Serve `model_name` until stopped; returns the exit status.

    Raises ModelError, DeviceUnavailable, ConfigError, StartFailed, BusMisfit, BusUnavailable.
    """
    current_model.set(model_name)
    model = await stop.unless_requested(resolve(config, model_name))
    health = Health()
    health.require("bus", lambda: False)  # until there is one
    plane = _data_plane(config, model)
    async with serve_http(health, _services(plane, listen), listen) as address:
        logger.info("%s %s starts; health and metrics on http://%s", model_name, model.version, address)
        try:
            await _run(config, plane, health, address, stop)
        finally:
            health.stopping = True
            await plane.close(grace_s=0.5)
    return DONE


async def resolve(config: Config, model_name: str) -> Model:
    """The model's version that the pipelines ask for; a distant repository is waited for, if the cache has none.

    Raises ConfigError if no pipeline uses it or they ask for different versions, ModelError if it isn't there.
    """
    using = {name: pipeline for name, pipeline in config.pipelines.items() if pipeline.model_name == model_name}
    references = {pipeline.stages[0].model: name for name, pipeline in using.items()}
    if not references:
        raise ConfigError(
            f"no pipeline uses the model {model_name} (used: {', '.join(config.model_names()) or 'none'})"
        )
    async with open_repository(config, patience_s=None) as repository:
        models = {reference: await repository.resolve(reference) for reference in references}
    if len({model.version for model in models.values()}) > 1:
        asked = ", ".join(f"{reference} in {pipeline}" for reference, pipeline in references.items())
        raise ConfigError(f"one process serves one version of {model_name}, but the pipelines ask for several: {asked}")
    return next(iter(models.values()))


def _services(plane: DataPlane, listen: Address) -> list[Service]:
    """What clients reach over HTTP."""
    return [RestV2(plane, ModelControl(plane, may_change=is_loopback(listen.host)), Limits())]


def _data_plane(config: Config, model: Model) -> DataPlane:
    inference = config.inference
    threads = inference.threads or max(1, (os.cpu_count() or 1) // inference.sessions)
    return DataPlane(model, inference.device, inference.sessions, threads, decoders=inference.sessions)


async def _run(config: Config, plane: DataPlane, health: Health, address: Address, stop: Stop) -> None:
    bus_address, name = address_of(config), plane.name
    health.require("model", lambda: plane.ready)
    await stop.unless_requested(plane.start())
    async with await stop.unless_requested(connect(bus_address, f"inference {name}")) as bus:
        health.require("bus", lambda: bus.connected)
        member = new_member("inference", config.site, str(address), name)
        tokens, clock, frames = Tokens(bus), ServerClock(bus), LatestFrames(bus)
        intakes = _intakes(config, bus, plane, tokens, clock, frames)
        health.require("consumers", lambda: all(intake.ready for intake in intakes))
        await clock.measure()
        async with background(bus.until_lost(), tokens.keep_alive(), clock.run(), frames.run(), announce(bus, member)):
            logger.info("%s %s is served on http://%s", name, plane.stable.model.version, address)
            await _consume(intakes, health, stop)


def _intakes(
    config: Config, bus: Bus, plane: DataPlane, tokens: Tokens, clock: ServerClock, frames: LatestFrames
) -> list[Intake]:
    live, complete = Room(plane), Room(plane)  # the batcher's lanes
    intakes = []
    for name, pipeline in config.pipelines.items():
        if pipeline.model_name == plane.name:
            results = Results(bus, pipeline)
            live_consumer = LiveConsumer(bus, plane, results, tokens, frames, clock)
            complete_consumer = ClipConsumer(plane, results, tokens)
            intakes.append(Intake(bus, WORK, work_consumer(name), live, live_consumer.serve))
            intakes.append(Intake(bus, CLIPS, clip_consumer(name), complete, complete_consumer.serve))
    return intakes


async def _consume(intakes: list[Intake], health: Health, stop: Stop) -> None:
    """Until stopped: then not ready, no more intake, and what is in hand gets its time to end."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(intake.run()) for intake in intakes]
        try:
            await stop.wait()
        finally:
            health.stopping = True
            for intake in intakes:
                intake.stop()
        await asyncio.wait(tasks, timeout=_DRAIN_S)
        await end(tasks)
