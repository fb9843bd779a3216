"""The inference process as it is run: real processes, ended and killed, with real frames."""

import asyncio
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inference.process import CONFIG, Process, Processes, processes_of
from tests.inference.worker import ROOT, Camera, Notes, listen, pending, stored
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import end
from vedette.bus.connection import Bus
from vedette.consumers import work_consumer
from vedette.errors import BusFull
from vedette.streams import CLIPS, DETECTIONS, WORK

NO_BUS = 1  # nothing listens on this port


@pytest.fixture
def processes(nats_server: NatsServer, tmp_path: Path) -> Iterator[Processes]:
    with processes_of(tmp_path, nats_server.port) as processes:
        yield processes


@pytest.fixture
def processes_alone(tmp_path: Path) -> Iterator[Processes]:
    with processes_of(tmp_path, NO_BUS) as processes:
        yield processes


async def feed(bus: Bus, notes: Notes, names: list[str]) -> None:
    """Cameras as gateways keep them going: the next frame when the one before was served, or after a second."""

    async def one(name: str) -> None:
        camera, seq = Camera(bus, name), 0
        while True:
            if bus.connected:
                try:
                    await camera.frame(seq)
                except Exception:  # noqa: BLE001 - the server may be away
                    await asyncio.sleep(0.05)
                    continue
                seq += 1
            served = len(notes.served)
            try:
                async with asyncio.timeout(0.5):
                    while not any(subject.endswith(f".{name}") for subject, _ in notes.served[served:]):
                        await asyncio.sleep(0.02)
            except TimeoutError:
                pass

    feeding = [asyncio.create_task(one(name)) for name in names]
    try:
        await asyncio.gather(*feeding)
    finally:
        await end(feeding)


def later(notes: Notes, since: int, names: list[str]) -> bool:
    """Whether every camera has had an event since so many."""
    return set(names) <= {message.subject.split(".")[3] for message in notes.messages[since:]}


async def stop(process: Process) -> None:
    """SIGTERM: it ends with status 0; in half a second where nothing else runs."""
    process.signal(signal.SIGTERM)
    assert await process.ended(30) == 0, process.text
    assert "Traceback" not in process.text


async def test_a_model_that_no_pipeline_uses_serves_requests_alone(bus: Bus, processes: Processes) -> None:
    process = processes.start(CONFIG, "--model", "face-detector")
    await process.until_ready()
    _, text = await process.get("/v2/models/face-detector/ready")
    assert json.loads(text)["ready"]
    await stop(process)


async def test_a_model_that_is_not_there_is_said_in_one_line(processes: Processes) -> None:
    process = processes.start(CONFIG, "--model", "face-detektor")
    assert await process.ended() == 2
    assert "has no model 'face-detektor'; there are: coco-detector, face-detector" in process.text
    assert process.text.count("\n") == 1


async def test_from_start_to_stop(bus: Bus, processes: Processes) -> None:
    notes, process = await listen(bus), processes.start()
    missing = await process.missing()
    assert "bus" in missing
    await process.until_ready()
    await Camera(bus).frame(0)
    await until(lambda: notes.served, "served")
    assert notes.outcomes == ["inferred"]
    assert process.cpu_s < 20  # on a usual machine it is ready after 2 s
    _, text = await process.get("/metrics")
    for series in (
        'vedette_frames_inferred_total{camera="gate",pipeline="people"} 1.0',
        'vedette_detections_total{camera="gate",label="person"}',
        'vedette_frame_age_seconds_count{model="coco-detector"} 1.0',
        'vedette_capture_to_detection_seconds_count{pipeline="people"} 1.0',
        'vedette_batch_queue_seconds_count{model="coco-detector"} 1.0',
        'vedette_batch_size_sum{model="coco-detector"} 1.0',
        'model_inference_latency_seconds_count{model="coco-detector",protocol="live",version="1.0.0"} 1.0',
        "vedette_sessions_rebuilt_total counter",
        "vedette_server_clock_offset_seconds",
    ):
        assert series in text, series
    await stop(process)


async def test_a_process_that_stops_is_not_ready_and_finishes_what_it_has(bus: Bus, processes: Processes) -> None:
    notes, process = await listen(bus), processes.start()
    await process.until_ready()
    feeding = asyncio.create_task(feed(bus, notes, [f"cam-{number}" for number in range(20)]))
    await until(lambda: len(notes.messages) > 20, lambda: f"under load: {process.text}")
    # What it kept in hand when it ended would stay with it for an hour.
    await bus.jetstream.add_consumer(WORK, work_consumer("people").evolve(ack_wait=3600))
    stopping = asyncio.create_task(stop(process))
    seen: set[str] = set()
    while process.status is None:
        try:
            seen.update(await process.missing())
        except OSError:
            break
    await end([feeding])
    await stopping
    assert seen <= {"stopping", "model", "bus", "consumers"}
    given_back = await taken(bus, "w-people")
    assert (await pending(bus, WORK, "w-people"))[1] <= given_back
    ids = {(message.headers or {})["Nats-Msg-Id"] for message in notes.messages}
    assert await stored(bus, DETECTIONS) == len(ids)


