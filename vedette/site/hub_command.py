"""`vedette hub CONFIG`."""

import argparse

from vedette.commands.command_line import add_config, add_logging, address, begin_logging, read_config
from vedette.process.shell import Stop
from vedette.process.shell import run as run_process
from vedette.site.hub_app import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette hub`."""
    add_config(parser)
    parser.add_argument("--listen", type=address, help="host:port of health and metrics; default: listen.hub")
    add_logging(parser)
    parser.epilog = "Example: vedette hub configs/cloud/cloud.yaml"


def run(args: argparse.Namespace) -> int:
    """Run until stopped; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        return await serve(config, args.config, args.listen or config.listen.hub, stop)

    return run_process(body)
