"""Who moves keeps the gate open: from detections through the events worker to the gateway."""

import asyncio
import datetime as dt
from itertools import count
from pathlib import Path

import pytest

from events.scenes.camera_scene import CameraScene, SceneKey
from events.scenes.hints import Hints
from events.scenes.recording_order import RecordingOrder
from events.settings import SceneSettings
from tests.events.messages import START, at, film
from tests.events.service.scenes import publish
from tests.events.service.worker import working
from tests.gateway.run_gateway import SITE, Frame, Witness, configured, gateway, lasting_leases, simulated
from tests.gateway.scenes import Scene
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.messages import Detection, Detections, DetectionsEvent, FrameRef, Hint, Model, detections_event
from vedette.subjects import hint

LEEWAY = dt.timedelta(seconds=4)
"""Detections are said to come from a gateway whose clock is so far ahead: a stall of the machine is no missing hint."""


def walker(number: int) -> Detection:
    return Detection(label="person", confidence=0.9, bbox=(round(0.1 + 0.02 * (number % 40), 4), 0.3, 0.1, 0.3))


def detections_of(frame: Frame, number: int, walks: bool) -> DetectionsEvent:
    """What a worker says of a frame."""
    headers = frame.headers
    reference = FrameRef(
        epoch=headers.epoch,
        seq=headers.seq,
        pts=headers.pts,
        captured_at=headers.captured_at,
        arrived_at=dt.datetime.now(dt.UTC) + LEEWAY,
        clock=headers.clock,
        width=headers.width,
        height=headers.height,
        gate=headers.gate,
    )
    return detections_event(
        Detections(
            site=SITE,
            camera="yard",
            pipeline="people",
            frame=reference,
            model=Model(name="coco-detector", version="1.0.0", digest="sha256:00"),
            detections=(walker(number),) if walks else (),
        )
    )


async def test_a_gate_stays_open_while_an_object_moves_and_closes_after_it_has_gone(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting_leases(monkeypatch)
    video = Scene(10, gop=25, size=(320, 180)).write(tmp_path / "still.mp4")  # no pixel that the gate would see moves
    witness = await Witness.on(bus)
    walks = True

    async def infer() -> None:
        for number in count():
            await until(lambda: len(witness.of("yard")) > number, "another frame", 600)  # noqa: B023
            await publish(bus, detections_of(witness.of("yard")[number], number, walks))

    def open_s() -> float:
        """Of the camera's own time, since the first frame."""
        last, first = witness.of("yard")[-1].headers, witness.of("yard")[0].headers
        return (last.pts or 0.0) - (first.pts or 0.0)

    def states() -> list[str | None]:
        return [status.gate for status in witness.statuses if status.gate is not None]

    async with simulated("yard", video=video) as simulator, working(bus):
        camera = {"pipeline": "people", "gate": {"mode": "activity"}, "url": simulator.url("yard")}
        async with gateway(configured(nats_server, {"yard": camera})), background(infer()):
            await until(lambda: witness.of("yard") and open_s() > 6, lambda: f"twice as long as without: {states()}")
            assert "idle" not in states()
            walks = False
            await until(lambda: "idle" in states(), "it is closed when nobody is there any more", 90)


def moving_scene(seconds: float = 3.0, fps: float = 5.0) -> tuple[CameraScene, FrameRef]:
    """Somebody walks."""
    messages = film([[at(0.1 + 0.02 * n, 0.5)] for n in range(round(seconds * fps))], fps)
    events = [detections_event(one) for one in messages]
    scene = CameraScene.begun(SceneKey("plant", "gate", "people"), SceneSettings(), events[0])
    for position, event in enumerate(events):
        scene.take(event, position)
    return scene, messages[-1].frame


def test_a_camera_is_spoken_of_once_a_second_at_most() -> None:
    scene, frame = moving_scene()
    hints, now = Hints(), frame.arrived_at
    said = [hints.of(scene, frame, now, n / 10) is not None for n in range(25)]
    assert [n for n, one in enumerate(said) if one] == [0, 10, 20]


def test_a_hint_holds_until_the_next_frames_would_come_by_the_gateway_s_clock() -> None:
    for seconds, fps, held_s in ((3, 5.0, 3.0), (60, 0.5, 5.0)):
        scene, frame = moving_scene(seconds, fps)
        said = Hints().of(scene, frame, frame.arrived_at + dt.timedelta(seconds=30), 0.0)
        assert said is not None
        assert (said.until - frame.arrived_at).total_seconds() == pytest.approx(held_s, abs=0.2)


def test_nothing_is_said_of_what_stands_of_long_ago_and_of_recordings() -> None:
    scene, frame = moving_scene()
    hour = dt.timedelta(hours=1)
    assert Hints().of(scene, frame, frame.arrived_at + hour, 0.0) is None
    still = [detections_event(one) for one in film([[at(0.5, 0.5)] for _ in range(40)], 5.0)]
    stands = CameraScene.begun(SceneKey("plant", "gate", "people"), SceneSettings(), still[0])
    for position, event in enumerate(still):
        stands.take(event, position)
    assert Hints().of(stands, still[-1].data.frame, START, 0.0) is None
    recorded, frame = moving_scene()
    recorded.recording = RecordingOrder()
    assert Hints().of(recorded, frame, frame.arrived_at, 0.0) is None


async def test_hints_of_a_worker_are_what_a_gateway_reads(bus: Bus) -> None:
    heard: asyncio.Queue[Hint] = asyncio.Queue()

    async def on_hint(message: object) -> None:
        heard.put_nowait(Hint.model_validate_json(message.data))  # type: ignore[attr-defined]

    await bus.client.subscribe(hint("plant", "gate"), cb=on_hint)
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    async with working(bus):
        for one in film([[at(0.1 + 0.02 * n, 0.5)] for n in range(8)], 5.0):
            moment = now + (one.frame.captured_at - START)
            frame = one.frame.model_copy(update={"captured_at": moment, "arrived_at": moment})
            await publish(bus, detections_event(one.model_copy(update={"frame": frame})))
        said = await asyncio.wait_for(heard.get(), 90)
    assert dt.timedelta(seconds=3) <= said.until - now <= dt.timedelta(seconds=5)
