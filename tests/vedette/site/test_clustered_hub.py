"""A hub whose streams have three copies: a cut link and the end of a server lose and double nothing."""

import asyncio
from pathlib import Path

import pytest

from tests.vedette.site.clustered_hub import running_cluster
from tests.vedette.site.places_of_work import SITE, all_there, keeping, numbers, producing, running_site
from tests.waiting import until
from vedette.site.site_listing import read_sites
from vedette.streams import DETECTIONS, EVENTS

AGAIN_S = 250.0
"""nats-server tries a stream that it has in vain asked for its copy again after 10, 20, … 120 s."""


@pytest.mark.unsteady  # two of thirty runs: a copy is asked for again only after minutes, or never
@pytest.mark.timeout(400)
async def test_a_cut_link_and_the_end_of_a_stream_s_leader_lose_and_double_nothing(tmp_path: Path) -> None:
    async with (
        running_cluster(tmp_path / "hub") as hub,
        await hub.connect("operator") as bus,
        running_site(tmp_path, SITE, hub, tls={"ca": str(hub.certificate.pem)}) as edge,
        keeping(bus, SITE) as keeper,
        producing(edge) as producer,
    ):
        await producer.publish(20)
        await all_there(bus, producer)
        await until(lambda: keeper.links == {SITE: "up"}, "the link is known to be up")
        await edge.link.cut()
        await producer.publish(60)
        info = await bus.jetstream.stream_info(DETECTIONS)
        assert (info.config.num_replicas, info.state.messages) == (3, 20)
        assert info.cluster is not None
        assert info.cluster.leader is not None
        dead = int(info.cluster.leader.removeprefix("hub-"))
        await edge.link.mend()
        await asyncio.to_thread(hub.kill, dead)
        edge.link.far_port = hub.leaf_ports[(dead + 1) % 3]
        await edge.link.cut()
        await edge.link.mend()
        await producer.publish(20)
        await all_there(bus, producer, AGAIN_S)
        await asyncio.to_thread(hub.start, dead)
        await producer.publish(20)
        await all_there(bus, producer, AGAIN_S)
        stored = await numbers(bus, DETECTIONS, "detections"), await numbers(bus, EVENTS, "events")
        assert stored == (producer.detections, producer.events)
        await until(lambda: keeper.links == {SITE: "up"}, "the link is known to be up again")
        (site,) = await read_sites(bus)
        assert [site["streams"][stream]["lost"] for stream in (DETECTIONS, EVENTS)] == [0, 0]
