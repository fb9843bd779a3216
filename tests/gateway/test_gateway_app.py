"""The gateway process: readiness, metrics, and an end in time wherever it is."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest
from aiohttp import ClientSession

from gateway.app import serve
from gateway.fleet.fleet_camera import outputs_of
from gateway.reading.sampler import Sampling
from gateway.simulator import SimulatedCamera, Simulator
from tests.free_ports import free_port
from tests.gateway.run_gateway import FREE, SITE, Witness, configured
from tests.gateway.run_reader import WALK
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.bus.address import BusAddress
from vedette.bus.connection import Bus, connect
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.errors import BusUnavailable, StartFailed
from vedette.fleet.members import Member, live_members
from vedette.process.shell import Stop, Stopped

METRICS = {
    "vedette_frames_received_total",
    "vedette_frames_corrupt_total",
    "vedette_frames_sampled_total",
    "vedette_frames_published_total",
    "vedette_frames_superseded_total",
    "vedette_frames_expired_total",
    "vedette_camera_reconnects_total",
    "vedette_camera_defects_total",
    "vedette_frames_held_total",
    "vedette_camera_up",
    "vedette_tokens_offered_again_total",
    "vedette_bus_reconnects_total",
}


async def ask(address: str, path: str) -> tuple[int, str]:
    async with ClientSession() as session, session.get(f"http://{address}{path}") as answer:
        return answer.status, await answer.text()


async def has_metrics(member: Member, text: str) -> bool:
    return text in (await ask(member.http, "/metrics"))[1]


async def test_it_is_ready_while_it_has_the_bus_and_not_before_nor_after(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bus.close()
    await asyncio.to_thread(nats_server.kill)
    listen, stop, seen = Address(host="127.0.0.1", port=free_port()), Stop(), []

    async def ready() -> int:
        try:
            async with asyncio.timeout(10):
                return (await ask(str(listen), "/readyz"))[0]
        except (OSError, TimeoutError):
            return 0

    async def at(status: int) -> bool:
        return await ready() == status

    task = asyncio.create_task(serve(configured(nats_server, {"file": str(WALK)}), listen, stop))
    await until_async(lambda: at(503), "not ready without a bus")
    await asyncio.to_thread(nats_server.start)
    await until_async(lambda: at(200), "ready")
    await asyncio.to_thread(nats_server.kill)
    await until_async(lambda: at(503), "not ready while the bus is away")
    await asyncio.to_thread(nats_server.start)
    await until_async(lambda: at(200), "ready again")
    assert (await ask(str(listen), "/healthz"))[0] == 200
    stop.request()
    while 503 not in seen:  # and no more: a connection made at the very end is accepted, and answered by nobody
        seen.append(await ready())
    assert await task == 0
    assert 200 not in seen[1:]
    assert 503 in seen


async def test_metrics_have_their_names_and_a_zero_from_the_start(nats_server: NatsServer, bus: Bus) -> None:
    stop = Stop()
    task = asyncio.create_task(serve(configured(nats_server, {"metered": "rtsp://127.0.0.1:1/none"}), FREE, stop))
    try:
        await until_async(lambda: live_members(bus, SITE), "it is a member")
        (member,) = await live_members(bus, SITE)
        await until_async(lambda: has_metrics(member, 'vedette_camera_up{camera="metered"}'), "the camera runs")
        _, text = await ask(member.http, "/metrics")
    finally:
        stop.request()
        assert await task == 0
    ours = {line.partition("{")[0].partition(" ")[0] for line in text.splitlines() if line.startswith("vedette_")}
    assert ours >= METRICS
    assert not [name for name in ours if name.endswith("_created")]
    assert 'vedette_camera_up{camera="metered"} 0.0' in text
    assert not await live_members(bus, SITE)


async def test_a_stop_before_the_bus_is_there_ends_it(nats_server: NatsServer) -> None:
    await asyncio.to_thread(nats_server.kill)
    stop = Stop()
    task = asyncio.create_task(serve(configured(nats_server, {}), FREE, stop))
    await asyncio.sleep(0)
    stop.request()
    with pytest.raises(Stopped):
        await asyncio.wait_for(task, 90)


async def test_a_port_that_is_taken_is_said(nats_server: NatsServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = Address(host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(StartFailed, match=r"listen\.gateway"):
            await serve(configured(nats_server, {}), listen, Stop())


async def test_an_end_of_the_connection_for_good_ends_the_process(
    nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[Bus] = []

    async def connect_and_tell(address: BusAddress, name: str) -> Bus:
        connected.append(await connect(address, name))
        return connected[0]

    monkeypatch.setattr("gateway.app.connect", connect_and_tell)
    task = asyncio.create_task(serve(configured(nats_server, {"file": str(WALK)}), FREE, Stop()))
    await until_async(lambda: live_members(bus, SITE), "it is a member")
    await connected[0].client.close()
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(task, 90)
    assert caught.group_contains(BusUnavailable)


def test_an_output_has_the_cameras_sampling_or_its_pipelines() -> None:
    stages = [{"model": "coco-detector"}]
    config = Config.model_validate(
        {
            "cameras": {
                "own": {"url": "a.mp4", "pipeline": ["p", "q"], "sampling": {"keyframes": True}},
                "default": {"url": "a.mp4", "pipeline": ["p", "q"]},
            },
            "pipelines": {
                "p": {"sampling": {"fps": 3}, "frame": {"width": 320, "quality": 70}, "stages": stages},
                "q": {"stages": stages},
            },
        }
    )
    assert [output.sampling for output in outputs_of(config.cameras["own"], config)] == [Sampling(None, True)] * 2
    p, q = outputs_of(config.cameras["default"], config)
    assert (p.pipeline, p.width, p.quality, p.sampling) == ("p", 320, 70, Sampling(3))
    assert (q.pipeline, q.width, q.quality, q.sampling) == ("q", 640, 85, Sampling(2))


@asynccontextmanager
async def process(folder: Path, config: Config, nats_url: str, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`vedette gateway CONFIG` as a process of its own."""
    file = folder / "gateway.yaml"
    text = {
        "site": SITE,
        "nats": {"url": nats_url},
        "listen": {"gateway": "127.0.0.1:0"},
        "retention": config.retention.model_dump(),
        "cameras": {"gate": {"url": url, "pipeline": "people"}},
        "pipelines": {"people": {"stages": [{"model": "coco-detector"}]}},
    }
    file.write_text(json.dumps(text), encoding="utf-8")  # JSON is YAML
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-m", "vedette", "gateway", str(file)), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


