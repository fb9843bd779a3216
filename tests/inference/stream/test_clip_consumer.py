"""Frames of recordings: each gives exactly one message, whatever happens to workers, model and bus."""

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter
from dataclasses import replace
from itertools import count

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import generate_latest

from inference import metrics
from inference.errors import BatchFailed
from inference.repository.card import BatchLimits
from inference.runtime import loaded_model
from tests.inference.stream.test_live_consumer import SCHEMA
from tests.inference.test_dataplane import Session
from tests.inference.worker import MODEL, Camera, Notes, encoded, jpegs, listen, open_plane, stored, working
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.background import end
from vedette.bus.connection import Bus, connect
from vedette.consumers import clip_consumer
from vedette.errors import BusFull
from vedette.process.metrics import DROPPED
from vedette.streams import CLIPS, DETECTIONS

WHITE = encoded(np.full((480, 640, 3), 255, np.uint8))


def fails_on_white(image: NDArray[np.uint8]) -> None:
    if image[160, 208].min() > 250:
        raise BatchFailed("no luck with white")


async def recording(camera: Camera, frames: int) -> None:
    """Publish frames 0 to `frames`, the last one marked final, with back-pressure."""
    for seq in range(frames):
        while True:
            try:
                await camera.clip(seq, final=seq == frames - 1)
                break
            except BusFull:
                await asyncio.sleep(0.05)


async def none_is_left(bus: Bus) -> bool:
    return await stored(bus, CLIPS) == 0


def told_once(notes: Notes, frames: int, camera: str = "gate") -> None:
    assert sorted(notes.seqs(camera)) == list(range(frames))


async def test_every_frame_gives_one_message_and_the_last_one_is_marked(bus: Bus) -> None:
    notes = await listen(bus)
    async with open_plane() as plane, working(bus, plane):
        await recording(Camera(bus), 12)
        await until(lambda: len(notes.served) == 12, "all are served")
        await until_async(lambda: none_is_left(bus), "nothing is left")
    told_once(notes, 12)
    assert {event.frame.seq for event in notes.events if event.frame.final} == {11}
    assert set(notes.outcomes) == {"inferred"}
    for message in notes.messages:
        jsonschema.validate(json.loads(message.data), SCHEMA)
    for event in notes.events:
        assert event.error is None
        assert event.frame.picture is None
        assert event.timing is not None
        assert event.timing.total_ms is None
    assert await stored(bus, DETECTIONS) == 12


async def test_age_is_no_matter(bus: Bus) -> None:
    notes = await listen(bus)
    async with open_plane() as plane, working(bus, plane):
        await Camera(bus).clip(0, age_ms=1e9)
        await until(lambda: notes.served, "served")
    assert notes.outcomes == ["inferred"]


async def test_a_frame_that_cannot_be_decoded_gives_a_message_that_says_so(bus: Bus) -> None:
    notes = await listen(bus)
    async with open_plane() as plane, working(bus, plane):
        await Camera(bus).clip(0, jpegs()[0][:2000])
        await Camera(bus).clip(1)
        await until(lambda: len(notes.served) == 2, "served")
    by_seq = {event.frame.seq: event for event in notes.events}
    assert by_seq[0].error is not None
    assert by_seq[0].error.startswith("undecodable: damaged")
    assert (by_seq[0].detections, by_seq[0].timing) == ((), None)
    assert by_seq[1].error is None
    assert sorted(notes.outcomes) == ["inferred", "undecodable"]
    for message in notes.messages:
        jsonschema.validate(json.loads(message.data), SCHEMA)


async def test_a_frame_without_proper_headers_is_left_out_and_counted(bus: Bus) -> None:
    notes, dropped = await listen(bus), DROPPED.labels("recording", "malformed", "inference")
    before = dropped._value.get()
    async with open_plane() as plane, working(bus, plane):
        await bus.publish_confirmed(Camera(bus).feed.clip, jpegs()[0], {"Vedette-Contract": "9"})
        await until_async(lambda: none_is_left(bus), "put away")
    assert notes.messages == []
    assert dropped._value.get() == before + 1


async def test_a_frame_on_which_the_model_always_fails_becomes_a_message_after_three_deliveries(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded_model, "open_session", lambda *_: Session(fails_on_white))
    redelivered = metrics.REDELIVERED.labels("people")
    notes, before = await listen(bus), redelivered._value.get()
    async with open_plane() as plane, working(bus, plane):
        await Camera(bus).clip(0, WHITE)
        await Camera(bus).clip(1)
        await until(lambda: len(notes.served) == 2, "served")
        await until_async(lambda: none_is_left(bus), "nothing is left")
    by_seq = {event.frame.seq: event for event in notes.events}
    assert by_seq[0].error == "BatchFailed: no luck with white"
    assert by_seq[1].error is None
    assert dict(zip([note.seq for _, note in notes.served], notes.outcomes, strict=True)) == {
        0: "failed",
        1: "inferred",
    }
    assert redelivered._value.get() == before + 2
    told_once(notes, 2)


async def deliver_in_vain(bus: Bus, times: int) -> None:
    """To workers that die of a frame, or stop before they have tried it: the server sees no difference."""
    await bus.jetstream.add_consumer(CLIPS, clip_consumer("people"))
    leaving = await bus.jetstream.pull_subscribe_bind("c-people", CLIPS)
    for _ in range(times):
        await (await leaving.fetch(1, timeout=2))[0].nak()


