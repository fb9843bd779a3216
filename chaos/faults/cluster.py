"""Three servers, of which one dies: each time the one that leads the most."""

import asyncio
from collections import Counter

from nats.errors import Error as NatsError

from chaos.broker import Broker
from chaos.system import System
from chaos.trial import Fault
from vedette.streams import CLIPS, DETECTIONS, EVENTS, FRAMES, WORK

_DOWN_S = 8.0
_LEADERS_WITHIN_S = 60.0


async def leader(system: System) -> Broker:
    """Of the streams that matter, the server that leads the most of them."""
    end_s = asyncio.get_running_loop().time() + _LEADERS_WITHIN_S * system.plan.patience
    async with await system.bus() as bus:
        while True:
            leaders: Counter[str] = Counter()
            for stream in (DETECTIONS, EVENTS, CLIPS, WORK, FRAMES):
                try:
                    cluster = (await bus.jetstream.stream_info(stream)).cluster
                except (NatsError, TimeoutError):
                    continue
                if cluster is not None and cluster.leader:
                    leaders[cluster.leader] += 1
            if leaders:
                name = leaders.most_common(1)[0][0]
                return next(broker for broker in system.brokers if broker.name == name)
            if asyncio.get_running_loop().time() > end_s:
                raise TimeoutError("no leader")
            await asyncio.sleep(0.2)


async def _kill(system: System) -> None:
    (await leader(system)).kill()


async def _absent(system: System) -> None:
    broker = await leader(system)
    await broker.stop()
    await asyncio.sleep(_DOWN_S)
    await broker.start()


FAULTS = (
    Fault("cluster-kill-leader", "of three servers that which leads the most streams is killed", _kill, servers=3),
    Fault("cluster-leader-away", f"it is stopped in order, and away for {_DOWN_S:.0f} s", _absent, servers=3),
)
