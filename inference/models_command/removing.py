"""`vedette models remove CONFIG NAME@VERSION`, or `NAME --all`."""

import argparse
import sys

from inference.models_command.noting import note_change
from inference.repository.changes import remove_model, remove_version
from inference.repository.opening import open_repository
from inference.repository.references import Reference
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.errors import ConfigError, VedetteError
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_PATIENCE_S = 20.0
_EPILOG = """\
Examples:
  vedette models remove site.yaml coco-detector@1.0.0
  vedette models remove site.yaml coco-detector --all --yes

It is taken out of the repository; processes that serve it go on, and the cache keeps it until room is needed.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("reference", metavar="NAME@VERSION", help="which version, in full; with --all: the NAME alone")
    parser.add_argument("--all", action="store_true", help="the model with all its versions")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Ask, and remove it; returns the exit status, 1 if the answer is no."""
    begin_logging(args)
    config = read_config(args.config)

    try:
        wanted = _wanted(args.reference, args.all)
        agreed = args.yes or _agreed(config, wanted)
    except VedetteError as error:
        sys.stderr.write(f"vedette: {error}\n")
        return error.exit_status
    if not agreed:
        return FAILED

    async def body(stop: Stop) -> int:
        async with open_repository(config, patience_s=_PATIENCE_S) as repository:
            if args.all:
                removing = remove_model(repository, wanted.name)
            else:
                removing = remove_version(repository, wanted.name, ".".join(map(str, wanted.numbers)))
            await stop.unless_requested(removing)
        await note_change(config, "remove", str(wanted))
        sys.stdout.write(f"{wanted} is no more in {config.models.where}\n")
        return DONE

    return run_process(body, stopped=FAILED)


def _wanted(text: str, everything: bool) -> Reference:
    wanted = Reference.parse(text)
    if everything and wanted.numbers:
        raise ConfigError(f"{text}: --all is of a model, NAME alone")
    if not everything and not wanted.exact:
        raise ConfigError(f"{text}: which version? Write it in full, as in {wanted.name}@1.0.0 (or --all)")
    return wanted


def _agreed(config: Config, wanted: Reference) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError("nobody can be asked here: --yes is needed")
    version = ".".join(map(str, wanted.numbers))
    for name, pipeline in config.pipelines.items():
        for used in (Reference.parse(stage.model) for stage in pipeline.models):
            if used.name == wanted.name and (not version or used.fits(version)):
                sys.stdout.write(f"The pipeline {name} uses {used}.\n")
    answer = input(f"Remove {wanted} from {config.models.where}? [y/N] ")
    return answer.strip().lower() in ("y", "yes")
