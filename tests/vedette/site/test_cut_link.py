"""The hub's streams over a link that is cut: nothing twice, in order, and what is lost is said."""

import asyncio
from pathlib import Path

from nats.aio.msg import Msg

from tests.vedette.site.places_of_work import (
    SITE,
    Place,
    all_there,
    keeping,
    numbers,
    producing,
    running_site,
    until_count,
    until_linked,
)
from tests.waiting import until, until_async
from vedette.bus.connection import Bus
from vedette.site import metrics
from vedette.site.site_listing import read_sites, table
from vedette.streams import DETECTIONS, EVENTS
from vedette.subscriber.subscribe import subscribe


async def stored(bus: Bus) -> tuple[list[str], list[str]]:
    return await numbers(bus, DETECTIONS, "detections"), await numbers(bus, EVENTS, "events")


async def test_a_cut_inside_the_retention_loses_and_doubles_nothing(hub: Place, tmp_path: Path) -> None:
    async with (
        running_site(tmp_path, SITE, hub) as edge,
        await hub.connect("operator") as bus,
        keeping(bus, SITE) as keeper,
        producing(edge) as producer,
    ):
        await producer.publish(30)
        await all_there(bus, producer)
        await until(lambda: keeper.links == {SITE: "up"}, "the link is known to be up")
        await edge.link.cut()
        await until(lambda: keeper.links == {SITE: "down"}, "the link is known to be down")
        await producer.publish(100)
        assert (await bus.jetstream.stream_info(DETECTIONS)).state.messages == 30
        await edge.link.mend()
        await all_there(bus, producer)
        await producer.publish(30)
        await all_there(bus, producer)
        assert await stored(bus) == (producer.detections, producer.events)
        await until(lambda: keeper.links == {SITE: "up"}, "the link is known to be up again")
        (site,) = await read_sites(bus)
        assert [site["streams"][stream]["lost"] for stream in (DETECTIONS, EVENTS)] == [0, 0]
        assert site["link"] == "up"


async def test_what_the_site_had_to_discard_is_a_gap_of_so_many_messages(hub: Place, tmp_path: Path) -> None:
    before = metrics.LOST.labels(SITE, DETECTIONS)._value.get()
    async with (
        running_site(tmp_path, SITE, hub, {"detections_gib": 0.0001}) as edge,
        await hub.connect("operator") as bus,
        keeping(bus, SITE) as keeper,
        producing(edge, padding=2000) as producer,
    ):
        await producer.publish(20)
        await all_there(bus, producer)
        await until(lambda: keeper.links == {SITE: "up"}, "the link is known to be up")
        await edge.link.cut()
        await producer.publish(150)
        async with await edge.connect("operator") as at_site:
            held = (await at_site.jetstream.stream_info(DETECTIONS)).state
        assert held.bytes <= 0.0001 * 2**30
        assert held.first_seq > 21
        await edge.link.mend()
        lost = held.first_seq - 21
        await until_count(bus, DETECTIONS, len(producer.detections) - lost)
        await until_count(bus, EVENTS, len(producer.events))
        await producer.publish(5)

        async def said() -> bool:
            (site,) = await read_sites(bus)
            return bool(site["streams"][DETECTIONS]["gaps"])

        await until_async(said, "the gap is in the record")
        await until_count(bus, DETECTIONS, len(producer.detections) - lost)
        (site,) = await read_sites(bus)
        found, events = await stored(bus)
        missing = len(producer.detections) - len(found)
        assert site["streams"][DETECTIONS]["lost"] == missing == lost
        assert metrics.LOST.labels(SITE, DETECTIONS)._value.get() - before == missing
        assert found == producer.detections[:20] + producer.detections[20 + missing :]
        assert events == producer.events
        assert site["streams"][EVENTS]["lost"] == 0
        assert f"{missing} in 1" in table([site])


async def test_live_events_reach_who_listens_while_the_backlog_drains_and_are_stored_once(
    hub: Place, tmp_path: Path
) -> None:
    async with (
        running_site(tmp_path, SITE, hub) as edge,
        await hub.connect("operator") as bus,
        await hub.connect("subscriber") as listener,
        producing(edge) as producer,
    ):
        heard: list[str] = []

        async def hear(message: Msg) -> None:
            heard.append(message.data.decode())

        await until_linked(bus, SITE)
        await listener.client.subscribe("vedette.detections.*.*.*", cb=hear)
        await listener.settle()

        async def crosses() -> bool:
            await producer.publish(1)
            return bool(heard)

        await until_async(crosses, "a live message crosses")
        assert (await bus.jetstream.stream_info(DETECTIONS)).state.messages == 0  # nothing is sourced yet: all backlog
        async with keeping(bus, SITE):
            await all_there(bus, producer)
            await producer.publish(5)
            await all_there(bus, producer)
            await until(lambda: heard[-5:] == producer.detections[-5:], "the live ones are heard")
        assert await stored(bus) == (producer.detections, producer.events)


async def test_a_durable_subscriber_of_the_hub_has_every_event_once(hub: Place, tmp_path: Path) -> None:
    async with (
        running_site(tmp_path, SITE, hub) as edge,
        await hub.connect("operator") as bus,
        keeping(bus, SITE),
        producing(edge) as producer,
    ):
        path = tmp_path / "cloud.yaml"
        await asyncio.to_thread(path.write_text, hub.config.model_dump_json(include={"site", "hub"}))
        await producer.publish(3)
        await edge.link.cut()
        await producer.publish(3)
        await edge.link.mend()
        await all_there(bus, producer)
        reader = subscribe(config=path, subject=f"vedette.detections.{SITE}.>", durable="archive")
        async with reader:
            reading = asyncio.create_task(anext(reader))
            await until(lambda: reader.malformed == 6, "all six were read: these payloads are only numbers")
            reading.cancel()


async def test_a_site_with_a_new_store_goes_on_and_the_break_is_said(hub: Place, tmp_path: Path) -> None:
    async with (
        running_site(tmp_path, SITE, hub) as edge,
        await hub.connect("operator") as bus,
        keeping(bus, SITE) as keeper,
    ):
        async with producing(edge) as producer:
            await producer.publish(50)
            await all_there(bus, producer)
        await until(lambda: keeper.links == {SITE: "up"}, "the link is known to be up")
        store = edge.server.folder / "jetstream"

        def replace_the_disk() -> None:
            edge.kill()
            store.rename(store.with_name("lost"))
            edge.start()

        await asyncio.to_thread(replace_the_disk)
        async with producing(edge) as after:
            for number in range(1000, 1020):
                subject = f"vedette.detections.{SITE}.gate.people"
                await after._worker.publish_confirmed(subject, b"%d" % number, {}, f"new/{number}")
            await until_count(bus, DETECTIONS, 70)

        async def said() -> bool:
            (site,) = await read_sites(bus)
            return bool(site["streams"][DETECTIONS]["renewals"] == 1)

        await until_async(said, "the renewal is in the record")
        assert await numbers(bus, DETECTIONS, "detections") == [
            *producer.detections,
            *map(str, range(1000, 1020)),
        ]
