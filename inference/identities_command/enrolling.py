"""`vedette identities enrol CONFIG NAME IMAGE…`."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from inference.guard.limits import USUAL
from inference.identities.enrolment import Enrolled, NotEnrolled, Picture, enrol
from inference.identities.reader_source import ReaderSource
from inference.identities.shown import enrolled_as_json
from inference.identities_command.galleries import add_gallery, gallery_of, identity_access
from inference.repository.opening import open_repository
from vedette.audit.commands import note_command
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.identities.record import MOST_FACES, checked_name
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_EPILOG = """\
Example: vedette identities enrol site.yaml "Anna Muster" anna-1.jpg anna-2.jpg --gallery staff

Each picture has one face, of at least 48 pixels. Vectors of the faces are kept, sealed; the pictures are not. Who is
enrolled already gets the new pictures besides, or in place of what is kept (--replace).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("name", metavar="NAME", help="of the person, as it is to be displayed")
    parser.add_argument(
        "images", metavar="IMAGE", type=Path, nargs="+", help="JPEG, PNG or WebP; two or three are best"
    )
    add_gallery(parser)
    parser.add_argument("--replace", action="store_true", help="forget what is kept of the person's other pictures")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Enrol; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        gallery = gallery_of(config, args.gallery)
        pictures = await asyncio.to_thread(read_files, args.images)
        done = await stop.unless_requested(_enrol(config, gallery, args.name, pictures, args.replace))
        for warning in done.warnings:
            sys.stderr.write(f"vedette: warning: {warning}\n")
        sys.stdout.write(json.dumps(enrolled_as_json(done)) + "\n" if args.json else told(done))
        return DONE

    return run_process(body, stopped=FAILED)


def read_files(paths: list[Path]) -> list[Picture]:
    """The files' bytes.

    Raises:
        NotEnrolled: one can't be read, or there are too many.
    """
    if len(paths) > MOST_FACES:
        raise NotEnrolled(f"{len(paths)} pictures are more than {MOST_FACES}")
    pictures = []
    for path in paths:
        try:
            with path.open("rb") as file:
                pictures.append(Picture(str(path), file.read(USUAL.bytes + 1)))
        except OSError as error:
            raise NotEnrolled(f"{path}: {error.strerror}") from None
    return pictures


async def _enrol(config: Config, gallery: str, name: str, pictures: list[Picture], replace: bool) -> Enrolled:
    name = checked_name(name)
    threshold = config.identities.threshold_of(gallery)
    async with (
        identity_access(config) as (bus, store),
        open_repository(config, bus) as repository,
        ReaderSource(config, repository, bus).reader() as reader,
    ):
        done = await enrol(store, reader, gallery, name, pictures, threshold, replace)
        await note_command(bus, config.site, "identities enrol", gallery)
        return done


def told(done: Enrolled) -> str:
    """In words."""
    record = done.record
    pictures = f"{done.added} picture{'' if done.added == 1 else 's'}"
    return f"{record.name} is in the gallery {record.gallery} as {record.person}: {pictures} added\n"
