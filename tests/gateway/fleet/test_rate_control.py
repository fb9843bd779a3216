"""Rates under load, in a model of the bus: a token a camera, served in turn by workers of a given speed."""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from gateway.fleet.ledger import Ledger
from gateway.fleet.rate_control import Priority, RateControl, RateLimits, SharedRate

SERVICE_S = 2 / 43


@dataclass
class Camera:
    """What a gateway knows of one, and what is counted here."""

    limits: RateLimits
    control: RateControl
    ledger: Ledger = field(default_factory=lambda: Ledger(1))
    latest: int = -1
    captured_s: float = 0.0
    waits: bool = False
    in_flight: bool = False
    late_s: Callable[[], float] = lambda: 0.0
    """How old its frames are when they are published."""
    published: int = 0
    served: int = 0


class World:
    """Cameras, the queue of tokens and workers, in simulated time."""

    def __init__(
        self, cameras: Sequence[RateLimits], workers: int, service_s: Callable[[float], float], gateways: int = 1
    ) -> None:
        shared = [SharedRate() for _ in range(gateways)]
        self.cameras = [
            Camera(limits, RateControl(limits, 0.0, shared[number % gateways])) for number, limits in enumerate(cameras)
        ]
        self._free = workers
        self._service_s = service_s
        self._queue: list[tuple[Camera, float]] = []
        self._random = random.Random(4711)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.now_s = 0.0
        for camera in self.cameras:
            self._at(self._random.random() / camera.control.fps, lambda camera=camera: self._frame(camera))  # type: ignore[misc]

    def run(self, until_s: float) -> None:
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, happens = heapq.heappop(self._events)
            happens()

    def count_from_now(self) -> None:
        for camera in self.cameras:
            camera.published = camera.served = 0

    def _at(self, moment_s: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment_s, next(self._order), happens))

    def _frame(self, camera: Camera) -> None:
        camera.latest, camera.captured_s = camera.ledger.publish(self.now_s), self.now_s - camera.late_s()
        camera.ledger.stored(camera.latest, self.now_s)
        camera.published += 1
        if camera.ledger.expire(self.now_s):
            camera.control.expired(self.now_s)
        self._offer(camera)
        self._at(self.now_s + 1 / camera.control.fps_at(self.now_s), lambda: self._frame(camera))

    def _offer(self, camera: Camera) -> None:
        camera.ledger.offered(self.now_s)
        if not camera.waits and not camera.in_flight:
            camera.waits = True
            self._queue.append((camera, self.now_s))
            self._start()

    def _start(self) -> None:
        while self._free and self._queue:
            camera, offered_s = self._queue.pop(0)
            self._free, camera.waits, camera.in_flight, seq = self._free - 1, False, True, camera.latest
            late = self.now_s - camera.captured_s > camera.limits.budget_s
            took_s = 0.0 if late else self._service_s(self.now_s) * self._random.uniform(0.9, 1.1)
            waited_s = None if late else self.now_s - offered_s
            self._at(self.now_s + took_s, lambda c=camera, s=seq, w=waited_s: self._served(c, s, w))  # type: ignore[misc]

    def _served(self, camera: Camera, seq: int, waited_s: float | None) -> None:
        """`waited_s`: None for a frame that was too old."""
        self._free, camera.in_flight = self._free + 1, False
        settled = camera.ledger.served(1, seq, self.now_s)
        if waited_s is None:
            camera.control.expired(self.now_s)
        else:
            camera.served += 1
            camera.control.served(self.now_s, waited_s, settled.in_vain, self.now_s - camera.captured_s)
        if settled.offer_again:
            self._offer(camera)
        self._start()


def limits(
    fps: float, least: float | None = None, most: float | None = None, priority: Priority = "normal"
) -> RateLimits:
    return RateLimits(fps, least or fps / 20, most or fps, priority)


def settled(cameras: Sequence[RateLimits], workers: int = 2, service_s: float = SERVICE_S) -> World:
    """After two minutes, and counting through two more."""
    world = World(cameras, workers, lambda _: service_s)
    world.run(120)
    world.count_from_now()
    world.run(240)
    return world


def wasted(world: World) -> float:
    published = sum(camera.published for camera in world.cameras)
    return 1 - sum(camera.served for camera in world.cameras) / published


@pytest.mark.parametrize("times", [1.05, 1.2, 1.5, 2, 5])
def test_under_overload_hardly_a_frame_is_made_in_vain_and_no_worker_idles(times: float) -> None:
    world = settled([limits(43 * times / 60)] * 60)
    served = [camera.served for camera in world.cameras]
    assert wasted(world) < 0.05
    assert sum(served) / 120 > 43 * 0.97
    assert max(served) / min(served) < 1.3


def test_cameras_that_ask_for_little_get_it_and_the_others_share_the_rest() -> None:
    world = settled([limits(10)] * 10 + [limits(2)] * 30 + [limits(0.5)] * 20)
    rates = [camera.served / 120 for camera in world.cameras]
    assert min(rates[40:]) > 0.45
    assert max(rates[:40]) / min(rates[:40]) < 1.3
    assert wasted(world) < 0.05


@pytest.mark.parametrize("gateways", [1, 3])
def test_cameras_get_the_same_within_the_first_minute_of_overload(gateways: int) -> None:
    world = World([limits(8)] * 25, 2, lambda _: 2 / 31, gateways)
    world.run(15)
    world.count_from_now()
    world.run(75)
    served = [camera.served for camera in world.cameras]
    assert max(served) / min(served) < 1.15
    assert wasted(world) < 0.05


