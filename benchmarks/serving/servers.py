"""A server under measurement: started, asked until it answers rightly, its CPU read from outside, ended."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.processes import cpu_seconds
from benchmarks.serving.client import parse

START_S = 90.0
STOP_S = 8.0
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "268435456", "MALLOC_TRIM_THRESHOLD_": "536870912"}
"""Given to the peers and the bare loops: without it glibc returns every picture's memory to the system and decoding
takes twice as long. Vedette sees to it by itself."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class DoesNotServe(Exception):
    """A server did not come up or answers wrongly; the text holds the end of its log."""


@dataclass(frozen=True)
class Start:
    """How a server is started: a command, and what it finds in its environment."""

    words: Sequence[str]
    environ: Mapping[str, str]
    port: int
    grpc_port: int | None = None
    """Of those that speak Open Inference Protocol v2 over gRPC."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]


class Server:
    """A process and all its descendants."""

    def __init__(self, process: psutil.Popen, start: Start, log: Path) -> None:
        self._process = process
        self.port = start.port
        self.grpc_port = start.grpc_port
        self._log = log

    def cpu_seconds(self) -> float:
        """User and system time of the whole tree so far."""
        tree = [psutil.Process(self._process.pid), *self._process.children(recursive=True)]
        with contextlib.suppress(psutil.NoSuchProcess):
            return cpu_seconds(tree)
        return self.cpu_seconds()

    def until_it_answers(self, request: bytes) -> Answer:
        """The first answer with status 200. Raises DoesNotServe."""
        end, last = time.monotonic() + START_S, "nothing"
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise DoesNotServe(f"it ended with {self._process.returncode}: {self._log_end()}")
            try:
                answer = ask(self.port, request)
            except OSError as error:
                last = str(error)
            else:
                if answer.status == 200:
                    return answer
                last = f"{answer.status} {answer.body[:500]!r}"
            time.sleep(0.1)
        raise DoesNotServe(f"no answer with status 200 in {START_S:g} s, but {last}: {self._log_end()}")

    def _log_end(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


@contextlib.contextmanager
def started(start: Start, log: Path) -> Iterator[Server]:
    """The server of `start` in a process group of its own, with its output in `log`."""
    environ = {**os.environ, **ONE_THREAD, **start.environ}
    with log.open("ab") as output:
        process = psutil.Popen(
            list(start.words),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environ,
            start_new_session=True,
        )
    try:
        yield Server(process, start, log)
    finally:
        _end(process)


def _end(process: psutil.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # whoever of its group is left
    process.wait()


def ask(port: int, request: bytes, timeout_s: float = 30.0) -> Answer:
    """One request on a connection of its own. Raises OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
        connection.sendall(request)
        buffer = bytearray()
        while data := connection.recv(1 << 16):
            buffer += data
            if answer := parse(buffer):
                return Answer(*answer)
    raise ConnectionError("closed before the answer was whole")
