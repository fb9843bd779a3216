"""`vedette cameras show CONFIG NAME`."""

import argparse
import json
import sys

from gateway.cameras_command.listing import as_data, find, state_of
from gateway.fleet.camera_edit import UnknownCamera
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("name", metavar="NAME", help="the camera")
    parser.add_argument("--json", action="store_true", help="as one JSON object, with its whole status")
    add_logging(parser)
    parser.epilog = "Example: vedette cameras show configs/demo.yaml street"


def run(args: argparse.Namespace) -> int:
    """Print one camera; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        entries, states = await stop.unless_requested(find(config))
        entry = entries.get(args.name)
        if entry is None:
            raise UnknownCamera(args.name)
        data = as_data(entry, states.get(args.name))
        if args.json:
            sys.stdout.write(json.dumps(data) + "\n")
            return DONE
        data.pop("status", None)
        lines = {**data, "state": state_of(entry, states.get(args.name))}
        sys.stdout.writelines(f"{key:12} {_plain(value)}\n" for key, value in lines.items())
        return DONE

    return run_process(body, stopped=FAILED)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
