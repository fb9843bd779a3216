"""What so many cameras need: arithmetic on the results of other benchmarks. `python -m benchmarks.plan` prints tables.

Each line says where its number comes from: a figure in `benchmarks/results/`, or one of `Assumptions`. What is printed
is in `docs/scaling.md`.
"""

import json
from dataclasses import dataclass, fields
from math import ceil
from typing import Any

from benchmarks.results import FOLDER

FRAME_KB = 45.0
"""A JPEG of 640x360 at quality 85 (docs/scaling.md, assumption A5)."""
DETECTIONS_KB = 1.9
"""A stored message, mean of the bundled video (`vedette/commands/check.py`)."""
SITES = {"a shop": 16, "a plant": 200, "a region": 10_000, "a million": 1_000_000}


@dataclass(frozen=True)
class Assumptions:
    """What nobody measured here. Change them, and run it again."""

    active_share: float = 0.2
    """Of the time that something moves before a camera."""
    active_fps: float = 2.0
    refresh_fps: float = 1 / 30
    """Of an idle scene: `gate.refresh_s`."""
    busy_share: float = 0.6
    """Of a core that is used; the rest is headroom."""
    replicas_factor: float = 5.0
    """CPU of three copies of a stream to that of one."""
    gpu_fps: float = 1000.0
    """Frames a second of one GPU of the size of an NVIDIA L4; no GPU has run it."""
    detections_h: float = 6.0
    core_month: float = 20.0
    """Of a server's core with 4 GiB, in euro a month, power and room included."""
    gpu_month: float = 400.0
    cell: int = 1000
    """Cameras that share one NATS cluster."""


def figure(benchmark: str, name: str) -> Any:
    """A measured figure; `a.b` is `b` in `a`."""
    value: Any = json.loads((FOLDER / f"{benchmark}.json").read_text())["figures"]
    for part in name.split("."):
        value = value[part]
    return value


@dataclass(frozen=True)
class Camera:
    """What one 1080p25 camera behind the gate takes on the average."""

    frames_s: float
    gateway_ms_s: float
    inference_ms_s: float
    nats_ms_s: float
    memory_mib: float
    frames_kb_s: float
    detections_kb_s: float

    @classmethod
    def of(cls, given: Assumptions) -> "Camera":
        active, idle = given.active_share, 1 - given.active_share
        frames_s = active * given.active_fps + idle * given.refresh_fps
        inferred_fps = figure("pipeline", "vedette_inferred_fps")
        return cls(
            frames_s=frames_s,
            gateway_ms_s=active * figure("ingest", "vedette_2fps_ms") + idle * figure("ingest", "vedette_gated_ms"),
            inference_ms_s=frames_s * figure("pipeline", "vedette_parts_ms.inference") / inferred_fps,
            nats_ms_s=frames_s * figure("pipeline", "vedette_parts_ms.nats-server") / inferred_fps,
            memory_mib=figure("camera_memory", "active_pss_mib_a_camera"),
            frames_kb_s=frames_s * FRAME_KB,
            detections_kb_s=frames_s * DETECTIONS_KB,
        )

    @property
    def ms_s(self) -> float:
        """Of CPU, all together, with one copy of each stream."""
        return self.gateway_ms_s + self.inference_ms_s + self.nats_ms_s


@dataclass(frozen=True)
class Need:
    """What a number of cameras takes."""

    cameras: int
    cells: int
    gateway_cores: float
    inference_cores: float
    or_gpus: int
    nats_cores: float
    memory_gib: float
    frames_s: float
    bus_mbit_s: float
    detections_disk_gib: float
    euro_month_cpu: float
    euro_month_gpu: float
    euro_month_a_camera: float

    @classmethod
    def of(cls, cameras: int, given: Assumptions) -> "Need":
        one, room = Camera.of(given), 1000 * given.busy_share
        cells = ceil(cameras / given.cell)
        clustered = given.replicas_factor if cameras > given.cell // 2 else 1.0
        gateway, inference = cameras * one.gateway_ms_s / room, cameras * one.inference_ms_s / room
        nats = cameras * one.nats_ms_s * clustered / room
        gpus = cells * ceil(cameras * one.frames_s / cells / given.gpu_fps / given.busy_share)
        euro_cpu = (gateway + inference + nats) * given.core_month
        return cls(
            cameras=cameras,
            cells=cells,
            gateway_cores=gateway,
            inference_cores=inference,
            or_gpus=gpus,
            nats_cores=nats,
            memory_gib=cameras * one.memory_mib / 1024,
            frames_s=cameras * one.frames_s,
            bus_mbit_s=cameras * one.frames_kb_s * 8 / 1000,
            detections_disk_gib=cameras * one.detections_kb_s * given.detections_h * 3600 / 2**20,
            euro_month_cpu=euro_cpu,
            euro_month_gpu=(gateway + nats) * given.core_month + gpus * given.gpu_month,
            euro_month_a_camera=euro_cpu / cameras,
        )


def main() -> None:
    """Print the tables."""
    given = Assumptions()
    one = Camera.of(given)
    print("| one camera | |\n|---|---|")
    for field in fields(one):
        print(f"| {field.name} | {getattr(one, field.name):.3g} |")
    print(f"| all CPU, ms a second | {one.ms_s:.3g} |")
    needs = {name: Need.of(cameras, given) for name, cameras in SITES.items()}
    print(f"\n| | {' | '.join(needs)} |\n|---|{'---|' * len(needs)}")
    for field in fields(Need):
        print(f"| {field.name} | {' | '.join(_said(getattr(need, field.name)) for need in needs.values())} |")


def _said(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


if __name__ == "__main__":
    main()
