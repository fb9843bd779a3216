"""Cameras that fail on demand."""

import asyncio
import contextlib
import socket
import time

import av.error
import pytest

from gateway.simulator import AddressTaken, SimulatedCamera, Simulator, SimulatorSettings
from tests.gateway.simulator.test_clients import (
    WALK,
    WALK_H265,
    WALK_ODD,
    connected,
    recorded,
    until,
    watch,
    watching,
)

CAMERA = SimulatedCamera("gate", WALK, fps=50)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_stalled_camera_is_silent_until_it_resumes(transport: str) -> None:
    async with Simulator([CAMERA]) as simulator, watching(simulator.url("gate"), transport) as watcher:
        simulator.stall("gate")
        await until(lambda: watcher.silences > 0)
        seen = len(watcher.pictures)
        simulator.resume("gate")
        await until(lambda: len(watcher.pictures) > seen + 30)
        assert not watcher.ended
        assert set(watcher.digests) <= {picture.digest for picture in recorded(WALK)}


async def test_stalled_camera_lets_new_clients_in_and_answers_none_that_play() -> None:
    async with Simulator([CAMERA]) as simulator:
        simulator.stall("gate")
        async with connected(simulator.host, simulator.port) as client:
            setup = await client.ask("SETUP", simulator.url("gate"), Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
            session = setup.headers["session"].partition(";")[0]
            assert (await client.ask("PLAY", simulator.url("gate"), Session=session)).status == 200
            await until(lambda: simulator.viewers("gate") == 1)
            client.writer.write(f"OPTIONS {simulator.url('gate')} RTSP/1.0\r\nCSeq: 10\r\n\r\n".encode())
            async with connected(simulator.host, simulator.port) as other:
                for _ in range(3):  # what was sent before has been read when these are answered
                    assert (await other.ask("DESCRIBE", simulator.url("gate"))).status == 200
            simulator.resume("gate")
            assert (await client.packet())[0] == 1


async def test_vanished_camera_resets_its_clients_and_comes_back() -> None:
    cameras = [CAMERA, SimulatedCamera("yard", WALK, fps=25)]
    async with Simulator(cameras) as simulator:
        async with watching(simulator.url("gate")) as gone, watching(simulator.url("yard")) as other:
            simulator.vanish("gate")
            await until(lambda: gone.ended)
            assert simulator.viewers("gate") == 0
            with pytest.raises(av.error.HTTPNotFoundError):
                await watch(simulator.url("gate"), "tcp", 1)
            seen = len(other.pictures)
            await until(lambda: len(other.pictures) > seen + 10)
        simulator.resume("gate")
        assert len(await watch(simulator.url("gate"), "tcp", 3)) == 3


async def test_garbled_camera_stays_connected_and_recovers() -> None:
    good = {picture.digest for picture in recorded(WALK)}
    async with Simulator([CAMERA]) as simulator, watching(simulator.url("gate")) as watcher:
        simulator.garble("gate", seed=7, share=0.5)
        await until(lambda: watcher.undecodable + sum(picture.corrupt for picture in watcher.pictures) > 3)
        await until(lambda: not set(watcher.digests) <= good)
        simulator.resume("gate")
        await until(lambda: set(watcher.digests[-20:]) <= good)
        assert not watcher.ended


async def test_switched_camera_changes_its_size_within_the_stream() -> None:
    async with Simulator([CAMERA]) as simulator, watching(simulator.url("gate")) as watcher:
        await simulator.switch("gate", WALK_ODD)
        await until(lambda: (watcher.pictures[-1].width, watcher.pictures[-1].height) == (418, 314))
        await simulator.switch("gate", WALK)
        await until(lambda: watcher.pictures[-1].width == 320)
        assert not watcher.ended
        times = [picture.pts for picture in watcher.pictures if picture.pts is not None]
        assert times == sorted(set(times))
        expected = {picture.digest for video in (WALK, WALK_ODD) for picture in recorded(video)}
        assert set(watcher.digests) <= expected
        with pytest.raises(ValueError, match=r"H\.265"):
            await simulator.switch("gate", WALK_H265)


async def test_slow_camera_sends_later_and_later_what_it_saw_in_time() -> None:
    async with Simulator([CAMERA]) as simulator:
        simulator.slow("gate", 0.25)
        async with connected(simulator.host, simulator.port) as client:
            await client.play(simulator.url("gate"))
            arrivals: dict[int, float] = {}
            while len(arrivals) < 12:
                channel, packet = await client.packet()
                if channel == 0:
                    arrivals.setdefault(int.from_bytes(packet[4:8], "big"), time.monotonic())
    stamps = list(arrivals)
    captured_s = (stamps[-1] - stamps[0]) % (1 << 32) / 90_000
    assert captured_s == pytest.approx(11 / 50, abs=0.01)
    assert arrivals[stamps[-1]] - arrivals[stamps[0]] == pytest.approx(4 * captured_s, rel=0.2)


async def test_restarted_server_is_back_at_its_port() -> None:
    simulator = Simulator([CAMERA])
    await simulator.start()
    port, url = simulator.port, simulator.url("gate")
    async with watching(url) as watcher:
        await simulator.close()
        await until(lambda: watcher.ended)
    with pytest.raises(av.error.ConnectionRefusedError):
        await watch(url, "tcp", 1)
    async with simulator:
        assert simulator.port == port
        assert len(await watch(url, "tcp", 3)) == 3


async def test_taken_port_is_named() -> None:
    async with Simulator([CAMERA]) as simulator:
        second = Simulator([CAMERA], SimulatorSettings(port=simulator.port))
        with pytest.raises(AddressTaken, match=f":{simulator.port}: Address already in use"):
            await second.start()
        await second.close()


@pytest.mark.parametrize("steps", range(8))
async def test_a_client_that_connects_while_it_closes_is_dropped(steps: int) -> None:
    simulator = Simulator([CAMERA])
    await simulator.start()
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex((simulator.host, simulator.port))
        for _ in range(steps):
            await asyncio.sleep(0)
        await simulator.close()
        with contextlib.suppress(ConnectionResetError):  # it had not been let in
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 5) == b""
