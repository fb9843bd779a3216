"""`vedette inference CONFIG`."""

import argparse

from inference.app import serve
from vedette.commands.command_line import add_config, add_logging, address, begin_logging, read_config
from vedette.errors import ConfigError
from vedette.fleet.worker_addresses import worker_address
from vedette.process.shell import Stop
from vedette.process.shell import run as run_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette inference`."""
    add_config(parser)
    parser.add_argument("--model", metavar="NAME", help="which model; needed unless the pipelines use just one")
    parser.add_argument("--listen", type=address, help="host:port of HTTP; default: listen.inference")
    parser.add_argument(
        "--grpc-listen", type=address, help="host:port of gRPC; default: one port up from --listen, or listen.grpc"
    )
    add_logging(parser)
    parser.epilog = "Example: vedette inference configs/demo.yaml --model coco-detector --listen 127.0.0.1:8010"


def run(args: argparse.Namespace) -> int:
    """Run until stopped; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)
    listen = worker_address(config, args.listen, args.grpc_listen)

    async def body(stop: Stop) -> int:
        return await serve(config, args.model or _only_model(config.model_names()), listen, stop)

    return run_process(body)


def _only_model(names: tuple[str, ...]) -> str:
    if len(names) != 1:
        raise ConfigError(f"--model is needed: the pipelines use {', '.join(names) or 'no model'}")
    return names[0]
