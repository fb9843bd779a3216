"""Which processes a configuration needs on one machine, and how they are started, watched and ended in order."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from vedette.bus.address import site_folder
from vedette.bus.embedded_nats import EmbeddedNats
from vedette.config.config import Config
from vedette.errors import StartFailed
from vedette.fleet.worker_addresses import worker_addresses
from vedette.process.child import Child, end_all
from vedette.process.shell import FAILED, MISUSED
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

_NATS_START_S = 10.0
_SOURCES_END_S, _WORKERS_END_S, _BROKER_ENDS_S = 1.6, 1.6, 0.8
_AT_ITS_START_S = {FAILED: 5.0, MISUSED: 60.0}
"""A child that ends so soon with this status would do so again. What is wrong in a configuration may be found late: a
slow machine takes long to load what reads it."""
_BACKOFF = Backoff(first_s=0.2, cap_s=10.0, healthy_after_s=30.0)


class ChildMisused(StartFailed):
    """A child ended at its start with status 2: the configuration has to be changed first."""

    exit_status = MISUSED


class Stack:
    """The processes of one site on this machine. `groups` are in the order in which they end."""

    def __init__(self, config: Config, config_path: Path, to_files: bool, log_options: Sequence[str] = ()) -> None:
        """`to_files`: children write to `.vedette/<site>/log/`, rather than where we do; as `log_options` say."""
        self._config = config
        self._config_path = config_path
        self._to_files = to_files
        self._log_options = log_options
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

    async def start_workers(self, replicas: int, models: Sequence[str] | None = None) -> None:
        """Start `replicas` inference processes for each of `models`; by default all that a pipeline uses, in whichever
        stage.

        Raises StartFailed, ConfigError.
        """
        addresses = worker_addresses(self._config)
        for model in self._config.model_names() if models is None else models:
            for replica in range(replicas):
                address = next(addresses)
                listen = ["--listen", str(address.http), "--grpc-listen", str(address.grpc)]
                arguments = ["inference", str(self._config_path), "--model", model, *listen, *self._log_options]
                child = self._service(f"inference-{model}-{replica}", arguments)
                self._workers.append(child)
                await child.start()

    async def start_events(self) -> None:
        """Start an events worker.

        Raises StartFailed.
        """
        child = self._service(
            "events",
            ["events", str(self._config_path), "--listen", str(self._config.listen.events), *self._log_options],
        )
        self._workers.append(child)
        await child.start()

    async def start_hub(self) -> None:
        """Start what gathers other sites' detections and events.

        Raises StartFailed.
        """
        arguments = ["hub", str(self._config_path), "--listen", str(self._config.listen.hub), *self._log_options]
        child = self._service("hub", arguments)
        self._workers.append(child)
        await child.start()

    async def start_sources(self) -> None:
        """Start the simulator, where the configuration has one, and the gateway; cameras may come while it runs."""
        simulator = self._config.simulator
        if simulator is not None:
            videos = [str(video) for video in simulator.videos]
            await self._start_source("simulator", ["simulate", *videos, "--listen", str(simulator.listen)])
        if self._config.pipelines:
            await self._start_source("gateway", ["gateway", str(self._config_path), *self._log_options])

    async def watch(self) -> None:
        """Restart what ends; never returns.

        Raises StartFailed if one fails before it ever ran for a while: a mistake that a restart doesn't mend.
        """
        async with asyncio.TaskGroup() as group:
            for child in self.children:
                group.create_task(keep_running(child))

    async def end(self) -> None:
        """End all, sources first and the broker last, within 4 s."""
        shares = ((self._sources, _SOURCES_END_S), (self._workers, _WORKERS_END_S), (self._broker, _BROKER_ENDS_S))
        await end_all(shares)
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
    raise StartFailed(f"{child.name} does not answer on {host}:{port}: {await asyncio.to_thread(child.last_words)}")


async def keep_running(child: Child) -> None:
    """Start `child` again whenever it ends. Raises StartFailed as `Stack.watch` says."""
    retry, longest_s = Retry(_BACKOFF), 0.0
    while True:
        started_s = monotonic()
        status = await child.wait()
        lasted_s = monotonic() - started_s
        longest_s = max(longest_s, lasted_s)
        if longest_s <= _AT_ITS_START_S.get(status, -1.0):
            words = await asyncio.to_thread(child.last_words)
            why = words.removeprefix("vedette: ") or "it said why above"
            failure = ChildMisused if status == MISUSED else StartFailed
            raise failure(f"{child.name} ended at its start with status {status}: {why}")
        wait_s = retry.wait_s(lasted_s)
        logger.warning("%s ended with status %s; it starts again in %.1f s", child.name, status, wait_s)
        await asyncio.sleep(wait_s)
        await child.start()
