"""The system that an analysis runs in: the site's own if it runs, else a private one that ends with the analysis."""

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from nats.errors import Error as NatsError

from vedette.background import background
from vedette.bus.address import STATE_VARIABLE, address_of
from vedette.bus.connection import Bus, connect
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.errors import BusMisfit, BusUnavailable
from vedette.fleet.members import Member, live_members
from vedette.process.shell import Stop
from vedette.streams import CLIPS, DETECTIONS, EVENTS
from vedette.up.stack import Stack

logger = logging.getLogger(__name__)

_IS_IT_THERE_S = 0.5
_LOOK_AGAIN_S = 0.1


@asynccontextmanager
async def system(
    config: Config, path: Path, models: Sequence[str], workers: int | None, stop: Stop
) -> AsyncIterator[Bus]:
    """The bus, with inference processes for `models`: those that run, or `workers` of our own for the time being.

    Raises StartFailed, BusError.
    """
    bus = await _running_bus(config)
    if bus is not None:
        async with bus:
            members = await _members(config, bus)
            missing = _missing(models, members) if workers is None else models
            own = max(1, config.inference.replicas) if workers is None else workers
            events = not any(member.kind == "events" for member in members)
            async with _own_processes(config, path, missing, own, events, None, stop):
                if missing or events:
                    await stop.unless_requested(_until_streams(bus))
                yield bus
        return
    if config.nats is not None:
        raise BusUnavailable(f"{config.nats.url}: no answer")
    folder = tempfile.mkdtemp(prefix="vedette-")
    os.environ[STATE_VARIABLE] = folder
    try:
        own = max(1, config.inference.replicas) if workers is None else workers
        async with (
            _own_processes(config, path, models, own, True, folder, stop),
            await connect(address_of(config), "analyze", give_up_after_s=5.0) as bus,
        ):
            yield bus
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _until_streams(bus: Bus) -> None:
    """Wait for the streams that an analysis needs: on a new server our own workers make them, one after another, once
    they have connected."""
    missing = [CLIPS, DETECTIONS, EVENTS]
    while missing:
        try:
            await bus.jetstream.stream_info(missing[-1])
        except (NatsError, TimeoutError):
            await asyncio.sleep(_LOOK_AGAIN_S)
        else:
            missing.pop()


async def _running_bus(config: Config) -> Bus | None:
    try:
        address = await asyncio.to_thread(address_of, config)
        return await connect(address, "analyze", give_up_after_s=_IS_IT_THERE_S, keeps_streams=False)
    except BusUnavailable:
        return None
    except BusMisfit as error:
        if config.nats is not None:
            raise
        logger.warning("the site's own server is not there any more: %s", error)  # another one has its port now
        return None


async def _members(config: Config, bus: Bus) -> list[Member]:
    try:
        return await live_members(bus, config.site)
    except BusUnavailable:
        return []  # a new server: nobody has been there yet


def _missing(models: Sequence[str], members: Sequence[Member]) -> list[str]:
    """The models that nobody serves."""
    there = {member.serves for member in members if member.kind == "inference"}
    return [model for model in models if model not in there]


@asynccontextmanager
async def _own_processes(
    config: Config,
    path: Path,
    models: Sequence[str],
    workers: int,
    events: bool,
    private_broker_in: str | None,
    stop: Stop,
) -> AsyncIterator[None]:
    free = Address(host="127.0.0.1", port=0)
    listen = config.listen.model_copy(update={"nats": free, "inference": free, "events": free})
    stack = Stack(config.model_copy(update={"listen": listen}), path, to_files=private_broker_in is not None)
    stop.on_force = stack.kill
    try:
        if private_broker_in is not None:
            await stop.unless_requested(stack.start_broker())
        await stop.unless_requested(stack.start_workers(workers, models))
        if events:
            await stop.unless_requested(stack.start_events())
        async with background(stack.watch()):
            yield
    finally:
        await stack.end()