def test_cameras_whose_frames_came_too_late_for_a_while_get_as_much_as_the_others_in_the_next_minute() -> None:
    world = World([limits(8)] * 25, 2, lambda _: 2 / 31)
    world.run(60)
    for second in range(61, 66):
        world.run(second)
        for camera in world.cameras[:12]:
            camera.control.expired(second)
    world.run(80)
    world.count_from_now()
    world.run(140)
    served = [camera.served for camera in world.cameras]
    assert max(served) / min(served) < 1.15
    assert sum(served) / 60 > 0.9 * 31


def test_no_camera_is_always_the_last_in_turn_whose_frames_are_too_old() -> None:
    world = World([replace(limits(8), budget_s=1.0)] * 25, 2, lambda _: 2 / 13)
    world.run(60)
    world.count_from_now()
    world.run(180)
    served = [camera.served for camera in world.cameras]
    assert max(served) / min(served) < 1.3
    assert wasted(world) < 0.03


def test_frames_that_are_old_when_they_are_published_have_less_time_to_wait_and_hardly_one_expires() -> None:
    drawn = random.Random(4711)
    world = World([replace(limits(8), budget_s=1.0)] * 25, 2, lambda _: drawn.uniform(0.4, 1.6) * 2 / 18)
    for camera in world.cameras:
        camera.late_s = lambda: drawn.uniform(0.2, 0.6)
    world.run(60)
    world.count_from_now()
    world.run(180)
    assert wasted(world) < 0.04
    assert sum(camera.served for camera in world.cameras) / 120 > 0.95 * 18


def test_a_camera_that_joins_under_overload_gets_no_more_than_the_others() -> None:
    shared = SharedRate()
    overloaded = RateControl(limits(2), 0.0, shared)
    for tenth in range(100):
        overloaded.expired(tenth / 10)
    assert RateControl(limits(2), 10.0, shared).fps == pytest.approx(overloaded.fps, rel=0.1)
    assert overloaded.fps < 1


def test_a_camera_in_vain_among_many_slows_the_others_by_little() -> None:
    shared = SharedRate()
    cameras = [RateControl(limits(2), 0.0, shared) for _ in range(50)]
    for number, camera in enumerate(cameras):
        camera.served(1 + number / 100, waited_s=0.4, in_vain=number == 25)
    assert cameras[-1].fps > 1.9


def test_higher_priority_gets_more_under_overload() -> None:
    world = settled([limits(4, priority=priority) for priority in ("low", "normal", "high")] * 20)
    low, normal, high = (sum(camera.served for camera in world.cameras[kind::3]) for kind in range(3))
    assert normal > 1.4 * low
    assert high > 1.4 * normal


def test_a_camera_limited_by_its_own_round_trip_keeps_its_rate() -> None:
    world = settled([limits(25)], workers=4, service_s=0.06)
    assert world.cameras[0].control.fps == 25
    assert world.cameras[0].served / 120 > 0.95 / 0.066


def test_rates_come_back_when_there_is_room_again() -> None:
    world = World([limits(43 * 0.9 / 60)] * 60, 2, lambda now_s: SERVICE_S * (6 if now_s < 60 else 1))
    world.run(60)
    assert all(camera.control.fps < 0.4 for camera in world.cameras)
    world.run(240)
    assert all(camera.control.fps > 0.6 for camera in world.cameras)


def test_a_lowered_rate_comes_back_behind_a_gate_that_lets_a_frame_through_every_half_a_minute() -> None:
    control = RateControl(limits(2), 0.0)
    for second in range(60):
        control.expired(float(second))
    for minute in (1, 1.5, 2, 2.5, 3):
        control.served(60 * minute, waited_s=0.01, in_vain=False)
    assert control.fps == pytest.approx(2)


def test_one_long_wait_after_a_long_silence_lowers_the_rate_by_little() -> None:
    control = RateControl(limits(2), 0.0)
    control.served(3600, waited_s=30, in_vain=False)
    assert control.fps > 1.9


def test_while_something_happens_the_rate_is_the_highest_that_workers_take() -> None:
    control = RateControl(limits(2, most=5), 0.0)
    control.excite(0.0, until_s=3.0)
    assert control.fps == 5
    control.served(1.0, waited_s=0.15, in_vain=True)
    assert control.fps == pytest.approx(4.5)
    control.served(4.0, waited_s=0.0, in_vain=False)
    assert control.fps == 2


def test_an_overloaded_camera_is_not_raised_by_what_happens() -> None:
    control = RateControl(limits(2, most=5), 0.0)
    control.served(1.0, waited_s=0.9, in_vain=True)
    control.excite(1.1, until_s=3.0)
    assert control.fps == pytest.approx(1.8)


def test_expired_frames_lower_the_rate_down_to_the_least_and_no_further() -> None:
    control = RateControl(limits(2, least=0.5), 0.0)
    for second in range(60):
        control.expired(float(second))
    assert control.fps == pytest.approx(0.5, rel=0.07)


@pytest.mark.parametrize(("usual", "least", "most"), [(2, 3, 5), (2, 0, 5), (2, 1, 1)])
def test_rates_that_contradict_are_refused(usual: float, least: float, most: float) -> None:
    with pytest.raises(ValueError, match="rates must be"):
        RateLimits(usual, least, most)
