"""`vedette models list CONFIG`."""

import argparse
import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from inference.errors import ModelError
from inference.repository.card import ModelCard
from inference.repository.opening import open_repository
from inference.repository.references import in_order
from inference.repository.repository import ModelRepository
from inference.repository.store import Objects, file_path
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_WIDTH = 250
"""Columns where no terminal says how many there are."""
_MIB = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a version and line")
    add_logging(parser)
    parser.epilog = """\
Example: vedette models list configs/demo.yaml

Where the repository can't be reached, what is known of it and lies in the cache is listed, as offline.
"""


def run(args: argparse.Namespace) -> int:
    """Print the models; returns the exit status, 1 if a card can't be used."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        async with open_repository(config) as repository:
            rows = await stop.unless_requested(find(repository))
        if args.json:
            sys.stdout.write("".join(json.dumps(row) + "\n" for row in rows))
        else:
            console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
            offline = f" (offline: {repository.offline})" if repository.offline else ""
            console.print(Text(f"{config.models.where}{offline}"))
            console.print(_table(rows) if rows else "no models")
        return FAILED if any("refused" in row for row in rows) else DONE

    return run_process(body, stopped=FAILED)


async def find(repository: ModelRepository) -> list[dict[str, Any]]:
    """A row a version, oldest first; one for a card that can't be used, with `refused`: why.

    Raises RepositoryUnavailable if the place can't be reached and nothing is in the cache.
    """
    rows: list[dict[str, Any]] = []
    names, objects = await repository.names(), await repository.objects()
    for name in names:
        try:
            card = await repository.card(name)
        except ModelError as error:
            rows.append({"name": name, "refused": str(error)})
            continue
        rows += [await _row(repository, card, version, objects) for version in in_order(card.versions)]
    state = {"where": repository.where, "offline": repository.offline}
    return [{**row, **state} for row in rows]


async def _row(repository: ModelRepository, card: ModelCard, version: str, objects: Objects) -> dict[str, Any]:
    found = objects.get(file_path(card.name, version))
    return {
        "name": card.name,
        "version": version,
        "task": card.task,
        "size_bytes": found.size_bytes if found else None,
        "digest": f"sha256:{card.versions[version].sha256}",
        "licence": card.versions[version].licence,
        "local": await repository.is_local(card, version),
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "version", "task", "size", "on this machine", "licence"):
        table.add_column(title)
    for row in rows:
        if "refused" in row:
            table.add_row(row["name"], "", Text(f"refused: {row['refused']}"))
            continue
        local = "yes" if row["local"] else "no"
        table.add_row(row["name"], row["version"], row["task"], size_of(row["size_bytes"]), local, Text(row["licence"]))
    return table


def size_of(size_bytes: int | None) -> str:
    """`7.3 MiB`"""
    return "unknown" if size_bytes is None else f"{size_bytes / _MIB:.1f} MiB"
