"""`vedette reseal CONFIG`: after another key was put before the old one in a key file, seal everything with that.

Then, and not before, the old key may go from the file.
"""

import argparse
import asyncio
import sys

from vedette.audit.commands import note_command
from vedette.bus.access import bus_access
from vedette.bus.atomic_write import MOST_WRITES
from vedette.cameras.plan import Change
from vedette.cameras.record import CameraRecord, said_anew
from vedette.cameras.store import CameraStore, Snapshot
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.errors import Conflict
from vedette.identities.record import IdentityRecord
from vedette.identities.store import IdentityStore
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process
from vedette.secrets.sealing import identities_sealer_of, sealer_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette reseal`."""
    add_config(parser)
    add_logging(parser)
    parser.epilog = "Example: vedette reseal site.yaml"


def run(args: argparse.Namespace) -> int:
    """Seal all; returns the exit status: 1 where something can't be opened with any key."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        cameras, people = await stop.unless_requested(_reseal(config))
        sys.stdout.write(f"{cameras.done} cameras and {people.done} people are sealed with the first key\n")
        for what, tally in (("camera", cameras), ("person", people)):
            for name in tally.left:
                sys.stderr.write(f"vedette: {what} {name} was left as it is\n")
        return FAILED if cameras.left or people.left else DONE

    return run_process(body, stopped=FAILED)


class Tally:
    """What was done, and what could not be."""

    def __init__(self) -> None:
        self.done = 0
        self.left: list[str] = []


async def _reseal(config: Config) -> tuple[Tally, Tally]:
    cameras_key, people_key = await asyncio.to_thread(lambda: (sealer_of(config), identities_sealer_of(config)))
    async with bus_access(config, "reseal") as bus:
        cameras = await reseal_cameras(CameraStore(bus, config.site, cameras_key), config)
        people = await reseal_people(IdentityStore(bus, people_key))
        await note_command(bus, config.site, "reseal")
        return cameras, people


async def reseal_cameras(store: CameraStore, config: Config) -> Tally:
    """Those of the site. Raises BusError, Conflict."""
    tally = Tally()
    names = sorted((await store.read()).entries)
    for start in range(0, len(names), MOST_WRITES):
        chosen = frozenset(names[start : start + MOST_WRITES])
        left: list[str] = []

        def decide(snapshot: Snapshot, chosen: frozenset[str] = chosen, left: list[str] = left) -> list[Change]:
            left.clear()
            changes = []
            for name in chosen & snapshot.entries.keys():
                entry = snapshot.entries[name]
                if name in config.cameras:
                    entry = said_anew(entry, config.cameras[name], store.sealer)
                if isinstance(entry, CameraRecord):
                    changes.append(Change(name, entry))
                else:
                    left.append(f"{name}: {entry.why}")
            return changes

        await store.edit(decide)
        tally.done += len(chosen) - len(left)
        tally.left += left
    return tally


async def reseal_people(store: IdentityStore) -> Tally:
    """Of all galleries on the bus. Raises BusError."""
    tally = Tally()
    for entry in await store.read():
        if not isinstance(entry, IdentityRecord):
            tally.left.append(f"{entry.gallery}/{entry.person}: {entry.why}")
            continue
        try:
            await store.reseal(entry)
        except Conflict:
            tally.left.append(f"{entry.gallery}/{entry.person}: changed meanwhile; once more, please")
        else:
            tally.done += 1
    return tally
