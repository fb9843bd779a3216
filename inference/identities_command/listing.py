"""`vedette identities list CONFIG`."""

import argparse
import json
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from inference.identities.shown import entry_as_json, models_of
from inference.identities_command.galleries import add_gallery, identity_access
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.identities.record import IdentityEntry, IdentityRecord
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_WIDTH = 250
"""Columns where no terminal says how many there are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    add_gallery(parser)
    parser.set_defaults(gallery=None)
    parser.add_argument("--json", action="store_true", help="one JSON object a person and line")
    add_logging(parser)
    parser.epilog = "Example: vedette identities list site.yaml\n\nWithout --gallery: the people of all galleries."


def run(args: argparse.Namespace) -> int:
    """Print who is enrolled; returns the exit status, 1 if a record can't be read."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        entries = await stop.unless_requested(_find(config, args.gallery))
        if args.json:
            sys.stdout.write("".join(json.dumps(entry_as_json(entry)) + "\n" for entry in entries))
        else:
            width = None if sys.stdout.isatty() else _WIDTH
            Console(soft_wrap=True, width=width, highlight=False).print(
                _table(entries) if entries else "nobody is enrolled"
            )
        return DONE if all(isinstance(entry, IdentityRecord) for entry in entries) else FAILED

    return run_process(body, stopped=FAILED)


async def _find(config: Config, gallery: str | None) -> list[IdentityEntry]:
    async with identity_access(config) as (_, store):
        return await store.read(gallery)


def _table(entries: list[IdentityEntry]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("gallery", "person", "name", "vectors", "model"):
        table.add_column(title)
    for entry in entries:
        if isinstance(entry, IdentityRecord):
            models = ", ".join(models_of(entry.faces))
            table.add_row(entry.gallery, entry.person, Text(entry.name), str(len(entry.faces)), models)
        else:
            table.add_row(entry.gallery, entry.person, Text(f"refused: {entry.why}"))
    return table
