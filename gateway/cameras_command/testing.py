"""`vedette cameras test URL`: what a stream is, or why it can't be read; status 0, 1, or 2 for what is no URL."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from gateway.api.source_test import look_at
from gateway.errors import Reason, SourceError
from gateway.fleet.camera_settings import url_problems
from gateway.sources.probe import Probe
from gateway.sources.tls import Tls
from vedette.commands.command_line import add_logging, begin_logging
from vedette.errors import ConfigError
from vedette.process.shell import DONE, FAILED, MISUSED, Stop
from vedette.process.shell import run as run_process
from vedette.secrets.redaction import redact_url

_EPILOG = """\
Example: vedette cameras test rtsp://operator:password@10.0.0.5/stream1

Where it fails it says why: unknown_host, unreachable, refused, certificate, protocol (it speaks something else),
unauthorized, not_found, no_video, unsupported_codec, undecodable, stalled, timeout, …
"""
"""Of reasons: `gateway.errors.Reason`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("url", metavar="URL", help="rtsp://…, a file's path, or - to read it from standard input")
    transports = ("auto", "tcp", "udp", "http")
    parser.add_argument("--transport", choices=transports, default="auto", help="of RTSP; default: auto")
    parser.add_argument("--ca", metavar="FILE", type=Path, help="certificates to trust (PEM); default: the system's")
    parser.add_argument("--no-verify", action="store_true", help="believe any certificate")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="S", help="for an answer; default: 10")
    parser.add_argument("--watch", type=float, default=5.0, metavar="S", help="how long to measure; default: 5")
    parser.add_argument("--json", action="store_true", help="print it as one JSON object")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Look, and print what was found; returns the exit status."""
    begin_logging(args)
    tls = Tls(not args.no_verify, args.ca)
    url = sys.stdin.readline().strip() if args.url == "-" else args.url

    async def body(stop: Stop) -> int:
        for problem in url_problems(url, remote=False):
            raise ConfigError(f"URL {problem}")
        try:
            found = await stop.unless_requested(look_at(url, args.transport, args.timeout, args.watch, tls))
        except SourceError as error:
            return _failed(error, args.json)
        said = json.dumps({"ok": True, **_facts(found)}) if args.json else _told(url, found)
        sys.stdout.write(said + "\n")
        return DONE

    return run_process(body, stopped=FAILED)


def _failed(error: SourceError, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps({"ok": False, "reason": error.reason.value, "detail": str(error)}) + "\n")
    else:
        sys.stderr.write(f"vedette: {error.reason.value}: {error}\n")
    return MISUSED if error.reason is Reason.UNSUPPORTED_URL else FAILED


def _clock(behind_s: float | None) -> str:
    if behind_s is None:
        return "the camera tells none"
    return f"{abs(behind_s):.1f} s {'behind' if behind_s >= 0 else 'ahead of'} this machine's, the way included"


def _facts(found: Probe) -> dict[str, object]:
    return {key: value for key, value in asdict(found).items() if key != "picture"}


def _told(url: str, found: Probe) -> str:
    size = f"{found.width}x{found.height}"
    shown = f"{found.display_width}x{found.display_height}"
    fps = "unknown" if found.fps is None else f"{found.fps:.3g} fps"
    declared = "" if found.declared_fps is None else f" (it says {found.declared_fps:.3g})"
    gap = "unknown" if found.keyframe_gap_s is None else f"{found.keyframe_gap_s:.2f} s"
    rows = {
        "stream": redact_url(url),
        "codec": " ".join(filter(None, (found.codec, found.profile, found.pixel_format))),
        "picture": size
        + ("" if shown == size else f", shown as {shown}")
        + (", interlaced" if found.interlaced else ""),
        "rate": fps + declared,
        "keyframes": f"every {gap}" + (", with B-frames" if found.b_frames else ""),
        "bit rate": "unknown" if found.kbps is None else f"{found.kbps:.0f} kb/s",
        "transport": found.transport,
        "audio": {True: "yes (never read)", False: "no", None: "not asked for"}[found.audio],
        "clock": _clock(found.clock_behind_s),
        "time": f"opened in {found.opened_s:.2f} s, first picture after {found.first_picture_s:.2f} s",
    }
    return "\n".join(f"{key:10} {value}" for key, value in rows.items())
