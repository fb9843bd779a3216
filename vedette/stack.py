"""Which processes a configuration needs on one machine, and how they are started, watched and ended in order."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from vedette.bus_address import site_folder
from vedette.child import Child, end_all
from vedette.config import Config
from vedette.embedded_nats import EmbeddedNats
from vedette.errors import StartFailed
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

_NATS_START_S = 10.0
_STOP_WITHIN_S = 4.0
_PORTS_APART = 10
_BACKOFF = Backoff(first_s=0.2, cap_s=10.0, healthy_after_s=30.0)


class Stack:
    """The processes of one site on this machine. `groups` are in the order in which they end."""

    def __init__(self, config: Config, config_path: Path, to_files: bool) -> None:
        """`to_files`: children write to `.vedette/<site>/log/`, rather than where we do."""
        self._config = config
        self._config_path = config_path
        self._to_files = to_files
        self._embedded = EmbeddedNats(config)
        self._broker: list[Child] = []
        self._sources: list[Child] = []
        self._workers: list[Child] = []

    @property
    def children(self) -> list[Child]:
        """All of them, those that end first first."""
        return [*self._sources, *self._workers, *self._broker]

    async def start_broker(self) -> None:
        """Start the embedded nats-server and wait until it answers.

        Raises StartFailed.
        """
        address = self._embedded.prepare()
        broker = self._child("nats-server", self._embedded.command(), always_log=True)
        self._broker.append(broker)
        await broker.start()
        host, _, port = address.url.reveal().removeprefix("nats://").rpartition(":")
        await _answering(broker, host.strip("[]"), int(port))

    async def start_workers(self, replicas: int) -> None:
        """Start `replicas` inference processes for each model that a pipeline uses."""
        for model in self._config.model_names():
            for replica in range(replicas):
                listen = self._config.listen.inference.with_offset(_PORTS_APART * len(self._workers))
                arguments = ["inference", str(self._config_path), "--model", model, "--listen", str(listen)]
                child = self._service(f"inference-{model}-{replica}", arguments)
                self._workers.append(child)
                await child.start()

    async def start_sources(self) -> None:
        """Start the simulator and the gateway, where the configuration has them."""
        simulator = self._config.simulator
        if simulator is not None:
            videos = [str(video) for video in simulator.videos]
            await self._start_source("simulator", ["simulate", *videos, "--listen", str(simulator.listen)])
        if self._config.cameras:
            await self._start_source("gateway", ["gateway", str(self._config_path)])

    async def watch(self) -> None:
        """Restart what ends; never returns.

        Raises StartFailed if one ends before it ever ran for a while: a mistake that a restart doesn't mend.
        """
        async with asyncio.TaskGroup() as group:
            for child in self.children:
                group.create_task(_keep_running(child))

    async def end(self) -> None:
        """End all, sources first and the broker last, within 4 s."""
        await end_all([self._sources, self._workers, self._broker], _STOP_WITHIN_S)
        self._embedded.release()

    def kill(self) -> None:
        """End all at once."""
        for child in self.children:
            child.kill()

    async def _start_source(self, name: str, arguments: Sequence[str]) -> None:
        child = self._service(name, arguments)
        self._sources.append(child)
        await child.start()

    def _service(self, name: str, arguments: Sequence[str]) -> Child:
        return self._child(name, [sys.executable, "-m", "vedette", *arguments])

    def _child(self, name: str, command: Sequence[str], always_log: bool = False) -> Child:
        folder = site_folder(self._config.site) / "log"
        log = folder / f"{name}.log" if self._to_files or always_log else None
        return Child(name, command, log, {"PYTHONUNBUFFERED": "1"})


async def _answering(child: Child, host: str, port: int) -> None:
    """Wait until the child accepts connections."""
    ended = asyncio.create_task(child.wait())
    deadline_s = monotonic() + _NATS_START_S
    try:
        while monotonic() < deadline_s and not ended.done():
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
    finally:
        ended.cancel()
    raise StartFailed(f"{child.name} does not answer on {host}:{port}: {child.last_words()}")


async def _keep_running(child: Child) -> None:
    retry, ever_healthy = Retry(_BACKOFF), False
    while True:
        started_s = monotonic()
        status = await child.wait()
        lasted_s = monotonic() - started_s
        ever_healthy = ever_healthy or lasted_s > 5.0
        if not ever_healthy:
            raise StartFailed(f"{child.name} ended at its start with status {status}. {child.last_words()}".rstrip())
        wait_s = retry.wait_s(lasted_s)
        logger.warning("%s ended with status %s; it starts again in %.1f s", child.name, status, wait_s)
        await asyncio.sleep(wait_s)
        await child.start()
