"""The versions that a process holds: loaded one at a time beside those that serve, and let go when nobody uses them."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Set
from typing import Literal, NamedTuple

from inference import metrics
from inference.errors import DeviceUnavailable, ModelError
from inference.repository.model import Model
from inference.repository.store import RepositoryUnavailable
from inference.rollout.memory import trim
from inference.runtime.batching import ModelFailed
from inference.served_version import ServedVersion
from vedette.background import end

logger = logging.getLogger(__name__)

MOST_HELD = 8
"""Versions, those that are loaded for nobody but by request included."""
PATIENCE_S = 30.0
"""What a version has in hand when it is let go ends within this, where nobody waits longer."""

State = Literal["loading", "ready", "unloading", "unavailable"]
LOADING_FAILED = (ModelError, DeviceUnavailable, ModelFailed, RepositoryUnavailable)


class VersionState(NamedTuple):
    """How one version is here."""

    version: str
    state: State
    reason: str
    """Why it is not ready, or was not replaced; often empty."""
    roles: tuple[str, ...]
    """`stable`, `candidate`, `shadow`, `requested`."""


class HeldVersions:
    """All of one model. `background` versions are apart: they are never found by `get`."""

    def __init__(self, opening: Callable[[Model, bool], ServedVersion], patience_s: float = PATIENCE_S) -> None:
        """`opening` makes a version of a model, to run in the background or not; it is started here. `patience_s` is
        how long what a version has in hand may take when it is let go."""
        self.failures: dict[str, str] = {}
        """Why a version could not be loaded when it was tried last."""
        self._opening = opening
        self._patience_s = patience_s
        self._held: dict[tuple[str, bool], ServedVersion] = {}
        self._loading: set[str] = set()
        self._one_at_a_time = asyncio.Lock()
        self._retiring: dict[asyncio.Task[None], str] = {}

    def get(self, version: str, background: bool = False) -> ServedVersion | None:
        """A version that is loaded."""
        return self._held.get((version, background))

    @property
    def retiring(self) -> int:
        """How many versions are on their way out."""
        return len(self._retiring)

    @property
    def runs(self) -> set[tuple[int, int]]:
        """Runs under way, of versions that run in the foreground: in the background one may take its time."""
        serving = [served for (_, background), served in self._held.items() if not background]
        return {(id(served), run) for served in serving for run in served.tensors.batcher.runs}

    def put(self, served: ServedVersion) -> None:
        """One that was started elsewhere."""
        self._held[served.model.version, False] = served

    async def load(self, model: Model, background: bool = False) -> ServedVersion:
        """The version, started; the one that is here, if it is the same. Otherwise it takes the place of what was here
        under its number, which the caller must no longer use and gives to `retire`.

        Raises ModelError, DeviceUnavailable, ModelFailed: why it can't be run here, which is noted, counted and logged.
        """
        async with self._one_at_a_time:
            held = self._held.get((model.version, background))
            if held is not None and _same(held.model, model):
                return held
            if held is None and len(self._held) >= MOST_HELD:
                raise ModelError(f"{model.card.name}: {MOST_HELD} versions are loaded already; unload one first")
            return await self._load(model, background)

    async def _load(self, model: Model, background: bool) -> ServedVersion:
        served = self._opening(model, background)
        self._loading.add(model.version)
        try:
            await served.start()
        except LOADING_FAILED as error:
            self.note_failure(model.card.name, model.version, error)
            raise
        finally:
            self._loading.discard(model.version)
            if not served.ready:
                await served.close(grace_s=0)
        self.failures.pop(model.version, None)
        self._held[model.version, background] = served
        return served

    def note_failure(self, name: str, version: str, error: Exception) -> None:
        """A version could not be loaded: for the status, the metrics and the log."""
        self.failures[version] = str(error)
        metrics.LOAD_FAILURES.labels(name, version, _kind(error)).inc()
        logger.error("%s %s can't be loaded: %s", name, version, error)

    def forget_all_but(self, versions: Set[str]) -> None:
        """Of the versions that could not be loaded."""
        for version in self.failures.keys() - versions:
            del self.failures[version]

    def retire_all_but(self, kept: Iterable[ServedVersion]) -> None:
        """Let go of every version that is not one of `kept`."""
        keeping = {id(served) for served in kept}
        for key, served in list(self._held.items()):
            if id(served) not in keeping:
                del self._held[key]
                self.retire(served)

    def retire(self, served: ServedVersion) -> None:
        """End a version when what it has in hand is done; its memory goes back to the system."""
        version = served.model.version
        task = asyncio.create_task(_retire(served, self._patience_s), name=f"retire {version}")
        self._retiring[task] = version
        task.add_done_callback(self._retired)

    def _retired(self, task: asyncio.Task[None]) -> None:
        del self._retiring[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a version was not ended properly", exc_info=error)

    def states(self, known: Iterable[str]) -> dict[str, tuple[State, str]]:
        """State and reason of every version that is here, was tried, or is `known` to be in the repository."""
        states: dict[str, tuple[State, str]] = dict.fromkeys(known, ("unavailable", "not loaded"))
        states.update(dict.fromkeys(self._retiring.values(), ("unloading", "")))
        states.update({version: ("unavailable", reason) for version, reason in self.failures.items()})
        states.update(dict.fromkeys(self._loading, ("loading", "")))
        for (version, background), served in self._held.items():
            if not background:
                why = self.failures.get(version, "") if served.ready else "no session is in service"
                states[version] = ("ready" if served.ready else "unavailable", why)
            elif (version, False) not in self._held and version not in self._loading:
                states[version] = ("unavailable", "runs as a shadow alone")
        return states

    async def close(self, grace_s: float) -> None:
        """End all at once."""
        await asyncio.gather(*(served.close(grace_s) for served in self._held.values()))
        await end(self._retiring)


async def _retire(served: ServedVersion, patience_s: float) -> None:
    await served.retire(patience_s)
    logger.info("%s %s is unloaded", served.model.card.name, served.model.version)
    del served
    await asyncio.to_thread(trim)


def _same(one: Model, other: Model) -> bool:
    """Whether they would be served alike: a card may change in what doesn't matter to this version."""
    if (one.version, one.digest) != (other.version, other.digest):
        return False
    not_served = {"versions", "rollout"}
    of_both = [model.card.model_dump(exclude=not_served) for model in (one, other)]
    inputs = [model.card.versions[model.version].input for model in (one, other)]
    return of_both[0] == of_both[1] and inputs[0] == inputs[1]


def _kind(error: Exception) -> str:
    kinds = {RepositoryUnavailable: "unreachable", DeviceUnavailable: "device", ModelFailed: "warm_up"}
    return kinds.get(type(error), "unusable")
