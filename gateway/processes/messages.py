"""What a gateway and its decode processes say to one another. A reader's number names it for as long as it exists."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.errors import Reason
from gateway.pictures.privacy import Polygon
from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.reading.interface import ReaderStats, ReadOptions, StreamInfo, Substream


@dataclass(frozen=True, slots=True)
class ReaderPlan:
    """What a reader is made of."""

    url: str = field(repr=False)
    """With its credentials."""
    outputs: Sequence[Output]
    options: ReadOptions
    privacy: Sequence[Polygon] = ()
    matrix: str | None = None
    substream: Substream | None = None


# To the process


@dataclass(frozen=True, slots=True)
class Open:
    """Make a reader; it doesn't run yet."""

    reader: int
    camera: str
    plan: ReaderPlan


@dataclass(frozen=True, slots=True)
class Run:
    """Run it, in a thread of its own; `Ended` follows."""

    reader: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End its run."""

    reader: int


@dataclass(frozen=True, slots=True)
class Close:
    """End its run, forget the reader, and say nothing more of it."""

    reader: int


@dataclass(frozen=True, slots=True)
class Adjust:
    """Call a method of the reader that any thread may call."""

    reader: int
    method: Literal["hint", "set_fps", "still"]
    arguments: Sequence[Any]


Command = Open | Run | Stop | Close | Adjust


# From the process


@dataclass(frozen=True, slots=True)
class Sampled:
    """A frame."""

    reader: int
    frame: SampledFrame
    superseded: int = 0
    """How many of its pipeline it replaced, since the gateway hadn't taken them yet."""


@dataclass(frozen=True, slots=True)
class Still:
    """The picture of the main stream that was asked for under this number."""

    reader: int
    number: int
    jpeg: bytes
    """None: there is none."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The source was opened, or its resolution changed."""

    reader: int
    stats: ReaderStats
    info: StreamInfo


@dataclass(frozen=True, slots=True)
class Live:
    """Frames come, for the first time or again."""

    reader: int
    stats: ReaderStats


@dataclass(frozen=True, slots=True)
class Stalled:
    """No frame for `silent_s`."""

    reader: int
    stats: ReaderStats
    silent_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A run is over: stopped or at the end of a file; or with the reason of a SourceError; or with a defect's name."""

    reader: int
    stats: ReaderStats
    reason: Reason | None = None
    text: str = ""
    defect: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reader has cost and counted since it was made."""

    reader: int
    cpu_s: float
    stats: ReaderStats
    silent_beats: int = 0
    """For so many beats one of its threads has not looked around."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The process lives. It says so twice a second, and what it has used."""

    at_s: float
    """Its monotonic clock."""
    cpu_s: float
    readers: Sequence[Usage]


@dataclass(frozen=True, slots=True)
class Said:
    """A line of its log."""

    logger: str
    level: int
    text: str
    camera: str | None


Report = Sampled | Still | Opened | Live | Stalled | Ended | Beat | Said
