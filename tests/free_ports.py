"""Ports for servers that others have to know before they start, or that come back on the same one."""

import socket
from contextlib import ExitStack
from pathlib import Path
from random import SystemRandom

LOWEST = 20000


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on just now. They lie below those of outgoing connections, one of which
    would otherwise take a port now and then while no server holds it."""
    above = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    taken: list[int] = []
    with ExitStack() as stack:
        while len(taken) < count:
            one = stack.enter_context(socket.socket())
            port = SystemRandom().randrange(LOWEST, above)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            taken.append(port)
    return taken


def free_port() -> int:
    return free_ports(1)[0]
