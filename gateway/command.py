"""`vedette gateway CONFIG`."""

import argparse

from gateway.app import serve
from vedette.commands.command_line import add_config, add_logging, add_watch, address, begin_logging, read_config
from vedette.process.shell import Stop
from vedette.process.shell import run as run_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette gateway`."""
    add_config(parser)
    parser.add_argument("--listen", type=address, help="host:port of health, metrics and API; default: listen.gateway")
    add_watch(parser)
    add_logging(parser)
    parser.epilog = "Example: vedette gateway configs/demo.yaml --watch"


def run(args: argparse.Namespace) -> int:
    """Run until stopped; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        return await serve(config, args.listen or config.listen.gateway, stop, args.config if args.watch else None)

    return run_process(body)
