"""`vedette identities …`. Each subcommand is a module, imported when it is used."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

SUBCOMMANDS = {
    "enrol": ("inference.identities_command.enrolling", "enrol a person with pictures, or add some"),
    "list": ("inference.identities_command.listing", "say who is enrolled"),
    "remove": ("inference.identities_command.removing", "remove a person, and the snapshots that show them"),
    "export": ("inference.identities_command.exporting", "print all that is kept of a person"),
}
"""Name, module with `add_arguments` and `run`, and summary of each."""

_EPILOG = """\
vedette identities enrol site.yaml "Anna Muster" anna-1.jpg anna-2.jpg
vedette identities list site.yaml
vedette identities export site.yaml "Anna Muster"
vedette identities remove site.yaml "Anna Muster"

A gallery is a name that people are enrolled under; --gallery is needed unless the pipelines use just one.
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
    """The arguments of `vedette identities`."""
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
