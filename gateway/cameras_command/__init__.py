"""`vedette cameras …`. Each subcommand is a module, imported when it is used."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

SUBCOMMANDS = {
    "list": ("gateway.cameras_command.listing", "say which cameras there are, and how they are"),
    "show": ("gateway.cameras_command.showing", "print the settings and the state of one camera"),
    "add": ("gateway.cameras_command.adding", "add a camera to a running site"),
    "remove": ("gateway.cameras_command.changing", "remove a camera that was added by command or API"),
    "enable": ("gateway.cameras_command.changing", "run a camera that was disabled"),
    "disable": ("gateway.cameras_command.changing", "keep a camera, and don't run it"),
    "discover": ("gateway.cameras_command.discovering", "find ONVIF cameras on the network, and their streams"),
    "test": ("gateway.cameras_command.testing", "say what a stream is, or why it can't be read"),
}
"""Name, module with `add_arguments` and `run`, and summary of each."""

_EPILOG = """\
vedette cameras list configs/demo.yaml
vedette cameras test rtsp://operator:password@10.0.0.5/stream1
vedette cameras add configs/demo.yaml gate rtsp://operator:password@10.0.0.5/stream1 --pipeline people
"""


class _Subcommand(argparse.ArgumentParser):
    """Its arguments are its module's, which is imported when it is used."""

    module = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None, **more: Any) -> Any:
        module = importlib.import_module(self.module)
        module.add_arguments(self)
        self.set_defaults(run_subcommand=module.run)
        return super().parse_known_args(args, namespace, **more)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette cameras`."""
    choices = parser.add_subparsers(
        title="subcommands", metavar="SUBCOMMAND", dest="subcommand", required=True, parser_class=_Subcommand
    )
    for name, (module, summary) in SUBCOMMANDS.items():
        description = summary[0].upper() + summary[1:] + "."
        choices.add_parser(
            name, help=summary, description=description, formatter_class=parser.formatter_class
        ).module = module
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    status: int = args.run_subcommand(args)
    return status


__all__: Sequence[str] = ["SUBCOMMANDS", "add_arguments", "run"]
