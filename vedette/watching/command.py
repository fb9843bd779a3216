"""`vedette watch CONFIG`: detections, or events, as they come."""

import argparse
import asyncio
import os
import sys

from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.errors import BusUnavailable, ConfigError
from vedette.event_parser import Event
from vedette.ids import is_id
from vedette.messages import Detections, Message
from vedette.object_messages import ObjectEvent
from vedette.process.shell import DONE, Stop
from vedette.process.shell import run as run_process
from vedette.subjects import detections_filter, events_filter
from vedette.subscriber.subscribe import Subscription, subscribe
from vedette.watching.live_view import one_line
from vedette.watching.story import told


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette watch`."""
    add_config(parser)
    parser.add_argument("--camera", metavar="NAME", default="*", help="only this camera's")
    parser.add_argument("--site", metavar="NAME", help="only this site's; default: the configuration's, of a hub all")
    parser.add_argument("--events", action="store_true", help="what happens, rather than each frame's detections")
    parser.add_argument("--label", metavar="LABEL", help="only frames in which this is, or events of it, as in person")
    parser.add_argument("--json", action="store_true", help="one CloudEvent a line")
    add_logging(parser)
    parser.epilog = "Example: vedette watch configs/demo.yaml --events --camera street --label person"


def run(args: argparse.Namespace) -> int:
    """Print until stopped; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        subjects = events_filter if args.events else detections_filter
        subject = subjects(_site(args.site, config), _camera(args.camera))
        await stop.unless_requested(_print(subscribe(config=args.config, subject=subject), args.label, args.json))
        return DONE

    return run_process(body)


def _site(name: str | None, config: Config) -> str:
    """Of a hub: all of them."""
    if name is None:
        return config.site if config.hub is None else "*"
    if name != "*" and not is_id(name):
        raise ConfigError(f"--site {name!r} is no site's name: lower case letters, digits, - and _")
    return name


def _camera(name: str) -> str:
    """Not only configured ones: a recording's is made by `vedette analyze`."""
    if name != "*" and not is_id(name):
        raise ConfigError(f"--camera {name!r} is no camera's name: lower case letters, digits, - and _")
    return name


async def _print(events: Subscription, label: str | None, as_json: bool) -> None:
    try:
        async with events:
            async for event in events:
                line = _line(event) if _wanted(event.data, label) else None
                if line is not None:
                    await asyncio.to_thread(_write, event.model_dump_json(exclude_none=True) if as_json else line)
    except BusUnavailable as error:
        hint = "" if "vedette up" in str(error) else "; is vedette up running?"
        raise BusUnavailable(f"{error}{hint}") from error
    except BrokenPipeError:  # `vedette watch | head -1`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python flushes at its end goes nowhere


def _line(event: Event) -> str | None:
    return one_line(event.data) if isinstance(event.data, Detections) else told(event)


def _wanted(data: Message, label: str | None) -> bool:
    if label is None:
        return True
    if isinstance(data, ObjectEvent):
        return data.object.label == label
    return isinstance(data, Detections) and any(detection.label == label for detection in data.detections)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
