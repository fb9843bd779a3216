"""A graph run once in a process of its own: one that crashes, never ends or wants all memory is refused like any other.

What it is fed is noise: the run shows that the operators exist, that the shapes go together and come out as promised,
and that a batch gives what its pictures give one by one. It says nothing of accuracy.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import ModelError

TIME_LIMIT_S = 120
MEMORY_BYTES = 6 << 30
"""Of address space, of which Python and the runtime take a third before they begin."""
_SHAPE = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """What to feed: data type and shape of each input."""

    inputs: Mapping[str, tuple[str, _SHAPE]]
    one_by_one: bool = False
    """Whether to run the rows of the first axis alone too, and compare."""


@dataclass(frozen=True, slots=True)
class Given:
    """One output of a run."""

    dtype: str
    shape: _SHAPE
    finite: bool
    least: float
    greatest: float
    apart: float = 0.0
    """By how much, of its scale, a batch differs from its rows alone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gave."""

    seconds: float
    outputs: Mapping[str, Given]


def attempt(model: bytes, runs: Sequence[Run], where: str, time_limit_s: int = TIME_LIMIT_S) -> list[Outcome]:
    """Load a graph on the CPU and run it as often. Raises ModelError with the reason, `where` in front."""
    task = {
        "memory_bytes": MEMORY_BYTES + 6 * len(model),
        "time_limit_s": time_limit_s,
        "runs": [{"inputs": run.inputs, "one_by_one": run.one_by_one} for run in runs],
    }
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        Path(file.name).write_bytes(model)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "inference.build.trial_process", file.name],
                input=json.dumps(task).encode(),
                capture_output=True,
                timeout=time_limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ModelError(f"{where}: it did not come to an end within {time_limit_s} s") from None
    answer = _answer(done, where)
    return [_outcome(run) for run in answer["runs"]]


def _answer(done: "subprocess.CompletedProcess[bytes]", where: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        if done.returncode < 0:
            name = signal.Signals(-done.returncode).name
            raise ModelError(f"{where}: it crashed the runtime, or ran over its limits ({name})") from None
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ModelError(f"{where}: it could not be run: {' '.join(last)[:300]}") from None
    if "error" in answer:
        raise ModelError(f"{where}: ONNX Runtime cannot run it: {answer['error']}")
    return answer


def _outcome(run: Mapping[str, Any]) -> Outcome:
    outputs = {name: Given(**{**given, "shape": tuple(given["shape"])}) for name, given in run["outputs"].items()}
    return Outcome(run["seconds"], outputs)
