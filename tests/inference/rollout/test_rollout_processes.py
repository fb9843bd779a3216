"""Hot reload and roll-outs as they are run: real processes under load, the real command, a server that comes back."""

import asyncio
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from inference.rollout.control import RolloutControl
from inference.rollout.settings import Rollout
from inference.rollout.share import in_share
from inference.rollout.store import RolloutStore
from tests.inference.process import CONFIG, Process, Processes, processes_of
from tests.inference.rollout.versions import NOT_ONNX, TestRepository
from tests.inference.test_inference_app import feed, later
from tests.inference.worker import ROOT, Notes, listen
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.audit.command import entries
from vedette.background import end
from vedette.bus.connection import Bus

CAMERAS = [f"cam-{number}" for number in (1, 2, 3)]
SHARE = 0.5
CANARIES = {name for name in CAMERAS if in_share("plant-1", name, SHARE)}
assert 0 < len(CANARIES) < len(CAMERAS)


class Site:
    """Processes of one configuration, and its command line."""

    def __init__(self, processes: Processes, config: str, file: Path) -> None:
        self._processes = processes
        self._config = config
        self._file = file
        file.write_text(config)

    def start(self) -> Process:
        return self._processes.start(self._config)

    async def models(self, *words: str, status: int = 0) -> str:
        """`vedette models` of this site: what it prints, or its complaint."""
        command = [sys.executable, "-m", "vedette", "models", words[0], str(self._file), "coco-detector", *words[1:]]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        printed, complaint = await process.communicate()
        assert process.returncode == status, complaint.decode()
        return (complaint if status else printed).decode()


@pytest.fixture
def site(nats_server: NatsServer, repository: TestRepository, tmp_path: Path) -> Iterator[Site]:
    config = (CONFIG % nats_server.port).replace(f"path: {ROOT / 'models'}", f"path: {repository.folder}, poll_s: 0.2")
    config = config.replace("sessions: 2", "sessions: 1")
    with processes_of(tmp_path, nats_server.port) as processes:
        yield Site(processes, config, tmp_path / "site.yaml")


def versions(notes: Notes, since: int = 0) -> dict[str, list[str]]:
    """By camera, which versions made its detections, in order."""
    made: dict[str, list[str]] = {}
    for event in notes.events[since:]:
        made.setdefault(event.camera, []).append(event.model.version)
    return made


async def rollout(process: Process) -> dict[str, Any]:
    """As its readiness tells, once it does."""
    found: dict[str, Any] = {}

    async def told() -> bool:
        found.update(json.loads((await process.get("/readyz"))[1]).get("rollout", {}))
        return bool(found)

    await until_async(told, "it tells of its versions")
    return found


def all_are(notes: Notes, since: int, wanted: Mapping[str, str]) -> bool:
    """Whether each camera's newest detections since then are of the version that is wanted."""
    return {camera: of[-1] for camera, of in versions(notes, since).items()} == wanted


async def test_no_token_is_lost_while_versions_come_and_one_of_them_is_broken(
    bus: Bus, site: Site, repository: TestRepository
) -> None:
    notes, process = await listen(bus), site.start()
    await process.until_ready()
    feeding = asyncio.create_task(feed(bus, notes, CAMERAS))
    await until(lambda: later(notes, 0, CAMERAS), "under load")
    repository.add("1.1.0")
    await until(lambda: all_are(notes, 0, dict.fromkeys(CAMERAS, "1.1.0")), f"1.1.0 serves: {process.text}")
    repository.add("1.2.0", graph=NOT_ONNX)
    await until(lambda: "1.2.0 can't be loaded" in process.text, "it fails")
    since = len(notes.messages)
    await until(lambda: later(notes, since, CAMERAS), "1.1.0 goes on")
    _, text = await process.get("/metrics")
    assert 'vedette_model_load_failures_total{model="coco-detector",reason="unusable",version="1.2.0"} 1.0' in text
    assert 'vedette_model_role{model="coco-detector",role="stable",version="1.1.0"} 1.0' in text
    told = await rollout(process)
    assert told["stable"] == "1.1.0"
    assert "ONNX Runtime cannot run it" in told["versions"]["1.2.0"]["reason"]
    await end([feeding])
    assert set(notes.outcomes) <= {"inferred", "repeated"}
    for of in versions(notes).values():
        assert of == sorted(of), "a camera changes once"
    assert await process.missing() == []
    assert "Traceback" not in process.text


