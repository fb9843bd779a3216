"""Processes and the server killed while a frame waits for its crops: one message a frame, and nothing lost of it."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inference.cascade.access import JUDGED, LIVENESS, detecting, group, serving, told
from tests.inference.cascade.test_faults import LONG_MS, holds
from tests.inference.process import Processes, processes_of
from tests.inference.worker import ROOT, Camera, lasting_frames, listen, pending, stored
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.bus.connection import Bus
from vedette.config.pipeline_settings import Pipeline
from vedette.streams import CLIPS, CROPS, DETECTIONS

CONFIG = f"""
site: plant-1
nats: {{url: "nats://127.0.0.1:%s"}}
pipelines:
  people:
    stages:
      - {{model: face-detector@^1}}
      - {{model: face-liveness@^1, on: face}}
models: {{path: {ROOT / "models"}}}
inference: {{device: cpu, sessions: 1}}
retention: {{detections_gib: 0.5, events_gib: 0.5, clips_mib: 64, frames_mib: 64, pictures_mib: 32}}
"""


@pytest.fixture
def processes(tmp_path: Path, nats_server: NatsServer) -> Iterator[Processes]:
    with processes_of(tmp_path, nats_server.port) as processes:
        yield processes


async def test_a_first_worker_killed_while_it_waits_leaves_its_frame_to_another(
    bus: Bus, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lasting_frames(bus, monkeypatch)
    notes = await listen(bus)
    first = processes.start(CONFIG, "--model", "face-detector")
    await first.until_ready()
    await Camera(bus).frame(0, group("obama"), budget_ms=LONG_MS)
    await until_async(lambda: holds(bus, 1), "it waits for its crop")
    first.signal(signal.SIGKILL)
    async with detecting(bus, JUDGED):
        await until_async(lambda: holds(bus, 2), "the frame is served again")
        assert notes.messages == []
        async with serving(bus, LIVENESS):
            await notes.until_served(1)
            await until_async(lambda: holds(bus, 0), "the crop of the dead one is done with too")
    assert [event.frame.seq for event in notes.events] == [0]
    assert notes.events[0].incomplete == ()
    assert "liveness" in notes.events[0].detections[0].attributes


async def test_a_further_models_process_killed_with_a_crop_in_hand_costs_nothing_where_there_is_time(
    bus: Bus, processes: Processes
) -> None:
    notes = await listen(bus)
    service = processes.start(CONFIG, "--model", LIVENESS)
    await service.until_ready()
    service.signal(signal.SIGSTOP)
    async with detecting(bus, JUDGED):
        await Camera(bus).clip(0, group("obama", "biden"))
        await until_async(lambda: in_hand(bus, 2), "it has the crops, and does nothing")
        service.signal(signal.SIGKILL)
        async with serving(bus, LIVENESS):
            await until(lambda: notes.events, "an event")
    assert [event.incomplete for event in told(notes)] == [()]
    assert all("liveness" in found.attributes for found in told(notes)[0].detections)


async def in_hand(bus: Bus, count: int) -> bool:
    return await pending(bus, CROPS, f"x-{LIVENESS}") == (0, count)


async def test_frames_of_a_recording_that_wait_when_the_server_is_killed_give_a_message_each(
    bus: Bus, nats_server: NatsServer
) -> None:
    notes, camera = await listen(bus), Camera(bus)
    async with detecting(bus, JUDGED):
        for seq in range(3):
            await camera.clip(seq, group("obama"))
        await until_async(lambda: holds(bus, 3), "they wait for their crops")
        await asyncio.to_thread(nats_server.restart)
        await until(lambda: bus.connected, "the bus is back")
        async with serving(bus, LIVENESS):
            for seq in range(3, 5):
                await camera.clip(seq, group("obama"))
            await until(lambda: len(set(notes.seqs())) == 5, "all are told")
            await until_async(lambda: none_left(bus), "all clips are done with")
        assert await stored(bus, DETECTIONS) == 5
    assert {event.frame.seq for event in told(notes)} == {0, 1, 2, 3, 4}
    assert [event.incomplete for event in told(notes)] == [()] * 5
    assert all("liveness" in event.detections[0].attributes for event in told(notes))


async def none_left(bus: Bus) -> bool:
    return await pending(bus, CLIPS, "c-people") == (0, 0)


async def test_stages_of_stages_a_face_in_a_person_is_a_detection_with_stages_of_its_own(bus: Bus) -> None:
    notes = await listen(bus)
    stages = [
        {"model": "coco-detector", "labels": ["person"], "confidence": 0.4},
        {"model": "face-detector", "on": "person"},
        {"model": LIVENESS, "on": "face"},
    ]
    chain = Pipeline.model_validate({"stages": stages})
    whole = Pipeline.model_validate({"stages": [{"model": "face-detector"}]})
    async with serving(bus, "face-detector"), serving(bus, LIVENESS), detecting(bus, chain):
        await Camera(bus).clip(0, group("obama"))
        await until(lambda: notes.events, "an event")
    async with detecting(bus, whole):
        await Camera(bus).clip(1, group("obama"))
        await until(lambda: len(told(notes)) == 2, "another")
    first, alone = told(notes)
    assert first.incomplete == ()
    assert [found.label for found in first.detections] == ["person", "face"]
    assert list(first.detections[1].attributes) == ["liveness"]
    assert first.detections[1].bbox == pytest.approx(alone.detections[0].bbox, abs=0.04)
    assert {model.name for model in first.stages} == {"face-detector", LIVENESS}
