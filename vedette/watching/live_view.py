"""What `vedette up` shows: the cameras as they are, and what is detected. The account is pure; drawing it is rich's."""

import datetime as dt
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vedette.event_parser import Event
from vedette.messages import CAMERA_REMOVED, Detections, Status

_RATE_OVER_S = 5.0
_PICTURE_HOLDS_S = 5.0
"""What was in a camera's latest picture is not what is in it now, after this long."""
_STATUS_HOLDS_S = 30.0
"""Published every 10 s; one that is absent for this long is unknown."""
NO_CAMERAS = "No cameras yet: add one in the console, or with vedette cameras add"
NO_PIPELINES = "No pipelines are configured: no camera is looked at here"
_COLOURS = {"live": "green", "connecting": "yellow", "stalled": "yellow", "offline": "red", "unassigned": "red"}


@dataclass(slots=True)
class CameraLine:
    """What is known of one camera."""

    name: str
    configured: bool
    latest_status: Status | None = None
    status_s: float = 0.0
    inferred_s: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    age_ms: float | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def status(self, now_s: float) -> Status | None:
        """Its state, while it is known."""
        return self.latest_status if now_s - self.status_s <= _STATUS_HOLDS_S else None

    def state(self, now_s: float) -> str:
        """`live`, `offline: connection refused`, `unknown`"""
        status = self.status(now_s)
        if status is None:
            return "unknown"
        return f"{status.state}: {status.reason}" if status.reason else status.state

    def inferred_fps(self, now_s: float) -> float:
        """Frames a second with a result, over the last 5 s."""
        return sum(now_s - moment_s <= _RATE_OVER_S for moment_s in self.inferred_s) / _RATE_OVER_S

    def silent_s(self, now_s: float) -> float | None:
        """How long there has been no result; None: there never was one."""
        return now_s - self.inferred_s[-1] if self.inferred_s else None

    def frame_age(self, now_s: float) -> str:
        """`34 ms`, of the latest frame; `12 s ago`, where that is no longer what is seen; `–`"""
        silent_s = self.silent_s(now_s)
        if silent_s is not None and silent_s > _PICTURE_HOLDS_S:
            return f"{silent_s:.0f} s ago"
        return "–" if self.age_ms is None else f"{self.age_ms:.0f} ms"

    def in_the_picture(self, now_s: float) -> str:
        """`3 person, 1 car`; nothing where the latest picture is old."""
        silent_s = self.silent_s(now_s)
        return "" if silent_s is None or silent_s > _PICTURE_HOLDS_S else _counts(self.counts)


class LiveView:
    """The cameras of a site; told of each event, it can be drawn at any time. Times are monotonic, in seconds.

    Its rows are the configured cameras, and others while their state is known; a recording has none.
    """

    def __init__(self, site: str, cameras: Iterable[str], notices: Sequence[str] = (), empty: str = NO_CAMERAS) -> None:
        """`notices` are shown as they are when it is drawn; `empty` is what is said where there are no cameras."""
        self.site = site
        self.cameras = {name: CameraLine(name, configured=True) for name in cameras}
        self.notices = notices
        self.empty = empty
        self.starting: tuple[str, ...] = ()
        """Processes that are not at work yet."""
        self.latest: deque[str] = deque(maxlen=8)

    def on_event(self, event: Event, now_s: float) -> None:
        """What came over the bus; events of other kinds change nothing."""
        if isinstance(event.data, Status):
            self._on_status(event.data, now_s)
        elif isinstance(event.data, Detections):
            self._on_detections(event.data, now_s)

    def on_frame(self, camera: str, now_s: float) -> None:
        """A camera's frame was inferred, and nobody wants to see what was found in it."""
        line = self.cameras.get(camera)
        if line is not None:
            line.inferred_s.append(now_s)

    def _on_status(self, status: Status, now_s: float) -> None:
        line = self.cameras.setdefault(status.camera, CameraLine(status.camera, configured=False))
        line.latest_status, line.status_s = status, now_s
        line.configured = line.configured and status.reason != CAMERA_REMOVED

    def _on_detections(self, detections: Detections, now_s: float) -> None:
        line = self.cameras.get(detections.camera)
        if line is not None and detections.timing is not None:  # without it, the frame was not inferred
            line.inferred_s.append(now_s)
            line.age_ms = detections.timing.total_ms
            line.counts = Counter(detection.label for detection in detections.detections)
        if detections.detections or _is_rejected(detections):
            self.latest.append(one_line(detections))

    def rows(self, now_s: float) -> list[CameraLine]:
        """What is shown; a camera that is neither configured nor known any more is forgotten."""
        self.cameras = {
            name: line for name, line in self.cameras.items() if line.configured or line.status(now_s) is not None
        }
        return list(self.cameras.values())

    def lines(self, now_s: float) -> list[str]:
        """`gate: live, inferred 2.0 fps`, a line a camera: for where there is no terminal."""
        rows = self.rows(now_s)
        return [f"{row.name}: {row.state(now_s)}, inferred {row.inferred_fps(now_s):.1f} fps" for row in rows]

    def draw(self, now_s: float) -> RenderableType:
        """Who starts yet, the table of cameras, the latest detections, and what went wrong of late."""
        starting = [Text(f"starting: {', '.join(self.starting)}", style="yellow"), Text()] if self.starting else []
        if not (rows := self.rows(now_s)) and not self.latest:
            return Group(*starting, Text(self.empty), *self._notices())
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("camera", "state", "source", "sampled", "inferred", "frame age", "now in the picture"):
            table.add_column(title, justify="right" if title in ("sampled", "inferred", "frame age") else "left")
        for line in rows:
            table.add_row(*_row(line, now_s))
        latest = [Text(line, style="dim") for line in self.latest]
        return Group(*starting, table, Text(), *latest, *self._notices())

    def _notices(self) -> list[Text]:
        notices = [Text(line, style="yellow") for line in self.notices]
        return [Text(), *notices] if notices else []


def _is_rejected(detections: Detections) -> bool:
    return detections.input is not None and detections.input.verdict == "rejected"


def one_line(detections: Detections) -> str:
    """`12:01:33.250 gate 3 person, 1 car (34 ms)`"""
    moment = detections.frame.captured_at.astimezone(dt.UTC)
    age = detections.timing.total_ms if detections.timing else None
    counts = _counts(Counter(detection.label for detection in detections.detections)) or "nothing"
    if (verdict := detections.input) is not None and verdict.verdict != "ok":
        counts = f"{verdict.verdict} ({', '.join(verdict.reasons)}), {counts}"
    text = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03} {detections.camera} {counts}"
    return text if age is None else f"{text} ({age:.0f} ms)"


def _row(line: CameraLine, now_s: float) -> tuple[RenderableType, ...]:
    status, state = line.status(now_s), line.state(now_s)
    return (
        line.name,
        Text(state, style=_COLOURS.get(state.partition(":")[0], "dim")),
        _source(status) if status else "",
        f"{status.sampled_fps:.1f} fps" if status and status.sampled_fps is not None else "",
        f"{line.inferred_fps(now_s):.1f} fps",
        line.frame_age(now_s),
        line.in_the_picture(now_s),
    )


def _source(status: Status) -> str:
    """`h264 1920x1080 25 fps`, as far as it is known."""
    size = f"{status.width}x{status.height}" if status.width and status.height else None
    rate = f"{status.source_fps:.3g} fps" if status.source_fps else None
    return " ".join(filter(None, (status.codec, size, rate)))


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {label}" for label, number in counts.most_common())