async def test_a_frame_whose_workers_died_ten_times_becomes_a_message(bus: Bus) -> None:
    notes = await listen(bus)
    await Camera(bus).clip(0)
    await deliver_in_vain(bus, 10)
    async with open_plane() as plane, working(bus, plane):
        await until(lambda: notes.served, "served")
    assert notes.events[0].error == "no result in 10 deliveries"
    assert notes.outcomes == ["failed"]


async def test_rolling_restarts_that_catch_the_same_frame_make_no_error(bus: Bus) -> None:
    notes = await listen(bus)
    await Camera(bus).clip(0)
    await deliver_in_vain(bus, 5)
    async with open_plane() as plane, working(bus, plane):
        await until(lambda: notes.served, "served")
    assert notes.events[0].error is None
    assert notes.outcomes == ["inferred"]


async def test_all_recordings_share_their_series_in_the_metrics(bus: Bus) -> None:
    inferred, notes = metrics.INFERRED.labels("recording", "people"), await listen(bus)
    before, jpeg = inferred._value.get(), jpegs()[0]
    async with open_plane() as plane, working(bus, plane):
        for run in range(3):
            await Camera(bus, f"walk-{run}").clip(0, jpeg)
        await bus.publish_confirmed(Camera(bus, "walk-3").feed.clip, jpeg, {"Vedette-Contract": "9"})
        await until(lambda: len(notes.served) == 3, "served")
        await until_async(lambda: none_is_left(bus), "nothing is left")
    assert inferred._value.get() == before + 3
    assert "walk-" not in generate_latest().decode()


async def test_a_worker_that_is_cancelled_in_the_middle_leaves_its_frames_to_another_at_once(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes, begun, may_end = await listen(bus), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(_: object) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert may_end.wait(60)

    async def work_until_cancelled(own: Bus) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loaded_model, "open_session", lambda *_: Session(slow))
            async with open_plane() as plane:
                with contextlib.suppress(asyncio.CancelledError):
                    async with working(own, plane):
                        await asyncio.Event().wait()

    async with await connect(nats_server.address, "dying") as own:
        dying = asyncio.create_task(work_until_cancelled(own))
        publishing = asyncio.create_task(recording(Camera(bus), 20))
        await begun.wait()
        dying.cancel()
        await asyncio.sleep(0)  # it is told, and its batch still runs
        may_end.set()
        async with open_plane() as plane, working(bus, plane):
            await publishing
            await until(lambda: len(set(notes.seqs())) == 20, "all are served")
            await until_async(lambda: none_is_left(bus), "nothing is left")
        await dying
    assert await stored(bus, DETECTIONS) == 20
    assert all(event.error is None for event in notes.events)


async def test_while_the_bus_takes_no_messages_frames_wait_and_spend_no_delivery(bus: Bus) -> None:
    notes = await listen(bus)
    await bus.jetstream.delete_stream(DETECTIONS)
    async with open_plane() as plane, working(bus, plane) as worker:
        for seq in range(4):
            await Camera(bus).clip(seq)
        await until(lambda: len(worker.tokens._held) == 4, "they are in hand")
        await until(lambda: len(notes.messages) >= 4, "each was tried")  # heard, but not stored
        await bus.ensure()
        await until(lambda: len(notes.served) == 4, "served")
    assert await stored(bus, DETECTIONS) == 4
    assert all(event.error is None for event in notes.events)
    assert set(notes.outcomes) == {"inferred"}


async def test_a_server_that_is_killed_in_the_middle_costs_no_frame(bus: Bus, nats_server: NatsServer) -> None:
    async with open_plane() as plane, working(bus, plane):
        for seq in range(8):
            await Camera(bus).clip(seq)
        await asyncio.to_thread(nats_server.restart)
        await until(lambda: bus.client.stats["reconnects"] and bus.connected, "connected again")
        for seq in range(8, 12):
            await Camera(bus, "lobby").clip(seq)
        await until_async(lambda: none_is_left(bus), "all are served")
    assert await stored(bus, DETECTIONS) == 12


async def test_live_and_complete_share_a_saturated_worker_three_to_one(bus: Bus) -> None:
    """Long batches: what is compared is the order of service, not how fast this machine prepares pictures. The slower
    the machine, the longer they must be to saturate the worker."""
    notes = await listen(bus)
    for batch_s in (0.05, 0.2, 0.8):
        kinds = await served_by_kind(bus, notes, batch_s)
        if 2.2 < kinds["live"] / kinds["clip"] < 4:
            return
    raise AssertionError(kinds)


async def served_by_kind(bus: Bus, notes: Notes, batch_s: float) -> Counter[str]:
    """Of a hundred frames that a worker serves which has more than enough of both kinds."""
    fours = MODEL.card.model_copy(update={"batch": BatchLimits(max=4, max_delay_ms=0)})
    run = f"{batch_s:g}".replace(".", "-")

    async def live(camera: Camera) -> None:
        for seq in count():
            await camera.frame(seq)
            await notes.until_served(seq + 1, camera.name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded_model, "open_session", lambda *_: Session(lambda _: time.sleep(batch_s)))
        async with open_plane(1, replace(MODEL, card=fours)) as plane, working(bus, plane):
            before = len(notes.served)
            feeding = [asyncio.create_task(live(Camera(bus, f"live-{number}-{run}"))) for number in range(12)]
            feeding += [
                asyncio.create_task(recording(Camera(bus, f"clip-{number}-{run}"), 1000)) for number in range(2)
            ]
            await notes.until_served(before + 20)
            first = len(notes.served)
            await notes.until_served(first + 100, deadline_s=60)
            kinds = Counter(subject.rpartition(".")[2][:4] for subject, _ in notes.served[first:])
            await end(feeding)
            await bus.jetstream.purge_stream(CLIPS)
    return kinds
