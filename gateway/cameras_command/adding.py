"""`vedette cameras add CONFIG NAME URL`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gateway.fleet.camera_change import change_camera
from gateway.fleet.camera_edit import Editor
from vedette.audit.commands import note_command
from vedette.cameras.access import camera_access
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.camera_settings import WHIP
from vedette.config.config import Config
from vedette.errors import ConfigError
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_EPILOG = """\
Example: vedette cameras add configs/demo.yaml gate rtsp://operator:password@10.0.0.5/stream1 --pipeline people

A password on the command line is seen by others on this machine; with - as the URL it is read from standard input:
  echo "rtsp://operator:$PASSWORD@10.0.0.5/stream1" | vedette cameras add configs/demo.yaml gate -
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("name", metavar="NAME", help="the camera's name: lower case letters, digits, - and _")
    parser.add_argument("url", metavar="URL", help="rtsp://…, a file's path, or - to read it from standard input")
    parser.add_argument("--pipeline", action="append", help="one or several times; default: the only one there is")
    parser.add_argument("--settings", metavar="JSON", default="{}", help='further settings: \'{"transport": "udp"}\'')
    parser.add_argument("--disabled", action="store_true", help="add it, and don't run it yet")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Add it; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)
    url = sys.stdin.readline().strip() if args.url == "-" else args.url

    async def body(stop: Stop) -> int:
        edit = Editor(config.pipelines, remote=False).add(args.name, _settings(args, url, config))
        async with camera_access(config, "cameras") as (bus, store):
            await stop.unless_requested(change_camera(store, args.name, edit))
            await note_command(bus, config.site, "cameras add", args.name)
        return DONE

    return run_process(body, stopped=FAILED)


def _settings(args: argparse.Namespace, url: str, config: Config) -> dict[str, Any]:
    try:
        settings = json.loads(args.settings)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise ConfigError("--settings: is no JSON object")
    pipelines = args.pipeline or list(config.pipelines)
    if not args.pipeline and len(pipelines) != 1:
        raise ConfigError(f"--pipeline: choose from {', '.join(pipelines) or 'none: the configuration has none'}")
    return {"url": _absolute(url), "pipeline": pipelines, "enabled": not args.disabled, **settings}


def _absolute(url: str) -> str:
    """A file's path as the gateway finds it."""
    return url if "://" in url or url == WHIP or ":" in url or not url else str(Path(url).absolute())
