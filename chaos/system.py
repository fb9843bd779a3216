"""The system under test: every process that a site has, two of each, started as a user starts them.

Gateways, inference processes and events workers reach the one server through a proxy for each kind; those of a cluster
of three reach it directly. Recordings and the subscriber are never behind a proxy.
"""

import asyncio
import datetime as dt
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from ruamel.yaml import YAML

from benchmarks.processes import ROOT, free_port
from chaos.broker import Broker, free_ports
from chaos.cameras import NAMES, Cameras
from chaos.proxy import Proxy
from chaos.recording import Recording
from chaos.service import Service
from chaos.witness import Witness
from vedette.background import background
from vedette.bus.address import STATE_VARIABLE, BusAddress
from vedette.bus.connection import Bus, connect
from vedette.secrets.secret import SecretUrl

SITE = "chaos"
KINDS = ("gateway", "inference", "events")
EACH = 2
READY_WITHIN_S = 180.0
_CONNECTS_WITHIN_S = 20.0
_LOOK_EVERY_S = 0.1
_HOPELESS_DEATHS = 3


@dataclass(frozen=True)
class Plan:
    """What is to be started."""

    folder: Path
    seed: int
    servers: int = 1
    store: Path | None = None
    """Where servers keep what they keep; default: in `folder`."""
    models: tuple[str, ...] = ("coco-detector",)
    """The first runs in two processes, the others in one each."""
    faces: bool = False
    """A fourth camera, before which people stand."""
    patience: float = 1.0
    """How many times as long as usual all is waited for; the time that things need doesn't change by that."""
    settings: Callable[[dict[str, str]], dict[str, Any]] = lambda cameras: {}
    """Given the cameras' URLs, keys of the configuration file beyond what every plan has, or in their place."""


