"""Who is still starting is told until all are at work."""

import asyncio

from tests.waiting import until
from vedette.background import background
from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.fleet.members import announce, new_member
from vedette.up.start_progress import follow_start, processes_of

CONFIG = Config.model_validate(
    {
        "site": "plant-1",
        "pipelines": {"people": {"stages": [{"model": "coco-detector"}]}},
        "inference": {"replicas": 2},
    }
)


def test_a_site_is_a_gateway_its_models_and_an_events_worker() -> None:
    assert processes_of(CONFIG) == {"gateway": 1, "coco-detector": 2, "events": 1}
    assert not processes_of(Config.model_validate({"site": "hub", "hub": {"sites": []}}))


async def test_each_is_told_of_until_it_is_at_work(bus: Bus) -> None:
    told: list[tuple[str, ...]] = []
    events, gateway = (new_member(kind, "plant-1", "127.0.0.1:1") for kind in ("events", "gateway"))
    workers = [new_member("inference", "plant-1", "127.0.0.1:1", "coco-detector") for _ in range(2)]
    elsewhere = new_member("gateway", "plant-2", "127.0.0.1:1")
    following = asyncio.create_task(follow_start(bus, CONFIG, told.append))
    async with background(announce(bus, elsewhere), announce(bus, events), announce(bus, workers[0])):
        await until(lambda: told[-1:] == [("gateway", "coco-detector")], lambda: f"{told}")
        async with background(announce(bus, gateway), announce(bus, workers[1])):
            await asyncio.wait_for(following, 30)
    assert told[-1] == ()
    assert len(set(told)) == len(told)
