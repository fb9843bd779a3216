"""The rounds: every workload, every server, every number of callers; then the faults."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving import faults
from benchmarks.serving.answers import scores
from benchmarks.serving.grpc_fault import cancelled_calls, picture_input
from benchmarks.serving.measurement import Measurement, of_bare_loops, of_server
from benchmarks.serving.models import NANODET
from benchmarks.serving.servers import DoesNotServe, Server
from benchmarks.serving.starts import Batching, Site
from benchmarks.serving.targets import VEDETTE, Bench, Target
from benchmarks.serving.workloads import CALLERS, WORKLOADS, Kind, Workload

BARE = "bare loops"
CUT_BYTES = 300
"""What is left of the bad JPEG: it ends within its tables."""


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    share: float
    """Of each workload's time."""
    bursts: int
    """Of each fault."""
    crowd: int
    """Callers at once."""


class Run:
    """What was measured so far."""

    def __init__(self, bench: Bench, folder: Path, items: Mapping[Kind, bytes], extent: Extent) -> None:
        self.measured: dict[tuple[str, str, int], list[Measurement]] = defaultdict(list)
        """By server, workload and callers (the bare loops: 0)."""
        self.faulted: dict[str, dict[str, dict[str, object]]] = {}
        """By server and fault."""
        self.unavailable: dict[str, str] = {}
        """Why a server, or a server with a workload, could not be measured."""
        self.items = items
        self._bench = bench
        self._folder = folder
        self._extent = extent
        self._jpeg = folder / "picture.jpg"
        self._jpeg.write_bytes(items["jpeg"])
        self._expected: dict[str, np.ndarray] = {}

    def round(self, targets: Iterable[Target]) -> None:
        for workload in WORKLOADS:
            self._bare(workload)
            for target in targets:
                with self._guarded(target, workload.name):
                    self._measure(target, workload)

    def faults(self, targets: Iterable[Target]) -> None:
        extent = self._extent
        for target in targets:
            with self._guarded(target, "faults"):
                found = self.faulted[target.name] = {}
                with self._answering(target, "tiny", "jpeg") as (server, good):
                    bad = target.request("tiny", "jpeg", self.items["jpeg"][:CUT_BYTES])
                    found["one_bad_picture"] = faults.one_bad_picture(server.port, good, bad, extent.bursts)
                with self._answering(target, "coco-detector", "jpeg") as (server, good):
                    found["crowd"] = faults.crowd(server.port, good, extent.crowd)
                    if server.grpc_port is not None:
                        tensor = picture_input(target.name != VEDETTE, self.items["jpeg"], NANODET.size)
                        found["cancelled_grpc_calls"] = cancelled_calls(
                            server.grpc_port, NANODET.name, tensor, extent.bursts
                        )
                    found["dropped_connections"] = faults.dropped_connections(server.port, good, extent.bursts)
                print(f"  {target.name}: {found}", flush=True)

    def _bare(self, workload: Workload) -> None:
        site = Site(
            self._bench.model(workload.model),
            workload.kind,
            Batching(workload.batch, 0),
            self._folder,
            self._bench.decoder,
        )
        warm_up_s, seconds = workload.warm_up_s * self._extent.share, workload.seconds * self._extent.share
        found = of_bare_loops(site, self._jpeg, warm_up_s, seconds)
        self.measured[BARE, workload.name, 0].append(found)

    def _measure(self, target: Target, workload: Workload) -> None:
        begun_s = time.monotonic()
        with self._answering(target, workload.model, workload.kind) as (server, request):
            up_s = time.monotonic() - begun_s
            path = self._folder / "request"
            path.write_bytes(request)
            for callers in target.callers or CALLERS:
                warm_up_s, seconds = workload.warm_up_s * self._extent.share, workload.seconds * self._extent.share
                found = of_server(server, path, callers, warm_up_s, seconds)
                self.measured[target.name, workload.name, callers].append(found)
                print(f"  {workload.name} {callers} {target.name} (up in {up_s:.1f} s): {found}", flush=True)

    @contextmanager
    def _answering(self, target: Target, model_name: str, kind: Kind) -> Iterator[tuple[Server, bytes]]:
        """The server, which has answered as the others do, and the request."""
        model = self._bench.model(model_name)
        request = target.request(model.name, kind, self.items[kind])
        with target.running(self._bench, model, kind) as server:
            answer = server.until_it_answers(request)
            if kind == "raw":
                self._compare(target, workload_scores=scores(answer))
            yield server, request

    def _compare(self, target: Target, workload_scores: np.ndarray) -> None:
        """All servers give the same scores for the tensor. Raises DoesNotServe."""
        expected = self._expected.setdefault("raw", workload_scores)
        if not np.allclose(expected, workload_scores, atol=1e-5):
            raise DoesNotServe(f"{target.name} answers {workload_scores}, another server {expected}")

    @contextmanager
    def _guarded(self, target: Target, what: str) -> Iterator[None]:
        """A server that can't be measured is left out, with the reason."""
        if target.name.split(",")[0] in self.unavailable:
            return
        try:
            yield
        except (DoesNotServe, RuntimeError, OSError) as error:
            self.unavailable[f"{target.name}, {what}"] = str(error)
            print(f"  {target.name}, {what}: {error}", flush=True)
