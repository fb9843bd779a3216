"""One camera and idle workers, gateway and inference as they are: a round trip longer than the frame interval."""

import asyncio
import statistics
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest

from inference.dataplane import DataPlane
from inference.picture_model import Inference
from tests.gateway.run_gateway import Witness, configured, gateway, lasting_leases, simulated
from tests.inference.worker import lasting_frames, listen, open_plane, working
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus

TAKES_S = 0.4
FPS = 10
PEOPLE = {"people": {"frame": {"width": 160}, "sampling": {"fps": FPS}, "stages": [{"model": "coco-detector"}]}}


async def test_a_camera_is_served_as_often_as_its_round_trip_allows_and_its_last_frame_too(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting_leases(monkeypatch)
    await lasting_frames(bus, monkeypatch)
    took_s: list[float] = []
    infer = DataPlane.infer

    async def slowly(plane: DataPlane, *arguments: Any, **options: Any) -> Inference:
        began_s = monotonic()
        await asyncio.sleep(TAKES_S)
        inference = await infer(plane, *arguments, **options)
        took_s.append(monotonic() - began_s)
        return inference

    monkeypatch.setattr(DataPlane, "infer", slowly)
    witness, notes, times_s = await Witness.on(bus), await listen(bus), []
    async with (
        open_plane() as plane,
        working(bus, plane),
        simulated("gate") as camera,
        gateway(configured(nats_server, {"gate": camera.url("gate")}, PEOPLE)),
    ):
        for count in range(1, 12):
            await notes.until_served(count)
            times_s.append(monotonic())
        camera.stall("gate")
        await until(lambda: witness.is_("gate", "stalled"), "no frame comes any more")
        last = witness.of("gate")[-1].headers.seq
        await until(lambda: notes.served[-1][1].seq == last, "the last frame is served")
    assert set(notes.outcomes) == {"inferred"}
    between_s = statistics.median(later - earlier for earlier, later in pairwise(times_s))
    assert between_s <= statistics.median(took_s) / 0.75
    assert len(witness.of("gate")) > len(notes.served), "frames came faster than they could be served"
