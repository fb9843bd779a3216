"""Further models of a cascade against a bare loop: faces a second that are judged and embedded, and the CPU for it.

One side is what `vedette up` runs for the two models: a process each, fed over nats-server as first workers do, 32
faces under way. The other is one process with as many threads, which decodes the same crops and runs the same graphs.
Rounds alternate; who is not measured is stopped (the loop) or has nothing to do. On a machine that others use too, only
the CPU figures hold.
"""

import asyncio
import contextlib
import json
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import psutil

from benchmarks.processes import ROOT, Up, cpu_seconds, module, started, up, wait_until
from benchmarks.results import Result
from inference.cascade.cutting import Cutting, cut
from inference.cascade.questions import Questions, Unanswered
from inference.picture_answer import Found
from inference.preprocess import place, put
from inference.repository.folder import Repository
from vedette.background import background
from vedette.bus.address import address_of
from vedette.bus.connection import Bus, connect
from vedette.config.file import load_config
from vedette.streams import CROPS
from vedette.subjects import Feed

MODELS = ("face-liveness", "face-embedding")
SESSIONS, UNDER_WAY = 2, 32
FEED = Feed("access", "bench", "door")
WAIT_S = 60.0
STAGES = [{"model": "face-detector"}, *({"model": model, "on": "face"} for model in MODELS)]

Crops = dict[str, list[bytes]]


def run(quick: bool) -> Result:
    rounds, seconds = (1, 5) if quick else (5, 12)
    with tempfile.TemporaryDirectory() as name, _sides(Path(name)) as (site, crops, loop, log):
        pairs = asyncio.run(_measure(site, crops, loop, log, rounds, seconds))
    ours, theirs = zip(*pairs, strict=True)

    def median(values: Iterator[float]) -> float:
        return statistics.median(values)

    return Result(
        "crops",
        f"faces judged and embedded: two services of {SESSIONS} sessions behind nats-server, {UNDER_WAY} faces under"
        f" way, against a bare loop of {SESSIONS} threads; {rounds} interleaved rounds of {seconds} s, medians",
        {
            "cpu_ratio": round(median(bare["ms"] / own["service_ms"] for own, bare in pairs), 3),
            "cpu_ratio_with_nats_server": round(
                median(bare["ms"] / (own["service_ms"] + own["nats_ms"]) for own, bare in pairs), 3
            ),
            "throughput_ratio": round(median(own["faces_a_s"] / bare["faces_a_s"] for own, bare in pairs), 3),
            "cpu_ratios": [round(bare["ms"] / own["service_ms"], 3) for own, bare in pairs],
            "throughput_ratios": [round(own["faces_a_s"] / bare["faces_a_s"], 3) for own, bare in pairs],
            "service_cpu_ms_a_face": round(median(one["service_ms"] for one in ours), 2),
            "nats_server_cpu_ms_a_face": round(median(one["nats_ms"] for one in ours), 2),
            "asking_cpu_ms_a_face": round(median(one["asking_ms"] for one in ours), 2),
            "bare_cpu_ms_a_face": round(median(one["ms"] for one in theirs), 2),
            "faces_a_second": round(median(one["faces_a_s"] for one in ours), 1),
            "bare_faces_a_second": round(median(one["faces_a_s"] for one in theirs), 1),
            "unanswered": sum(int(one["unanswered"]) for one in ours),
        },
        at_least={"cpu_ratio": 0.9},
        at_most={"unanswered": 0},
    )


@contextlib.contextmanager
def _sides(folder: Path) -> Iterator[tuple[Up, Crops, psutil.Popen, Path]]:
    """A running site, the crops, and the loop, which stands still."""
    crops = _crops()
    for model, own in crops.items():
        for number, jpeg in enumerate(own):
            (folder / f"{model}-{number}.jpg").write_bytes(jpeg)
    settings: dict[str, Any] = {
        "pipelines": {"access": {"stages": STAGES}},
        "inference": {"sessions": SESSIONS, "threads": 1, "device": "cpu"},
    }
    log = folder / "bare.log"
    words = module("bare_crops", str(folder), *MODELS, "--threads", str(SESSIONS))
    with up(settings) as site, started(words, log) as loop:
        try:
            wait_until(lambda: _faces(log) > 0, "the bare loop runs")
            wait_until((site.folder / "state/bench/nats.json").exists, "the site runs")
            loop.send_signal(signal.SIGSTOP)
            yield site, crops, loop, log
        finally:
            loop.send_signal(signal.SIGCONT)


async def _measure(
    site: Up, crops: Crops, loop: psutil.Popen, log: Path, rounds: int, seconds: float
) -> list[tuple[dict[str, float], dict[str, float]]]:
    address = address_of(await asyncio.to_thread(load_config, site.config), "inference")
    async with await connect(address, "benchmark", give_up_after_s=60) as bus:
        questions = Questions(bus)
        async with background(questions.run()):
            await _until_served(bus)
            await _ask(questions, crops, 3.0)  # the batchers have learned what pays
            pairs = []
            for _ in range(rounds):
                own = await _ours(site, questions, crops, seconds)
                pairs.append((own, await asyncio.to_thread(_theirs, loop, log, seconds)))
            return pairs