async def taken(bus: Bus, consumer: str) -> int:
    """How many tokens another worker gets at once: those that wait, and those that were given back."""
    work = await bus.jetstream.pull_subscribe_bind(consumer, WORK)
    try:
        return len(await work.fetch(1000, timeout=1))
    except TimeoutError:
        return 0


async def test_it_ends_at_once_while_the_model_loads(nats_server: NatsServer, processes: Processes) -> None:
    process = processes.start()
    assert "model" in await process.missing()
    await stop(process)


async def test_it_waits_for_a_bus_that_is_not_there_and_ends_at_once(processes_alone: Processes) -> None:
    process = processes_alone.start()
    await until_async(lambda: only_the_bus_is_missing(process), "the model is ready")
    await stop(process)


async def only_the_bus_is_missing(process: Process) -> bool:
    return await process.missing() == ["bus"]


async def test_detections_flow_again_after_the_server_was_killed(
    bus: Bus, nats_server: NatsServer, processes: Processes
) -> None:
    notes, process, names = await listen(bus), processes.start(), ["a", "b", "c"]
    feeding = asyncio.create_task(feed(bus, notes, names))
    await until(lambda: later(notes, 0, names), lambda: f"detections: {process.text}", 60)
    nats_server.kill()
    await until_async(lambda: only_the_bus_is_missing(process), "not ready")
    since = len(notes.messages)
    await asyncio.to_thread(nats_server.start)
    await until(lambda: later(notes, since, names), "detections again")
    await end([feeding])
    assert await process.missing() == []
    assert "Traceback" not in process.text


async def test_the_cameras_of_a_worker_killed_in_mid_batch_are_served_by_another(
    bus: Bus, processes: Processes
) -> None:
    notes, dying, names = await listen(bus), processes.start(), [f"cam-{number}" for number in range(8)]
    feeding = asyncio.create_task(feed(bus, notes, names))
    await until(lambda: later(notes, 0, names), lambda: f"detections: {dying.text}", 60)
    dying.signal(signal.SIGSTOP)
    await until_async(lambda: in_hand(bus, WORK, "w-people"), "it has tokens in hand")
    other = processes.start()
    await other.until_ready()
    dying.signal(signal.SIGKILL)
    since = len(notes.messages)
    await until(lambda: later(notes, since, names), lambda: f"all cameras are served: {other.text}")
    await end([feeding])
    for name in names:
        assert notes.seqs(name) == sorted(notes.seqs(name))


async def in_hand(bus: Bus, stream: str, consumer: str) -> bool:
    return (await pending(bus, stream, consumer))[1] > 0


async def test_every_frame_of_a_recording_gives_one_message_though_a_worker_is_killed(
    bus: Bus, processes: Processes
) -> None:
    notes, dying, killed = await listen(bus), processes.start(), asyncio.Event()

    async def recording() -> int:
        """Goes on for 20 frames after the kill."""
        camera, seq, last = Camera(bus), 0, None
        while seq != last:
            if killed.is_set() and last is None:
                last = seq + 20
            try:
                await camera.clip(seq)
                seq += 1
            except BusFull:
                await asyncio.sleep(0.02)
        return seq

    publishing = asyncio.create_task(recording())
    await until(lambda: len(notes.messages) > 5, lambda: f"some are served: {dying.text}", 60)
    other = processes.start()
    await other.until_ready()
    await until_async(lambda: in_hand(bus, CLIPS, "c-people"), "frames in hand")
    dying.signal(signal.SIGSTOP)
    dying.signal(signal.SIGKILL)
    killed.set()
    frames = await publishing
    await until(lambda: len(set(notes.seqs())) == frames, lambda: f"all are served: {other.text}", 60)
    await until_async(lambda: none_is_left(bus), "nothing is left")
    assert await stored(bus, DETECTIONS) == frames
    assert all(event.error is None for event in notes.events)


async def none_is_left(bus: Bus) -> bool:
    return await stored(bus, CLIPS) == 0


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("device: cpu", "device: cuda", "device cuda: this ONNX Runtime is built without CUDA: install vedette[gpu]"),
        ("coco-detector@^1", "coco-detector@^9", "has no version for 'coco-detector@^9'"),
        ("coco-detector@^1", "nothing-here", "has no model 'nothing-here'"),
    ],
)
async def test_a_wrong_model_or_device_is_one_line_and_status_2(
    processes_alone: Processes, was: str, becomes: str, says: str
) -> None:
    process = processes_alone.start((CONFIG % NO_BUS).replace(was, becomes))
    assert await process.ended() == 2
    complaints = [line for line in process.text.splitlines() if line.startswith("vedette: ")]
    assert len(complaints) == 1, process.text
    assert says in complaints[0]
    assert "Traceback" not in process.text


async def test_a_model_that_is_not_the_cards_is_refused_with_the_reason(
    processes_alone: Processes, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(ROOT / "models/coco-detector", models / "coco-detector")
    file = models / "coco-detector/1.0.0/model.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    process = processes_alone.start((CONFIG % NO_BUS).replace(str(ROOT / "models"), str(models)))
    assert await process.ended() == 2
    assert f"vedette: {file}: its digest is sha256:" in process.text
    assert "Traceback" not in process.text