async def test_all_processes_follow_one_roll_out_though_the_server_restarts(
    bus: Bus, site: Site, repository: TestRepository, nats_server: NatsServer
) -> None:
    control = RolloutControl(repository.available(), RolloutStore(bus))
    await control.set(Rollout(stable="1.0.0"))
    repository.add("1.1.0")
    notes, pair = await listen(bus), [site.start(), site.start()]
    feeding = asyncio.create_task(feed(bus, notes, CAMERAS))
    await until(lambda: all_are(notes, 0, dict.fromkeys(CAMERAS, "1.0.0")), "held, though newer ones are there")

    await control.set(Rollout(candidate="1.1.0", share=SHARE))
    for process in pair:
        await until_has(process, candidate="1.1.0", share=SHARE)
    wanted = {camera: "1.1.0" if camera in CANARIES else "1.0.0" for camera in CAMERAS}
    await until(lambda: all_are(notes, 0, wanted), "what was in hand is done")
    since = len(notes.messages)
    await until(lambda: later(notes, since, CAMERAS), "all are served")
    assert {camera: set(of) for camera, of in versions(notes, since).items()} == {
        camera: {version} for camera, version in wanted.items()
    }

    nats_server.kill()
    await asyncio.to_thread(nats_server.start)
    await until(lambda: bus.connected, "the bus is back")
    await control.promote()
    for process in pair:
        await until_has(process, stable="1.1.0", candidate=None)

    await end([feeding])
    assert "expired" not in notes.outcomes
    for process in pair:
        assert "Traceback" not in process.text


async def test_a_process_killed_while_it_loads_leaves_its_cameras_to_another(
    bus: Bus, site: Site, repository: TestRepository
) -> None:
    notes, dying = await listen(bus), site.start()
    feeding = asyncio.create_task(feed(bus, notes, CAMERAS))
    await until(lambda: later(notes, 0, CAMERAS), "under load")
    repository.add("1.1.0")
    await until_async(lambda: loads(dying), f"it begins to load: {dying.text}")
    dying.signal(signal.SIGKILL)
    process = site.start()
    await until(lambda: all_are(notes, 0, dict.fromkeys(CAMERAS, "1.1.0")), f"it serves: {process.text}")
    await end([feeding])
    assert {version for of in versions(notes).values() for version in of} == {"1.0.0", "1.1.0"}


async def loads(process: Process) -> bool:
    return "loading" in [state["state"] for state in (await rollout(process))["versions"].values()]


async def until_has(process: Process, **wanted: object) -> None:
    async def has() -> bool:
        return wanted.items() <= (await rollout(process)).items()

    await until_async(has, f"{wanted}: {process.text}")


async def test_a_roll_out_by_command(bus: Bus, site: Site, repository: TestRepository) -> None:
    repository.add("1.1.0")
    done = await site.models("rollout", "--candidate", "1.1.0", "--share", "0.25", "--json")
    told = json.loads(done)
    assert told["rollout"] == {"stable": "1.0.0", "candidate": "1.1.0", "share": 0.25, "shadow": None, "sample": 0.0}
    assert told["revision"] == 1
    complaint = await site.models("promote", "--revision", "7", status=1)
    assert complaint.startswith("vedette: the roll-out of coco-detector is at revision 1, not 7")
    assert "previous   1.0.0" in await site.models("promote")
    complaint = await site.models("rollout", "--candidate", "9.0.0", status=2)
    assert complaint == "vedette: coco-detector has no version 9.0.0; there are: 1.0.0, 1.1.0\n"
    told = [(event.data.action, event.data.keys) async for event in entries(bus, "plant-1", 100)]
    assert told == [("vedette models rollout", ("candidate", "share")), ("vedette models promote", ())]


async def test_a_roll_out_over_http(bus: Bus, site: Site, repository: TestRepository) -> None:
    repository.add("1.1.0")
    process = site.start()
    await process.until_ready()
    path = "/api/v1/rollouts/coco-detector"
    status, body = await process.send("PUT", path, {"candidate": "1.1.0", "share": 0.25})
    assert (status, body["rollout"]["stable"], body["revision"]) == (200, "1.0.0", 1)
    for method, where, sent, match, expected, says in (
        ("PUT", path, {"candidate": "1.1.0", "share": 2}, None, 400, "share: Input should be less than or equal to 1"),
        ("PUT", path, {"candidate": "7.0.0", "share": 0.5}, None, 400, "has no version 7.0.0; there are: 1.0.0, 1.1.0"),
        ("PUT", path, [], None, 400, "should be an object"),
        ("POST", f"{path}/promote", None, '"7"', 412, "is at revision 1, not 7"),
        ("POST", f"{path}/promote", None, "7", 400, "If-Match is a revision in quotes"),
        ("POST", "/api/v1/rollouts/other/promote", None, None, 404, "there is no model 'other' here"),
    ):
        status, body = await process.send(method, where, sent, {"If-Match": match} if match else {})
        assert (status, says in body["detail"]) == (expected, True), body
    status, body = await process.send("POST", f"{path}/promote", None, {"If-Match": '"1"'})
    assert (status, body["rollout"]["stable"], body["previous"]) == (200, "1.1.0", "1.0.0")
    status, body = await process.send("DELETE", path)
    assert (status, body["source"]) == (200, "default")
    await until_has(process, stable="1.1.0", revision=3)
    status, body = await process.send("GET", path)
    assert (status, body["replicas"][0]["stable"]) == (200, "1.1.0")
