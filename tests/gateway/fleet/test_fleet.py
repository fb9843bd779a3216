"""A fleet is kept to what is desired: what changed is started, restarted or stopped, nothing else."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.fleet.fleet import CHANGED, DISABLED, REMOVED, Fleet
from tests.waiting import until
from vedette.background import background
from vedette.cameras.check import CameraRefused
from vedette.cameras.record import CameraRecord, UnreadableRecord
from vedette.cameras.store import Snapshot
from vedette.config.camera_settings import Camera
from vedette.config.problems import Problem


class FakeCamera:
    def __init__(self, shop: "Shop", name: str, camera: Camera) -> None:
        self._shop = shop
        self.name = name
        self.camera = camera
        self.refused: str | None = None
        self.parting = ""
        self.ended = False

    async def run(self) -> None:
        self._shop.log.append(f"start {self.name}")
        try:
            await asyncio.Event().wait()
        finally:
            await self._shop.may_end.wait()
            self._shop.log.append(f"end {self.name}")

    def refuse(self, why: str | None) -> None:
        self.refused = why

    def part(self, reason: str) -> None:
        self.parting = reason

    def close(self) -> None:
        self.ended = True


class Shop:
    """Makes cameras that do nothing, and remembers."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.cameras: list[FakeCamera] = []
        self.forgotten: list[str] = []
        self.checked: list[str] = []
        self.may_end = asyncio.Event()
        self.may_end.set()

    def check(self, name: str, camera: Camera) -> None:
        self.checked.append(name)
        if camera.pipeline != ("people",):
            raise CameraRefused(name, [Problem(("pipeline",), "is not defined")])

    def build(self, name: str, camera: Camera) -> FakeCamera:
        if camera.transport == "udp":
            raise ZeroDivisionError
        self.cameras.append(FakeCamera(self, name, camera))
        return self.cameras[-1]

    def forget(self, name: str) -> None:
        self.forgotten.append(name)

    def last(self, name: str) -> FakeCamera:
        return [camera for camera in self.cameras if camera.name == name][-1]


def desired(**fps: float) -> Snapshot:
    """Cameras with these rates; 0 is disabled, negative one that can't be."""
    entries = {
        name: CameraRecord(
            name,
            Camera.model_validate(
                {
                    "url": f"rtsp://host/{name}",
                    "pipeline": "people" if rate >= 0 else "faces",
                    "sampling": {"fps": abs(rate) or 1},
                    "enabled": rate != 0,
                }
            ),
            "api",
        )
        for name, rate in fps.items()
    }
    return Snapshot(entries, {})


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def fleet(shop: Shop) -> AsyncIterator[Fleet]:
    fleet = Fleet(shop)
    async with background(fleet.run()):
        fleet.want(desired(a=1, b=1))
        await until(lambda: shop.log == ["start a", "start b"], "both run")
        shop.log.clear()
        yield fleet
        shop.may_end.set()


async def test_only_what_changed_is_started_restarted_or_stopped(fleet: Fleet, shop: Shop) -> None:
    fleet.want(desired(a=2, b=1, c=1))
    await until(lambda: set(shop.log) == {"end a", "start a", "start c"}, "a again, and c")
    assert [camera.parting for camera in shop.cameras if camera.name == "a"] == [CHANGED, ""]
    fleet.want(desired(b=1, c=1))
    await until(lambda: fleet.running() == ["b", "c"], "a is gone")
    assert (shop.last("a").parting, shop.last("a").ended, shop.forgotten) == (REMOVED, True, ["a"])
    assert shop.log.count("start b") + shop.log.count("end b") == 0


async def test_a_disabled_camera_is_stopped_and_can_be_enabled(fleet: Fleet, shop: Shop) -> None:
    fleet.want(desired(a=0, b=1))
    await until(lambda: fleet.running() == ["b"], "a is stopped")
    assert shop.last("a").parting == DISABLED
    fleet.want(desired(a=1, b=1))
    await until(lambda: shop.log == ["end a", "start a"], "a runs again")
    assert fleet.refused("a") is None


async def test_what_can_not_be_is_refused_and_the_last_good_one_goes_on(fleet: Fleet, shop: Shop) -> None:
    fleet.want(desired(a=-2, b=1, new=-1))
    assert (fleet.refused("a"), shop.last("a").refused) == ("pipeline: is not defined",) * 2
    assert fleet.refused("new")
    unreadable = UnreadableRecord("a", "is no camera's record")
    fleet.want(Snapshot({**desired(b=1).entries, "a": unreadable}, {}))
    assert shop.last("a").refused == "is no camera's record"
    fleet.want(desired(a=1, b=1))
    assert (fleet.refused("a"), shop.last("a").refused) == (None, None)
    assert (shop.log, fleet.running()) == ([], ["a", "b"])


