"""The gate's state machine: idle, armed, open. Pure."""

from collections import deque
from enum import Enum

from gateway.gate.background import Luma
from gateway.gate.keyframe_gap import KeyframeGap
from gateway.gate.packet_sizes import PacketSizes
from gateway.gate.policy import GatePolicy
from gateway.gate.scene import TUNED, Blobs, Scene, Thresholds

_MOST_STEP_S = 20.0
"""Looks further apart than this, or going back, don't follow one another: their time line jumped."""
_MOST_HINT_S = 30.0
_JITTER = 1.1
"""Keyframes every 4 s come up to so much later over a network."""


class Mode(Enum):
    """What the caller does with a stream."""

    IDLE = "idle"
    """Decode keyframes only, and `look` at each."""
    ARMED = "armed"
    """Decode what is buffered (from the keyframe before the one that armed, or the last one, if packets did), then all
    that comes; `look` where `look_due`, in the order of time, the buffered frames first. No frame is inferred yet."""
    OPEN = "open"
    """Decode all, `look` where `look_due`, infer; once, sample the buffered frames from `onset_s` on."""


class ActivityGate:
    """Says when a stream is worth decoding and inferring.

    Call `packet` for each packet in the order of arrival and `look` for small luma pictures (320 pixels on the longer
    side, areas averaged) as `mode` says; both return the mode from then on. Times are seconds of one line, PTS or
    arrival; None stands for one that is not known; jumps, repeats and None cost at most a false or late opening. It
    begins open: of a scene that it doesn't know it can't say that nothing moves. Where that costs too much it may begin
    `idle`: then what moves is seen with the second keyframe, and inferred from the first one on.

    It never raises for what a stream contains.
    """

    def __init__(self, policy: GatePolicy, thresholds: Thresholds = TUNED, idle: bool = False) -> None:
        self.mode = Mode.IDLE if idle else Mode.OPEN
        self.onset_s: float | None = None
        """While open: buffered frames are worth sampling from this time on. None: from now on only."""
        self.moving_at: Blobs = ()
        """Where something moved at the last look (x, y, width, height in 0–1), the heaviest first."""
        self._policy = policy
        self._scene = Scene(policy.ignore, thresholds)
        self._sizes = PacketSizes()
        self._gap = KeyframeGap()
        self._step_s = 1 / policy.check_fps
        self._hits: deque[float | None] = deque(maxlen=policy.open_checks + 1)
        self._look_s: float | None = None
        self._packet_s = 0.0
        self._still_s = 0.0
        self._armed_at_s = 0.0
        self._armed_looks = 0
        self._hint_s: float | None = None
        self._refreshed_s: float | None = None
        self._sooner_s = policy.refresh_phase * policy.refresh_s

    @property
    def keyframe_gap_s(self) -> float | None:
        """Seconds between keyframes as seen on the stream, the longest of the last; None while unknown."""
        return self._gap.seconds

    @property
    def blind(self) -> str | None:
        """Why keyframes alone see too little, for the status; None where they are enough.

        While it is not None the gate is never idle: it stays armed, and the stream is decoded whole.
        """
        if self._policy.every_frame:
            return "every frame is decoded, as configured"
        gap_s = self._gap.seconds
        if gap_s is None or gap_s <= self._policy.blind_gap_s * _JITTER:
            return None
        return (
            f"keyframes are {gap_s:.1f} s apart (the gate needs at most {self._policy.blind_gap_s:g} s): "
            "every frame is decoded"
        )

    @property
    def trusts_packet_sizes(self) -> bool:
        """Whether packet sizes arm the gate, by the check of the live stream."""
        return self._sizes.trusted

    def picture(self, width: int, height: int) -> None:
        """The stream's coded picture; call when it is known and when it changes. Packet sizes need it."""
        self._sizes.picture(width, height)

    def packet(self, size_bytes: int, time_s: float | None, keyframe: bool) -> Mode:
        """A packet of the stream; may arm."""
        self._packet_s = self._packet_s if time_s is None else time_s
        self._gap.packet(self._packet_s, keyframe)
        alarm = self._sizes.packet(size_bytes, keyframe, learn=self.mode is Mode.IDLE)
        if self.mode is Mode.IDLE and (alarm or self.blind):
            self._arm(self._packet_s)
        return self.mode

    def look_due(self, time_s: float | None) -> bool:
        """Whether the decoded frame of this time is to be looked at: each keyframe while idle, else `check_fps`."""
        if self.mode is Mode.IDLE or time_s is None or self._look_s is None:
            return True
        return not -1.0 < time_s - self._look_s < 0.9 * self._step_s

    def look(self, luma: Luma, time_s: float | None) -> Mode:
        """A decoded small luma picture (H, W); may arm, open or close."""
        since_s = self._since_s(time_s)
        now_s = self._look_s = (self._look_s or 0.0) + since_s if time_s is None else time_s
        if self.mode is Mode.IDLE:
            self.moving_at = ()
            if self._scene.new(luma, since_s):
                self._arm(now_s)
            return self.mode
        self.moving_at = self._scene.moving(luma, min(since_s, 1.0))
        self._hits.append(now_s if self.moving_at else None)
        if self.mode is Mode.ARMED:
            self._armed_look(now_s)
        else:
            self._open_look(now_s, since_s)
        return self.mode

    def hint(self, until_s: float) -> None:
        """Downstream says that an object moves there until this time: it stays open till then, 30 s at most."""
        self._hint_s = until_s

    def refresh_due(self, time_s: float | None) -> bool:
        """Whether the keyframe of this time is to be inferred although the gate is idle; asking takes it."""
        if self.mode is Mode.OPEN or time_s is None:
            return False
        since_s = None if self._refreshed_s is None else time_s - self._refreshed_s
        due = since_s is None or not 0 <= since_s < self._policy.refresh_s
        if due:
            self._refreshed_s = time_s
        return due

    def _since_s(self, time_s: float | None) -> float:
        if time_s is None or self._look_s is None or not 0 < time_s - self._look_s < _MOST_STEP_S:
            return self._step_s
        return time_s - self._look_s

    def _arm(self, now_s: float) -> None:
        self.mode = Mode.ARMED
        self._armed_at_s = now_s
        self._armed_looks = 0
        self._hits.clear()
        self._look_s = None  # the buffered frames come first
        self._scene.restart()

    def _armed_look(self, now_s: float) -> None:
        self._armed_looks += 1
        hits = [time_s for time_s in self._hits if time_s is not None]
        if len(hits) >= self._policy.open_checks:
            self.mode = Mode.OPEN
            self.onset_s = hits[0] - 2 * self._step_s
            self._still_s = 0.0
        elif not hits and self._waited(now_s) and not self.blind:
            self._rest()

    def _waited(self, now_s: float) -> bool:
        """Whether time, or looks where time jumped, say that nothing comes any more."""
        most_looks = (2 * (self._gap.seconds or 0.0) + 2 * self._policy.armed_s) * self._policy.check_fps + 5
        return now_s >= self._armed_at_s + self._policy.armed_s or self._armed_looks > most_looks

    def _open_look(self, now_s: float, since_s: float) -> None:
        hinted = self._hint_s is not None and now_s < self._hint_s < now_s + _MOST_HINT_S
        self._still_s = 0.0 if self.moving_at or hinted else self._still_s + min(since_s, 1.0)
        self._refreshed_s = now_s
        if self._still_s >= self._policy.close_after_s:
            self._close(now_s)

    def _close(self, now_s: float) -> None:
        self.onset_s = None
        self._refreshed_s, self._sooner_s = now_s - self._sooner_s, 0.0
        if self.blind:
            self._scene.settle()
            self._arm(now_s)
        else:
            self._rest()

    def _rest(self) -> None:
        self.mode = Mode.IDLE
        self._hits.clear()
        self._scene.settle()
        self._sizes.forget_alarm()
