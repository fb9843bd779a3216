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
