"""A site run by `vedette up` in a process of its own, as a user runs it, on free ports."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.free_ports import free_port

ROOT = Path(__file__).parent.parent.parent
VIDEO = ROOT / "media" / "pedestrians.mp4"

CONFIG = """
site: {site}
listen: {{nats: 127.0.0.1:0, gateway: 127.0.0.1:0, inference: 127.0.0.1:0, events: 127.0.0.1:0}}
simulator: {{listen: 127.0.0.1:{rtsp}, videos: [{video}]}}
cameras:
  street: {{url: rtsp://127.0.0.1:{rtsp}/pedestrians, pipeline: people}}
pipelines:
  people:
    sampling: {{fps: 2}}
    stages: [{{model: coco-detector@^1, confidence: 0.4}}]
models: {{path: {models}}}
inference: {{sessions: 2, replicas: {replicas}}}
retention: {{detections_gib: 0.5, events_gib: 0.5, clips_mib: 64}}
"""


class Site:
    """`vedette up` on a configuration of its own, in `folder`."""

    def __init__(self, folder: Path, replicas: int = 1) -> None:
        self.folder = folder
        self.name = f"e2e-{os.getpid()}-{time.monotonic_ns() % 10**9}"
        self.config = folder / "site.yaml"
        values = {"site": self.name, "rtsp": free_port(), "video": VIDEO, "models": ROOT / "models"}
        self.config.write_text(CONFIG.format(replicas=replicas, **values))
        self.environ = {**os.environ, "VEDETTE_STATE": str(folder / "state")}
        self.output = folder / "output.txt"
        self._up: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "vedette", "up", str(self.config), *options],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=self.environ,
                cwd=self.folder,
            )
        return self._up

    def start_in_a_terminal(self, *options: str) -> None:
        """The same, with a pseudo-terminal; what is written there goes to `output`."""
        controller, terminal = pty.openpty()
        self._up = subprocess.Popen(
            [sys.executable, "-m", "vedette", "up", str(self.config), *options],
            stdout=terminal,
            stderr=terminal,
            stdin=subprocess.DEVNULL,
            env={**self.environ, "COLUMNS": "160", "LINES": "50", "TERM": "xterm"},
            cwd=self.folder,
        )
        os.close(terminal)
        threading.Thread(target=self._copy, args=(controller,), daemon=True).start()

    def _copy(self, controller: int) -> None:
        with self.output.open("wb", buffering=0) as output, contextlib.suppress(OSError):  # EIO: nobody writes any more
            while data := os.read(controller, 65536):
                output.write(data)
        os.close(controller)

    @property
    def up(self) -> subprocess.Popen[bytes]:
        assert self._up is not None
        return self._up

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "vedette", *words]

    def run(self, *words: str, timeout_s: float = 100) -> subprocess.CompletedProcess[str]:
        """A command to its end, in this site's environment."""
        return subprocess.run(
            self.command(*words), env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=timeout_s
        )

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.up.pid).children(recursive=True)

    def child(self, kind: str) -> psutil.Process:
        """The running child whose command line says `kind`."""
        found: list[psutil.Process] = []

        def there() -> bool:
            found[:] = [child for child in self.children() if kind in _words(child)]
            return bool(found)

        until(there, f"a child {kind}")
        return found[0]

    def interrupt(self) -> None:
        self.up.send_signal(signal.SIGINT)

    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.output.read_text(errors="replace"))

    def log(self, name: str) -> str:
        return (self.folder / "state" / self.name / "log" / name).read_text()

    def left_behind(self) -> list[str]:
        """Command lines of processes that know this site and still run."""
        return [
            " ".join(process.info["cmdline"])
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["cmdline"]
            and any(str(self.folder) in word for word in process.info["cmdline"])
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ]

    def close(self) -> None:
        if self._up is not None and self._up.poll() is None:
            for child in self.children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            self._up.kill()
            self._up.wait()


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [Path(word).name for word in process.cmdline()]
    return []


def until(condition, what: str, deadline_s: float = 60.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.02)


def handles_signals(pid: int) -> bool:
    """Whether the program's own handlers are in place: Python alone catches no SIGTERM."""
    with contextlib.suppress(FileNotFoundError):
        caught = re.search(r"SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text())
        return bool(caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


@contextlib.contextmanager
def site(folder: Path, replicas: int = 1) -> Iterator[Site]:
    running = Site(folder, replicas)
    try:
        yield running
    finally:
        running.close()
