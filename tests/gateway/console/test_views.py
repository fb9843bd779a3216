"""What the console reads beside the cameras: events of the past, models, pipelines; and its own files."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.console import pages
from tests.gateway.console.run_console import Running, running_console, show_detections
from tests.gateway.console.scene_events import publish_event
from vedette.background import background
from vedette.buckets import ROLLOUTS
from vedette.bus.connection import Bus
from vedette.fleet.members import announce, new_member

STATIC = Path(pages.__file__).parent / "static"
_MOST_LINES = 200


async def got(running: Running, path: str, status: int = 200) -> Any:
    async with running.session.get(running.url(f"/api/v1/{path}")) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json(content_type=None)


async def test_events_of_the_past_are_read_newest_first_and_filtered(bus: Bus) -> None:
    for number in range(40):
        await publish_event(
            bus, number, camera="gate" if number % 4 else "yard", label="car" if number < 4 else "person"
        )
    async with running_console(bus) as running:
        newest = (await got(running, "events?limit=10"))["events"]
        assert [one["seq"] for one in newest] == list(range(40, 30, -1))
        older = (await got(running, f"events?limit=10&before={newest[-1]['seq']}"))["events"]
        assert [one["seq"] for one in older] == list(range(30, 20, -1))
        of_yard = (await got(running, "events?camera=yard"))["events"]
        assert [one["seq"] for one in of_yard] == list(range(37, 0, -4))
        zones = (await got(running, "events?camera=gate&kind=zone.enter&limit=3"))["events"]
        assert [(one["seq"], one["kind"]) for one in zones] == [(seq, "zone.enter") for seq in (40, 38, 36)]
        cars = (await got(running, "events?label=car"))["events"]
        assert [one["seq"] for one in cars] == [4, 3, 2, 1]
        assert (await got(running, "events?camera=none"))["events"] == []
        for wrong in ("camera=*", "kind=no.such", "limit=x", "before=-1", f"label={'x' * 64}"):
            await got(running, f"events?{wrong}", status=400)


async def test_rare_events_far_back_are_found(bus: Bus) -> None:
    await publish_event(bus, 1, camera="yard")
    for number in range(0, 1200, 2):
        await publish_event(bus, number)
    async with running_console(bus) as running:
        assert [one["seq"] for one in (await got(running, "events?camera=yard"))["events"]] == [1]


async def test_older_events_are_found_however_many_came_after_them(bus: Bus) -> None:
    await publish_event(bus, 1, camera="yard")
    for number in range(0, 1200, 2):
        await publish_event(bus, number)
    for number in range(10):
        await publish_event(bus, number, camera="yard")
    async with running_console(bus) as running:
        found = await got(running, "events?camera=yard&limit=5&before=602")
    assert [one["seq"] for one in found["events"]] == [1]


async def test_an_empty_site_has_no_events(bus: Bus) -> None:
    async with running_console(bus) as running:
        assert await got(running, "events") == {"events": []}


async def test_models_show_their_processes_roll_out_and_what_a_picture_takes(bus: Bus) -> None:
    rollout = {"stable": "1.0.0", "candidate": "1.1.0", "share": 0.25}
    await (await bus.bucket(ROLLOUTS)).put("coco-detector", json.dumps(rollout).encode())
    member = new_member("inference", "plant", "127.0.0.1:8000", serves="coco-detector")

    async def infer() -> None:
        for seq in range(10_000):
            await show_detections(bus, seq, b"jpeg")

    async with running_console(bus) as running, background(announce(bus, member), infer()):
        async with asyncio.timeout(60):
            while not (model := (await got(running, "models"))["models"][0])["processes"] or not model["measured"]:
                pass
    assert (model["name"], model["pipelines"], model["rollout"]) == ("coco-detector", ["people"], rollout)
    assert model["processes"][0]["ready"]
    took = model["measured"]["1.0.0"]
    assert (took["batch_mean"], took["infer_ms"], took["total_ms"]) == (2.0, 20.0, 43.0)


async def test_pipelines_say_what_a_camera_may_be_for(bus: Bus) -> None:
    async with running_console(bus) as running:
        (pipeline,) = (await got(running, "pipelines"))["pipelines"]
        assert pipeline == {"name": "people", "fps": 2.0, "models": ["coco-detector"], "labels": ["person"]}
        assert await got(running, "identities") == {"people": []}


@pytest.mark.parametrize("file", sorted(STATIC.rglob("*.*")), ids=lambda file: file.name)
def test_no_file_of_the_page_is_inline_foreign_or_long(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    foreign = [url for url in re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`]*", text) if "www.w3.org" not in url]
    assert [url for url in foreign if "10.0.0.5" not in url] == []
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\son\w+=\"|style=\"", text) == []
    )
    assert re.findall(r"(?:src|href)=\"/", text) == []  # a path prefix would break it
    if file.suffix == ".js":
        assert len(text.splitlines()) < _MOST_LINES
        for wanted in re.findall(r"from \"(\./[^\"]+)\"", text):
            assert (file.parent / wanted).is_file()
