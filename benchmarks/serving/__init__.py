"""Inference servers side by side: `python -m benchmarks serving [--quick] [--only vedette,triton]`.

The same models, sessions (two of one thread), pictures, client and machine; each peer in an environment of its own with
pinned packages, made under `benchmarks/cache/serving/` at the first run. The comparable figure is the server's CPU a
request: throughput on a small machine is shared with the client. Rounds are interleaved, medians are kept.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.results import Result
from benchmarks.serving import environments, models
from benchmarks.serving.run import Extent, Run
from benchmarks.serving.starts import PEERS
from benchmarks.serving.table import ServingResult
from benchmarks.serving.targets import TARGETS, UNBATCHED, VEDETTE, Bench, Target
from benchmarks.serving.workloads import Kind

ROUNDS = 3
FULL = Extent(share=0.75, bursts=10, crowd=256)
QUICK = Extent(share=0.4, bursts=4, crowd=64)
DECODER = "DECODER"
"""Environment: `opencv` has the peers decode with `cv2.imdecode`, instead of scaled while decoding as Vedette does."""


def run(quick: bool, only: Sequence[str] = ()) -> Result:
    """Measure all servers, or those in `only`. Exits for a name that is no server's."""
    targets = [target for target in TARGETS if not only or target.name in only]
    if unknown := set(only) - {target.name for target in TARGETS}:
        sys.exit(f"unknown server: {', '.join(sorted(unknown))} (known: {', '.join(t.name for t in TARGETS)})")
    variants = (
        [] if quick else [target for target in UNBATCHED if target.name.split(",")[0] in {t.name for t in targets}]
    )
    with tempfile.TemporaryDirectory(prefix="vedette-bench-serving-") as name:
        folder = Path(name)
        bench = Bench(
            folder / "models", models.write_repository(folder / "models"), os.environ.get(DECODER, "simplejpeg")
        )
        items: dict[Kind, bytes] = {
            "jpeg": models.picture(),
            "raw": np.random.default_rng(0).bytes(models.TINY_SIDE**2 * 3),
        }
        measuring = Run(bench, folder, items, QUICK if quick else FULL)
        _install(targets, measuring.unavailable)
        for _ in range(1 if quick else ROUNDS):
            measuring.round([*targets, *variants])
        measuring.faults(targets)
    about = {target.name: {"way": target.way, "batches": target.batching} for target in [*targets, *variants]}
    packages = {peer.name: environments.versions(peer.name) for peer in PEERS}
    return ServingResult.of(measuring, about, packages)


def _install(targets: Sequence[Target], unavailable: dict[str, str]) -> None:
    for target in targets:
        if target.name != VEDETTE:
            try:
                environments.environment(target.name)
            except environments.CannotInstall as error:
                unavailable[target.name] = str(error)
