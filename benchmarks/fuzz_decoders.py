"""Damaged pictures against the decoders of the input guard: `python -m benchmarks fuzz_decoders`.

The pictures are decoded in child processes, so that a crash of a C library ends a child and not the search: its number
is noted, and the search goes on behind it. Memory is the child's resident set, sampled every 1,000 pictures after the
heap's free pages were given back; the slope is a least squares fit over the second half. A leak on one path would hide
in it: so some inputs of each outcome are repeated, thousands of times, and the growth is told for the worst.
"""

import ctypes
import faulthandler
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import psutil

from benchmarks.mutations import mutated, seeds
from benchmarks.results import Result
from inference.guard import Limits, UndecodableImage, decode, examine

INPUTS = 100_000
LIMITS = Limits(pixels=2**21)
"""Low, so that the time goes into many pictures instead of a few large ones."""
_EVERY = 1000
_SLOW_S = 1.0
_EXAMPLES = 10
_REPEATED = 3000


def run(quick: bool = False) -> Result:
    """Children until all inputs were tried; each crash costs one."""
    total = 2000 if quick else INPUTS
    outcomes: Counter[str] = Counter()
    crashes: list[dict[str, Any]] = []
    reports: list[dict[str, Any]] = []
    first, noise = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "number"
        while first < total and len(crashes) < 20:
            with (Path(folder) / "stderr").open("w+") as stderr:
                child = subprocess.run(
                    [sys.executable, "-m", "benchmarks.fuzz_decoders", str(first), str(total), str(note)],
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    text=True,
                    check=False,
                )
            said = (Path(folder) / "stderr").read_text(errors="replace")
            noise += len(said.splitlines())
            if child.returncode == 0:
                reports.append(json.loads(child.stdout))
                first = total
            else:
                number = int(note.read_text())
                crashes.append({"number": number, "status": child.returncode, "stack": said[-800:]})
                first = number + 1
    for report in reports:
        outcomes.update(report["outcomes"])
    figures: dict[str, Any] = {
        "inputs": first,
        "crashes": len(crashes),
        "crashed_at": crashes,
        "lines_on_stderr": noise,
    }
    if reports:
        last = reports[-1]
        figures |= {key: last[key] for key in ("defects", "reached_decoder", "slow", "slowest_ms")} | {
            "memory_slope_kb_per_1000": last["slope_kb"],
            "leak_bytes_an_input": last["leak_bytes"],
            "memory_mb": last["memory_mb"],
            "outcomes": dict(outcomes.most_common()),
        }
    return Result(
        "fuzz_decoders",
        f"{first} damaged pictures (JPEG, PNG, WebP), decoded behind the header check in child processes",
        figures,
        at_most={"crashes": 0, "defects": 0, "slow": 0, "memory_slope_kb_per_1000": 20, "leak_bytes_an_input": 20},
        at_least={"inputs": total},
    )


def child(first: int, end: int, note: Path) -> dict[str, Any]:
    """Decode the inputs from `first` on; what came of them. The number of each is on disk before it is tried."""
    originals, process = seeds(), psutil.Process()
    outcomes: Counter[str] = Counter()
    examples: defaultdict[str, list[bytes]] = defaultdict(list)
    memory: list[float] = []
    slowest_s, slow, reached, defects = 0.0, 0, 0, 0
    with note.open("w+") as file:
        for number in range(first, end):
            data = mutated(originals, number)
            file.seek(0)
            file.write(f"{number:09}")
            file.flush()
            started = perf_counter()
            outcome = _outcome(data)
            took_s = perf_counter() - started
            slowest_s, slow = max(slowest_s, took_s), slow + (took_s > _SLOW_S)
            reached += outcome.startswith(("decoded", "damaged", "a damaged"))
            defects += outcome.startswith("defect")
            outcomes[outcome] += 1
            if len(examples[outcome]) < _EXAMPLES:
                examples[outcome].append(data)
            if number % _EVERY == 0:
                memory.append(_resident_kb(process))
    half = memory[len(memory) // 2 :]
    slope = float(np.polyfit(range(len(half)), half, 1)[0]) if len(half) > 2 else 0.0
    return {
        "outcomes": outcomes,
        "reached_decoder": reached,
        "defects": defects,
        "slow": slow,
        "slowest_ms": round(slowest_s * 1000, 1),
        "slope_kb": round(slope, 2),
        "leak_bytes": max(_growth(process, inputs) for inputs in examples.values()),
        "memory_mb": [round(memory[0] / 1024), round(memory[-1] / 1024)],
    }


def _growth(process: psutil.Process, inputs: Sequence[bytes]) -> float:
    """Bytes an input that are not given back."""
    for data in inputs:
        _outcome(data)
    before = _resident_kb(process)
    rounds = _REPEATED // len(inputs)
    for _ in range(rounds):
        for data in inputs:
            _outcome(data)
    return round((_resident_kb(process) - before) * 1024 / (rounds * len(inputs)), 1)


def _resident_kb(process: psutil.Process) -> float:
    ctypes.CDLL(None).malloc_trim(0)
    return float(process.memory_info().rss / 1024)


def _outcome(data: bytes) -> str:
    """What the guard does with an input, in a few words without its figures."""
    try:
        picture = decode(data, LIMITS)
    except UndecodableImage as error:
        words = [word for word in error.reason.split() if not any(letter.isdigit() for letter in word)]
        return " ".join(words[:6])
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"defect: {type(error).__name__}: {error}"
    header = examine(data, LIMITS)
    fits = picture.dtype == np.uint8 and picture.shape == (*header.displayed_size[::-1], 3)
    return f"decoded {header.format}" if fits else "defect: shape"


if __name__ == "__main__":
    faulthandler.enable()
    json.dump(child(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])), sys.stdout)
