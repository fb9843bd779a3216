"""Radio links between camera and gateway: loss, stalls of two seconds, broken connections; no other camera notices."""

import asyncio
from functools import partial
from itertools import pairwise

import pytest

from gateway.reading.interface import ReadOptions
from tests.gateway.proxy import relayed
from tests.gateway.run_gateway import Witness, configured, counted, gateway, simulated
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.retry import Backoff

STALL_S = 2.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.fleet.camera.ReadOptions", partial(ReadOptions, stall_s=0.8, dead_s=6.0))
    monkeypatch.setattr("gateway.fleet.camera._BACKOFF", Backoff(first_s=0.05, cap_s=0.2))


async def test_a_link_that_stalls_and_breaks_recovers_and_disturbs_no_other_camera(
    nats_server: NatsServer, bus: Bus
) -> None:
    witness = await Witness.on(bus)
    async with simulated("wifi", "lossy", "steady") as camera, relayed(camera.port) as link:
        cameras = {
            "wifi": camera.url("wifi").replace(str(camera.port), str(link.port)),
            "lossy": {"url": camera.url("lossy"), "pipeline": "people", "transport": "udp"},
            "steady": camera.url("steady"),
        }
        async with gateway(configured(nats_server, cameras)):
            await until(lambda: all(witness.is_(name, "live") for name in cameras), "all live")
            began = len(witness.of("steady"))
            camera.lose("lossy", share=0.03)
            link.stall()
            await until(lambda: witness.is_("wifi", "stalled"), "stalled")
            await asyncio.sleep(STALL_S - 0.8)  # the stall itself, of a given length
            link.resume()
            await until(lambda: witness.is_("wifi", "live"), "live after the stall")
            assert (witness.last("wifi").reconnects or 0) <= 1  # one, if a slow machine made the stall a longer one
            link.cut()
            await until(lambda: witness.last("wifi").reconnects == 1 and witness.is_("wifi", "live"), "live again")
            seen = len(witness.of("lossy"))
            await until(lambda: len(witness.of("lossy")) >= seen + 5, "frames in spite of loss")
            await until(lambda: counted("vedette_frames_corrupt_total", camera="lossy") > 0, "damage is counted")
    wifi = witness.states("wifi")
    assert wifi[: wifi.index("offline") + 1][-4:] == ["live", "stalled", "live", "offline"]
    for name in ("steady", "lossy"):
        assert set(witness.states(name)) <= {"connecting", "live", "offline"}
        assert witness.last(name).reconnects == 0
    gaps = [b.came_s - a.came_s for a, b in pairwise(witness.of("steady")[began:])]
    assert max(gaps) < STALL_S  # 0.1 s when nothing disturbs


async def test_nothing_is_lost_of_a_connection_that_stalls_in_the_middle_of_packets(nats_server: NatsServer) -> None:
    def received() -> float:
        return counted("vedette_frames_received_total", camera="wifi")

    async with simulated("wifi") as camera, relayed(camera.port) as link:
        url = camera.url("wifi").replace(str(camera.port), str(link.port))
        async with gateway(configured(nats_server, {"wifi": url})):
            for _ in range(3):
                seen = received()
                await until(lambda seen=seen: received() > seen + 10, "pictures flow")  # type: ignore[misc]
                link.stall()
                await asyncio.sleep(STALL_S)  # of a given length, as above
                link.resume()
            camera.stall("wifi")
            # the last picture is whole only when the next one begins
            await until(lambda: received() == camera.sent("wifi").pictures - 1, "all have come")
            assert counted("vedette_camera_reconnects_total", camera="wifi") == 0
