"""What it costs to take frames out of a camera: idle behind the gate, and active, against ffmpeg over the same RTSP.

One 1080p25 camera a side (GOP 2 s, noise, 4 Mb/s), read from one simulator whose CPU counts for nobody; rounds are
interleaved. Vedette's side is a process of readers that samples and encodes, as a gateway's decode process does;
ffmpeg's decodes every frame, in one thread, and throws its output away. With a substream (640x360 at 10 fps, GOP 2 s)
the main stream is not read but for one picture, before the measurement. The bars are ratios of a round.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.cameras_1080p import clip, idle_clip, idle_substream_clip
from benchmarks.processes import cpu_seconds, free_port, started, wait_until
from benchmarks.results import Result

_READER = [sys.executable, "-m", "benchmarks.ingest_reader"]
_TO_PICTURES = ["-c:v", "mjpeg", "-f", "mjpeg", "-y", "/dev/null"]


@dataclass(frozen=True)
class Side:
    """One of those that are compared."""

    command: Callable[[str], list[str]]
    """To read this URL."""
    ready: str | None = None
    """What a reader must have said of itself before it is measured."""


def _vedette(fps: float, *options: str, ready: str) -> Side:
    return Side(lambda url: [*_READER, url, "--fps", str(fps), *options], ready)


def _ffmpeg(filters: str, *output: str) -> Side:
    open_ = ["ffmpeg", "-v", "error", "-progress", "pipe:2", "-stats_period", "1", "-nostdin", "-threads", "1"]
    open_ += ["-rtsp_transport", "tcp", "-i"]
    return Side(lambda url: [*open_, url, "-an", "-vf", filters, *(output or ("-f", "null", "-"))])


def _with_substream(*options: str, ready: str) -> Side:
    side = _vedette(2, *options, ready=ready)
    return Side(lambda url: [*side.command(url), "--substream", f"{url}-small"], ready)


_IDLE = {
    "vedette_gated": _vedette(2, "--gate", ready='"gate": "idle"'),
    "vedette_decode_all": _vedette(2, "--every-frame", ready='"decode": "all"'),
    "vedette_substream_gated": _with_substream("--gate", ready='"gate": "idle"'),
    "vedette_substream_every_frame": _with_substream("--every-frame", ready='"decode": "all"'),
    "ffmpeg_fps_2": _ffmpeg("fps=2"),
}
_ACTIVE = {
    "vedette_2fps": _vedette(2, ready='"decode": "lazy"'),
    "ffmpeg_mjpeg_2fps": _ffmpeg("fps=2", *_TO_PICTURES),
    "ffmpeg_mjpeg_640_2fps": _ffmpeg("fps=2,scale=640:-2", *_TO_PICTURES),
    "vedette_1fps": _vedette(1, ready='"decode": "lazy"'),
    "ffmpeg_mjpeg_1fps": _ffmpeg("fps=1", *_TO_PICTURES),
}
_RATIOS = {
    "idle_to_own_decode_all": ("vedette_gated", "vedette_decode_all", 0.25),
    "idle_to_ffmpeg": ("vedette_gated", "ffmpeg_fps_2", 0.2),
    "idle_with_substream_to_own_decode_all": ("vedette_substream_gated", "vedette_decode_all", 0.12),
    "active_2fps_to_ffmpeg_mjpeg": ("vedette_2fps", "ffmpeg_mjpeg_2fps", 0.8),
    "active_1fps_to_ffmpeg_mjpeg": ("vedette_1fps", "ffmpeg_mjpeg_1fps", 0.6),
}
"""Name: of what, to what, at most."""


def run(quick: bool) -> Result:
    rounds, seconds = (1, 8) if quick else (3, 12)
    videos, port = {"idle": idle_clip(), "idle-small": idle_substream_clip(), "active": clip()}, free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for camera, video in videos.items():
            (folder / f"{camera}.mp4").symlink_to(video)
        files = [str(folder / f"{camera}.mp4") for camera in videos]
        simulate = [sys.executable, "-m", "vedette", "simulate", *files, "--listen", f"127.0.0.1:{port}"]
        with started(simulate, folder / "simulator.log"):
            url = f"rtsp://127.0.0.1:{port}"
            wait_until(lambda: "/active" in (folder / "simulator.log").read_text(), "the simulator serves")
            measured = [
                _round(_IDLE, f"{url}/idle", seconds, folder) | _round(_ACTIVE, f"{url}/active", seconds, folder)
                for _ in range(rounds)
            ]
    ratios = {
        name: round(statistics.median(each[ours] / each[theirs] for each in measured), 3)
        for name, (ours, theirs, _) in _RATIOS.items()
    }
    costs = {f"{side}_ms": round(statistics.median(each[side] for each in measured), 1) for side in (*_IDLE, *_ACTIVE)}
    return Result(
        "ingest",
        f"CPU ms a second of one 1080p25 H.264 camera over RTSP (GOP 2 s, 4 Mb/s, noise); {rounds} interleaved rounds"
        f" of {seconds} s, medians",
        costs | ratios,
        at_most={name: bar for name, (_, _, bar) in _RATIOS.items()},
    )


def _round(sides: Mapping[str, Side], url: str, seconds: int, folder: Path) -> dict[str, float]:
    return {name: _cost_ms(side, url, seconds, folder / "side.log") for name, side in sides.items()}


def _cost_ms(side: Side, url: str, seconds: int, log: Path) -> float:
    """CPU ms a second."""
    log.write_text("")
    with started(side.command(url), log) as process:
        if side.ready is None:
            wait_until(lambda: "frame=" in log.read_text(), f"ffmpeg reads {url}")
            time.sleep(1)
        else:
            wait_until(lambda: side.ready in _last(log), f"{side.ready} of {url}")
            time.sleep(2)
        whole = [psutil.Process(process.pid)]
        before_s, began_s = cpu_seconds(whole), time.monotonic()
        time.sleep(seconds)
        cost_ms = (cpu_seconds(whole) - before_s) * 1000 / (time.monotonic() - began_s)
        if side.ready is not None and side.ready not in _last(log):
            raise RuntimeError(f"{url} was not {side.ready} to the end: {_last(log)}")
        return cost_ms


def _last(log: Path) -> str:
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    return json.dumps(json.loads(lines[-1])) if lines else ""