async def test_while_one_takes_long_to_end_the_others_go_on_and_only_the_latest_wish_counts(
    fleet: Fleet, shop: Shop
) -> None:
    shop.may_end.clear()
    fleet.want(desired(a=2, b=1))
    await until(lambda: shop.last("a").parting, "a is asked to end")
    fleet.want(desired(a=3, b=1, c=1))
    fleet.want(desired(b=1, c=1))
    fleet.want(desired(a=4, b=1, c=1))
    await until(lambda: "start c" in shop.log, "c has started meanwhile")
    shop.may_end.set()
    await until(lambda: "start a" in shop.log, "a runs again")
    sampling = shop.last("a").camera.sampling
    assert sampling is not None
    assert (shop.log, sampling.fps) == (["start c", "end a", "start a"], 4)


async def test_a_defect_with_one_camera_is_said_of_it_and_ends_no_other(fleet: Fleet, shop: Shop) -> None:
    odd = Camera.model_validate({"url": "rtsp://host/odd", "pipeline": "people", "transport": "udp"})
    fleet.want(Snapshot({**desired(a=1, b=1).entries, "odd": CameraRecord("odd", odd, "api")}, {}))
    await until(lambda: fleet.refused("odd"), "it is said")
    assert fleet.refused("odd") == "internal error: ZeroDivisionError"
    fleet.want(desired(a=1, b=1, odd=1))
    await until(lambda: shop.log == ["start odd"], "a good one runs")


async def test_what_is_desired_as_before_is_not_looked_at_again(fleet: Fleet, shop: Shop) -> None:
    shop.checked.clear()
    fleet.want(desired(a=1, b=1, c=1))
    fleet.want(desired(a=1, b=2, c=1))
    assert shop.checked == ["c", "b"]


async def test_an_internal_error_stays_said_until_the_camera_is_changed(fleet: Fleet, shop: Shop) -> None:
    odd = Camera.model_validate({"url": "rtsp://host/odd", "pipeline": "people", "transport": "udp"})
    entries = {**desired(a=1, b=1).entries, "odd": CameraRecord("odd", odd, "api")}
    fleet.want(Snapshot(entries, {}))
    await until(lambda: fleet.refused("odd"), "it is said")
    fleet.want(Snapshot(entries, {}))
    assert fleet.refused("odd") == "internal error: ZeroDivisionError"


async def test_a_camera_that_comes_back_as_it_was_while_it_ends_runs_again(fleet: Fleet, shop: Shop) -> None:
    shop.may_end.clear()
    fleet.want(desired(b=1))
    await until(lambda: shop.last("a").parting, "a is asked to end")
    fleet.want(desired(a=1, b=1))
    shop.may_end.set()
    await until(lambda: shop.log == ["end a", "start a"], "a runs again")
    assert fleet.refused("a") is None


async def test_a_camera_that_is_removed_while_it_ends_is_forgotten(fleet: Fleet, shop: Shop) -> None:
    shop.may_end.clear()
    fleet.want(desired(a=2))
    await until(lambda: shop.last("a").parting and shop.last("b").parting, "they are asked to end")
    fleet.want(desired())
    shop.may_end.set()
    await until(lambda: not fleet.running(), "nothing runs")
    assert sorted(shop.forgotten) == ["a", "b"]
    assert fleet.refused("a") is None


async def test_what_is_assigned_runs_and_what_is_another_gateways_ends_in_order() -> None:
    shop = Shop()
    fleet = Fleet(shop)
    fleet.assign((), {})
    async with background(fleet.run()):
        fleet.want(desired(a=1, b=1))
        assert list(fleet.desired()) == ["a", "b"]
        fleet.assign(("a",), {})
        await until(lambda: shop.log == ["start a"], "one runs")
        shop.may_end.clear()
        fleet.assign(("b",), {"a": "gateway-2 takes it over"})
        await until(lambda: "start b" in shop.log, "the other runs")
        assert shop.last("a").parting == "gateway-2 takes it over"
        assert fleet.running() == ["a", "b"]
        fleet.assign(("a", "b"), {})  # before it has ended
        shop.may_end.set()
        await until(lambda: shop.log.count("start a") == 2, "it begins anew")
    assert shop.log.index("end a") < len(shop.log) - 1 - shop.log[::-1].index("start a")
