"""The child of `trial`: `python -m inference.build.trial_process FILE`, what to run as JSON on standard input.

It limits itself before it loads anything, so that a graph that wants all memory or never ends takes only this process.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Answer in one line of JSON."""
    task = json.load(sys.stdin)
    _limit(task["memory_bytes"], task["time_limit_s"])
    try:
        answer = _run(Path(sys.argv[1]), task["runs"])
    except MemoryError:
        answer = {"error": f"it needs more than {task['memory_bytes'] >> 20} MiB of memory"}
    except Exception as error:  # noqa: BLE001  (the runtime's own have no other common class; the parent tells it)
        answer = {"error": " ".join(str(error).split())[:600]}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


def _limit(memory_bytes: int, time_limit_s: int) -> None:
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, time_limit_s),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (soft, hard))


def _run(path: Path, runs: list[dict[str, Any]]) -> dict[str, Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"], enable_fallback=False
    )
    names = [value.name for value in session.get_outputs()]
    random = np.random.default_rng(7)
    answers = []
    for wanted in runs:
        feeds = {name: _array(random, *given) for name, given in wanted["inputs"].items()}
        started = time.perf_counter()
        values = session.run(names, feeds)
        seconds = time.perf_counter() - started
        told = {name: _told(np.asarray(value)) for name, value in zip(names, values, strict=True)}
        if wanted["one_by_one"]:
            for name, apart in _apart(session, names, feeds, values).items():
                told[name]["apart"] = apart
        answers.append({"seconds": seconds, "outputs": told})
    return {"runs": answers}


def _array(random: np.random.Generator, dtype: str, shape: list[int]) -> Any:
    """Noise for pictures and numbers, zeros for what may be a place or a count."""
    if dtype == "string":
        return np.full(shape, "", object)
    if dtype == "uint8":
        return random.integers(0, 256, shape, np.uint8)
    if dtype.startswith("float"):
        return (random.random(shape) * 255).astype(dtype)
    return np.zeros(shape, dtype)


def _told(value: Any) -> dict[str, Any]:
    numeric = value.dtype.kind in "fiub" and value.size > 0
    return {
        "dtype": str(value.dtype),
        "shape": list(value.shape),
        "finite": bool(np.isfinite(value).all()) if value.dtype.kind == "f" else True,
        "least": float(np.nan_to_num(value.min())) if numeric else 0.0,
        "greatest": float(np.nan_to_num(value.max())) if numeric else 0.0,
    }


def _apart(session: Any, names: list[str], feeds: dict[str, Any], together: list[Any]) -> dict[str, float]:
    """How far a batch's results are from those of its rows one by one; 1 for other shapes."""
    count = len(next(iter(feeds.values())))
    rows = [session.run(names, {name: value[row : row + 1] for name, value in feeds.items()}) for row in range(count)]
    found = {}
    for place, (name, value) in enumerate(zip(names, together, strict=True)):
        alone = np.concatenate([row[place] for row in rows])
        same = alone.shape == value.shape and value.dtype.kind in "fiub"
        scale = 1 + float(np.abs(alone).max(initial=0)) if same else 1
        apart = np.abs(alone.astype(float) - value.astype(float)).max(initial=0) if same else 1.0
        found[name] = float(np.nan_to_num(apart / scale, nan=0.0))
    return found


if __name__ == "__main__":
    main()
