"""`vedette cameras discover`: the ONVIF cameras on the network, and their streams."""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp

from gateway.onvif import Found, OnvifDevice, OnvifError, Profile, discover
from gateway.onvif.discovery import MULTICAST
from vedette.commands.command_line import add_logging, begin_logging
from vedette.errors import ConfigError
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process
from vedette.secrets.redaction import redact

_AT_A_TIME = 8
_EPILOG = """\
Example: vedette cameras discover --user operator --password-file /run/secrets/onvif

Only cameras on this machine's own network hear the question. Most tell their streams to a user alone; the password is
never sent as text, but proven, to every device that answers.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--user", help="of the cameras, to ask for their streams")
    parser.add_argument("--password-file", metavar="FILE", help="its password; - reads it from standard input")
    parser.add_argument("--interface", metavar="ADDRESS", help="own address on the network to ask")
    parser.add_argument("--timeout", type=float, default=4.0, metavar="S", help="to wait for answers; default: 4")
    parser.add_argument("--json", action="store_true", help="print one JSON object a camera")
    parser.add_argument("--target", metavar="HOST:PORT", help=argparse.SUPPRESS)  # for tests: no multicast
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Ask, and print who answers; status 1 if nobody does."""
    begin_logging(args)
    password = _password(args)
    host, _, port = (args.target or "").rpartition(":")
    target = (host, int(port)) if args.target else MULTICAST

    async def body(stop: Stop) -> int:
        found = await stop.unless_requested(discover(args.timeout, args.interface, target))
        if not found:
            sys.stderr.write("vedette: no ONVIF camera has answered\n")
            return FAILED
        async with aiohttp.ClientSession() as session:
            described = await stop.unless_requested(_describe(session, found, args.user, password))
        for device in described:
            sys.stdout.write((json.dumps(device) if args.json else _told(device)) + "\n")
        return DONE

    return run_process(body, stopped=FAILED)


def _password(args: argparse.Namespace) -> str:
    if (args.user is None) != (args.password_file is None):
        raise ConfigError("--user and --password-file need each other")
    file = args.password_file
    if file is None:
        return ""
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {getattr(error, 'strerror', None) or 'is no text'}") from None
    return text.removesuffix("\n")


async def _describe(
    session: aiohttp.ClientSession, found: list[Found], user: str | None, password: str
) -> list[dict[str, Any]]:
    """Each device with its streams, or why they are not told."""
    turns = asyncio.Semaphore(_AT_A_TIME)

    async def described(device: Found) -> dict[str, Any]:
        async with turns:
            try:
                profiles = await OnvifDevice(session, device.address, user, password).profiles()
            except OnvifError as error:
                return {**asdict(device), "streams": [], "error": str(error)}
        return {**asdict(device), "streams": [_stream(profile) for profile in profiles]}

    return list(await asyncio.gather(*(described(device) for device in found)))


def _stream(profile: Profile) -> dict[str, Any]:
    return {**asdict(profile), "url": None if profile.url is None else redact(profile.url)}


def _told(device: dict[str, Any]) -> str:
    what = ", ".join(filter(None, (device["name"], device["hardware"], device["location"])))
    lines = [f"{device['address']}  {what or 'unnamed'}"]
    for stream in device["streams"]:
        size = f"{stream['width']}x{stream['height']}" if stream["width"] and stream["height"] else "unknown size"
        fps = f" at {stream['fps']:g} fps" if stream["fps"] else ""
        lines.append(f"  {stream['codec'] or 'unknown codec'} {size}{fps}  {stream['url'] or 'no URL'}")
    if device.get("error"):
        lines.append(f"  {device['error']}")
    return "\n".join(lines)
