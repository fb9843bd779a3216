"""Where inference processes listen: HTTP, and gRPC on the port after it or where `listen.grpc` says."""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.errors import ConfigError

_PORTS_APART = 10
_LAST_PORT = 65535


class WorkerAddress(NamedTuple):
    """Of one inference process."""

    http: Address
    grpc: Address


def worker_address(config: Config, http: Address | None = None, grpc: Address | None = None) -> WorkerAddress:
    """The first process's, or what is said in its place.

    Raises ConfigError when there is no port after that of HTTP.
    """
    beside = http or config.listen.inference
    if http is None and grpc is None:
        grpc = config.listen.grpc
    if grpc is None:
        if beside.port == _LAST_PORT:
            raise ConfigError(f"listen.grpc: there is no port after {beside}, where gRPC is unless it is said here")
        grpc = beside.with_offset(1)
    return WorkerAddress(beside, grpc)


def worker_addresses(config: Config) -> Iterator[WorkerAddress]:
    """Each process's in turn: 10 ports up, but where others are to listen. A free port stays a free port.

    Raises ConfigError when no port is left.
    """
    listen = config.listen
    others = (listen.nats.port, listen.gateway.port, listen.events.port)
    taken = {*others, config.simulator.listen.port if config.simulator else 0} - {0}
    first = worker_address(config)
    yield first
    taken |= {address.port for address in first}
    for offset in count(_PORTS_APART, _PORTS_APART):
        if any(address.port and address.port + offset > _LAST_PORT for address in first):
            raise ConfigError(
                f"listen.inference: {first.http}: every further inference process listens {_PORTS_APART} ports up, as "
                f"its gRPC does (from {first.grpc}), and no port up to {_LAST_PORT} is left; choose a lower one, or 0 "
                "for free ones"
            )
        worker = WorkerAddress(first.http.with_offset(offset), first.grpc.with_offset(offset))
        ports = {address.port for address in worker if address.port}
        if not ports & taken:
            taken |= ports
            yield worker
