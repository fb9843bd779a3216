"""The events process: its share of the partitions, each from detections to events."""

import asyncio
import logging

from events.ownership.ownership import Ownership
from events.partition_worker import PartitionWorker
from events.scene_settings import CameraSettings
from events.sinks.site_sinks import SiteSinks
from events.snapshots.maker import SnapshotMaker
from vedette.background import background
from vedette.bus.address import address_of
from vedette.bus.connection import Bus, connect
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.debug.loopback import LoopbackOnly
from vedette.debug.routes import DebugRoutes
from vedette.fleet.cpu_capacity import core_speed, usable_cores
from vedette.fleet.members import announce, new_member
from vedette.process.health import Health, serve_health
from vedette.process.shell import DONE, Stop
from vedette.tls.server import served_with
from vedette.tracing.span import EVENTS
from vedette.tracing.tracer import Tracer, tracing

logger = logging.getLogger(__name__)


async def serve(config: Config, listen: Address, stop: Stop) -> int:
    """Make events of detections until stopped; returns the exit status.

    Raises StartFailed, BusMisfit, BusUnavailable.
    """
    health = Health()
    health.require("bus", lambda: False)  # until there is one
    debug = DebugRoutes(LoopbackOnly(listen), config.debug.token)
    async with (
        served_with(config.events.tls, ("events", "tls")) as tls,
        serve_health(health, listen, "listen.events", tls, debug.routes) as address,
        await stop.unless_requested(connect(address_of(config, "events"), "events")) as bus,
        tracing(config.tracing, EVENTS, config.site) as tracer,
    ):
        health.require("partitions", lambda: False)  # until they are shared
        health.require("bus", lambda: bus.connected)
        logger.info("health and metrics on %s://%s", "http" if tls is None else "https", address)
        await _run(config, bus, tracer, health, address, stop)
    return DONE


async def _run(config: Config, bus: Bus, tracer: Tracer | None, health: Health, address: Address, stop: Stop) -> None:
    member = new_member("events", config.site, str(address))
    settings = CameraSettings(config)
    snapshots = SnapshotMaker(bus, config.events.snapshots)

    def build(partition: int) -> PartitionWorker:
        return PartitionWorker(bus, partition, member.name, settings.of, config.events.save_s, snapshots, tracer)

    weight = await asyncio.to_thread(lambda: usable_cores() * core_speed())
    ownership = Ownership(bus, member, build, weight)

    def settings_changed() -> None:
        for worker in ownership.workers.values():
            worker.settings_changed()

    def detail() -> dict[str, object]:
        scenes = sum(worker.scenes for worker in ownership.workers.values())
        return {"partitions": ownership.held, "scenes": scenes, "weight": weight}

    health.require("partitions", lambda: ownership.ready)
    health.show("events", detail)
    sinks = SiteSinks(bus, config, member.name, tracer)
    health.show("sinks", lambda: sinks.waiting)
    async with background(
        bus.until_lost(),
        announce(bus, member, detail),
        settings.follow(bus, settings_changed),
        sinks.run(),
        _stop(stop, health, ownership),
    ):
        await stop.unless_requested(settings.until_known())
        await ownership.run()
    snapshots.close()


async def _stop(stop: Stop, health: Health, ownership: Ownership[PartitionWorker]) -> None:
    await stop.wait()
    health.stopping = True
    ownership.stop()
