"""`vedette events CONFIG`."""

import argparse

from events.app import serve
from vedette.commands.command_line import add_config, add_logging, address, begin_logging, read_config
from vedette.process.shell import Stop
from vedette.process.shell import run as run_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette events`."""
    add_config(parser)
    parser.add_argument("--listen", type=address, help="host:port of health and metrics; default: listen.events")
    add_logging(parser)
    parser.epilog = "Example: vedette events configs/demo.yaml --listen 127.0.0.1:8091"


def run(args: argparse.Namespace) -> int:
    """Run until stopped; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        return await serve(config, args.listen or config.listen.events, stop)

    return run_process(body)
