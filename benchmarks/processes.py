"""Processes under measurement: started as a user starts them, their CPU seconds and memory read from outside."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent


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
                kind = next(
                    (k for k in ("gateway", "inference", "simulate", "nats-server") if k in _names(words)), "other"
                )
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
            "listen": {"nats": "127.0.0.1:0", "gateway": "127.0.0.1:0", "inference": "127.0.0.1:0"},
            "models": {"path": str(ROOT / "models")},
            "retention": {"detections_gib": 1},
        }
        with config.open("w") as stream:
            YAML(typ="safe", pure=True).dump(common | settings, stream)
        os.environ["VEDETTE_STATE"] = str(folder / "state")
        try:
            with started([sys.executable, "-m", "vedette", "up", str(config)], folder / "up.log") as process:
                yield Up(process, folder, config)
        finally:
            del os.environ["VEDETTE_STATE"]


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
