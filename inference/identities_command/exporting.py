"""`vedette identities export CONFIG [NAME]`."""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from inference.identities.shown import entry_as_json
from inference.identities_command.galleries import add_gallery, gallery_of, identity_access
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.identities.record import IdentityEntry, IdentityRecord
from vedette.messages import rfc3339
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process
from vedette.snapshots.record import Query
from vedette.snapshots.store import SnapshotStore

_EPILOG = """\
Example: vedette identities export site.yaml "Anna Muster" > anna.json

All that is kept of the person: when which model made a vector, and where the snapshots are in which they were named.
The vectors themselves are left out without --embeddings: they are biometric data.
"""
_PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("name", metavar="NAME", nargs="?", help="of the person, or the id; default: all of the gallery")
    add_gallery(parser)
    parser.add_argument("--embeddings", action="store_true", help="the vectors too")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Print it as one JSON object; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        gallery = gallery_of(config, args.gallery)
        people = await stop.unless_requested(_export(config, gallery, args.name, args.embeddings))
        said = {"exported_at": rfc3339(datetime.now(UTC)), "gallery": gallery, "people": people}
        sys.stdout.write(json.dumps(said, indent=2, ensure_ascii=False) + "\n")
        return DONE

    return run_process(body, stopped=FAILED)


async def _export(config: Config, gallery: str, name: str | None, embeddings: bool) -> list[dict[str, Any]]:
    async with identity_access(config) as (bus, store):
        entries = await store.read(gallery) if name is None else [await store.find(gallery, name)]
        snapshots = SnapshotStore(bus)
        return [await _person(entry, snapshots, embeddings) for entry in entries]


async def _person(entry: IdentityEntry, snapshots: SnapshotStore, embeddings: bool) -> dict[str, Any]:
    data = entry_as_json(entry, embeddings)
    if isinstance(entry, IdentityRecord):
        data["snapshots"] = await _snapshots(snapshots, entry.name)
    return data


async def _snapshots(snapshots: SnapshotStore, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    begin: str | None = None
    while True:
        page = await snapshots.page(Query(person=name), _PAGE, begin)
        found += [record.model_dump(mode="json", exclude_none=True) for record in page.records]
        begin = page.next
        if begin is None:
            return found
