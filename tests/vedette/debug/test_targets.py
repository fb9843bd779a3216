"""Which process a name means."""

import pytest

from tests.nats_server import SMALL
from tests.waiting import until_async
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.debug.targets import NoSuchProcess, Target, given, named, names_of
from vedette.fleet.members import Member, announce, live_members


def member(name: str, kind: str, port: int, serves: str = "") -> Member:
    return Member(name, kind, "plant-1", f"0.0.0.0:{port}", 7, serves)


MEMBERS = (
    member("gateway-aa", "gateway", 8080),
    member("inference-cc", "inference", 8010, "coco"),
    member("inference-bb", "inference", 8000, "coco"),
    member("events-dd", "events", 8090),
    member("events-ee", "events", 8091),
)


def test_names_are_those_of_vedette_up() -> None:
    names = names_of(MEMBERS)
    assert [names[one.name][0] for one in MEMBERS] == [
        *("gateway", "inference-coco-1", "inference-coco-0", "events-dd", "events-ee"),
    ]
    assert "gateway-aa" in names["gateway-aa"]
    assert "coco" in names["inference-bb"]


@pytest.mark.parametrize(
    ("word", "target"),
    [
        ("123", Target("process 123", pid=123)),
        ("http://h:8080/", Target("h:8080", url="http://h:8080")),
        ("https://h/debug", Target("h", url="https://h")),
        ("gateway", None),
        ("0", None),
    ],
)
def test_numbers_and_addresses_are_no_names(word: str, target: Target | None) -> None:
    assert given(word) == target


async def test_a_name_is_looked_up_among_those_that_live(bus: Bus) -> None:
    url = bus.client.connected_url
    assert url is not None
    site = Config.model_validate({"site": "plant-1", "nats": {"url": url.geturl()}, "retention": SMALL.model_dump()})

    async def all_there() -> bool:
        return len(await live_members(bus, "plant-1")) == len(MEMBERS)

    async with background(*(announce(bus, one) for one in MEMBERS)):
        await until_async(all_there, "all are announced")
        assert await named(site, "gateway") == Target("gateway", url="http://127.0.0.1:8080")
        assert (await named(site, "inference-coco-1")).url == "http://127.0.0.1:8010"
        with pytest.raises(NoSuchProcess, match="events is not one process; there are: events-dd, events-ee"):
            await named(site, "events")
        with pytest.raises(NoSuchProcess, match="nats-server is no Python process"):
            await named(site, "nats-server")
        with pytest.raises(NoSuchProcess, match="there is no process gatewy at plant-1; there are: "):
            await named(site, "gatewy")
