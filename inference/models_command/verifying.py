"""`vedette models verify CONFIG [NAME…]`."""

import argparse
import asyncio
import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from inference.build.onnx_file import read_onnx
from inference.build.proof import prove
from inference.errors import ModelError
from inference.repository.folder import no_version
from inference.repository.model import Model
from inference.repository.opening import open_repository
from inference.repository.references import Reference, in_order
from inference.repository.repository import ModelRepository
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_PATIENCE_S = 20.0
_WIDTH = 250
"""Columns where no terminal says how many there are."""
_EPILOG = """\
Example: vedette models verify configs/demo.yaml coco-detector@^1

Each file's digest is compared with the card's, its graph with the card's task, and it is run once, on the CPU, in a
process of its own. Exit status 1 if anything is wrong.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("references", metavar="NAME[@VERSION]", nargs="*", help="which models; default: all")
    parser.add_argument("--json", action="store_true", help="one JSON object a version and line")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Verify them; returns the exit status, 1 if one is at fault."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        async with open_repository(config, patience_s=_PATIENCE_S) as repository:
            rows = await stop.unless_requested(find(repository, args.references))
        if args.json:
            sys.stdout.write("".join(json.dumps(row) + "\n" for row in rows))
        else:
            console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
            console.print(_table(rows) if rows else "no models")
        return FAILED if any(row["fault"] for row in rows) else DONE

    return run_process(body, stopped=FAILED)


async def find(repository: ModelRepository, references: list[str]) -> list[dict[str, Any]]:
    """A row a version, with `fault`: why it can't be served, or None. Raises RepositoryUnavailable, and ModelError for
    a reference to what isn't there."""
    wanted = [Reference.parse(text) for text in references or await repository.names()]
    rows = []
    for reference in wanted:
        try:
            card = await repository.card(reference.name)
        except ModelError as error:
            if references:
                raise
            rows.append({"name": reference.name, "version": None, "fault": str(error)})
            continue
        versions = [version for version in in_order(card.versions) if reference.fits(version)]
        if not versions:
            raise no_version(repository.where, reference, card)
        rows += [await _row(repository, card.name, version) for version in versions]
    return rows


async def _row(repository: ModelRepository, name: str, version: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "version": version, "fault": None}
    try:
        model = await repository.fetch(await repository.card(name), version)
        return {**row, **await asyncio.to_thread(_verified, model)}
    except ModelError as error:
        return {**row, "fault": str(error)}


def _verified(model: Model) -> dict[str, Any]:
    """Raises ModelError."""
    file = read_onnx(model.path, model.digest.removeprefix("sha256:"))
    outcome = prove(file, model.card, model.version)
    return {
        "task": model.card.task,
        "digest": model.digest,
        "nodes": file.nodes,
        "opset": file.opset,
        "run_s": round(outcome.seconds, 4),
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "version", "task", "opset", "run, ms", "fault"):
        table.add_column(title)
    for row in rows:
        run_ms = f"{row['run_s'] * 1000:.1f}" if "run_s" in row else ""
        fault = Text(row["fault"] or "none", style="red" if row["fault"] else "")
        table.add_row(row["name"], row["version"] or "", row.get("task", ""), str(row.get("opset", "")), run_ms, fault)
    return table
