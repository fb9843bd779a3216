"""The inference process: one model, its data plane, and the consumers of the pipelines that use it.

As a first stage it takes frames, and asks the further ones; as a further one it takes crops. A model that no pipeline
uses serves requests alone.
"""

import asyncio
import logging
import os
from contextlib import AsyncExitStack, closing

from inference.cascade.cascades import Cascades, galleries_of, is_further_stage
from inference.dataplane import DataPlane
from inference.identities.following import following
from inference.identities.routes import IdentityRoutes
from inference.repository.model import Model
from inference.repository.opening import open_repository
from inference.rollout.available import AvailableVersions
from inference.rollout.control import RolloutControl
from inference.rollout.follower import Follower
from inference.rollout.held import PATIENCE_S
from inference.rollout.routes import RolloutRoutes
from inference.rollout.starting import bounds_of, first_model, start_stable
from inference.rollout.status import detail_of
from inference.rollout.store import RolloutStore
from inference.serving.edge import Edge
from inference.serving.http import Service
from inference.serving.openapi.document import OpenApi
from inference.serving.v2.repository import ModelControl
from inference.serving.v2.rest import RestV2
from inference.serving.vision.addresses import fetcher
from inference.serving.vision.rest import VisionRest
from inference.stream.clip_consumer import ClipConsumer
from inference.stream.crop_consumer import CropConsumer
from inference.stream.frame_traces import FrameTraces
from inference.stream.intake import Intake
from inference.stream.latest_frames import LatestFrames
from inference.stream.live_consumer import LiveConsumer
from inference.stream.results import Results
from inference.stream.room import Room
from inference.stream.server_clock import ServerClock
from inference.stream.tokens import Tokens
from vedette.audit.trail import AuditTrail
from vedette.background import background, end
from vedette.bus.address import BusAddress, address_of
from vedette.bus.connection import Bus, connect
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.consumers import clip_consumer, crop_consumer, work_consumer
from vedette.debug.routes import DebugRoutes
from vedette.errors import BusUnavailable
from vedette.fleet.members import announce, new_member
from vedette.fleet.worker_addresses import WorkerAddress
from vedette.process.gpu_metrics import watch_gpus
from vedette.process.health import Health
from vedette.process.logs import current_model
from vedette.process.shell import DONE, Stop
from vedette.streams import CLIPS, CROPS, WORK
from vedette.tracing.span import INFERENCE
from vedette.tracing.tracer import Tracer, tracing

logger = logging.getLogger(__name__)

_DRAIN_S = 1.5
_CONNECT_AT_ONCE_S = 1.0


async def serve(config: Config, model_name: str, listen: WorkerAddress, stop: Stop) -> int:
    """Serve `model_name` until stopped; returns the exit status.

    Raises ModelError, DeviceUnavailable, ConfigError, StartFailed, BusMisfit, BusUnavailable.
    """
    current_model.set(model_name)
    bounds, edge = bounds_of(config, model_name), await asyncio.to_thread(Edge, config, listen)
    health = Health()
    await asyncio.to_thread(watch_gpus)
    health.require("bus", lambda: False)  # until there is one
    async with open_repository(config, role="inference") as repository:
        available = AvailableVersions(repository, bounds)
        plane = _data_plane(config, await stop.unless_requested(first_model(available)), available)
        rollouts = RolloutRoutes(model_name, may_change=edge.access.may_change)
        control = ModelControl(plane, may_change=edge.access.may_change)
        pipelines = {name: one for name, one in config.pipelines.items() if one.model_name == model_name}
        vision = VisionRest(plane, edge.limits, pipelines, fetcher(config.serving.urls))
        people = IdentityRoutes(config, repository, edge.limits)
        debug = DebugRoutes(edge.access.check_debug, config.debug.token)
        services: list[Service] = [RestV2(plane, control, edge.limits), vision, rollouts, people, OpenApi(), debug]
        async with edge.http(health, services) as address, edge.grpc(plane, control) as grpc:
            version = plane.stable.model.version
            logger.info("%s %s starts; health and metrics on %s://%s", model_name, version, edge.scheme, address)
            logger.info("Open Inference Protocol over gRPC on %s", grpc)
            try:
                await _run(config, plane, available, rollouts, people, edge.changes.trail, health, address, stop)
            finally:
                health.stopping = True
                await plane.close(grace_s=0.5)
    return DONE


