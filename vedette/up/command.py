"""`vedette up CONFIG`: everything that a configuration needs on this machine, and a live view of it."""

import argparse
import asyncio
import logging
import shutil
import sys
from functools import partial
from pathlib import Path
from time import monotonic

from nats.aio.msg import Msg
from rich.console import Console
from rich.live import Live

from vedette.background import background, end
from vedette.bus.address import address_of, embedded_address_file, mqtt_address_file, site_folder
from vedette.bus.connection import Bus, connect
from vedette.bus.mqtt_listener import mqtt_url
from vedette.cameras.access import camera_access
from vedette.cameras.file_watch import watch_config
from vedette.commands.command_line import (
    add_config,
    add_logging,
    add_watch,
    begin_logging,
    found_by,
    logging_options,
    read_config,
    refuse,
)
from vedette.config.config import Config
from vedette.errors import MalformedMessage
from vedette.event_parser import parse_event
from vedette.process.logs import set_up_logging
from vedette.process.notices import Notices
from vedette.process.shell import DONE, Stop
from vedette.process.shell import run as run_process
from vedette.subjects import detections_filter, status
from vedette.up.stack import Stack
from vedette.up.start_progress import follow_start
from vedette.watching.live_view import NO_CAMERAS, NO_PIPELINES, LiveView

logger = logging.getLogger(__name__)

_CONNECT_WITHIN_S = 10.0
_PLAIN_EVERY_S = 5.0
_FRAMES_A_SECOND = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette up`."""
    add_config(parser)
    add_watch(parser)
    parser.add_argument("--plain", action="store_true", help="lines instead of a live table; so without a terminal")
    add_logging(parser)
    parser.epilog = (
        "Example: vedette up configs/demo.yaml\n\n"
        "Starts the embedded nats-server (unless nats.url is set), the simulator (if configured), the gateway, the\n"
        "inference processes and an events worker, restarts what dies, and ends all on Ctrl-C; a second Ctrl-C kills\n"
        "them."
    )


def run(args: argparse.Namespace) -> int:
    """Run until stopped; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)
    refuse(args.config, found_by(args.checks, config))
    live = sys.stdout.isatty() and not args.plain
    notices = Notices()
    if live:
        _leave_the_terminal_to(notices)

    async def body(stop: Stop) -> int:
        stack = Stack(config, args.config, live, logging_options(args))
        empty = NO_CAMERAS if config.pipelines else NO_PIPELINES
        view = LiveView(config.site, config.cameras, notices.lines, empty)
        return await _up(config, args.config, stack, view, live, args.watch, stop)

    return run_process(body)


def _leave_the_terminal_to(notices: Notices) -> None:
    """Only errors are still written there; warnings are shown in the view."""
    set_up_logging(level=logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.ERROR)
    logging.getLogger().addHandler(notices)


async def _up(config: Config, path: Path, stack: Stack, view: LiveView, live: bool, watch: bool, stop: Stop) -> int:
    stop.on_force = stack.kill
    try:
        if config.nats is None:
            await stop.unless_requested(stack.start_broker())
        await stop.unless_requested(stack.start_workers(config.inference.replicas))
        if config.hub is not None:
            await stop.unless_requested(stack.start_hub())
        await stop.unless_requested(stack.start_sources())
        if config.pipelines:
            await stop.unless_requested(stack.start_events())
        sys.stdout.write(_banner(config, path, live))
        sys.stdout.flush()
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(stack.watch()), group.create_task(_show(config, view, live))]
            if watch:
                beside.append(group.create_task(_watch_config(config, path)))
            try:
                await stop.wait()
            finally:  # at once: the view's last words to a server that hangs take a second
                await asyncio.gather(end(beside), stack.end())
    finally:
        await stack.end()
    return DONE


async def _show(config: Config, view: LiveView, live: bool) -> None:
    async with await connect(address_of(config), "up", give_up_after_s=_CONNECT_WITHIN_S) as bus:
        await _follow(bus, config.site, view, live)
        async with background(bus.until_lost(), follow_start(bus, config, partial(_note_start, view, live))):
            await (_draw(view) if live else _tell(view))


def _note_start(view: LiveView, live: bool, starting: tuple[str, ...]) -> None:
    view.starting = starting
    if live:
        return
    lines = [f"starting: {', '.join(starting)}" if starting else "all processes are at work"]
    if not starting and not view.cameras:
        lines.append(view.empty)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


async def _watch_config(config: Config, path: Path) -> None:
    async with camera_access(config, "up") as (bus, store), background(bus.until_lost()):
        await watch_config(path, config, store)


async def _follow(bus: Bus, site: str, view: LiveView, live: bool) -> None:
    async def on_event(message: Msg) -> None:
        try:
            view.on_event(parse_event(message.data), monotonic())
        except MalformedMessage as error:
            logger.warning("%s: left out: %s", message.subject, error)

    async def on_detections(message: Msg) -> None:
        if live or not view.latest:
            await on_event(message)
        else:  # lines say how many there are, and reading each costs more than all else here
            view.on_frame(message.subject.split(".")[3], monotonic())

    await bus.client.subscribe(detections_filter(site), cb=on_detections)
    await bus.client.subscribe(status(site, "*"), cb=on_event)


async def _draw(view: LiveView) -> None:
    with Live(console=Console(), auto_refresh=False, transient=False) as live:
        while True:
            live.update(view.draw(monotonic()), refresh=True)
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
            for line in view.lines(monotonic()):
                console.print(line)
        await asyncio.sleep(0.1)


def _banner(config: Config, path: Path, live: bool) -> str:
    lines = [f"Vedette, site {config.site}. Ctrl-C ends it."]
    if config.nats is None:
        file = embedded_address_file(config.site)
        lines.append(f"NATS     {address_of(config).url}  (user and password: {file})")
        if config.listen.mqtt is not None:
            mqtt = mqtt_address_file(config.site)
            lines.append(f"MQTT     {mqtt_url(mqtt)}  (user and password: {mqtt})")
    else:
        lines.append(f"NATS     {config.nats.url}")
    if config.uplink is not None:
        lines.append(f"Hub      {config.uplink.url}  (detections and events of this site go there)")
    if config.hub is not None:
        lines.append(f"Sites    {', '.join(config.hub.sites) or 'none yet'}  (leaf nodes on {config.listen.leaf})")
    if config.pipelines:
        gateway = f"{_scheme(config.gateway.tls)}://{config.listen.gateway}"
        inference = f"{_scheme(config.serving.tls)}://{config.listen.inference}/readyz"
        lines.append(f"Console  {gateway}/  ({_who_may(config)})")
        lines.append(f"Gateway  {gateway}/readyz   Inference  {inference}")
    if live:
        lines.append(f"Logs     {site_folder(config.site) / 'log'}")
    lines.append(f"Subscribe in another terminal: {_this_command()} watch {path} (with --events: what happens)")
    return "\n".join(lines) + "\n\n"


def _scheme(tls: object | None) -> str:
    return "http" if tls is None else "https"


def _who_may(config: Config) -> str:
    """Who the console lets in, said plainly."""
    if config.gateway.accounts or config.gateway.api_token is not None:
        return "sign in with an account of gateway.accounts, or the API's token"
    if config.listen.gateway.is_loopback:
        return "open: whoever uses this machine may see and change everything; gateway.accounts asks who it is"
    return "shut: it listens beyond this machine, and nobody can sign in without gateway.accounts"


def _this_command() -> str:
    """As it can be typed here: `make demo` runs it out of a virtual environment that no shell has activated."""
    return "vedette" if shutil.which("vedette") else str(Path(sys.argv[0]))
