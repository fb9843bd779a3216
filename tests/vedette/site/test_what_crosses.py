"""What crosses a link, and what does not: of a site that infers itself, and of one that sends its frames."""

import asyncio
import json
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from tests.vedette.site.places_of_work import (
    SITE,
    Edge,
    Place,
    gateway_of,
    keeping,
    numbers,
    producing,
    running_site,
    until_count,
    until_linked,
)
from tests.waiting import until_async
from vedette.bus.address import BusAddress, address_of
from vedette.bus.connection import Bus, connect
from vedette.errors import BusUnavailable
from vedette.secrets.secret import SecretText
from vedette.streams import DETECTIONS, EVENTS


@pytest.fixture(autouse=True)
def let_everything_out(hub: Place) -> None:
    """A user at the hub who may do anything there, as its administrator may."""
    users = hub.server.folder / "sites"
    users.mkdir(exist_ok=True)
    (users / "administrator.conf").write_text('user: "administrator"\npassword: "any"\n')


def allow_all(hub: Place) -> None:
    """The hub's administrator lets the site's user send and be told everything: the site itself still refuses."""
    file = hub.server.folder / "sites" / f"{SITE}.conf"
    head, _, _ = file.read_text().partition("permissions:")
    wide = hub.server.folder / f"{SITE}.conf"
    wide.write_text(head)
    hub.restart_with(wide)


async def administrator(hub: Place) -> Bus:
    address = await asyncio.to_thread(address_of, hub.config)
    return await connect(
        BusAddress(address.url, "administrator", SecretText("any")), "test", give_up_after_s=30, keeps_streams=False
    )


async def answers(bus: Bus, subject: str) -> bool:
    try:
        await bus.client.request(subject, b"{}", timeout=1)
    except (NoRespondersError, NatsTimeoutError):
        return False
    return True


@pytest.mark.parametrize("pictures", [False, True])
async def test_the_hub_reads_of_a_site_only_what_the_site_shares(hub: Place, tmp_path: Path, pictures: bool) -> None:
    async with running_site(tmp_path, SITE, hub, share_pictures=pictures):
        await asyncio.to_thread(allow_all, hub)
        await reads_what_is_shared(hub, pictures)


async def reads_what_is_shared(hub: Place, pictures: bool) -> None:
    async with await administrator(hub) as bus:
        await until_linked(bus, SITE)
        api = f"$JS.{SITE}.API"
        assert await answers(bus, f"{api}.STREAM.INFO.{EVENTS}")
        assert await answers(bus, f"{api}.DIRECT.GET.PICTURES") is pictures
        refused = [
            *(f"{api}.STREAM.INFO.{stream}" for stream in ("FRAMES", "KV_vedette-cameras")),
            *(f"{api}.DIRECT.GET.{stream}" for stream in ("FRAMES", "KV_vedette-cameras")),
            *(f"{api}.CONSUMER.CREATE.{stream}" for stream in ("FRAMES", "KV_vedette-identities")),
            *(f"{api}.STREAM.{verb}.{EVENTS}" for verb in ("UPDATE", "PURGE", "DELETE")),
        ]
        assert [subject for subject in refused if await answers(bus, subject)] == []


