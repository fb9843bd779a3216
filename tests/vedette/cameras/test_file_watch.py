"""A configuration file that is edited: good edits are registered, others are said and change nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.cameras.file_watch import watch_config
from vedette.cameras.store import CameraStore
from vedette.config.file import load_config
from vedette.secrets.sealing import Sealer

FACES = "pipelines: {people: {stages: [{model: coco-detector}]}, faces: {stages: [{model: coco-detector}]}}\n"
REST = "pipelines: {people: {stages: [{model: coco-detector}]}}\n"


def camera(name: str, pipeline: str = "people") -> str:
    return f"{name}: {{url: 'rtsp://operator:s3cret@host/{name}', pipeline: {pipeline}}}"


@dataclass
class Edited:
    """A file that is watched, and the cameras that are registered."""

    file: Path
    store: CameraStore

    def write(self, *cameras: str, rest: str = REST) -> None:
        """As editors do it: another file in its place."""
        text = f"site: plant\ncameras: {{{', '.join(cameras)}}}\n{rest}"
        new = self.file.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.rename(self.file)

    async def names(self) -> list[str]:
        return list((await self.store.read()).entries)

    async def are(self, *names: str) -> bool:
        return await self.names() == list(names)


@pytest.fixture
async def edited(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Edited]:
    monkeypatch.setattr("vedette.cameras.file_watch._LOOK_EVERY_S", 0.02)
    edited = Edited(tmp_path / "site.yaml", CameraStore(bus, "plant", Sealer(bytes(32))))
    edited.write()
    running = await asyncio.to_thread(load_config, edited.file)
    async with background(watch_config(edited.file, running, edited.store)):
        yield edited


async def test_cameras_of_an_edit_come_and_go(edited: Edited) -> None:
    edited.write(camera("a"), camera("b"))
    await until_async(lambda: edited.are("a", "b"), "both are registered")
    edited.write(camera("b"))
    await until_async(lambda: edited.are("b"), "one is gone")


async def test_an_edit_that_is_wrong_is_said_with_its_line_and_the_next_good_one_counts(
    edited: Edited, caplog: pytest.LogCaptureFixture
) -> None:
    edited.write(camera("a"))
    await until_async(lambda: edited.are("a"), "it is registered")
    wrong = [
        ((camera("b", "faces"),), REST, "site.yaml:2: cameras.b.pipeline: "),
        ((camera("c"), "d: {url: 1}"), REST, "site.yaml:2: cameras.d.url: "),
        ((camera("e"),), "pipelines: [", "site.yaml:3: "),
        ((camera("f", "faces"),), FACES, "site.yaml:2: cameras.f.pipeline: "),
    ]
    for cameras, rest, said in wrong:
        edited.write(*cameras, rest=rest)
        await until(lambda said=said: said in caplog.text, said)  # type: ignore[misc]
        caplog.clear()
    assert await edited.are("a")
    assert "s3cret" not in caplog.text
    edited.write(camera("g"))
    await until_async(lambda: edited.are("g"), "the good one counts")


async def test_what_takes_effect_later_is_said(edited: Edited, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        edited.write(camera("a"), rest=FACES)
        await until_async(lambda: edited.are("a"), "the cameras are taken")
    assert "an edit of pipelines takes effect when the services start again" in caplog.text


async def test_an_edit_that_the_bus_can_not_take_is_said_and_the_next_good_one_counts(
    edited: Edited, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vedette.bus.atomic_write.MOST_WRITES", 1)
    edited.write(camera("a"), camera("b"))
    await until(lambda: "2 keys would change at once" in caplog.text, "it is said")
    edited.write(camera("c"))
    await until_async(lambda: edited.are("c"), "the good one counts")


async def test_an_error_of_ours_with_an_edit_is_said_without_its_text_and_ends_nothing(
    edited: Edited, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, key: object) -> int:
        raise ValueError("url: rtsp://operator:s3cret@host/")

    monkeypatch.setattr("vedette.cameras.file_watch.line_of", fail)
    edited.write(camera("a", "faces"), rest=FACES)
    await until(lambda: "internal error: ValueError" in caplog.text, "it is said")
    assert "s3cret" not in caplog.text
    edited.write(camera("b"))
    await until_async(lambda: edited.are("b"), "the good one counts")


async def test_a_file_that_is_just_being_written_is_left_alone(
    edited: Edited, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited.write(camera("a"), camera("b"))
    await until_async(lambda: edited.are("a", "b"), "both are registered")
    looks = 0

    def growing(path: Path) -> tuple[int, int, int]:
        nonlocal looks
        looks += 1
        if looks == 5:
            edited.write(camera("a"), camera("b"), camera("c"))
        return min(looks, 5), 0, 0

    edited.write(camera("a"))  # so far
    with caplog.at_level(logging.INFO):
        monkeypatch.setattr("vedette.cameras.file_watch._signature", growing)
        await until_async(lambda: edited.are("a", "b", "c"), "the whole file counts")
    assert "- b" not in caplog.text
