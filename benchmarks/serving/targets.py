"""All who are measured, behind one face: how to start each for a model and a kind, and how to ask it."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import vedette_start
from benchmarks.serving.models import NANODET, ServedModel
from benchmarks.serving.servers import Server, Start, started
from benchmarks.serving.starts import PEERS, Batching, Peer, Site
from benchmarks.serving.workloads import Kind

ALONE = Batching(1, 0)
VEDETTE = "vedette"


@dataclass(frozen=True)
class Bench:
    """What all servers of a run have in common."""

    repository: Path
    tiny: ServedModel
    decoder: str

    def model(self, name: str) -> ServedModel:
        return self.tiny if name == self.tiny.name else NANODET


@dataclass(frozen=True)
class Target:
    """One row of the table."""

    name: str
    start: Callable[[Bench, ServedModel, Kind, Path], contextlib.AbstractContextManager[Start]]
    request: Callable[[str, Kind, bytes], bytes]
    way: str
    batching: str
    callers: tuple[int, ...] | None = None
    """Numbers of callers it is measured with; None: all."""

    @contextlib.contextmanager
    def running(self, bench: Bench, model: ServedModel, kind: Kind) -> Iterator[Server]:
        """The server, started in a folder of its own; it may not answer yet."""
        with tempfile.TemporaryDirectory(prefix="vedette-bench-server-") as name:
            folder = Path(name)
            with self.start(bench, model, kind, folder) as start, started(start, folder / "log") as server:
                yield server


def _of_peer(peer: Peer, batching: Batching) -> Target:
    @contextlib.contextmanager
    def start(bench: Bench, model: ServedModel, kind: Kind, folder: Path) -> Iterator[Start]:
        site = folder / "site"
        site.mkdir()
        yield peer.start(Site(model, kind, batching, site, bench.decoder))

    variant = batching != peer.batching
    told = f"at most {batching.rows}, window {batching.window_ms:g} ms" if batching.rows > 1 else "none"
    name = f"{peer.name}, no batches" if variant else peer.name
    return Target(name, start, peer.request, peer.way, told, callers=(8,) if variant else None)


def _vedette(bench: Bench, model: ServedModel, _: Kind, folder: Path) -> contextlib.AbstractContextManager[Start]:
    return vedette_start.vedette(model, bench.repository, folder)


TARGETS = (
    Target(VEDETTE, _vedette, vedette_start.request, vedette_start.WAY, "learned at warm-up"),
    *(_of_peer(peer, peer.batching) for peer in PEERS),
)
UNBATCHED = tuple(_of_peer(peer, ALONE) for peer in PEERS if peer.batching.rows > 1)
"""The peers that batch, without it: on a CPU where NanoDet gains nothing from batches, that is the better setting."""
