"""`vedette up CONFIG`: everything that a configuration needs on this machine, and a live view of it."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path
from time import monotonic

from nats.aio.msg import Msg
from pydantic import ValidationError
from rich.console import Console
from rich.live import Live

from vedette.background import background
from vedette.bus import Bus, connect
from vedette.bus_address import address_of, embedded_address_file, site_folder
from vedette.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config import Config
from vedette.live_view import LiveView
from vedette.logs import set_up_logging
from vedette.messages import DetectionsEvent, StatusEvent
from vedette.process import DONE, Stop
from vedette.process import run as run_process
from vedette.stack import Stack

logger = logging.getLogger(__name__)

_CONNECT_WITHIN_S = 10.0
_PLAIN_EVERY_S = 5.0
_FRAMES_A_SECOND = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette up`."""
    add_config(parser)
    parser.add_argument("--plain", action="store_true", help="lines instead of a live table; so without a terminal")
    add_logging(parser)
    parser.epilog = (
        "Example: vedette up configs/demo.yaml\n\n"
        "Starts the embedded nats-server (unless nats.url is set), the simulator (if configured), the gateway and the\n"
        "inference processes, restarts what dies, and ends all on Ctrl-C; a second Ctrl-C kills them."
    )


def run(args: argparse.Namespace) -> int:
    """Run until stopped; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)
    live = sys.stdout.isatty() and not args.plain
    if live:
        set_up_logging(level=logging.ERROR)

    async def body(stop: Stop) -> int:
        return await _up(config, args.config, live, stop)

    return run_process(body)


async def _up(config: Config, path: Path, live: bool, stop: Stop) -> int:
    stack = Stack(config, path, to_files=live)
    stop.on_force = stack.kill
    try:
        if config.nats is None:
            await stop.unless_requested(stack.start_broker())
        await stop.unless_requested(stack.start_workers(config.inference.replicas))
        await stop.unless_requested(stack.start_sources())
        sys.stdout.write(_banner(config, path, live))
        sys.stdout.flush()
        async with background(stack.watch(), _show(config, live)):
            await stop.wait()
    finally:
        await stack.end()
    return DONE


async def _show(config: Config, live: bool) -> None:
    async with await connect(address_of(config), "up", give_up_after_s=_CONNECT_WITHIN_S) as bus:
        view = LiveView(config.site, config.cameras)
        await _follow(bus, config.site, view)
        await (_draw(view) if live else _tell(view))


async def _follow(bus: Bus, site: str, view: LiveView) -> None:
    async def on_detections(message: Msg) -> None:
        try:
            view.on_detections(DetectionsEvent.model_validate_json(message.data).data)
        except ValidationError:
            logger.warning("malformed message on %s", message.subject)

    async def on_status(message: Msg) -> None:
        try:
            view.on_status(StatusEvent.model_validate_json(message.data).data)
        except ValidationError:
            logger.warning("malformed message on %s", message.subject)

    await bus.client.subscribe(f"vedette.detections.{site}.>", cb=on_detections)
    await bus.client.subscribe(f"vedette.status.{site}.>", cb=on_status)


async def _draw(view: LiveView) -> None:
    with Live(console=Console(), auto_refresh=False, transient=False) as live:
        while True:
            live.update(view.draw(), refresh=True)
            await asyncio.sleep(1 / _FRAMES_A_SECOND)


async def _tell(view: LiveView) -> None:
    """One line a camera every 5 s, its state and its latest detections."""
    console, next_s = Console(soft_wrap=True, highlight=False), monotonic()
    first = True
    while True:
        if first and view.latest:
            first = False
            console.print(f"first detections: {view.latest[0]}")
        if monotonic() >= next_s:
            next_s += _PLAIN_EVERY_S
            for line in view.cameras.values():
                state = line.status.state if line.status else "unknown"
                reason = f" ({line.status.reason})" if line.status and line.status.reason else ""
                console.print(f"{line.name}: {state}{reason}, inferred {line.inferred_fps(monotonic()):.1f} fps")
        await asyncio.sleep(0.1)


def _banner(config: Config, path: Path, live: bool) -> str:
    lines = [f"Vedette, site {config.site}. Ctrl-C ends it."]
    if config.nats is None:
        file = embedded_address_file(config.site)
        lines.append(f"NATS     {address_of(config).url}  (user and password: {file})")
    else:
        lines.append(f"NATS     {config.nats.url}")
    lines.append(f"Gateway  http://{config.listen.gateway}/readyz   Inference  http://{config.listen.inference}/readyz")
    if live:
        lines.append(f"Logs     {site_folder(config.site) / 'log'}")
    lines.append(f"Subscribe in another terminal: vedette watch {path}")
    return "\n".join(lines) + "\n\n"
