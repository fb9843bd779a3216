"""A data plane that follows a repository and a bucket: real model, real files, real nats-server."""

import asyncio

import pytest

from inference import metrics
from inference.dataplane import DataPlane
from inference.errors import ModelError
from inference.picture_model import Inference
from inference.repository.card import ModelCard
from inference.repository.model import Model
from inference.repository.store import RepositoryUnavailable
from inference.rollout.control import RolloutControl
from inference.rollout.record import Record, RolloutRefused
from inference.rollout.settings import Rollout
from inference.rollout.share import place_of
from inference.rollout.store import RolloutStore
from inference.runtime.batching import ModelFailed
from tests.inference.rollout.conftest import Following
from tests.inference.rollout.versions import NAME, NOT_ONNX, TestRepository
from tests.inference.worker import jpegs
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import end
from vedette.buckets import ROLLOUTS
from vedette.bus.connection import Bus
from vedette.errors import BusUnavailable, Conflict

LOW = ("plant-1", min((f"cam-{number}" for number in range(50)), key=lambda name: place_of("plant-1", name)))
"""A camera that is among the first in every share."""
HIGH = ("plant-1", max((f"cam-{number}" for number in range(50)), key=lambda name: place_of("plant-1", name)))


def failures(version: str, reason: str) -> float:
    return float(metrics.LOAD_FAILURES.labels(NAME, version, reason)._value.get())


def states(plane: DataPlane) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    return {state.version: (state.state, state.reason, state.roles) for state in plane.index()}


async def serving(plane: DataPlane, source: tuple[str, str]) -> str:
    return (await plane.infer(jpegs()[0], source=source)).model.version


async def test_a_new_version_serves_and_no_picture_fails_meanwhile(
    repository: TestRepository, following: Following
) -> None:
    answers: list[list[str]] = [[], [], []]

    async def client(plane: DataPlane, number: int) -> None:
        while True:
            answers[number].append((await plane.infer(jpegs()[0], lane="request")).model.version)

    async with following(repository.available()) as (plane, _):
        old = plane.stable
        clients = [asyncio.create_task(client(plane, number)) for number in range(3)]
        repository.add("1.1.0")
        await until(lambda: all("1.1.0" in versions for versions in answers), "it serves")
        await until(lambda: not old.ready, "the old one is gone")
        await until(lambda: states(plane)["1.0.0"][0] == "unavailable", "unloaded")
        assert not any(task.done() for task in clients)
        await end(clients)
        assert states(plane) == {
            "1.0.0": ("unavailable", "not loaded", ()),
            "1.1.0": ("ready", "", ("stable",)),
        }
    for versions in answers:
        assert versions == sorted(versions), "a switch, and no way back"
        assert versions[0] == "1.0.0"


async def test_what_the_old_version_has_in_hand_is_finished_with_it(
    repository: TestRepository, following: Following
) -> None:
    async with following(repository.available()) as (plane, _):
        with plane.use() as old:
            repository.add("1.1.0")
            await until(lambda: plane.stable.model.version == "1.1.0", "switched")
            assert states(plane)["1.0.0"][0] == "unloading"
            assert (await old.pictures.infer(jpegs()[0])).model.version == "1.0.0"
        await until(lambda: not old.ready, "closed")


