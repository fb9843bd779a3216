"""What is wrong with the certificates that a configuration names."""

from collections.abc import Callable

from vedette.config.config import Config
from vedette.config.problems import Problem
from vedette.tls.client import load_client
from vedette.tls.files import WrongFile
from vedette.tls.server import load


def certificate_problems(config: Config) -> list[Problem]:
    """Of the gateway, the events workers, the bus and the link to a hub; inference has a check of its own."""
    gateway, events = config.gateway.tls, config.events.tls
    nats = config.nats.tls if config.nats is not None else None
    uplink = config.uplink.tls if config.uplink is not None else None
    hub = config.hub.tls if config.hub is not None else None
    loads: list[Callable[[], object]] = []
    if gateway is not None:
        loads.append(lambda: load(gateway, ("gateway", "tls")))
    if events is not None:
        loads.append(lambda: load(events, ("events", "tls")))
    if nats is not None:
        loads.append(lambda: load_client(nats))
    if uplink is not None:
        loads.append(lambda: load_client(uplink, ("uplink", "tls")))
    if hub is not None:
        loads.append(lambda: load(hub, ("hub", "tls")))
    return [problem for one in loads for problem in _problems(one)]


def _problems(load_files: Callable[[], object]) -> list[Problem]:
    try:
        load_files()
    except WrongFile as error:
        return [Problem(error.key, error.why)]
    return []