async def _until_served(bus: Bus) -> None:
    """Both services take crops."""
    deadline_s = time.monotonic() + 60
    for model in MODELS:
        while True:
            with contextlib.suppress(Exception):
                if (await bus.jetstream.consumer_info(CROPS, f"x-{model}")).num_waiting:
                    break
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{model} takes no crops")
            await asyncio.sleep(0.1)


async def _ours(site: Up, questions: Questions, crops: Crops, seconds: float) -> dict[str, float]:
    parts, own = site.parts(), [psutil.Process()]
    services = [process for process in parts["inference"] if any(model in process.cmdline() for model in MODELS)]
    watched = {"service_ms": services, "nats_ms": parts["nats-server"], "asking_ms": own}
    before = {name: cpu_seconds(processes) for name, processes in watched.items()}
    started_s = time.monotonic()
    faces, unanswered = await _ask(questions, crops, seconds)
    took_s = time.monotonic() - started_s
    used = {name: cpu_seconds(processes) - before[name] for name, processes in watched.items()}
    each = {name: seconds_used * 1000 / faces for name, seconds_used in used.items()}
    return {**each, "faces_a_s": faces / took_s, "unanswered": unanswered}


async def _ask(questions: Questions, crops: Crops, seconds: float) -> tuple[int, int]:
    """Faces that were answered, and not."""
    cards = {model: Repository(ROOT / "models").card(model) for model in MODELS}
    ends_s, answered, unanswered = time.monotonic() + seconds, 0, 0

    async def one_after_the_other(first: int) -> None:
        nonlocal answered, unanswered
        number = first
        while time.monotonic() < ends_s:
            number += 1
            try:
                asked = [
                    await questions.ask(cards[model], FEED, own[number % len(own)], WAIT_S, "live")
                    for model, own in crops.items()
                ]
                await asyncio.gather(*(one.answer for one in asked))
                answered += 1
            except Unanswered:
                unanswered += 1

    await asyncio.gather(*(one_after_the_other(first) for first in range(UNDER_WAY)))
    return answered, unanswered


def _theirs(loop: psutil.Popen, log: Path, seconds: float) -> dict[str, float]:
    process = psutil.Process(loop.pid)
    first, before, started_s = _faces(log), cpu_seconds([process]), time.monotonic()
    loop.send_signal(signal.SIGCONT)
    time.sleep(seconds)
    loop.send_signal(signal.SIGSTOP)
    took_s, used_s = time.monotonic() - started_s, cpu_seconds([process]) - before
    faces = _faces(log) - first
    return {"ms": used_s * 1000 / faces, "faces_a_s": faces / took_s}


def _faces(log: Path) -> int:
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")] if log.exists() else []
    return int(json.loads(lines[-1])["faces"]) if lines else 0


def _crops() -> Crops:
    """Those that the pipeline cuts from the tests' portraits."""
    repository, crops = Repository(ROOT / "models"), {}
    faces = [(picture, _face(picture)) for picture in map(_portrait, ("obama", "obama2", "biden"))]
    for name in MODELS:
        model = repository.resolve(name)
        assert model.card.crop is not None, name
        spec = model.card.input_of(model.version)
        cuts = [cut(picture, Cutting(model.card.crop, face, spec)) for picture, face in faces]
        crops[name] = [one.jpeg for one in cuts if one is not None]
    return crops


def _portrait(name: str) -> np.ndarray:
    picture = cv2.imread(str(ROOT / f"tests/media/faces/{name}.jpg"))
    if picture is None:
        raise FileNotFoundError(name)
    return picture


def _face(picture: np.ndarray) -> Found:
    """As the shipped detector finds it."""
    model = Repository(ROOT / "models").resolve("face-detector")
    spec = model.card.input_of(model.version)
    height, width = picture.shape[:2]
    placement = place(width, height, spec)
    slot = np.empty((placement.input_height, placement.input_width, 3), np.uint8)
    put(slot, picture, placement, spec.pad)
    session = onnxruntime.InferenceSession(str(model.path), providers=["CPUExecutionProvider"])
    boxes, landmarks = session.run(["boxes", "landmarks"], {"images": slot[None]})
    size = np.array([placement.width, placement.height], np.float32)
    corners, points = boxes[0, 0].reshape(2, 2) / size, landmarks[0, 0].reshape(5, 2) / size
    (x, y), (right, bottom) = corners.tolist()
    return Found("face", 1.0, (x, y, right - x, bottom - y), [(px, py) for px, py in points.tolist()])


if __name__ == "__main__":
    print(run(quick=True).text())
