"""``vedette simulate``: serve videos as RTSP cameras, until interrupted."""

import argparse
import asyncio
import re
import signal
import sys
from pathlib import Path

from gateway.simulator.errors import SimulatorError, VideoError
from gateway.simulator.settings import Credentials, SimulatedCamera, SimulatorSettings
from gateway.simulator.simulator import Simulator

_DONE, _FAILED, _WRONG_USE = 0, 1, 2
_EPILOG = """\
example:
  vedette simulate media/pedestrians.mp4 --listen 127.0.0.1:8554 --fps 25
  serves the video, again and again, at rtsp://127.0.0.1:8554/pedestrians

exit status: 0 ended by Ctrl-C or SIGTERM, 1 failed (the port is taken), 2 wrong use (no such file, no such codec)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``vedette simulate`` understands."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "videos",
        metavar="VIDEO",
        nargs="+",
        type=Path,
        help="a video file: H.264, H.265, MJPEG, VP8, VP9, AV1; one camera each",
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        type=_address,
        default=("127.0.0.1", 8554),
        help="default 127.0.0.1:8554; port 0 takes a free one",
    )
    parser.add_argument("--user", help="let only this user in; needs --password")
    parser.add_argument("--password", help="the user's password")
    schemes = parser.add_mutually_exclusive_group()
    schemes.add_argument(
        "--digest", dest="scheme", action="store_const", const="digest", help="ask by Digest (default)"
    )
    schemes.add_argument("--basic", dest="scheme", action="store_const", const="basic", help="ask by Basic")
    parser.add_argument("--fps", type=float, help="play at this rate; default: each video's own")
    transports = parser.add_mutually_exclusive_group()
    transports.add_argument("--no-udp", dest="udp", action="store_false", help="refuse RTP over UDP")
    transports.add_argument("--no-tcp", dest="tcp", action="store_false", help="refuse RTP over TCP")


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; the exit status is told in the help."""
    try:
        simulator = Simulator(_cameras(args.videos, args.fps), _settings(args))
    except ValueError as error:
        return _complain(error, _WRONG_USE)
    try:
        asyncio.run(_serve(simulator))
    except VideoError as error:
        return _complain(error, _WRONG_USE)
    except SimulatorError as error:
        return _complain(error, _FAILED)
    except KeyboardInterrupt:
        pass  # it came before the handler was in place
    return _DONE


async def _serve(simulator: Simulator) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with simulator:
        for path in simulator.paths:
            sys.stdout.write(f"{simulator.url(path)}\n")
            if not simulator.clip(path).whole:
                sys.stderr.write(
                    f"vedette simulate: {simulator.clip(path).video} is too long: its first part is repeated\n"
                )
        sys.stdout.flush()
        await ended.wait()


def _settings(args: argparse.Namespace) -> SimulatorSettings:
    host, port = args.listen
    return SimulatorSettings(host=host, port=port, credentials=_credentials(args), tcp=args.tcp, udp=args.udp)


def _credentials(args: argparse.Namespace) -> Credentials | None:
    if (args.user is None) != (args.password is None):
        raise ValueError("--user and --password need each other")
    if args.user is None:
        if args.scheme is not None:
            raise ValueError(f"--{args.scheme} needs --user and --password")
        return None
    return Credentials(args.user, args.password, args.scheme or "digest")


def _cameras(videos: list[Path], fps: float | None) -> list[SimulatedCamera]:
    """One camera a video, named after its file; a name that is taken gets a number."""
    cameras: dict[str, SimulatedCamera] = {}
    for video in videos:
        stem = re.sub(r"[^a-z0-9_-]+", "-", video.stem.lower()).strip("-") or "camera"
        names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(videos) + 2))
        name = next(name for name in names if name not in cameras)
        cameras[name] = SimulatedCamera(name, video, fps)
    return list(cameras.values())


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _complain(error: Exception, status: int) -> int:
    sys.stderr.write(f"vedette simulate: {error}\n")
    return status