def _data_plane(config: Config, model: Model, available: AvailableVersions) -> DataPlane:
    inference = config.inference
    threads = inference.threads or max(1, (os.cpu_count() or 1) // inference.sessions)
    stages = [stage for one in config.pipelines.values() for stage in one.models if stage.model_name == model.card.name]
    return DataPlane(
        model,
        inference.device,
        inference.sessions,
        threads,
        decoders=inference.sessions,
        find=available.find,
        shadow_confidence=min((stage.confidence or 0.0 for stage in stages), default=0.0),
        patience_s=max(PATIENCE_S, inference.request_timeout_s, inference.budget_ms / 1000),
    )


async def _run(
    config: Config,
    plane: DataPlane,
    available: AvailableVersions,
    rollouts: RolloutRoutes,
    people: IdentityRoutes,
    changes: AuditTrail,
    health: Health,
    address: Address,
    stop: Stop,
) -> None:
    bus_address, name = address_of(config, "inference"), plane.name
    health.require("model", lambda: plane.ready)
    async with AsyncExitStack() as connected:
        bus = await stop.unless_requested(_connect_at_once(bus_address, name))
        if bus is not None:
            await connected.enter_async_context(bus)
        store = RolloutStore(bus) if bus is not None else None
        found, stored = await stop.unless_requested(start_stable(plane, available, store))
        if bus is None:
            bus = await stop.unless_requested(connect(bus_address, f"inference {name}"))
            await connected.enter_async_context(bus)
        await connected.enter_async_context(background(changes.run(bus)))
        store = RolloutStore(bus)
        rollouts.connect(RolloutControl(available, store), bus)
        people.connect(bus)
        follower = Follower(plane, available, store, config.models.poll_s)
        follower.begin(found, stored)
        health.show("rollout", lambda: detail_of(plane, follower))
        first = {name: one for name, one in config.pipelines.items() if one.model_name == plane.name}
        galleries = await connected.enter_async_context(following(config, bus, galleries_of(first)))
        with closing(Cascades(bus, available.repository, first, config.models.poll_s, galleries)) as cascades:
            await cascades.begin()
            tracer = await connected.enter_async_context(tracing(config.tracing, INFERENCE, config.site))
            await _serve_streams(config, plane, cascades, follower, bus, tracer, health, address, stop)


async def _connect_at_once(address: BusAddress, name: str) -> Bus | None:
    """None if it can't be: the model is loaded meanwhile."""
    try:
        return await connect(address, f"inference {name}", give_up_after_s=_CONNECT_AT_ONCE_S)
    except BusUnavailable:
        return None


async def _serve_streams(
    config: Config,
    plane: DataPlane,
    cascades: Cascades,
    follower: Follower,
    bus: Bus,
    tracer: Tracer | None,
    health: Health,
    address: Address,
    stop: Stop,
) -> None:
    health.require("bus", lambda: bus.connected)
    member = new_member("inference", config.site, str(address), plane.name)
    tokens, clock, frames = Tokens(bus), ServerClock(bus), LatestFrames(bus)
    traces = None if tracer is None else FrameTraces(tracer, clock)
    intakes = _intakes(config, bus, plane, cascades, tokens, clock, frames, traces)
    health.require("consumers", lambda: all(intake.ready for intake in intakes))
    await clock.measure()
    announcing = announce(bus, member, lambda: detail_of(plane, follower))
    receiving = (clock.run(), frames.run(), cascades.run())
    watching = (bus.until_lost(), plane.until_hung())
    async with background(*watching, tokens.keep_alive(), *receiving, announcing, follower.run()):
        await stop.unless_requested(follower.until_followed())
        logger.info("%s %s is served on %s", plane.name, plane.stable.model.version, address)
        await _consume(intakes, health, stop)


def _intakes(
    config: Config,
    bus: Bus,
    plane: DataPlane,
    cascades: Cascades,
    tokens: Tokens,
    clock: ServerClock,
    frames: LatestFrames,
    traces: FrameTraces | None,
) -> list[Intake]:
    live, complete = Room(plane), Room(plane)  # the batcher's lanes
    intakes = []
    for name, pipeline in config.pipelines.items():
        if pipeline.model_name == plane.name:
            results, cascade = Results(bus, pipeline), cascades.of(name)
            live_consumer = LiveConsumer(bus, plane, results, tokens, frames, clock, cascade, traces)
            complete_consumer = ClipConsumer(plane, results, tokens, cascade, traces)
            intakes.append(Intake(bus, WORK, work_consumer(name), live, live_consumer.serve))
            intakes.append(Intake(bus, CLIPS, clip_consumer(name), complete, complete_consumer.serve))
    if is_further_stage(plane.name, config.pipelines):
        crops = CropConsumer(bus, plane, tokens, clock)
        intakes.append(Intake(bus, CROPS, crop_consumer(plane.name), live, crops.serve))
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
        if tasks:  # none: it serves requests alone
            await asyncio.wait(tasks, timeout=_DRAIN_S)
        await end(tasks)
