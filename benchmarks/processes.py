"""Processes under measurement: started as a user starts them, their CPU seconds and memory read from outside."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
_KINDS = ("gateway", "inference", "events", "simulate", "nats-server")


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of the benchmarks."""
    return [sys.executable, "-m", f"benchmarks.{name}", *arguments]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def started(words: Sequence[str], log: Path, environ: dict[str, str] | None = None) -> Iterator[psutil.Popen]:
    """A process, ended by SIGINT, with its output in `log`."""
    with log.open("ab") as output:
        process = psutil.Popen(
            list(words), stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **(environ or {})}
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait()


class Up:
    """`vedette up` on a configuration."""

    def __init__(self, process: psutil.Popen, folder: Path, config: Path) -> None:
        self.process = process
        self.folder = folder
        self.config = config

    def parts(self) -> dict[str, list[psutil.Process]]:
        """Its processes by kind."""
        kinds: dict[str, list[psutil.Process]] = {"supervisor": [psutil.Process(self.process.pid)]}
        for child in self.process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                words = child.cmdline()
                kind = next((k for k in _KINDS if k in _names(words)), "other")
                kinds.setdefault(kind, []).append(child)
        return kinds


def _names(words: Sequence[str]) -> set[str]:
    """What a command line names; a decode process is a part of the gateway."""
    return {"gateway" if word == "gateway.processes.decode_process" else Path(word).name for word in words}


@contextlib.contextmanager
def up(settings: dict[str, Any]) -> Iterator[Up]:
    """A running site; `settings` are those of its configuration file beyond what every benchmark has in common."""
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name:
        folder = Path(name)
        config = folder / "site.yaml"
        common = {
            "site": "bench",
            "listen": {
                "nats": "127.0.0.1:0",
                "gateway": "127.0.0.1:0",
                "inference": "127.0.0.1:0",
                "events": "127.0.0.1:0",
            },
            "gateway": {"capacity": "off"},
            "models": {"path": str(ROOT / "models")},
            "retention": {"detections_gib": 1, "events_gib": 1},
        }
        with config.open("w") as stream:
            YAML(typ="safe", pure=True).dump(common | settings, stream)
        os.environ["VEDETTE_STATE"] = str(folder / "state")
        try:
            with started([sys.executable, "-m", "vedette", "up", str(config)], folder / "up.log") as process:
                yield Up(process, folder, config)
        finally:
            del os.environ["VEDETTE_STATE"]


@contextlib.contextmanager
def simulating(videos: Sequence[Path], folder: Path) -> Iterator[list[str]]:
    """An RTSP camera for each video, from one process; yields their URLs."""
    port, log, files = free_port(), folder / "simulator.log", []
    for number, video in enumerate(videos):
        files.append(folder / f"camera{number}.mp4")
        files[-1].symlink_to(video)
    words = [sys.executable, "-m", "vedette", "simulate", *map(str, files), "--listen", f"127.0.0.1:{port}"]
    with started(words, log):
        urls = [f"rtsp://127.0.0.1:{port}/{file.stem}" for file in files]
        wait_until(lambda: urls[-1] in log.read_text(), "the simulator serves")
        yield urls


def metrics_of(address: str) -> str:
    """What a process says of itself at HOST:PORT; nothing while it doesn't serve."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def ready(address: str) -> bool:
    """Whether the process at HOST:PORT says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=10):
            return True
    except OSError:  # an answer other than 200 is one
        return False


def metric(address: str, name: str) -> float:
    """The sum of a metric's series."""
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", metrics_of(address), re.MULTILINE))


def metric_by_camera(address: str, name: str) -> dict[str, float]:
    """A metric's sums over the series of each camera."""
    sums: dict[str, float] = {}
    for camera, value in re.findall(rf'^{name}\{{camera="([^"]+)".*\}} (\S+)$', metrics_of(address), re.MULTILINE):
        sums[camera] = sums.get(camera, 0.0) + float(value)
    return sums


def with_children(pids: Sequence[int]) -> list[psutil.Process]:
    """These processes and all that they have started and that still run."""
    roots = [psutil.Process(pid) for pid in pids]
    return roots + [child for root in roots for child in root.children(recursive=True)]


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """User and system time of processes that run."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def memory_mib(processes: Sequence[psutil.Process]) -> float:
    """Unique set size: what would be freed if they ended."""
    return sum(process.memory_full_info().uss for process in processes) / 2**20


def wait_until(condition: Any, what: str, deadline_s: float = 60.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)
