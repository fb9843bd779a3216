"""The faults, each small file a kind of them; `FAULTS` in the order in which they are tried.

The first ones are those that a short run must not miss.
"""

from chaos.faults import cameras, clock, cluster, disk, memory, model, network, processes, server
from chaos.trial import Fault

FAULTS: tuple[Fault, ...] = (
    *processes.KILLED,
    *server.FAULTS[:1],
    *network.FAULTS[:1],
    processes.STORM,
    *processes.PAUSED,
    *processes.RESTARTED,
    *server.FAULTS[1:],
    *network.FAULTS[1:],
    *cameras.FAULTS,
    *model.FAULTS,
    *memory.FAULTS,
    *clock.FAULTS,
    *disk.FAULTS,
    *cluster.FAULTS,
)

SHORT = (
    "kill-events",
    "kill-inference",
    "kill-gateway",
    "kill-server",
    "cut-connections",
    "pause-gateway",
    "dark-network",
    "camera-flaps",
    "model-crashes",
)
"""Of all, those that told the most: each process killed, an owner that doesn't know that it is none any more, a network
that says nothing, a camera and a model that fail."""
