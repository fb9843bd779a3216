"""Cameras per core by activity: Vedette's gateway against what others decode, when something moves 0 to 100 % of time.

1080p25 cameras over RTSP (H.264, 4 Mb/s, GOP 2 s, moderate noise) from one simulator, whose CPU counts for nobody. Each
side takes 2 pictures a second out of each camera (the motion detector looks at 5); what counts is the CPU of all its
processes: of Vedette everything that `vedette up` starts where no inference runs, nats-server among it; of the others a
process or two a camera. Sides take turns; each is measured for a whole period of the streams, or for half of
one where it is the same all the time. Inference and object detection are nobody's part. All takes about 26 minutes.
"""

import contextlib
import json
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

from benchmarks.gate.activity_stream import PERIOD_S, activity_clip, activity_stream, share_of
from benchmarks.processes import cpu_seconds, free_port, metric, simulating, started, up, wait_until, with_children
from benchmarks.results import Result

CAMERAS, FPS = 4, 2.0
SHARES = (0.0, 0.1, 0.3, 1.0)
_SETTLE_S = 3.0


@dataclass(frozen=True)
class Cost:
    """Of one side, for a while."""

    ms: float
    """CPU ms a camera-second."""
    fps: float
    """Pictures a camera and second."""


class Running(Protocol):
    """A side that runs."""

    def processes(self) -> list[psutil.Process]: ...

    def frames(self) -> float:
        """Pictures taken so far, of all cameras."""


class Side(Protocol):
    """One of those that are compared."""

    @property
    def least_fps(self) -> float:
        """Of pictures, where it keeps up."""

    def running(self, urls: Sequence[str], folder: Path) -> contextlib.AbstractContextManager[Running]: ...


class Vedette:
    """The gateway of a site without inference."""

    def __init__(self, gate: str) -> None:
        self._gate = gate
        self.least_fps = 0.8 * FPS if gate == "off" else 0.0

    @contextlib.contextmanager
    def running(self, urls: Sequence[str], folder: Path) -> Iterator[Running]:
        address = f"127.0.0.1:{free_port()}"
        gate = {"mode": self._gate}
        settings = {
            "listen": {"nats": "127.0.0.1:0", "gateway": address, "inference": "127.0.0.1:0"},
            "cameras": {f"cam{n}": {"url": url, "pipeline": "people", "gate": gate} for n, url in enumerate(urls)},
            # without inference a rate would fall
            "pipelines": {"people": {"sampling": {"fps": FPS, "min_fps": FPS}, "stages": [{"model": "coco-detector"}]}},
            "inference": {"replicas": 0, "device": "cpu"},
        }
        with up(settings) as site:
            wait_until(lambda: metric(address, "vedette_camera_up") == len(urls), "all cameras are live")
            if self._gate != "off":
                with contextlib.suppress(TimeoutError):  # something may move all the time
                    wait_until(lambda: metric(address, "vedette_frames_gated_total") > 0, "a gate rests", 12)
            yield _Site(site.process, address)


@dataclass(frozen=True)
class _Site:
    process: psutil.Popen
    address: str

    def processes(self) -> list[psutil.Process]:
        return with_children([self.process.pid])

    def frames(self) -> float:
        return metric(self.address, "vedette_frames_sampled_total")


@dataclass(frozen=True)
class Peer:
    """A program for each camera."""

    words: Sequence[str]
    """With {url} and {log}, to which it says how many pictures it has taken."""
    counted: str
    """A pattern of that, the last match of which counts."""
    least_fps: float = 0.8 * FPS

    @contextlib.contextmanager
    def running(self, urls: Sequence[str], folder: Path) -> Iterator[Running]:
        with contextlib.ExitStack() as stack:
            logs = [folder / f"peer{number}.log" for number in range(len(urls))]
            pids = []
            for url, log in zip(urls, logs, strict=True):
                log.write_text("")
                words = [word.format(url=url, log=log) for word in self.words]
                pids.append(stack.enter_context(started(words, log)).pid)
            programs = _Programs(pids, logs, re.compile(self.counted))
            wait_until(lambda: min(programs.each()) > 0, "all cameras are read")
            yield programs


@dataclass(frozen=True)
class _Programs:
    pids: Sequence[int]
    logs: Sequence[Path]
    counted: re.Pattern[str]

    def processes(self) -> list[psutil.Process]:
        return with_children(self.pids)

    def frames(self) -> float:
        return sum(self.each())

    def each(self) -> list[int]:
        return [int((self.counted.findall(log.read_text()) or ["0"])[-1]) for log in self.logs]


