"""`vedette watch CONFIG`: detections as they come."""

import argparse
import asyncio
import os
import sys

from vedette.command_line import add_config, add_logging, begin_logging, read_config
from vedette.errors import BusUnavailable, ConfigError
from vedette.ids import is_id
from vedette.live_view import one_line
from vedette.messages import Detections
from vedette.process import DONE, Stop
from vedette.process import run as run_process
from vedette.subjects import detections_filter
from vedette.subscriber import Subscription, subscribe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette watch`."""
    add_config(parser)
    parser.add_argument("--camera", metavar="NAME", default="*", help="only this camera's")
    parser.add_argument("--label", metavar="LABEL", help="only frames in which this is, as in person")
    parser.add_argument("--json", action="store_true", help="one CloudEvent a line")
    add_logging(parser)
    parser.epilog = "Example: vedette watch configs/demo.yaml --camera street --label person"


def run(args: argparse.Namespace) -> int:
    """Print until stopped; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        subject = detections_filter(config.site, _camera(args.camera))
        await stop.unless_requested(_print(subscribe(config=args.config, subject=subject), args.label, args.json))
        return DONE

    return run_process(body)


def _camera(name: str) -> str:
    """Not only configured ones: a recording's is made by `vedette analyze`."""
    if name != "*" and not is_id(name):
        raise ConfigError(f"--camera {name!r} is no camera's name: lower case letters, digits, - and _")
    return name


async def _print(events: Subscription, label: str | None, as_json: bool) -> None:
    try:
        async with events:
            async for event in events:
                if isinstance(event.data, Detections) and _wanted(event.data, label):
                    line = event.model_dump_json(exclude_none=True) if as_json else one_line(event.data)
                    await asyncio.to_thread(_write, line)
    except BusUnavailable as error:
        hint = "" if "vedette up" in str(error) else "; is vedette up running?"
        raise BusUnavailable(f"{error}{hint}") from error
    except BrokenPipeError:  # `vedette watch | head -1`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python flushes at its end goes nowhere


def _wanted(detections: Detections, label: str | None) -> bool:
    return label is None or any(detection.label == label for detection in detections.detections)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
