"""`vedette analyze VIDEO --config CONFIG --pipeline NAME`: a recording through the whole system."""

import argparse
import datetime as dt
import importlib
import os
import sys
from pathlib import Path

from gateway.annotation.follower import Follow
from gateway.annotation.video_writer import ENCODERS
from gateway.recordings.analysis import Analysis, Annotate, analyze
from gateway.recordings.recording import Summary
from vedette.commands.command_line import add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.config.sampling_settings import Sampling
from vedette.errors import ConfigError
from vedette.process.shell import FAILED, Stop, Stopped
from vedette.process.shell import run as run_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette analyze`."""
    parser.add_argument("video", metavar="VIDEO", type=Path, help="a video file")
    parser.add_argument("--config", metavar="CONFIG", type=Path, required=True, help="the YAML file")
    parser.add_argument("--pipeline", metavar="NAME", help="which of its pipelines; needed if it has several")
    parser.add_argument("--fps", type=float, help="frames a second to look at; default: the pipeline's sampling")
    parser.add_argument(
        "--json",
        metavar="OUT",
        help="write one CloudEvent a line to this file, detections and then events (-: standard output)",
    )
    parser.add_argument(
        "--annotate",
        metavar="OUT",
        type=Path,
        help="write the video with boxes, ids, zones, lines and events drawn: "
        ".mp4, .mov, .mkv (for players) or .webm (for browsers too, slower)",
    )
    parser.add_argument(
        "--start", metavar="TIME", help="when the recording began, ISO 8601; default: the file's own time"
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="inference processes to start; default: those that run, or inference.replicas",
    )
    add_logging(parser)
    parser.epilog = (
        "Example: vedette analyze media/pedestrians.mp4 --config configs/demo.yaml --fps 5 --json out.jsonl\n\n"
        "Uses the site's bus and workers if they run, else starts its own and ends them. Every sampled frame gives\n"
        "exactly one message; nothing is dropped. Then come the events: what the objects in it did."
    )


def run(args: argparse.Namespace) -> int:
    """Analyze to the end; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        summary = Summary()
        try:
            return await analyze(_analysis(args, config), summary, stop)
        except* Stopped:
            sys.stderr.write(f"interrupted after {summary.frames} frame(s)\n")
        return FAILED

    return run_process(body)


def _analysis(args: argparse.Namespace, config: Config) -> Analysis:
    """What is asked for. Raises ConfigError."""
    video: Path = args.video
    if not video.is_file():
        raise ConfigError(f"{video}: no such file")
    if args.fps is not None and not 0 < args.fps <= 120:
        raise ConfigError("--fps must be above 0 and at most 120")
    if args.workers is not None and not 0 <= args.workers <= 64:
        raise ConfigError("--workers must be 0 to 64")
    pipeline = _pipeline(args.pipeline, config)
    sampling = Sampling(fps=args.fps) if args.fps else config.pipelines[pipeline].sampling
    return Analysis(
        config,
        args.config,
        video,
        pipeline,
        sampling,
        _start_s(args.start, video),
        _output(args.json),
        args.workers,
        None if args.annotate is None else Annotate(_annotated(args.annotate, video), _follow(args.follower)),
    )


def _follow(module: str) -> Follow:
    """How the events service tells which object a detection is: only the command line knows that service."""
    follow: Follow = importlib.import_module(module).follow
    return follow


def _annotated(out: Path, video: Path) -> Path:
    """Where the annotated video goes; checked now, rather than after the work."""
    if out.suffix.lower() not in ENCODERS:
        raise ConfigError(f"--annotate {out}: its ending must be one of {', '.join(ENCODERS)}")
    folder = out.resolve().parent
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"--annotate {out}: {folder} is not a folder that can be written to")
    if out.exists() and (not out.is_file() or not os.access(out, os.W_OK) or out.samefile(video)):
        why = "is the recording itself" if out.is_file() and out.samefile(video) else "is there, and can't be replaced"
        raise ConfigError(f"--annotate {out}: {why}")
    return out


def _pipeline(name: str | None, config: Config) -> str:
    names = list(config.pipelines)
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        known = ", ".join(names) or "none"
        raise ConfigError(
            f"--pipeline {name} is not defined (defined: {known})" if name else f"--pipeline is needed: {known}"
        )
    return name


def _start_s(text: str | None, video: Path) -> float:
    """When the recording began, Unix seconds: as said, or when the file was last written."""
    if text is None:
        return video.stat().st_mtime
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError("--start must be ISO 8601, as in 2026-11-22T08:20:00+01:00") from None
    return (moment if moment.tzinfo else moment.astimezone()).timestamp()


def _output(path: str | None) -> Path | None:
    """Where the JSON lines go; checked now, rather than after the work."""
    if path is None or path == "-":
        return None if path is None else Path("/dev/stdout")
    folder = Path(path).resolve().parent
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"--json {path}: {folder} is not a folder that can be written to")
    sys.stdout.flush()
    return Path(path)
