"""`vedette identities remove CONFIG NAME`."""

import argparse
import json
import sys

from inference.identities.enrolment import Removed, remove
from inference.identities.shown import removed_as_json
from inference.identities_command.galleries import add_gallery, gallery_of, identity_access
from vedette.audit.commands import note_command
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process
from vedette.snapshots.store import SnapshotStore

_EPILOG = """\
Example: vedette identities remove site.yaml "Anna Muster"

The vectors go, and every snapshot in which the person was named. Events that are stored already keep the name until
their stream forgets them (retention.events_days). Who stands before a camera now may be in a snapshot that is still to
come: remove them again afterwards, by the name as it is printed, capitals too.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("name", metavar="NAME", help="of the person, or the id that list prints")
    add_gallery(parser)
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Remove them; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        gallery = gallery_of(config, args.gallery)
        done = await stop.unless_requested(_remove(config, gallery, args.name))
        sys.stdout.write(json.dumps(removed_as_json(done)) + "\n" if args.json else told(done, gallery))
        return DONE

    return run_process(body, stopped=FAILED)


async def _remove(config: Config, gallery: str, name: str) -> Removed:
    async with identity_access(config) as (bus, store):
        done = await remove(store, SnapshotStore(bus), gallery, name)
        await note_command(bus, config.site, "identities remove", gallery)
        return done


def told(done: Removed, gallery: str) -> str:
    """In words."""
    if done.name is None:
        return (
            "the record is gone; it could not be read, so whose snapshots there are is not known: remove by name too\n"
        )
    was = f"removed from {gallery}" if done.was_enrolled else f"not in {gallery}"
    return f"{done.name}: {was}; {done.snapshots} snapshot{'' if done.snapshots == 1 else 's'} deleted\n"
