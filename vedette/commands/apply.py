"""`vedette apply CONFIG`: makes the desired cameras of a running site what the file says."""

import argparse
import json
import sys

from vedette.audit.commands import MOST_TOLD, note_command
from vedette.cameras.access import camera_access
from vedette.cameras.plan import Plan
from vedette.cameras.registration import register
from vedette.commands.command_line import add_config, add_logging, begin_logging, found_by, read_config, refuse
from vedette.config.config import Config
from vedette.errors import ConfigError
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_EPILOG = """\
Example: vedette apply configs/demo.yaml --dry-run

Every camera of the file is made what the file says, changes by the API undone; cameras of the file that are no longer
in it are removed; cameras that were added by the API stay. All of it is done, or nothing. Only what changed restarts.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette apply`."""
    add_config(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say what would change")
    parser.add_argument("--json", action="store_true", help="print what changes as JSON")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Apply, and print what has changed; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)
    refuse(args.config, found_by(args.checks, config))

    async def body(stop: Stop) -> int:
        if "cameras" not in config.model_fields_set:
            raise ConfigError(f"{args.config}: says nothing of cameras; cameras: {{}} would remove all of the file's")
        made = await stop.unless_requested(_apply(config, args.dry_run))
        sys.stdout.write(json.dumps(_as_data(made)) + "\n" if args.json else _as_text(made, args.dry_run))
        return DONE

    return run_process(body, stopped=FAILED)


async def _apply(config: Config, dry_run: bool) -> Plan:
    async with camera_access(config, "apply") as (bus, store):
        made = await register(store, config, exact=True, dry_run=dry_run)
        if made.changes and not dry_run:
            names = [change.name for change in made.changes]
            await note_command(bus, config.site, "apply", f"{len(names)} cameras", names[:MOST_TOLD])
        return made


def _as_data(made: Plan) -> dict[str, object]:
    changed = {name: list(keys) for name, keys in made.changed.items()}
    return {"added": made.added, "changed": changed, "removed": made.removed, "unchanged": made.unchanged}


def _as_text(made: Plan, dry_run: bool) -> str:
    lines = str(made).splitlines()
    counts = ((len(made.added), "added"), (len(made.changed), "changed"), (len(made.removed), "removed"))
    said = ", ".join(f"{count} {verb}" for count, verb in (*counts, (len(made.unchanged), "unchanged")) if count)
    summary = said or "no cameras"
    return "\n".join([*lines, f"{summary}{' (nothing was written)' if dry_run else ''}", ""])
