"""The parts of `benchmarks/reload.py`, each in a process of its own; prints its figures as JSON."""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from inference.dataplane import DataPlane
from inference.errors import InferenceError
from inference.rollout import held
from inference.rollout.plan import Plan
from tests.inference.rollout.versions import TestRepository
from tests.inference.worker import jpegs
from vedette.background import end

CAMERAS, FPS = 4, 3.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=("reload", "beside"))
    parser.add_argument("--reloads", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--no-trim", action="store_true")
    args = parser.parse_args()
    if args.no_trim:
        held.__dict__["trim"] = lambda: None  # memory stays with the allocator
    with tempfile.TemporaryDirectory() as folder:
        repository = TestRepository(Path(folder) / "models", [f"1.0.{number}" for number in range(args.reloads + 1)])
        body = reload(repository, args.reloads) if args.part == "reload" else beside(repository, args.seconds)
        print(json.dumps(asyncio.run(body)))


@asynccontextmanager
async def open_plane(repository: TestRepository) -> AsyncIterator[DataPlane]:
    find = repository.available().find
    plane = DataPlane(await find("1.0.0"), "cpu", sessions=2, threads=1, decoders=2, find=find)
    await plane.start()
    try:
        yield plane
    finally:
        await plane.close(grace_s=2)


class Answers:
    """When each picture was answered, and after how long."""

    def __init__(self) -> None:
        self.at: list[tuple[float, float]] = []
        self.failed = 0

    async def ask(self, plane: DataPlane, number: int, turn: int) -> None:
        started = time.monotonic()
        try:
            await plane.infer(jpegs()[turn % 16], started + 10.0, source=("bench", f"cam-{number}"))
        except InferenceError:
            self.failed += 1
        self.at.append((started, time.monotonic() - started))

    def latencies_ms(self, since: float, until: float) -> list[float]:
        return [took * 1000 for started, took in self.at if since <= started < until]


async def reload(repository: TestRepository, reloads: int) -> dict[str, Any]:
    """Cameras at their own pace; each reload when the one before has settled."""
    answers, process = Answers(), psutil.Process()
    async with open_plane(repository) as plane:
        cameras = [asyncio.create_task(_camera(plane, answers, number)) for number in range(CAMERAS)]
        await asyncio.sleep(5)
        memory, calm, busy, loads = [_mib(process)], answers.latencies_ms(0, time.monotonic()), [], []
        for number in range(1, reloads + 1):
            old, begun = plane.stable, time.monotonic()
            await plane.hold(await repository.available().find(f"1.0.{number}"))
            plane.assign(Plan(f"1.0.{number}"))
            loads.append(time.monotonic() - begun)
            busy += answers.latencies_ms(begun, time.monotonic())
            while old.ready or plane.held.retiring:  # its threads have ended, and its memory was given back
                await asyncio.sleep(0.02)
            del old
            settled = time.monotonic()
            await asyncio.sleep(2)
            calm += answers.latencies_ms(settled + 0.3, time.monotonic())
            memory.append(_mib(process))
        await end(cameras)
    return {
        "answered": len(answers.at) - answers.failed,
        "failed": answers.failed,
        "load_s_median": round(float(np.median(loads)), 2),
        **_spread("calm", calm),
        **_spread("while_loading", busy),
        "rss_mib": [rss for rss, _ in memory],
        "rss_growth_mib": round(memory[-1][0] - memory[0][0], 1),
        "uss_growth_mib": round(memory[-1][1] - memory[0][1], 1),
        "rss_growth_from_the_second_reload_on_mib": round(memory[-1][0] - memory[2][0], 1),
    }


async def _camera(plane: DataPlane, answers: Answers, number: int) -> None:
    turn = 0
    while True:
        begun = time.monotonic()
        await answers.ask(plane, number, turn)
        turn += 1
        await asyncio.sleep(max(0.0, begun + 1 / FPS - time.monotonic()))


async def beside(repository: TestRepository, seconds: float) -> dict[str, Any]:
    """The three ways by turns, twice; one caller a camera."""
    repository.add("1.1.0")
    find, figures = repository.available().find, dict[str, list[float]]()
    process = psutil.Process()
    async with open_plane(repository) as plane:
        alone_mib = _mib(process)[0]
        model = await find("1.1.0")
        for _ in range(2):
            for name, plan in {
                "alone": Plan("1.0.0"),
                "candidate_half": Plan("1.0.0", "1.1.0", 0.5),
                "shadow_all": Plan("1.0.0", shadow="1.1.0", sample=1.0),
            }.items():
                if plan.candidate or plan.shadow:
                    await plane.hold(model, background=plan.shadow is not None)
                plane.assign(plan)
                figures.setdefault(f"{name}_a_second", []).append(await _rate(plane, seconds))
                figures.setdefault(f"{name}_mib", []).append(_mib(process)[0] - alone_mib)
    return {key: round(float(np.mean(values)), 1) for key, values in figures.items() if key != "alone_mib"}


async def _rate(plane: DataPlane, seconds: float) -> float:
    answers = Answers()

    async def caller(number: int) -> None:
        turn = 0
        while True:
            await answers.ask(plane, number, turn)
            turn += 1

    callers = [asyncio.create_task(caller(number)) for number in range(8)]
    await asyncio.sleep(1)
    begun, before = time.monotonic(), len(answers.at)
    await asyncio.sleep(seconds)
    rate = (len(answers.at) - before) / (time.monotonic() - begun)
    await end(callers)
    assert not answers.failed, f"{answers.failed} failed"
    return rate


def _spread(name: str, latencies_ms: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(latencies_ms, (50, 99))
    return {
        f"{name}_p50_ms": round(p50, 1),
        f"{name}_p99_ms": round(p99, 1),
        f"{name}_max_ms": round(max(latencies_ms), 1),
    }


def _mib(process: psutil.Process) -> tuple[float, float]:
    memory = process.memory_full_info()
    return round(memory.rss / 2**20, 1), round(memory.uss / 2**20, 1)


if __name__ == "__main__":
    main()