async def test_a_site_reads_nothing_of_the_hub_and_its_private_subjects_never_cross(hub: Place, tmp_path: Path) -> None:
    async with (
        running_site(tmp_path, SITE, hub) as edge,
        await hub.connect("operator"),  # the streams are there
        await administrator(hub) as bus,
    ):
        await until_linked(bus, SITE)
        await asyncio.to_thread(let_everything_out_at, edge)
        await edge.reload()
        heard: set[str] = set()

        async def hear(message: Msg) -> None:
            heard.add(message.subject)

        await bus.client.subscribe("vedette.>", cb=hear)
        await bus.settle()
        await edge.link.cut()  # who listened before a link comes up is told of in another way than who comes later
        await edge.link.mend()
        async with await edge.connect("operator") as at_site:
            at_the_site: set[str] = set()

            async def hear_there(message: Msg) -> None:
                at_the_site.add(message.subject)

            await at_site.client.subscribe("vedette.>", cb=hear_there)
            await at_site.settle()

            async def crosses() -> bool:
                await bus.client.publish("vedette.events.other.gate.object.new", b"x")
                for subject in (f"vedette.status.{SITE}.gate", f"vedette.picture.people.{SITE}.gate"):
                    await at_site.client.publish(subject, b"x")
                return {f"vedette.status.{SITE}.gate", "vedette.events.other.gate.object.new"} <= heard

            await until_async(crosses, "a status crosses, and the hub's own event is heard there")
            await until_count(bus, "STATUS", 1)
            assert not await answers(at_site, "$JS.cloud.API.STREAM.INFO.EVENTS")
            assert f"vedette.picture.people.{SITE}.gate" in at_the_site
            assert not [subject for subject in at_the_site if "other" in subject]
        assert not [subject for subject in heard if "picture" in subject]


def let_everything_out_at(edge: Edge) -> None:
    """A site whose own programs may do anything, as somebody may who has broken into it."""
    file = edge.server.folder / "nats.conf"
    text = file.read_text()
    head, _, _ = text.partition("authorization {")
    operator = edge.server.folder / "roles" / "operator.json"
    password = json.loads(operator.read_text())["password"]
    users = f'authorization {{ users: [{{user: operator, password: "{password}"}}] }}'
    file.write_text(head + users)


async def test_frames_of_a_site_are_the_hubs_and_go_on_after_a_cut(hub: Place, tmp_path: Path) -> None:
    async with gateway_of(tmp_path, "kiosk", hub) as (config, link):
        address = await asyncio.to_thread(address_of, config, "gateway")
        async with (
            await hub.connect("events") as bus,
            await hub.connect("inference") as worker,
            await connect(address, "gateway", give_up_after_s=30) as gateway,
        ):

            async def published(number: int) -> bool:
                try:
                    await gateway.publish_confirmed("vedette.frame.people.kiosk.counter", b"%d" % number, {})
                except BusUnavailable:
                    return False
                return True

            assert await published(1)
            await gateway.publish_confirmed("vedette.work.people.kiosk.counter", b"", {})
            await until_count(bus, "FRAMES", 1)
            await until_count(bus, "WORK", 1)
            assert not await answers(gateway, "vedette.frame.people.plant-1.gate")  # another site's: refused
            await worker.publish_confirmed("vedette.detections.kiosk.counter.people", b"1", {}, "kiosk/1")
            assert await numbers(bus, DETECTIONS, "detections") == ["1"]
            await link.cut()
            assert not await published(2)
            await link.mend()
            await until_async(lambda: published(3), "frames cross again")
            assert (await bus.jetstream.stream_info(DETECTIONS)).config.subjects == [
                "vedette.detections.cloud.>",
                "vedette.detections.kiosk.>",
            ]


async def test_a_site_with_a_store_beside_one_with_frames_is_stored_once(hub: Place, tmp_path: Path) -> None:
    async with (
        running_site(tmp_path, SITE, hub) as edge,
        await hub.connect("operator") as bus,
        await hub.connect("inference") as worker,
        keeping(bus, SITE),
        producing(edge) as producer,
    ):
        await worker.publish_confirmed("vedette.detections.kiosk.counter.people", b"kiosk", {}, "kiosk/1")
        await producer.publish(5)
        await until_count(bus, DETECTIONS, 6)
        async with await hub.connect("events"):  # it makes the streams as they should be, and keeps their sources
            await producer.publish(5)
            await until_count(bus, DETECTIONS, 11)
        assert sorted(await numbers(bus, DETECTIONS, "detections")) == sorted([*producer.detections, "kiosk"])