async def ends_well(running: asyncio.subprocess.Process) -> None:
    """SIGTERM ends it with status 0, in two seconds where nothing else runs, and without a traceback or warning."""
    began_s = monotonic()
    running.send_signal(signal.SIGTERM)
    _, said = await asyncio.wait_for(running.communicate(), 90)
    took_s = monotonic() - began_s
    assert running.returncode == 0, said.decode()
    assert took_s < 10, said.decode()
    for bad in ("Traceback", "never awaited", "was destroyed", "ResourceWarning", "Fatal"):
        assert bad not in said.decode()


async def test_a_signal_ends_it_while_its_cameras_are_live(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    witness = await Witness.on(bus)
    async with Simulator([SimulatedCamera("gate", WALK, 25)]) as camera:
        config = configured(nats_server, {})
        async with process(tmp_path, config, nats_server.url, camera.url("gate")) as running:
            await until(lambda: len(witness.of("gate")) > 3, "frames")
            await ends_well(running)
    assert witness.last("gate").reason == "the gateway has stopped"


async def test_a_signal_ends_it_while_it_waits_for_a_bus(nats_server: NatsServer, tmp_path: Path) -> None:
    config = configured(nats_server, {})
    async with process(tmp_path, config, f"nats://127.0.0.1:{free_port()}", str(WALK)) as running:
        assert running.stderr is not None
        while b"no bus yet" not in await asyncio.wait_for(running.stderr.readline(), 40):
            pass
        await ends_well(running)


async def test_a_signal_ends_it_while_a_camera_accepts_and_says_nothing(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def hole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await release.wait()
        writer.close()

    async with await asyncio.start_server(hole, "127.0.0.1", 0) as server:
        url = f"rtsp://127.0.0.1:{server.sockets[0].getsockname()[1]}/gate"
        config = configured(nats_server, {})
        async with process(tmp_path, config, nats_server.url, url) as running:
            await asyncio.wait_for(asked.wait(), 40)
            await ends_well(running)
        release.set()


async def test_a_signal_ends_it_while_the_bus_is_away(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    witness = await Witness.on(bus)
    async with Simulator([SimulatedCamera("gate", WALK, 25)]) as camera:
        config = configured(nats_server, {})
        async with process(tmp_path, config, nats_server.url, camera.url("gate")) as running:
            await until(lambda: witness.of("gate"), "frames")
            await asyncio.to_thread(nats_server.kill)
            assert running.stderr is not None
            while b"the bus is gone" not in await asyncio.wait_for(running.stderr.readline(), 40):
                pass
            await ends_well(running)
