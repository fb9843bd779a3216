"""Real inference processes for tests: started, watched, stopped and killed."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.inference.worker import ROOT
from tests.waiting import until

_ADDRESS = re.compile(r"health and metrics on (http://\S+)")

CONFIG = f"""
site: plant-1
nats: {{url: "nats://127.0.0.1:%s"}}
pipelines:
  people:
    stages:
      - {{model: coco-detector@^1, confidence: 0.4}}
models: {{path: {ROOT / "models"}}}
inference: {{device: cpu, sessions: 2}}
retention: {{detections_gib: 0.5, events_gib: 0.5, clips_mib: 64, frames_mib: 64, pictures_mib: 32}}
"""


class Process:
    """`vedette inference` in a process of its own."""

    def __init__(self, config: Path, log: Path, *words: str) -> None:
        self.log = log
        self.started_s = time.monotonic()
        command = [sys.executable, "-m", "vedette", "inference", str(config), "--listen", "127.0.0.1:0", *words]
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT)

    @property
    def text(self) -> str:
        return self.log.read_text()

    @property
    def cpu_s(self) -> float:
        """Processor time it has used."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    @property
    def status(self) -> int | None:
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    async def ended(self, deadline_s: float = 60) -> int:
        await until(lambda: self.status is not None, lambda: f"ended: {self.text}", deadline_s)
        assert self.status is not None
        return self.status

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages."""
        await until(
            lambda: _ADDRESS.search(self.text) or self.status is not None, lambda: f"it listens: {self.text}", 60
        )
        found = _ADDRESS.search(self.text)
        assert found is not None, self.text
        return await asyncio.to_thread(_get, found[1] + path)

    async def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and JSON of an answer to JSON."""
        found = _ADDRESS.search(self.text)
        assert found is not None, self.text
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(found[1] + path, data, dict(headers or {}), method=method)
        status, text = await asyncio.to_thread(_get, request)
        return status, json.loads(text)

    async def missing(self) -> list[str]:
        """What it is not ready for; empty: it is ready."""
        status, text = await self.get("/readyz")
        answer = json.loads(text)
        assert (status == 200) == answer["ready"]
        return list(answer.get("missing", []))

    async def until_ready(self) -> None:
        while await self.missing():
            assert time.monotonic() < self.started_s + 90, self.text
            await asyncio.sleep(0.02)

    def end(self) -> None:
        if self.status is None:
            self._process.kill()
        self._process.wait()


def _get(url: str | urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=90) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Processes:
    """Starts processes, and ends those that are left."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._all: list[Process] = []

    def start(self, config: str = CONFIG, *words: str) -> Process:
        number = len(self._all)
        file = self._folder / f"config-{number}.yaml"
        file.write_text(config % self._port if "%s" in config else config)
        self._all.append(Process(file, self._folder / f"inference-{number}.log", *words))
        return self._all[-1]

    def end(self) -> None:
        for process in self._all:
            process.end()


@contextmanager
def processes_of(folder: Path, port: int) -> Iterator[Processes]:
    processes = Processes(folder, port)
    try:
        yield processes
    finally:
        processes.end()
