"""Which processes of a site are still starting: each says on the bus when it is at work."""

import asyncio
from collections import Counter
from collections.abc import Callable

from vedette.bus.connection import Bus
from vedette.config.config import Config
from vedette.errors import BusUnavailable
from vedette.fleet.members import live_members

_LOOK_EVERY_S = 0.5


def processes_of(config: Config) -> "Counter[str]":
    """How many of each the configuration asks for; an inference process goes by its model."""
    if not config.pipelines:
        return Counter()
    models = dict.fromkeys(config.model_names(), config.inference.replicas)
    return Counter({"gateway": 1, **models, "events": 1})


async def follow_start(bus: Bus, config: Config, starting: Callable[[tuple[str, ...]], None]) -> None:
    """Tell `starting` who is not at work yet, at first and whenever that changes; return when all are."""
    wanted, told = processes_of(config), None
    while told != ():
        try:
            there = Counter(member.serves or member.kind for member in await live_members(bus, config.site))
        except BusUnavailable:
            there = Counter()
        missing = tuple(wanted - there)
        if missing != told:
            told = missing
            starting(missing)
        if missing:
            await asyncio.sleep(_LOOK_EVERY_S)
