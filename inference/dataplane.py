"""The one way to a model, whatever the transport: the versions that this process holds, and which of them serves.

    stable      serves all that the others don't
    candidate   serves the cameras of its share, each camera always with the same version
    shadow      sees what stable has served, and is compared with it
    requested   loaded by request, and found by its number

Versions change places between two pictures: what a version has in hand is finished with it.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic

from inference import metrics
from inference.errors import ModelError
from inference.guard.inspection import Inspection
from inference.picture_model import Inference
from inference.repository.model import Model
from inference.rollout.background_thread import step_back
from inference.rollout.held import HeldVersions, VersionState
from inference.rollout.plan import Plan
from inference.rollout.shadow import Shadow
from inference.rollout.share import in_share
from inference.runtime.batching import Lane, ModelFailed
from inference.served_version import ServedVersion

logger = logging.getLogger(__name__)

_LOG_EVERY_S = 60.0

Source = tuple[str, str]
"""Whose picture: site and camera."""
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
    ) -> None:
        """`model` is the stable version at first. Objects of at least `shadow_confidence` are compared."""
        self._device, self._sessions, self._threads = device, sessions, threads
        self._decoders = ThreadPoolExecutor(decoders, thread_name_prefix="decode")
        self._shadow_decoder = ThreadPoolExecutor(1, thread_name_prefix="decode-shadow", initializer=step_back)
        self._shadow_confidence = shadow_confidence
        self._find = find
        self._requested: set[str] = set()
        self._logged_s = -_LOG_EVERY_S
        self.held = HeldVersions(self._opened)
        self.stable = self._opened(model, background=False)
        self.candidate: ServedVersion | None = None
        self.share = 0.0
        self.shadow: Shadow | None = None
        self.known: tuple[str, ...] = (model.version,)
        """The versions that the repository has."""

    def _opened(self, model: Model, background: bool) -> ServedVersion:
        if background:
            return ServedVersion(model, self._device, 1, self._threads, self._shadow_decoder, step_back)
        return ServedVersion(model, self._device, self._sessions, self._threads, self._decoders)

    async def start(self) -> None:
        """Load, warm up and measure the model.

        Raises ModelError, DeviceUnavailable, ModelFailed: it can't be run here.
        """
        await self.stable.start()
        self.held.put(self.stable)

    def begin_with(self, model: Model) -> None:
        """Another one is the stable version at first; before `start`."""
        self.stable = self._opened(model, background=False)

    @property
    def name(self) -> str:
        """The model's."""
        return self.stable.model.card.name

    @property
    def ready(self) -> bool:
        """Whether a session is in service."""
        return self.stable.ready

    @property
    def capacity(self) -> int:
        """How many frames a lane may have in hand: what runs, and what runs next. 0 while no session can run."""
        candidate = self.candidate if self.share else None
        return self.stable.tensors.capacity + (candidate.tensors.capacity if candidate else 0)

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
        candidate = self.candidate
        if candidate is not None and source is not None and candidate.ready and in_share(*source, self.share):
            return candidate
        return self.stable

    async def infer(
        self,
        jpeg: bytes,
        deadline: float | None = None,
        lane: Lane = "live",
        inspection: Inspection | None = None,
        source: Source | None = None,
    ) -> Inference:
        """Detect in one picture of `source`; where the candidate fails on it, the stable version answers.

        `deadline` is in monotonic seconds. Raises UndecodableImage, DeadlineExceeded, ModelFailed, BatcherClosed.
        """
        chosen = self.choose(source)
        if chosen is not self.stable:
            try:
                return await self._infer(chosen, "candidate", jpeg, deadline, lane, inspection)
            except ModelFailed as error:
                self._candidate_failed(chosen.model.version, error)
        found = await self._infer(self.stable, "stable", jpeg, deadline, lane, inspection)
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
    ) -> Inference:
        with served.use():
            found = await served.pictures.infer(jpeg, deadline, lane, inspection)
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
        self._requested.add(version)
        return served

    def unload(self, version: str) -> None:
        """Let go of a version that was loaded by request; what it has in hand is finished. Raises ModelError."""
        if roles := [role for role in self._roles(version) if role != "requested"]:
            raise ModelError(f"{self.name} {version} is the {roles[0]} version: a roll-out changes that")
        if version not in self._requested:
            raise ModelError(f"{self.name} {version} is not loaded")
        self._requested.discard(version)
        self._let_go()

    def index(self) -> list[VersionState]:
        """How each version is here, the repository's and those that are loaded; by number."""
        states = self.held.states({*self.known, self.stable.model.version})
        ordered = sorted(states.items(), key=lambda entry: [int(number) for number in entry[0].split(".")])
        return [VersionState(version, *state, self._roles(version)) for version, state in ordered]

    # For the roll-out.

    async def hold(self, model: Model, background: bool = False) -> ServedVersion:
        """A version, loaded beside those that serve; `assign` gives it a role. Raises as `load`."""
        before = self.held.get(model.version, background)
        started = monotonic()
        served = await self.held.load(model, background)
        if served is not before:
            metrics.LOAD_TIME.labels(self.name).observe(monotonic() - started)
            self._take_over(before, served)
        return served

    def _take_over(self, before: ServedVersion | None, served: ServedVersion) -> None:
        """The same number with another file or card."""
        if before is None:
            return
        self.stable = served if self.stable is before else self.stable
        self.candidate = served if self.candidate is before else self.candidate
        if self.shadow is not None and self.shadow.version is before:
            self._set_shadow(served, self.shadow.sample)
        self.held.retire(before)

    def assign(self, plan: Plan) -> None:
        """Give each version that is loaded its role, between two pictures, and let go of those without one."""
        self.stable = self.held.get(plan.stable) or self.stable
        candidate = None if plan.candidate is None else self.held.get(plan.candidate)
        self.candidate = candidate if candidate is not self.stable else None
        self.share = plan.share if self.candidate is not None else 0.0
        self._set_shadow(None if plan.shadow is None else self.held.get(plan.shadow, background=True), plan.sample)
        self._let_go()
        self._show_roles()

    def _set_shadow(self, served: ServedVersion | None, sample: float) -> None:
        if self.shadow is not None:
            if self.shadow.version is served:
                self.shadow.sample = sample
                return
            self.shadow.stop()
        self.shadow = None if served is None else Shadow(served, sample, self._shadow_confidence)

    def _let_go(self) -> None:
        requested = [self.held.get(version) for version in self._requested]
        roles = [self.stable, self.candidate, self.shadow.version if self.shadow else None]
        self.held.retire_all_but(served for served in (*roles, *requested) if served is not None)

    def _roles(self, version: str) -> tuple[str, ...]:
        shadow = self.shadow.version if self.shadow else None
        of = {"stable": self.stable, "candidate": self.candidate, "shadow": shadow}
        roles = [role for role, served in of.items() if served is not None and served.model.version == version]
        return (*roles, "requested") if version in self._requested else tuple(roles)

    def _show_roles(self) -> None:
        for state in self.index():
            for role in ("stable", "candidate", "shadow"):
                metrics.ROLE.labels(self.name, state.version, role).set(role in state.roles)
        metrics.ROLLOUT_SHARE.labels(self.name).set(self.share)

    async def close(self, grace_s: float) -> None:
        """Finish what is in hand within `grace_s`, and stop."""
        if self.shadow is not None:
            await self.shadow.close()
        if self.held.get(self.stable.model.version) is not self.stable:  # not started
            await self.stable.close(grace_s)
        await self.held.close(grace_s)
        for decoders in (self._decoders, self._shadow_decoder):
            decoders.shutdown(wait=False, cancel_futures=True)