class System:
    """Running, until the context of `running` ends."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.folder = plan.folder
        self.cameras = Cameras(plan.faces)
        ports = free_ports(plan.servers)
        store = plan.store or plan.folder / "store"
        self.brokers = [Broker(n, ports, plan.folder, store / f"nats-{n}") for n in range(plan.servers)]
        self.proxies: dict[str, Proxy] = {}
        self.services: dict[str, Service] = {}
        self.witness = Witness(self.url)
        self.random = random.Random(plan.seed)  # noqa: S311 -- which process it hits is no secret
        self.recordings = 0
        self._running: list[Recording] = []

    @property
    def url(self) -> str:
        """Of a server, past the proxies."""
        return self.brokers[0].ports.url

    @property
    def processes(self) -> list[Service]:
        return [*self.brokers, *self.services.values()]

    def of(self, kind: str) -> list[Service]:
        """The services of a kind."""
        return [service for service in self.services.values() if service.kind == kind]

    @property
    def detectors(self) -> list[Service]:
        """Those that serve the first model."""
        return [self.services[f"inference-{number}"] for number in range(EACH)]

    def any_of(self, kind: str) -> Service:
        """One of them, as the seed has it."""
        return self.random.choice(self.of(kind))

    def address(self) -> BusAddress:
        return BusAddress(SecretUrl(self.url), replicas=self.plan.servers)

    async def bus(self) -> Bus:
        """A connection past the proxies. Raises BusUnavailable."""
        patience_s = _CONNECTS_WITHIN_S * self.plan.patience
        return await connect(self.address(), "chaos", give_up_after_s=patience_s, keeps_streams=False)

    async def record(self) -> Recording:
        """A recording that has begun."""
        self.recordings += 1
        patience, config = self.plan.patience, self.folder / "analyze.yaml"
        recording = Recording(self.folder, config, self.recordings, patience)
        self._running.append(recording)
        await recording.start()
        return recording

    async def until_ready(self, within_s: float = READY_WITHIN_S) -> list[str]:
        """Wait for all processes to be ready; returns the names of those that are not in time."""
        return await self._until(self._unready, within_s)

    async def until_started(self) -> list[str]:
        """The same at the beginning, where a process that ends again and again need not be waited for."""

        async def unready_unless_hopeless() -> list[str]:
            return [] if self._hopeless() else await self._unready()

        return await self._until(unready_unless_hopeless, READY_WITHIN_S) or self._hopeless()

    def _hopeless(self) -> list[str]:
        return [process.name for process in self.processes if len(process.deaths) >= _HOPELESS_DEATHS]

    async def until_seen(self, since: dt.datetime, within_s: float) -> list[str]:
        """Wait for detections of every camera from frames of after `since`; returns the cameras that have none."""

        async def unseen() -> list[str]:
            return [camera for camera in NAMES if not self.witness.is_fresh(camera, since)]

        return await self._until(unseen, within_s)

    async def until_told(self, camera: str, since: dt.datetime, within_s: float) -> bool:
        """Wait for an event of an object before the camera, from a frame of after `since`; whether it came."""

        async def untold() -> list[str]:
            return [] if self.witness.is_told(camera, since) else [camera]

        return not await self._until(untold, within_s)

    async def _unready(self) -> list[str]:
        ready = await asyncio.gather(*(process.ready() for process in self.processes))
        return [process.name for process, is_ready in zip(self.processes, ready, strict=True) if not is_ready]

    async def _until(self, missing: Callable[[], Awaitable[list[str]]], within_s: float) -> list[str]:
        end_s = monotonic() + within_s * self.plan.patience
        while True:
            names = await missing()
            if not names or monotonic() > end_s:
                return names
            await asyncio.sleep(_LOOK_EVERY_S)

    async def start(self) -> None:
        """All but the cameras and the witness, which run in this process."""
        self._write_configurations()
        for broker in self.brokers:
            await broker.start()
        await self._until_brokers()
        for kind in KINDS:
            for model in self.plan.models if kind == "inference" else ("",):
                for number in range(EACH if model in ("", self.plan.models[0]) else 1):
                    await self._start(kind, model, number)

    async def _until_brokers(self) -> None:
        async def silent() -> list[str]:
            return [broker.name for broker in self.brokers if not await broker.ready()]

        if names := await self._until(silent, READY_WITHIN_S):
            raise TimeoutError(f"{', '.join(names)} did not start: see {self.folder}")

    async def _start(self, kind: str, model: str, number: int) -> None:
        http = f"127.0.0.1:{free_port()}"
        words = [sys.executable, "-m", "vedette", kind, str(self.folder / f"{kind}.yaml"), "--listen", http]
        if model:
            words += ["--grpc-listen", "127.0.0.1:0", "--model", model]
        name = f"{kind}-{number}" if model in ("", self.plan.models[0]) else f"{kind}-{model}"
        environ = {STATE_VARIABLE: str(self.folder / "state"), "PYTHONPATH": str(ROOT)}
        service = self.services[name] = Service(kind, name, words, self.folder, http, environ)
        await service.start()

    def _write_configurations(self) -> None:
        for kind in (*KINDS, "analyze"):
            proxy = self.proxies.get(kind)
            url = f"nats://127.0.0.1:{proxy.port}" if proxy else self.url
            with (self.folder / f"{kind}.yaml").open("w") as stream:
                YAML(typ="safe", pure=True).dump(self._settings(url), stream)

    def _settings(self, url: str) -> dict[str, Any]:
        cameras = {name: {"url": url, "pipeline": "people"} for name, url in self.cameras.urls.items()}
        stage = {"model": "coco-detector@^1", "confidence": 0.4}
        return {
            "site": SITE,
            "nats": {"url": url, "replicas": self.plan.servers},
            "cameras": cameras,
            "pipelines": {"people": {"sampling": {"fps": 1}, "stages": [stage]}},
            "models": {"path": str(ROOT / "models")},
            "inference": {"device": "cpu", "sessions": 1, "threads": 1},
            "gateway": {"decode_processes": 1},
            "events": {"save_s": 1},
            "retention": {"detections_gib": 0.25, "events_gib": 0.25, "snapshots_gib": 0.25, "clips_mib": 64}
            | {"frames_mib": 64, "pictures_mib": 32, "track_mib": 32, "dead_mib": 16, "crops_mib": 32},
            **self.plan.settings(self.cameras.urls),
        }

    async def end(self) -> None:
        """Nothing of it is left."""
        for recording in self._running:
            recording.kill()
        for process in reversed(self.processes):
            process.destroy()
        while any(process.pid is not None for process in self.processes):
            await asyncio.sleep(_LOOK_EVERY_S)


@asynccontextmanager
async def running(plan: Plan) -> AsyncIterator[System]:
    """The system, with its cameras on the air and its subscriber; ready is another question: `until_ready`."""
    system = System(plan)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(system.cameras.on_air())
        for kind in KINDS if plan.servers == 1 else ():
            proxy = Proxy(system.brokers[0].ports.clients, plan.seed)
            system.proxies[kind] = await stack.enter_async_context(proxy.open())
        try:
            await system.start()
            async with background(system.witness.run()):
                yield system
        finally:
            await system.end()