@pytest.mark.parametrize(
    ("graph", "says"), [(NOT_ONNX, "ONNX Runtime cannot run it"), (None, "its digest is")], ids=["not ONNX", "damaged"]
)
async def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving_until_its_file_changes(
    repository: TestRepository,
    following: Following,
    graph: bytes | None,
    says: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = failures("1.1.0", "unusable")
    async with following(repository.available()) as (plane, follower):
        repository.add("1.1.0", graph=graph)
        if graph is None:
            repository.write_file("1.1.0", repository.graph_of("1.1.0")[:-5])
        await until(lambda: "1.1.0" in plane.held.failures, "it failed")
        await until(lambda: follower.problems, "said")
        assert await serving(plane, LOW) == "1.0.0"
        state, reason, roles = states(plane)["1.1.0"]
        assert (state, roles) == ("unavailable", ())
        assert says in reason
        assert says in follower.problems[0]
        assert says in caplog.text
        looked = follower._looked_s
        await until(lambda: follower._looked_s > looked, "looked again")
        looked = follower._looked_s
        await until(lambda: follower._looked_s > looked, "and again")
        assert failures("1.1.0", "unusable") == before + 1, "not tried again"

        repository.add("1.1.0")
        await until(lambda: plane.stable.model.version == "1.1.0", "tried when the file has changed")
        assert follower.problems == ()
        assert plane.held.failures == {}


async def test_a_version_whose_file_is_still_to_come_serves_when_it_is_there(
    repository: TestRepository, following: Following
) -> None:
    async with following(repository.available()) as (plane, _):
        repository.add_without_file("1.1.0")
        await until(lambda: "No such file" in plane.held.failures.get("1.1.0", ""), "it is missed")
        repository.write_file("1.1.0", repository.graph_of("1.1.0"))
        await until(lambda: plane.stable.model.version == "1.1.0", "it serves")


async def test_a_start_with_a_broken_version_serves_the_one_before(
    repository: TestRepository, following: Following
) -> None:
    repository.add("1.1.0", graph=NOT_ONNX)
    before = failures("1.1.0", "unusable")
    async with following(repository.available()) as (plane, follower):
        assert await serving(plane, LOW) == "1.0.0"
        await until(lambda: follower.problems, "said")
        assert failures("1.1.0", "unusable") == before + 1


async def test_a_start_with_nothing_but_broken_versions_is_refused_with_the_first_ones_reason(
    repository: TestRepository, following: Following
) -> None:
    repository.add("1.1.0", "1.0.0", graph=NOT_ONNX)
    with pytest.raises(ModelError, match=r"1\.1\.0/model\.onnx: ONNX Runtime cannot run it"):
        async with following(repository.available()):
            pytest.fail("it started")


async def test_a_candidate_serves_its_cameras_and_a_shadow_nobody(
    repository: TestRepository, following: Following, bus: Bus
) -> None:
    repository.add("1.1.0", "1.2.0")
    available = repository.available()
    control = RolloutControl(available, RolloutStore(bus))
    await control.set(Rollout(stable="1.0.0"))
    compared = metrics.SHADOW_FRAMES.labels(NAME, "1.2.0", "compared")
    before = compared._value.get()
    async with following(available, RolloutStore(bus)) as (plane, _):
        assert plane.stable.model.version == "1.0.0", "held, though newer ones are there"
        await control.set(Rollout(candidate="1.1.0", share=0.5, shadow="1.2.0", sample=1.0))
        await until(lambda: plane.candidate is not None and plane.shadow is not None, "loaded")
        assert (await serving(plane, LOW), await serving(plane, HIGH)) == ("1.1.0", "1.0.0")
        assert (await plane.infer(jpegs()[0])).model.version == "1.0.0", "requests have no camera"
        await until(lambda: compared._value.get() > before, "the shadow has looked")
        same = metrics.SHADOW_DETECTIONS.labels(NAME, "1.2.0", "person", "same")
        assert same._value.get() > 0, "it is the same network"
        assert states(plane) == {
            "1.0.0": ("ready", "", ("stable",)),
            "1.1.0": ("ready", "", ("candidate",)),
            "1.2.0": ("unavailable", "runs as a shadow alone", ("shadow",)),
        }
        with pytest.raises(ModelError, match=r"there is: 1\.0\.0, 1\.1\.0"):
            plane.version("1.2.0")

        await control.promote()
        await until(lambda: plane.stable.model.version == "1.1.0", "promoted")
        assert plane.candidate is None
        assert (await serving(plane, LOW), await serving(plane, HIGH)) == ("1.1.0", "1.1.0")
        shown = await control.rollback()
        assert shown.plan.stable == "1.0.0"
        await until(lambda: plane.stable.model.version == "1.0.0", "rolled back")
        assert (await serving(plane, LOW), await serving(plane, HIGH)) == ("1.0.0", "1.0.0")

        await control.end()
        await until(lambda: plane.stable.model.version == "1.2.0", "the newest serves")


async def test_a_candidate_that_fails_on_a_picture_has_it_served_by_the_stable_version(
    repository: TestRepository, following: Following, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.add("1.1.0")
    repository.roll_out({"candidate": "1.1.0", "share": 1.0})
    async with following(repository.available()) as (plane, _):
        await until(lambda: plane.candidate is not None, "loaded")
        assert plane.candidate is not None

        async def fail(*_: object, **__: object) -> Inference:
            raise ModelFailed("no kernel")

        monkeypatch.setattr(plane.candidate.pictures, "infer", fail)
        failed = metrics.CANDIDATE_FAILURES.labels(NAME, "1.1.0")._value.get()
        assert await serving(plane, LOW) == "1.0.0"
        assert metrics.CANDIDATE_FAILURES.labels(NAME, "1.1.0")._value.get() == failed + 1


async def test_a_version_is_loaded_and_unloaded_by_request(repository: TestRepository, following: Following) -> None:
    repository.add("1.1.0", "2.0.0")
    async with following(repository.available()) as (plane, _):
        with pytest.raises(ModelError, match=r"there is: 1\.1\.0"):
            plane.version("2.0.0")
        served = await plane.load("2.0.0")
        assert plane.version("2.0.0") is served
        assert states(plane)["2.0.0"] == ("ready", "", ("requested",))
        assert (await plane.version("2.0.0").pictures.infer(jpegs()[0])).model.version == "2.0.0"
        repository.add("1.2.0")
        await until(lambda: plane.stable.model.version == "1.2.0", "another one serves")
        assert plane.version("2.0.0") is served, "what was loaded by request stays"
        plane.unload("2.0.0")
        await until(lambda: not served.ready, "unloaded")
        for version, says in (("1.2.0", "is the stable version"), ("2.0.0", "is not loaded"), ("1", "is not loaded")):
            with pytest.raises(ModelError, match=says):
                plane.unload(version)
        for version, says in (("3.0.0", "has no version"), ("x", "no model reference"), ("2", "is no version")):
            with pytest.raises(ModelError, match=says):
                await plane.load(version)


async def test_a_roll_out_of_a_version_that_has_just_been_added_does_not_wait_for_the_next_look(
    repository: TestRepository, following: Following, bus: Bus
) -> None:
    store = RolloutStore(bus)
    async with following(repository.available(), store, poll_s=3600) as (plane, follower):
        repository.add("1.1.0")
        await RolloutControl(repository.available(), store).set(Rollout(candidate="1.1.0", share=1))
        await until(lambda: plane.candidate is not None or follower.problems, "it is followed")
        assert follower.problems == ()


async def test_a_lost_update_is_refused(repository: TestRepository, bus: Bus) -> None:
    repository.add("1.1.0")
    control = RolloutControl(repository.available(), RolloutStore(bus))
    seen = (await control.show()).revision
    await control.set(Rollout(candidate="1.1.0", share=0.1))
    with pytest.raises(Conflict, match="somebody has changed it; look at it and try again"):
        await control.set(Rollout(candidate="1.1.0", share=0.9), seen)
    both = await asyncio.gather(control.promote(), control.rollback(), return_exceptions=True)
    assert sorted(isinstance(answer, Conflict) for answer in both) == [False, True]


async def test_what_a_roll_out_may_not_choose_is_refused(repository: TestRepository, bus: Bus) -> None:
    repository.add("2.0.0")
    control = RolloutControl(repository.available(), RolloutStore(bus))
    for version, says in (("2.0.0", r"coco-detector@\^1 in people"), ("1.7.0", "there are: 1.0.0, 2.0.0")):
        with pytest.raises(RolloutRefused, match=says):
            await control.set(Rollout(candidate=version, share=0.1))
    with pytest.raises(RolloutRefused, match=r"1\.0\.0 is the only version that may be stable"):
        await control.set(Rollout(candidate="1.0.0", share=0.1))
    assert (await control.show()).revision == 0


async def test_without_a_roll_out_a_return_holds_the_version_before(repository: TestRepository, bus: Bus) -> None:
    repository.add("1.1.0")
    control = RolloutControl(repository.available(), RolloutStore(bus))
    assert (await control.show()).plan.stable == "1.1.0"
    assert (await control.rollback()).plan.stable == "1.0.0"
    repository.add("1.2.0")
    assert (await control.show()).plan.stable == "1.0.0", "held"


async def test_a_roll_out_outlives_a_server_that_lost_its_store(
    repository: TestRepository, following: Following, bus: Bus, nats_server: NatsServer
) -> None:
    repository.add("1.1.0")
    store = RolloutStore(bus)
    await RolloutControl(repository.available(), store).set(Rollout(stable="1.0.0"))
    async with following(repository.available(), store) as (plane, _):
        for _ in range(2):  # its revision is not 1
            await store.write(NAME, Record(stable="1.0.0"), (await store.read(NAME)).revision)
        await until(lambda: plane.stable.model.version == "1.0.0", "held")
        await bus.jetstream.delete_stream(f"KV_{ROLLOUTS}")
        await bus.ensure()
        async with asyncio.timeout(90):
            while (await store.read(NAME)).record is None:
                await asyncio.sleep(0.02)
        assert plane.stable.model.version == "1.0.0"


async def test_a_damaged_record_changes_nothing(
    repository: TestRepository, following: Following, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    store = RolloutStore(bus)
    async with following(repository.available(), store) as (plane, _):
        await (await bus.bucket(ROLLOUTS)).put(NAME, b"{")
        await until(lambda: "the roll-out of coco-detector at revision 1 is damaged" in caplog.text, "said")
        assert await serving(plane, LOW) == "1.0.0"
        await store.write(NAME, None, 1)
        assert (await store.read(NAME)).record is None


async def test_without_a_connection_it_says_so(repository: TestRepository, bus: Bus) -> None:
    await bus.close()
    with pytest.raises(BusUnavailable, match="the roll-out of coco-detector: not connected"):
        await RolloutControl(repository.available(), RolloutStore(bus)).show()


async def test_a_card_that_is_wrong_changes_nothing_and_is_said(
    repository: TestRepository, following: Following
) -> None:
    async with following(repository.available()) as (plane, follower):
        repository.roll_out({"candidate": "1.9.0", "share": 0.1})
        await until(lambda: follower.problems, "said")
        assert "rollout: there is no version 1.9.0" in follower.problems[0]
        assert await serving(plane, LOW) == "1.0.0"
        repository.roll_out(None)
        await until(lambda: not follower.problems, "mended")
        repository.add("1.1.0", graph=NOT_ONNX)
        await until(lambda: "1.1.0" in plane.held.failures, "it failed")
        repository.remove("1.1.0")
        await until(lambda: set(states(plane)) == {"1.0.0"}, "forgotten")
        await until(lambda: not follower.problems, "no matter any more")


async def test_a_version_that_cannot_be_fetched_is_fetched_when_it_can(
    repository: TestRepository, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    available = repository.available()
    fetch, attempts = available.repository.fetch, 0

    async def far(card: ModelCard, version: str) -> Model:
        nonlocal attempts
        attempts += version == "1.1.0"
        if 0 < attempts < 3:
            raise RepositoryUnavailable("s3://models: no route")
        return await fetch(card, version)

    monkeypatch.setattr(available.repository, "fetch", far)
    async with following(available) as (plane, follower):
        repository.add("1.1.0")
        await until(lambda: follower.problems == ("1.1.0: s3://models: no route",), "said")
        assert states(plane)["1.1.0"] == ("unavailable", "s3://models: no route", ())
        await until(lambda: plane.stable.model.version == "1.1.0", "it serves")
        assert failures("1.1.0", "unreachable") >= 1
