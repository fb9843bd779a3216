"""`vedette cameras remove | enable | disable CONFIG NAME`."""

import argparse

from gateway.fleet.camera_change import change_camera
from gateway.fleet.camera_edit import Edit, Editor
from vedette.audit.commands import note_command
from vedette.cameras.access import camera_access
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("name", metavar="NAME", help="the camera")
    add_logging(parser)
    parser.epilog = f"Example: {parser.prog} configs/demo.yaml street"


def run(args: argparse.Namespace) -> int:
    """Change it; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)
    edit = _edit(Editor(config.pipelines, remote=False), args.subcommand, args.name)

    async def body(stop: Stop) -> int:
        async with camera_access(config, "cameras") as (bus, store):
            await stop.unless_requested(change_camera(store, args.name, edit))
            await note_command(bus, config.site, f"cameras {args.subcommand}", args.name)
        return DONE

    return run_process(body, stopped=FAILED)


def _edit(editor: Editor, subcommand: str, name: str) -> Edit:
    if subcommand == "remove":
        return editor.remove(name)
    return editor.patch(name, {"enabled": subcommand == "enable"})