_FFMPEG = (
    *("ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-progress", "{log}", "-stats_period", "1"),
    *("-rtsp_transport", "tcp", "-i", "{url}", "-an", "-vf", f"fps={FPS:g}", "-c:v", "mjpeg", "-threads", "1"),
    *("-f", "mjpeg", "-y", "/dev/null"),
)
_JSON = r'"frames": (\d+)'
SIDES: dict[str, Side] = {
    "vedette_gated": Vedette("activity"),
    "vedette_decode_as_needed": Vedette("off"),
    "ffmpeg_mjpeg_2fps": Peer(_FFMPEG, r"(?m)^frame=(\d+)"),
    "opencv_grab_retrieve_2fps": Peer((sys.executable, "-m", "benchmarks.opencv_peer", "{url}", str(FPS)), _JSON),
    "full_decode_motion_5fps": Peer((sys.executable, "-m", "benchmarks.motion_peer", "{url}"), _JSON, 0.8 * 5),
}


def run(quick: bool) -> Result:
    rounds, shares, cameras = (1, (0.0, 1.0), 2) if quick else (2, SHARES, CAMERAS)
    seconds = {share: 10.0 if quick else PERIOD_S / (2 if share in (0, 1) else 1) for share in shares}
    measured = [round_(seconds, cameras) for _ in range(rounds)]
    figures: dict[str, Any] = {}
    for share in shares:
        figures[f"moving_{share:.0%}"] = _summary([one[share] for one in measured], share)
    missing = [name for name in SIDES if name not in measured[0][shares[0]]]
    return Result(
        "activity",
        f"CPU ms a camera-second and cameras per core, of {cameras} 1080p25 H.264 cameras over RTSP (4 Mb/s, GOP 2 s),"
        f" by the share of time in which something moves; {rounds} interleaved rounds of"
        f" {min(seconds.values()):g} to {max(seconds.values()):g} s, medians;"
        " `keeps_up`: each side made its pictures",
        figures | ({"not_installed": missing} if missing else {}),
    )


def round_(seconds: Mapping[float, float], cameras: int) -> dict[float, dict[str, Cost]]:
    """What each side costs, by share; each is measured for so many seconds."""
    costs: dict[float, dict[str, Cost]] = {}
    for share, for_s in seconds.items():
        with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name:
            folder = Path(name)
            with simulating([activity_clip(share)] * cameras, folder) as urls:
                costs[share] = {
                    side: _cost(SIDES[side], urls, for_s, folder) for side in SIDES if _is_installed(SIDES[side])
                }
        print(f"  {share:.0%}: " + json.dumps({side: round(c.ms, 1) for side, c in costs[share].items()}), flush=True)
    return costs


def _is_installed(side: Side) -> bool:
    return not isinstance(side, Peer) or shutil.which(side.words[0]) is not None


def _cost(side: Side, urls: Sequence[str], seconds: float, folder: Path) -> Cost:
    with side.running(urls, folder) as running:
        time.sleep(_SETTLE_S)
        processes = running.processes()
        before_s, frames, began_s = cpu_seconds(processes), running.frames(), time.monotonic()
        time.sleep(seconds)
        camera_seconds = (time.monotonic() - began_s) * len(urls)
        if {process.pid for process in running.processes()} != {process.pid for process in processes}:
            raise RuntimeError("a process ended, or began, while it was measured")
        return Cost(
            (cpu_seconds(processes) - before_s) * 1000 / camera_seconds, (running.frames() - frames) / camera_seconds
        )


def _summary(rounds: Sequence[dict[str, Cost]], share: float) -> dict[str, Any]:
    """Medians over rounds."""
    figures: dict[str, Any] = {"something_in_view": round(share_of(activity_stream(share)), 3)}
    ours = "vedette_gated"
    for side in rounds[0]:
        ms = statistics.median(one[side].ms for one in rounds)
        ratio = statistics.median(one[ours].ms / one[side].ms for one in rounds)
        figures[side] = {"ms": round(ms, 1), "cameras_per_core": round(1000 / ms, 1)}
        figures[side] |= {"fps": round(statistics.median(one[side].fps for one in rounds), 2)}
        if side != ours:
            figures[side] |= {"gated_to_this": round(ratio, 3)}
    figures["keeps_up"] = all(one[side].fps >= SIDES[side].least_fps for one in rounds for side in one)
    return figures
