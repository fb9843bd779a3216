"""Plays a trace to a gate as the gateway would, and notes what it did."""

from dataclasses import dataclass, field

from benchmarks.gate.trace import Trace
from gateway.gate import ActivityGate, GatePolicy, Mode
from gateway.gate.scene import TUNED, Blobs, Thresholds

CLOCK_POLYGON = ((0.0, 0.0), (0.36, 0.0), (0.36, 0.1), (0.0, 0.1))


@dataclass
class Opening:
    onset_s: float
    at_s: float
    """When it was known, by arrival."""
    until_s: float


@dataclass
class Played:
    """What a gate did with a stream."""

    openings: list[Opening] = field(default_factory=list)
    moved: list[tuple[float, Blobs, float]] = field(default_factory=list)
    """While open: media time of a look, where something moved, and when it was known."""
    decoded: set[int] = field(default_factory=set)
    """Pictures that were decoded."""
    armed: int = 0
    trusted: bool = False


def played(trace: Trace, every_frame: bool, thresholds: Thresholds = TUNED) -> Played:
    """What the gate does with the stream; with `every_frame` it sees all looks: the differencing on decode-all."""
    ignore = (CLOCK_POLYGON,) if trace.spec.clock == "masked" else ()
    policy = GatePolicy(ignore=ignore, blind_gap_s=1e-3) if every_frame else GatePolicy(ignore=ignore)
    return _Player(trace, ActivityGate(policy, thresholds)).play()


class _Player:
    def __init__(self, trace: Trace, gate: ActivityGate) -> None:
        self._trace = trace
        self._gate = gate
        self._played = Played()
        self._buffered: list[int] = []
        """Indexes from the keyframe before the last one on: two GOPs."""
        gate.picture(trace.spec.width, trace.spec.height)

    def play(self) -> Played:
        for index, (size, keyframe) in enumerate(zip(self._trace.sizes, self._trace.keyframes, strict=True)):
            self._arrived(index, int(size), bool(keyframe))
        if self._gate.mode is Mode.OPEN:
            self._played.openings[-1].until_s = self._trace.time_s(len(self._trace.sizes))
        return self._played

    def _arrived(self, index: int, size: int, keyframe: bool) -> None:
        gate, time_s = self._gate, self._trace.time_s(index)
        if keyframe:
            starts = [i for i in self._buffered if self._trace.keyframes[i]]
            self._buffered = [i for i in self._buffered if starts and i >= starts[-1]]
        self._buffered.append(index)
        was_idle = gate.mode is Mode.IDLE
        gate.packet(size, time_s, keyframe)
        self._played.trusted |= gate.trusts_packet_sizes
        if was_idle and gate.mode is Mode.IDLE and keyframe:
            self._look(index, time_s)
        if was_idle:
            if gate.mode is not Mode.IDLE:
                self._catch_up(time_s)
        else:
            self._look(index, time_s)

    def _catch_up(self, now_s: float) -> None:
        self._played.armed += 1
        for index in self._buffered:
            if self._gate.mode is not Mode.IDLE:
                self._look(index, now_s)

    def _look(self, index: int, now_s: float) -> None:
        gate, time_s = self._gate, self._trace.time_s(index)
        self._played.decoded.add(index)
        picture = self._trace.looks.get(index)
        if picture is None or not gate.look_due(time_s):
            return
        before = gate.mode
        gate.look(picture, time_s)
        openings = self._played.openings
        if gate.mode is Mode.OPEN and (before is not Mode.OPEN or not openings):
            onset_s = time_s if gate.onset_s is None else gate.onset_s
            openings.append(Opening(max(onset_s, self._trace.time_s(self._buffered[0])), now_s, time_s))
        if before is Mode.OPEN and openings:
            openings[-1].until_s = time_s
        if gate.mode is Mode.OPEN and gate.moving_at:
            self._played.moved.append((time_s, gate.moving_at, now_s))
