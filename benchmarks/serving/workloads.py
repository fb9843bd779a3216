"""What is asked of a server."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["raw", "jpeg"]


@dataclass(frozen=True)
class Workload:
    """A model and how its input comes."""

    name: str
    model: str
    kind: Kind
    seconds: float
    """Of one measurement: NanoDet answers 20 to 40 a second, so it needs longer."""
    warm_up_s: float
    batch: int
    """Rows a run of the bare loops: what costs least there."""


WORKLOADS = (
    Workload("tiny_raw", "tiny", "raw", 2.0, 0.5, 8),
    Workload("tiny_jpeg", "tiny", "jpeg", 2.0, 0.5, 8),
    Workload("nanodet_jpeg", "coco-detector", "jpeg", 4.0, 1.0, 1),
)
CALLERS = (1, 8, 32)
