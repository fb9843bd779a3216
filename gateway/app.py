"""The gateway process: the desired cameras, each on its own, and one publisher."""

import asyncio
import logging
from pathlib import Path

from gateway.api import Backing, CamerasApi, Guard, SnapshotsApi
from gateway.api.debug import debug_routes
from gateway.console.console import Console
from gateway.fleet.fleet import Fleet
from gateway.fleet.fleet_camera import FleetCameraBuilder
from gateway.fleet.hints import Hints
from gateway.fleet.live_publisher import LivePublisher
from gateway.processes.pool import decode_pool
from gateway.sharing.capacity import measured_capacity
from gateway.sharing.sharing import Sharing
from gateway.sharing.unassigned import Unassigned
from gateway.web.audit import auditing
from gateway.web.http import Door, serve_http
from gateway.web.rate_limit import rate_limit
from gateway.whip.endpoint import routes as whip_routes
from gateway.whip.service import WhipService
from vedette.audit.trail import AuditTrail
from vedette.background import background
from vedette.bus.address import address_of
from vedette.bus.connection import connect
from vedette.cameras.file_watch import watch_config
from vedette.cameras.registration import register_patiently
from vedette.cameras.store import CameraStore, Snapshot
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.fleet.member_watch import MemberWatch
from vedette.fleet.members import announce, new_member
from vedette.process.gpu_metrics import watch_gpus
from vedette.process.health import Health
from vedette.process.shell import DONE, Stop
from vedette.secrets.sealing import sealer_of
from vedette.site.link_certificates import watch_link_certificates
from vedette.tls.server import served_with
from vedette.tracing.span import GATEWAY
from vedette.tracing.tracer import tracing

logger = logging.getLogger(__name__)


async def serve(config: Config, listen: Address, stop: Stop, watched: Path | None = None) -> int:
    """Run the cameras until stopped; returns the exit status. `watched`: the file of `config`, whose edits are taken.

    Raises ConfigError, StartFailed, BusMisfit, BusUnavailable.
    """
    sealer = await asyncio.to_thread(sealer_of, config)
    health = Health()
    await asyncio.to_thread(watch_gpus)
    capacity = await asyncio.to_thread(measured_capacity, config.gateway.capacity)
    health.require("bus", lambda: False)
    health.require("cameras", lambda: False)  # until they are known
    guard = Guard(config.gateway.api_token, listen, config.gateway.accounts)
    door, api, whip = Door(), CamerasApi(config, guard), WhipService(config.webrtc)
    console = await asyncio.to_thread(Console, config, guard)
    snapshots = SnapshotsApi(config.site, guard)
    trail, settings = AuditTrail(config.site), config.gateway
    middlewares = [rate_limit(settings.requests_per_s, settings.changes_per_s), auditing(trail, config.site)]
    routes = [*api.routes(), *snapshots.routes(), *console.routes(), *whip_routes(whip)]
    early = [*console.early(), *debug_routes(guard, config.debug)]
    async with (
        served_with(settings.tls, ("gateway", "tls")) as tls,
        serve_http(health, door, routes, listen, early, middlewares, tls) as address,
        await stop.unless_requested(connect(address_of(config, "gateway"), "gateway")) as bus,
        decode_pool(config.gateway.decode_processes) as pool,
        tracing(config.tracing, GATEWAY, config.site) as tracer,
    ):
        health.require("bus", lambda: bus.connected)
        member = new_member("gateway", config.site, str(address))
        publisher = LivePublisher(bus, config.site, tracer)
        await publisher.start()
        hints = Hints(bus, config.site)
        await hints.start()
        store = CameraStore(bus, config.site, sealer)
        builder = FleetCameraBuilder(config, bus, publisher, hints, member, pool, whip)
        fleet, members = Fleet(builder), MemberWatch(bus, config.site)
        fleet.assign((), {})
        sharing = Sharing(member, members, fleet, builder, pool, capacity, Unassigned(bus, config.site, member.name))
        logger.info("health and API on %s://%s", "http" if tls is None else "https", address)
        health.require("cameras", lambda: fleet.told)
        whip.has_camera = lambda name: name in fleet.running()
        whip.is_elsewhere = lambda name: name in fleet.desired() and fleet.desired()[name].is_whip
        api.begin(Backing(bus, store, fleet))
        console.begin(bus)
        snapshots.begin(bus)
        door.is_open = True
        async with background(
            bus.until_lost(),
            announce(bus, member, sharing.detail, sharing.said_anew),
            members.run(),
            sharing.run(),
            publisher.run(),
            trail.run(bus),
            whip.run(),
            console.run(bus),
            fleet.run(),
            watch_link_certificates(config),
            _follow(store, config, fleet, console, watched),
        ):
            await stop.wait()
            health.stopping = True
    return DONE


async def _follow(store: CameraStore, config: Config, fleet: Fleet, console: Console, watched: Path | None) -> None:
    """Register the file's cameras, then keep the fleet to what is desired."""

    def want(snapshot: Snapshot) -> None:
        fleet.want(snapshot)
        console.live.cameras_are(snapshot.revisions)

    await register_patiently(store, config)
    async with background(*([watch_config(watched, config, store)] if watched else [])):
        await store.follow(want)
