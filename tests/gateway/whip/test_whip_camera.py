"""A camera that is published to, in a whole gateway: its states, its frames on the bus, and its publishers."""

import subprocess
import sys

from aiohttp import ClientSession

from gateway.whip.ingest import NOBODY
from gateway.whip.session import LEFT, SILENT
from tests.gateway.run_gateway import SITE, Witness, configured, gateway
from tests.gateway.whip.peer import SIZE, peer
from tests.nats_server import NatsServer
from tests.waiting import until, until_async
from vedette.bus.connection import Bus
from vedette.fleet.members import live_members

LOBBY = {"url": "whip", "pipeline": "people", "token": "tell-nobody"}


async def address_of_gateway(bus: Bus) -> str:
    await until_async(lambda: live_members(bus, SITE), "it is a member")
    (member,) = await live_members(bus, SITE)
    return member.http


async def test_it_is_live_while_somebody_publishes_and_offline_with_the_reason_while_nobody_does(
    nats_server: NatsServer, bus: Bus
) -> None:
    witness = await Witness.on(bus)
    async with gateway(configured(nats_server, {"lobby": LOBBY})), ClientSession() as http:
        url = f"http://{await address_of_gateway(bus)}/whip/lobby"
        await until(lambda: witness.is_("lobby", "offline"), "offline")
        assert witness.last("lobby").reason == NOBODY
        for codec, named in (("VP8", "vp8"), ("H264", "h264")):
            seen = len(witness.of("lobby"))
            async with peer(codec) as publisher:
                assert (await publisher.post(http, url, token="tell-nobody")).status == 201
                await until(lambda: witness.is_("lobby", "live"), "live")
                await until(lambda seen=seen: len(witness.of("lobby")) >= seen + 3, "frames")  # type: ignore[misc]
                await until(lambda named=named: witness.last("lobby").codec == named, named)  # type: ignore[misc]
            await until(lambda: witness.is_("lobby", "offline"), "offline again")
            assert witness.last("lobby").reason == LEFT
        async with peer() as publisher:
            await publisher.post(http, url, token="tell-nobody")
            await until(lambda: witness.is_("lobby", "live"), "live")
            publisher.vanish()
            await until(lambda: witness.is_("lobby", "offline"), "offline once more")
            assert witness.last("lobby").reason == SILENT
        refused = await http.post(url, data="v=0", headers={"Content-Type": "application/sdp"})
        assert refused.status == 401
    headers = [frame.headers for frame in witness.of("lobby")]
    assert [header.seq for header in headers] == list(range(len(headers)))
    assert {(header.width, header.height) for header in headers} == {SIZE}


async def test_a_publisher_is_told_what_kind_of_camera_it_wanted(nats_server: NatsServer, bus: Bus) -> None:
    cameras = {"lobby": LOBBY, "gate": "rtsp://127.0.0.1:1/none"}
    async with gateway(configured(nats_server, cameras)), ClientSession() as http:
        base = f"http://{await address_of_gateway(bus)}/whip"
        for name, status, text in (("gate", 409, "no `url: whip`"), ("attic", 404, "there is no camera 'attic'")):

            async def said(name: str = name, status: int = status, text: str = text) -> bool:
                answer = await http.post(f"{base}/{name}", data="v=0", headers={"Content-Type": "application/sdp"})
                return answer.status == status and text in await answer.text()

            await until_async(said, text)


def test_what_only_publishers_need_is_not_imported_before_a_camera_needs_it() -> None:
    code = "import sys, gateway.app; sys.exit(int(bool({'aiortc', 'aioice'} & set(sys.modules))))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
