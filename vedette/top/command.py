"""`vedette top CONFIG`: where the milliseconds go, as they go."""

import argparse
import asyncio
import logging
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from vedette.commands.command_line import read_config
from vedette.config.config import Config
from vedette.http.get import token_of, trusted_by
from vedette.process.logs import set_up_logging
from vedette.process.shell import DONE, Stop
from vedette.process.shell import run as run_process
from vedette.top.processes import Given, OfSite
from vedette.top.screen import Watch, again_and_again, once
from vedette.top.tables import SORTS

_SHORTEST_S, _LONGEST_S = 0.5, 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette top`."""
    parser.add_argument("config", metavar="CONFIG", type=Path, nargs="?", help="the site's file; not with --metrics")
    parser.add_argument("--metrics", metavar="URL", action="append", help="look at this process; may be repeated")
    parser.add_argument("--once", action="store_true", help="one look, then end")
    parser.add_argument("--json", action="store_true", help="one JSON object a look")
    parser.add_argument("--interval", metavar="S", type=_interval, default=2.0, help="seconds of a look; default 2")
    parser.add_argument("--sort", choices=tuple(SORTS), default="name", help="cameras by this, the worst first; name")
    parser.add_argument("--token-file", metavar="FILE", type=Path, help="whose text is the token for /metrics")
    parser.add_argument("--ca", metavar="FILE", type=Path, help="PEM of the authority that https is checked by")
    parser.epilog = (
        "Example: vedette top configs/demo.yaml\n"
        "         vedette top site.yaml --once --json\n"
        "         vedette top --metrics http://10.0.0.5:8080 --metrics http://10.0.0.6:8000"
    )


def run(args: argparse.Namespace) -> int:
    """Look until stopped; returns the exit status."""
    set_up_logging(level=logging.ERROR)
    if (args.config is None) == (not args.metrics):
        sys.stderr.write("vedette top: give a configuration, or --metrics URL\n")
        return 2
    config = None if args.config is None else read_config(args.config)

    async def body(stop: Stop) -> int:
        await stop.unless_requested(_top(args, config))
        return DONE

    return run_process(body)


async def _top(args: argparse.Namespace, config: Config | None) -> None:
    token = await asyncio.to_thread(token_of, args.token_file)
    context = await asyncio.to_thread(trusted_by, args.ca)
    async with AsyncExitStack() as stack:
        if config is None:
            finder: Given | OfSite = Given(args.metrics)
        else:
            finder = await stack.enter_async_context(OfSite(config))
        connector = aiohttp.TCPConnector(ssl=context)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        show = once if args.once else again_and_again
        title = "Vedette" if config is None else f"Vedette, site {config.site}"
        await show(Watch(finder, session, token), args.interval, title, args.sort, args.json)


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not _SHORTEST_S <= seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"must be seconds from {_SHORTEST_S} to {_LONGEST_S:.0f}")
    return seconds
