"""A camera's reader is told the rate that its feeds' control says."""

from collections.abc import Mapping
from typing import Protocol

from gateway import metrics
from gateway.fleet.rate_control import RateControl
from gateway.pictures.sampled_frame import SampledFrame

_WORTH_TELLING = 0.03
"""A change of the rate by so much of it; every sampler's grid is laid anew with it."""
_EXCITED_S = 3.0
"""How long an open gate means that something happens."""


class Sampling(Protocol):
    """What samples."""

    def set_fps(self, pipeline: str, fps: float) -> None:
        """Sample so often for a pipeline from now on."""


class Feed(Protocol):
    """What knows how busy the workers are."""

    @property
    def control(self) -> RateControl | None: ...


class Pace:
    """One pipeline's."""

    def __init__(self, camera: str, pipeline: str, control: RateControl, sampling: Sampling, gated: bool) -> None:
        """`gated`: the camera has a gate, which opens when something happens."""
        self._pipeline = pipeline
        self._control = control
        self._sampling = sampling
        self._gated = gated
        self._told = 0.0
        self._wanted = metrics.WANTED_FPS.labels(camera, pipeline)
        self._tell()

    def follow(self, frame: SampledFrame, now_s: float) -> None:
        """A frame was published: a good time to change the rate."""
        if frame.pipeline != self._pipeline:
            return
        if self._gated and frame.gate != "refresh":
            self.excite(now_s, now_s + _EXCITED_S)
        self._tell_changes(now_s)

    def excite(self, now_s: float, until_s: float) -> None:
        """Something happens until then."""
        self._control.excite(now_s, until_s)
        self._tell_changes(now_s)

    def _tell_changes(self, now_s: float) -> None:
        if abs(self._control.fps_at(now_s) - self._told) > _WORTH_TELLING * self._told:
            self._tell()

    def _tell(self) -> None:
        self._told = self._control.fps
        self._sampling.set_fps(self._pipeline, self._told)
        self._wanted.set(self._told)


def paces(camera: str, feeds: Mapping[str, Feed], sampling: Sampling, gated: bool) -> list[Pace]:
    """Those of the pipelines whose rate can be changed."""
    return [
        Pace(camera, pipeline, feed.control, sampling, gated)
        for pipeline, feed in feeds.items()
        if feed.control is not None
    ]
