"""`vedette site`: write the files of a new site; say how the hub stands to all."""

import argparse
import json
import ssl
import sys
from pathlib import Path

from pydantic import ValidationError

from vedette.bus.access import bus_access
from vedette.commands.command_line import add_config, read_config
from vedette.config.config import Config
from vedette.config.site_settings import Uplink
from vedette.errors import ConfigError
from vedette.ids import is_id
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process
from vedette.site.site_files import AUTHORITY, Wanted, write_site
from vedette.site.site_listing import read_sites, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette site`."""
    verbs = parser.add_subparsers(title="what to do", dest="verb", metavar="VERB", required=True)
    init = verbs.add_parser("init", help="write the credentials and configuration of a new site, and the hub's part")
    init.add_argument("site", metavar="SITE", help="its name: lower case letters, digits, - and _")
    init.add_argument(
        "--hub", metavar="URL", required=True, help="where the hub takes leaf nodes (with --frames: clients)"
    )
    init.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the files are written")
    init.add_argument("--ca", metavar="PEM", type=Path, help="the authority of the hub's certificate; it is copied")
    init.add_argument("--frames", action="store_true", help="they cross, and are inferred at the hub")
    init.add_argument("--share-pictures", action="store_true", help="programs at the hub may read its pictures")
    listing = verbs.add_parser("list", help="which sites the hub sources, how late they are, and what is lost")
    add_config(listing)
    listing.add_argument("--json", action="store_true", help="one JSON array")
    parser.epilog = (
        "Examples:\n"
        "  vedette site init plant-1 --hub tls://hub.example:7422 --out plant-1\n"
        "  vedette site list configs/cloud/cloud.yaml"
    )


def run(args: argparse.Namespace) -> int:
    """Returns the exit status."""

    if args.verb == "init":
        return _init(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        await stop.unless_requested(_list(config, args.json))
        return DONE

    return run_process(body, stopped=FAILED)


def _init(args: argparse.Namespace) -> int:
    try:
        paths = write_site(_wanted(args), args.out)
    except ConfigError as error:
        sys.stderr.write(f"vedette: {error}\n")
        return error.exit_status
    for path in paths:
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write(
        f"\nAt the site:  vedette {'gateway' if args.frames else 'up'} {args.out / 'site' / 'site.yaml'}\n"
        f"At the hub:   {args.out / 'hub' / 'hub.yaml'} says what to do with {args.site}.conf\n"
    )
    return DONE


def _wanted(args: argparse.Namespace) -> Wanted:
    if not is_id(args.site):
        raise ConfigError(f"{args.site!r} is no site's name: lower case letters, digits, - and _")
    if args.frames and args.share_pictures:
        raise ConfigError("--share-pictures: with --frames all pictures are the hub's anyhow")
    authority = _authority(args.ca) if args.ca else None
    try:
        uplink = Uplink.model_validate(
            {
                "url": args.hub,
                "password_file": "uplink.password",
                "tls": {"ca": AUTHORITY} if args.ca else None,
                "share_pictures": args.share_pictures,
            }
        )
    except ValidationError as error:
        raise ConfigError(f"--hub: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    if authority is not None and not args.hub.startswith(("tls://", "wss://")):
        raise ConfigError("--ca: is for --hub tls://…; this connection would not be encrypted")
    return Wanted(args.site, uplink, args.frames, authority)


def _authority(file: Path) -> str:
    try:
        ssl.create_default_context(cafile=str(file))
        return file.read_text(encoding="utf-8")
    except ssl.SSLError:
        raise ConfigError(f"--ca: {file}: is no PEM file of a certificate") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--ca: {file}: {getattr(error, 'strerror', None) or 'is not text'}") from None


async def _list(config: Config, as_json: bool) -> None:
    async with bus_access(config, "site list") as bus:
        sites = await read_sites(bus)
    sys.stdout.write(json.dumps(sites, indent=2) + "\n" if as_json else table(sites))
