"""`vedette models …`. Each subcommand is a module, imported when it is used."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

SUBCOMMANDS = {
    "list": ("inference.models_command.listing", "say which models there are, and in which versions"),
    "show": ("inference.models_command.showing", "explain the card of one model"),
    "add": ("inference.models_command.adding", "inspect an ONNX file, build a model around it, and enter it"),
    "build": ("inference.models_command.building", "make a version again from the raw file"),
    "verify": ("inference.models_command.verifying", "check digests and graphs, and run each model once"),
    "pull": ("inference.models_command.pulling", "fetch models into the cache, or from another repository"),
    "remove": ("inference.models_command.removing", "take a version, or a model, out of the repository"),
    "rollout": ("inference.models_command.rolling", "say which versions serve whom, or change it"),
    "promote": ("inference.models_command.rolling", "make the candidate of a roll-out the stable version"),
    "rollback": ("inference.models_command.rolling", "end a candidate, or return to the version before"),
}
"""Name, module with `add_arguments` and `run`, and summary of each."""

_EPILOG = """\
vedette models list configs/demo.yaml
vedette models add site.yaml yolov8n.onnx --name yard-detector
vedette models show configs/demo.yaml coco-detector@^1
vedette models pull edge.yaml coco-detector --from models
vedette models rollout site.yaml yard-detector --candidate 1.1.0 --share 0.1

A reference is NAME (the newest version), NAME@1.0.0, NAME@1 or NAME@^1.2 (1.2 or later, below 2).
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
    """The arguments of `vedette models`."""
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
