"""A reader is told the rate of its feed's control, without a bus that says anything too."""

from gateway.fleet.pace import Pace
from gateway.fleet.rate_control import RateControl, RateLimits
from tests.gateway.run_gateway import sampled


class Told:
    """Samples nothing."""

    def __init__(self) -> None:
        self.fps = 0.0

    def set_fps(self, pipeline: str, fps: float) -> None:
        self.fps = fps


def test_a_rate_falls_when_nothing_happens_any_more_though_no_worker_says_a_word() -> None:
    told = Told()
    frame = sampled(b"a picture")
    pace = Pace("gate", frame.pipeline, RateControl(RateLimits(2, 0.1, 5), 0.0), told, gated=False)
    pace.excite(0.0, until_s=3.0)
    pace.follow(frame, 2.9)
    assert told.fps == 5
    pace.follow(frame, 3.1)
    assert told.fps == 2
