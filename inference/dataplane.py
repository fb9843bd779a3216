"""The one way to a model, whatever the transport: the versions that this process holds, and which of them serves.

    stable      serves all that the others don't
    candidate   serves the cameras of its share, each camera always with the same version
    shadow      sees what stable has served, and is compared with it
    requested   loaded by request, and found by its number

Versions change places between two pictures: what a version has in hand is finished with it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic

from inference import metrics
from inference.bus_meter import BusMeter, BusProtocol
from inference.errors import ModelError, ModelHangs
from inference.guard.inspection import Inspection
from inference.picture_model import Decoders, Inference
from inference.repository.model import Model
from inference.rollout.background_thread import step_back
from inference.rollout.held import PATIENCE_S, HeldVersions, VersionState
from inference.rollout.plan import Plan
from inference.rollout.roles import Roles, Source
from inference.rollout.shadow import Shadow
from inference.runtime.batching import Lane, ModelFailed
from inference.runtime.hang_watch import LOOK_EVERY_S, HangWatch
from inference.served_version import ServedVersion

logger = logging.getLogger(__name__)

_LOG_EVERY_S = 60.0
_TENSORRT_BUILDS_S = 600.0
"""So long may a run take in which TensorRT builds an engine for a shape that it has not seen."""

Find = Callable[[str], Awaitable[Model]]
"""A version out of the repository. Raises ModelError, RepositoryUnavailable."""


class DataPlane:
    """One model. `start` before the first picture, `close` after the last."""

    def __init__(
        self,
        model: Model,
        device: str,
        sessions: int,
        threads: int,
        decoders: int,
        find: Find | None = None,
        shadow_confidence: float = 0.0,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`model` is the stable version at first. Objects of at least `shadow_confidence` are compared. Nothing that
        is in hand takes longer than `patience_s`."""
        self._device, self._sessions, self._threads = device, sessions, threads
        frames = ThreadPoolExecutor(decoders, thread_name_prefix="decode")
        requests = ThreadPoolExecutor(decoders, thread_name_prefix="decode-request")
        shadow = ThreadPoolExecutor(1, thread_name_prefix="decode-shadow", initializer=step_back)
        self._decoders, self._shadow_decoders = Decoders(frames, requests), Decoders(shadow, shadow)
        self._meter = BusMeter(model.card.name)
        self._find = find
        self._logged_s = -_LOG_EVERY_S
        self._hangs_after_s = max(2 * patience_s, _TENSORRT_BUILDS_S if device.startswith("tensorrt") else 0.0)
        self.held = HeldVersions(self._opened, patience_s)
        self._roles = Roles(self._opened(model, background=False), self.held, shadow_confidence)
        self._known = {model.version}

    def _opened(self, model: Model, background: bool) -> ServedVersion:
        if background:
            return ServedVersion(model, self._device, 1, 1, self._shadow_decoders, background=True)
        return ServedVersion(model, self._device, self._sessions, self._threads, self._decoders)

    async def start(self) -> None:
        """Load, warm up and measure the model.

        Raises ModelError, DeviceUnavailable, ModelFailed: it can't be run here.
        """
        await self.stable.start()
        self.held.put(self.stable)

    def begin_with(self, model: Model) -> None:
        """Another one is the stable version at first; before `start`."""
        self._roles.stable = self._opened(model, background=False)

    @property
    def name(self) -> str:
        """The model's."""
        return self.stable.model.card.name

    @property
    def stable(self) -> ServedVersion:
        """Who serves all that no other version serves."""
        return self._roles.stable

    @property
    def candidate(self) -> ServedVersion | None:
        """Who serves `share` of the cameras."""
        return self._roles.candidate

    @property
    def share(self) -> float:
        """Of the candidate, 0 to 1."""
        return self._roles.share

    @property
    def shadow(self) -> Shadow | None:
        """Who is compared with the stable version."""
        return self._roles.shadow

    @property
    def ready(self) -> bool:
        """Whether a session is in service."""
        return self.stable.ready

    @property
    def capacity(self) -> int:
        """How many frames a lane may have in hand: what runs, and what runs next. 0 while no session can run."""
        capacity = self.stable.tensors.capacity
        return capacity + self.candidate.tensors.capacity if capacity and self.candidate and self.share else capacity

    async def until_hung(self) -> None:
        """Watch the runs of the model; never returns.

        Raises ModelHangs: one has lasted for twice as long as anything in hand may take.
        """
        watch = HangWatch(self._hangs_after_s)
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if watch.look(self.held.runs, monotonic()):
                raise ModelHangs(f"{self.name}: a run has not ended in {self._hangs_after_s:.0f} s; this process ends")

    # Who serves.

    def version(self, asked: str | None = None) -> ServedVersion:
        """A version that is held; None: the stable one. Raises ModelError.

        It may be let go at any moment: who awaits before the answer is there takes it by `use`.
        """
        if asked is None or asked == self.stable.model.version:
            return self.stable
        if (served := self.held.get(asked)) is None:
            there = [state.version for state in self.index() if state.state == "ready"]
            raise ModelError(f"{self.name} {asked} is not loaded here; there is: {', '.join(there) or 'none'}")
        return served

    @contextmanager
    def use(self, asked: str | None = None) -> Iterator[ServedVersion]:
        """The same, and it serves until the body ends, though another may take its place meanwhile."""
        with self.version(asked).use() as served:
            yield served

    def choose(self, source: Source | None) -> ServedVersion:
        """Who serves a camera (None: a request). While the candidate has no session in service, the stable one does."""
        return self._roles.choose(source)

    async def infer(
        self,
        jpeg: bytes,
        deadline: float | None = None,
        lane: Lane = "live",
        inspection: Inspection | None = None,
        source: Source | None = None,
        protocol: BusProtocol = "live",
    ) -> Inference:
        """Detect in one picture of `source`; where the candidate fails on it, the stable version answers.

        `deadline` is in monotonic seconds; `protocol` is how it came, for the metrics.

        Raises UndecodableImage, DeadlineExceeded, ModelFailed, BatcherClosed.
        """
        chosen = self.choose(source)
        if chosen is not self.stable:
            try:
                return await self._infer(chosen, "candidate", jpeg, deadline, lane, inspection, protocol)
            except ModelFailed as error:
                self._candidate_failed(chosen.model.version, error)
        found = await self._infer(self.stable, "stable", jpeg, deadline, lane, inspection, protocol)
        if self.shadow is not None and source is not None and found.was_inferred:
            self.shadow.offer(jpeg, found)
        return found

    async def _infer(
        self,
        served: ServedVersion,
        role: str,
        jpeg: bytes,
        deadline: float | None,
        lane: Lane,
        inspection: Inspection | None,
        protocol: BusProtocol,
    ) -> Inference:
        with served.use(), self._meter.counting(protocol, served.model.version) as outcome:
            found = await served.pictures.infer(jpeg, deadline, lane, inspection, protocol=protocol)
            outcome.was_inferred = found.was_inferred
        metrics.SERVED_BY.labels(self.name, served.model.version, role).inc()
        return found

    def _candidate_failed(self, version: str, error: ModelFailed) -> None:
        metrics.CANDIDATE_FAILURES.labels(self.name, version).inc()
        if monotonic() - self._logged_s > _LOG_EVERY_S:
            self._logged_s = monotonic()
            logger.error("the candidate %s fails, %s serves: %s", version, self.stable.model.version, error)

    # Which versions there are.

    async def load(self, version: str) -> ServedVersion:
        """Load a version by request, or try again to; it stays until `unload`.

        Raises ModelError, DeviceUnavailable, ModelFailed, RepositoryUnavailable: it can't be had, or can't be run.
        """
        if self._find is None:
            raise ModelError(f"{self.name}: no repository to load from")
        served = await self.hold(await self._find(version))
        self._roles.requested.add(version)
        return served

    def unload(self, version: str) -> None:
        """Let go of a version that was loaded by request; what it has in hand is finished. Raises ModelError."""
        if roles := [role for role in self._roles.of(version) if role != "requested"]:
            raise ModelError(f"{self.name} {version} is the {roles[0]} version: a roll-out changes that")
        if version not in self._roles.requested:
            raise ModelError(f"{self.name} {version} is not loaded")
        self._roles.requested.discard(version)
        self._roles.let_go()

    def index(self) -> list[VersionState]:
        """How each version is here, the repository's and those that are loaded; by number."""
        states = self.held.states({*self._known, self.stable.model.version})
        ordered = sorted(states.items(), key=lambda entry: [int(number) for number in entry[0].split(".")])
        return [VersionState(version, *state, self._roles.of(version)) for version, state in ordered]

    # For the roll-out.

    def know(self, versions: Iterable[str]) -> None:
        """These are in the repository now; what could not be loaded of others is no matter any more."""
        self._known = set(versions)
        self.held.forget_all_but(self._known)

    async def hold(self, model: Model, background: bool = False) -> ServedVersion:
        """A version, loaded beside those that serve; `assign` gives it a role. Raises as `load`."""
        before = self.held.get(model.version, background)
        started = monotonic()
        served = await self.held.load(model, background)
        if served is not before:
            metrics.LOAD_TIME.labels(self.name).observe(monotonic() - started)
            if before is not None:
                self._roles.replace(before, served)
        return served

    def assign(self, plan: Plan) -> None:
        """Give each version that is loaded its role, between two pictures, and let go of those without one."""
        self._roles.assign(plan)
        self._roles.show(self.index())

    async def close(self, grace_s: float) -> None:
        """Finish what is in hand within `grace_s`, and stop."""
        if self.shadow is not None:
            await self.shadow.close()
        if self.held.get(self.stable.model.version) is not self.stable:  # not started
            await self.stable.close(grace_s)
        await self.held.close(grace_s)
        for decoders in {*self._decoders, *self._shadow_decoders}:
            decoders.shutdown(wait=False, cancel_futures=True)
