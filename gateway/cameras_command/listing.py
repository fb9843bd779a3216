"""`vedette cameras list CONFIG`."""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vedette.cameras.access import camera_access
from vedette.cameras.latest_status import latest_status
from vedette.cameras.record import CameraRecord, Entry, settings_of
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.messages import Status
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_WIDTH = 250
"""Columns where no terminal says how many there are."""

Found = tuple[Mapping[str, Entry], Mapping[str, Status]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a camera and line")
    add_logging(parser)
    parser.epilog = "Example: vedette cameras list configs/demo.yaml"


def run(args: argparse.Namespace) -> int:
    """Print the cameras; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        entries, states = await stop.unless_requested(find(config))
        if args.json:
            lines = [json.dumps(as_data(entry, states.get(name))) + "\n" for name, entry in entries.items()]
            sys.stdout.write("".join(lines))
        else:
            width = None if sys.stdout.isatty() else _WIDTH
            Console(soft_wrap=True, width=width).print(
                _table(entries, states) if entries else f"no cameras at {config.site}"
            )
        return DONE

    return run_process(body, stopped=FAILED)


async def find(config: Config) -> Found:
    """The desired cameras of the site, and what they said of themselves last."""
    async with camera_access(config, "cameras") as (bus, store):
        entries = (await store.read()).entries
        return entries, await latest_status(bus, config.site, entries)


def as_data(entry: Entry, status: Status | None) -> dict[str, Any]:
    """A camera as the API shows it; secrets masked."""
    data: dict[str, Any] = {"name": entry.name, "revision": entry.revision}
    if isinstance(entry, CameraRecord):
        data |= {"origin": entry.origin, **settings_of(entry.camera, whole=True)}
    else:
        data["refused"] = entry.why
    if status is not None:
        data["status"] = status.model_dump(mode="json", exclude_none=True)
    return data


def state_of(entry: Entry, status: Status | None) -> str:
    """`live`, `offline: nothing listens there`, `disabled`, `unknown`"""
    if not isinstance(entry, CameraRecord):
        return f"refused: {entry.why}"
    if not entry.camera.enabled:
        return "disabled"
    if status is None:
        return "unknown"
    state = f"{status.state}: {status.reason}" if status.reason else status.state
    return f"{state} (change refused: {status.refused})" if status.refused else state


def _table(entries: Mapping[str, Entry], states: Mapping[str, Status]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("camera", "origin", "pipeline", "url", "state"):
        table.add_column(title)
    for name, entry in entries.items():
        state = Text(state_of(entry, states.get(name)))
        if isinstance(entry, CameraRecord):
            url, pipelines = str(entry.camera.url), ", ".join(entry.camera.pipeline)
            table.add_row(name, entry.origin, pipelines, Text(url), state)
        else:
            table.add_row(name, "", "", "", state)
    return table
