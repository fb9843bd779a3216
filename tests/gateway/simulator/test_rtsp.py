"""What the simulator answers, to good clients and to bad ones."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import av.error
import psutil
import pytest
import pytest_asyncio

from gateway.simulator import Credentials, SimulatedCamera, Simulator, SimulatorSettings
from gateway.simulator.authentication import digest_response
from tests.gateway.simulator.test_clients import WALK, RawClient, connected, until, watch, watching

CAMERA = SimulatedCamera("gate", WALK, fps=50)
TCP, UDP = "RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP;unicast;client_port=40000-40001"


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator([CAMERA, SimulatedCamera("yard", WALK, fps=50)]) as running:
        yield running


@pytest_asyncio.fixture
async def client(simulator: Simulator) -> AsyncIterator[RawClient]:
    async with connected(simulator.host, simulator.port) as raw:
        yield raw


@pytest.mark.parametrize("scheme", ["basic", "digest"])
async def test_only_the_right_password_opens(scheme: str) -> None:
    credentials = Credentials("us er", "p@ss/wörd", "basic" if scheme == "basic" else "digest")
    async with Simulator([CAMERA], SimulatorSettings(credentials=credentials)) as simulator:
        assert len(await watch(simulator.url("gate"), "tcp", 3)) == 3
        for url in (
            f"rtsp://guest:guess@{simulator.host}:{simulator.port}/gate",
            f"rtsp://{simulator.host}:{simulator.port}/gate",
        ):
            with pytest.raises(av.error.HTTPUnauthorizedError):
                await watch(url, "tcp", 1)
    assert "p@ss" not in repr(credentials)


async def test_digest_of_another_connection_is_refused() -> None:
    credentials = Credentials("user", "secret")
    async with Simulator([CAMERA], SimulatorSettings(credentials=credentials)) as simulator:
        url = f"rtsp://{simulator.host}:{simulator.port}/gate"
        async with connected(simulator.host, simulator.port) as one, connected(simulator.host, simulator.port) as other:
            challenge = (await one.ask("DESCRIBE", url)).headers["www-authenticate"]
            realm, nonce = challenge.split('"')[1], challenge.split('"')[3]
            proof = digest_response(credentials, realm, nonce, "DESCRIBE", url)
            header = f'Digest username="user", realm="{realm}", nonce="{nonce}", uri="{url}", response="{proof}"'
            assert (await one.ask("DESCRIBE", url, Authorization=header)).status == 200
            assert (await other.ask("DESCRIBE", url, Authorization=header)).status == 401


async def test_unknown_path_is_not_found(simulator: Simulator) -> None:
    with pytest.raises(av.error.HTTPNotFoundError):
        await watch(simulator.url("gate") + "way", "tcp", 1)


@pytest.mark.parametrize(("tcp", "udp"), [(True, False), (False, True)])
async def test_a_transport_switched_off_is_unsupported(tcp: bool, udp: bool) -> None:
    async with Simulator([CAMERA], SimulatorSettings(tcp=tcp, udp=udp)) as simulator:
        async with connected(simulator.host, simulator.port) as client:
            refused, taken = (UDP, TCP) if tcp else (TCP, UDP)
            url = simulator.url("gate")
            assert (await client.ask("SETUP", url, Transport=refused)).status == 461
            both = await client.ask("SETUP", url, Transport=f"{refused},{taken}")
            assert (both.status, both.headers["transport"].partition(";")[0]) == (200, taken.partition(";")[0])
        with pytest.raises(OSError, match=r"Protocol not supported|461") as refusal:
            await watch(simulator.url("gate"), "udp" if tcp else "tcp", 1)
        assert refusal.value.errno == 93
        assert len(await watch(simulator.url("gate"), "tcp" if tcp else "udp", 3)) == 3


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("OPTIONS", {}, 200),
        ("GET_PARAMETER", {}, 200),
        ("SET_PARAMETER", {"Session": "none"}, 454),
        ("PLAY", {}, 454),
        ("TEARDOWN", {"Session": "none"}, 454),
        ("SETUP", {"Transport": "RTP/AVP;multicast"}, 461),
        ("SETUP", {"Transport": "RTP/AVP/TCP;unicast;interleaved=300-301"}, 461),
        ("SETUP", {"Transport": "RTP/AVP;unicast"}, 461),
        ("RECORD", {}, 405),
        ("BREW", {}, 501),
    ],
)
async def test_requests_have_the_status_of_the_rfc(
    simulator: Simulator, client: RawClient, method: str, headers: dict[str, str], status: int
) -> None:
    assert (await client.ask(method, simulator.url("gate"), **headers)).status == status


async def test_states_follow_the_rfc(simulator: Simulator, client: RawClient) -> None:
    url = simulator.url("gate")
    setup = await client.ask("SETUP", f"{url}/trackID=0", Transport=TCP)
    session = setup.headers["session"].partition(";")[0]
    statuses = [
        (await client.ask(method, url, Session=session, **({"Transport": TCP} if method == "SETUP" else {}))).status
        for method in ("PAUSE", "SETUP", "PLAY", "SETUP", "PLAY", "GET_PARAMETER", "PAUSE", "PLAY", "TEARDOWN", "PLAY")
    ]
    assert statuses == [455, 459, 200, 455, 200, 200, 200, 200, 200, 454]
    assert simulator.viewers("gate") == 0


async def test_paused_client_gets_nothing_and_goes_on_with_a_keyframe(simulator: Simulator, client: RawClient) -> None:
    url = simulator.url("gate")
    session = await client.play(url)
    assert (await client.packet())[0] == 1
    await client.ask("PAUSE", url, Session=session)
    client.embedded.clear()
    assert (await client.ask("GET_PARAMETER", url, Session=session)).status == 200
    assert client.embedded == []
    await client.ask("PLAY", url, Session=session)
    await client.packet()
    _, packet = await client.packet()
    assert packet[12] & 0x1F == 7


async def test_sequence_numbers_have_no_gap(simulator: Simulator, client: RawClient) -> None:
    await client.play(simulator.url("gate"))
    packets = [await client.packet() for _ in range(200)]
    numbers = [int.from_bytes(packet[2:4], "big") for channel, packet in packets if channel == 0]
    assert all((later - earlier) % 65536 == 1 for earlier, later in pairwise(numbers))


async def test_silent_udp_session_expires_and_one_kept_alive_stays() -> None:
    async with AsyncExitStack() as stack:
        rtcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        rtcp.bind(("127.0.0.1", 0))
        port = rtcp.getsockname()[1]
        simulator = await stack.enter_async_context(Simulator([CAMERA], SimulatorSettings(session_timeout_s=0.4)))
        client, other = [await stack.enter_async_context(connected(simulator.host, simulator.port)) for _ in range(2)]
        url, offer = simulator.url("gate"), "RTP/AVP;unicast;client_port="
        setup = await client.ask("SETUP", url, Transport=f"{offer}{port - 1}-{port}")
        server = ("127.0.0.1", int(setup.headers["transport"].rpartition("-")[2]))
        await client.ask("PLAY", url, Session=setup.headers["session"].partition(";")[0])
        await other.play(url, f"{offer}{port - 3}-{port - 2}")
        assert simulator.viewers("gate") == 2

        def kept_alive() -> bool:
            rtcp.sendto(b"\x80\xc9\x00\x01\x00\x00\x00\x00", server)
            return simulator.viewers("gate") == 1

        await until(kept_alive)
        await until(lambda: simulator.viewers("gate") == 0)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\r\n\r\nHELLO\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: -1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: " + b"9" * 60 + b"\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 999999999999\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -5\r\n\r\n",
        b"DESCRIBE rtsp://[::1/gate RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=lambda garbage: garbage[:40],
)
async def test_a_bad_request_is_refused(client: RawClient, garbage: bytes) -> None:
    client.writer.write(garbage)
    assert (await client.answer()).status in (400, 413)


async def test_garbage_hurts_no_other_client_and_takes_no_memory(simulator: Simulator) -> None:
    process = psutil.Process()
    async with watching(simulator.url("gate")) as watcher:
        before = process.memory_info().rss
        for size in (1, 100, 10_000, 1_000_000):
            for head in (b"", b"$", b"$\x00\xff\xff", b"SETUP ", b"PLAY rtsp://x/gate RTSP/1.0\r\n"):
                async with connected(simulator.host, simulator.port) as client:
                    client.writer.write(head + os.urandom(size))
        seen = len(watcher.pictures)
        await until(lambda: len(watcher.pictures) > seen + 30)
        assert not any(picture.corrupt for picture in watcher.pictures)
    assert process.memory_info().rss - before < 32 << 20


async def test_a_client_which_does_not_read_is_sent_no_more_than_its_backlog(tmp_path: Path) -> None:
    settings = SimulatorSettings(backlog_bytes=100_000)
    async with Simulator([SimulatedCamera("gate", WALK, fps=1000)], settings) as simulator:
        with socket.socket() as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.setblocking(False)
            await asyncio.get_running_loop().sock_connect(plain, (simulator.host, simulator.port))
            reader, writer = await asyncio.open_connection(sock=plain, limit=2048)
            deaf = RawClient(reader, writer)
            await deaf.play(simulator.url("gate"))
            (connection,) = simulator._server._connections  # type: ignore[union-attr]
            transport = connection._writer.transport
            await until(lambda: transport.get_write_buffer_size() > 100_000)
            async with connected(simulator.host, simulator.port) as other:
                await other.play(simulator.url("gate"))
                for _ in range(3_000):
                    await other.packet()
            assert transport.get_write_buffer_size() < 150_000
            before = int.from_bytes((await media(deaf))[2:4], "big")
            while (after := int.from_bytes((await media(deaf))[2:4], "big")) == (before + 1) % 65536:
                before = after
            writer.transport.abort()


async def media(client: RawClient) -> bytes:
    """The client's next RTP packet."""
    while True:
        channel, packet = await client.packet()
        if channel == 0:
            return packet
