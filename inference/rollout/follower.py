"""Makes a data plane what the repository, the card and the roll-out in the KV bucket say, as they change."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from time import monotonic

from inference.dataplane import DataPlane
from inference.errors import ModelError
from inference.repository.store import RepositoryUnavailable
from inference.rollout.available import AvailableVersions, Found
from inference.rollout.held import LOADING_FAILED
from inference.rollout.plan import Plan, plan_of
from inference.rollout.record import RolloutRefused
from inference.rollout.store import RolloutStore, Stored
from vedette.background import end
from vedette.errors import BusUnavailable, Conflict

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""At the KV bucket."""
_READ_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What shall be, and what would have to change for a version that failed to be tried again."""

    plan: Plan
    revision: int
    keys: tuple[str, ...]
    """Of the plan's versions, in its order."""


class Follower:
    """One process's. `run` follows until cancelled; `until_followed` waits for the first time."""

    def __init__(
        self, plane: DataPlane, available: AvailableVersions, store: RolloutStore | None, poll_s: float
    ) -> None:
        """`poll_s`: how often the repository is looked at."""
        self.stored = Stored(None, 0)
        """The roll-out that is followed."""
        self._unapplied: tuple[str, ...] = ()
        self._plane = plane
        self._available = available
        self._store = store
        self._poll_s = poll_s
        self._found: Found | None = None
        self._token: str | None = None
        self._looked_s = float("-inf")
        self._is_news = False
        """Whether the roll-out has changed since: it may name a version that has just been added."""
        self._tried: dict[tuple[str, bool], tuple[str, int]] = {}
        """Versions that failed, and as what."""
        self._said: dict[str, str] = {}
        """What is wrong now, by what it is about."""
        self._again_s = float("inf")
        """When what could not be reached is tried again."""
        self._was_read = store is None
        self._followed = asyncio.Event()

    @property
    def problems(self) -> tuple[str, ...]:
        """What can't be as it should."""
        return (*self._said.values(), *self._unapplied)

    async def until_followed(self) -> None:
        """Wait until stable version and candidate are those that the bucket wants, or could not be loaded: no camera
        changes its version because a process starts. After 10 s what is loaded serves."""
        try:
            async with asyncio.timeout(_READ_WITHIN_S):
                await self._followed.wait()
        except TimeoutError:
            if not self._was_read:
                logger.error("the roll-out can't be read; %s serves", self._plane.stable.model.version)
                self._was_read = True

    def begin(self, found: Found, stored: Stored) -> None:
        """What was known when the stable version was loaded. Versions that failed since then are not tried again."""
        self._found, self.stored = found, stored
        self._was_read = self._was_read or stored.revision > 0
        for version in self._plane.held.failures:
            self._tried[version, False] = (found.key(version), stored.revision)

    async def run(self) -> None:
        """Follow. A load under way is given up as soon as something else is wanted."""
        wanted: _Wanted | None = None
        applying: asyncio.Task[None] | None = None
        try:
            while True:
                await self._look()
                now = self._wanted()
                if now is not None and (now != wanted or monotonic() >= self._again_s):
                    await end([applying] if applying else [])
                    wanted, applying = now, asyncio.create_task(self._try(now), name="apply roll-out")
                await asyncio.sleep(min(LOOK_EVERY_S, self._poll_s))
        finally:
            await end([applying] if applying else [])

    # What is wanted.

    async def _look(self) -> None:
        """At the bucket, and when it is time at the repository."""
        if self._store is not None:
            await self._look_at(self._store)
        if monotonic() - self._looked_s < self._poll_s and not self._is_news:
            return
        self._is_news = False
        self._looked_s = monotonic()
        try:
            token = await self._available.token()
            if self._found is None or token != self._token:
                self._found, self._token = await self._available.look(), token
                self._plane.know(self._found.card.versions)
            self._mended("repository")
        except (ModelError, RepositoryUnavailable) as error:
            self._say("repository", f"the repository: {error}")

    async def _look_at(self, store: RolloutStore) -> None:
        name = self._plane.name
        try:
            stored = await store.read(name)
            if stored.revision < self.stored.revision and stored.record is None:
                await self._put_back(store)
                return
            if stored.revision != self.stored.revision:
                logger.info("the roll-out of %s is at revision %d: %s", name, stored.revision, stored.record or "ended")
                self._is_news = True
            self.stored, self._was_read = stored, True
            self._mended("record")
        except RolloutRefused as error:
            self._was_read = True
            self._say("record", str(error))
        except BusUnavailable as error:
            logger.debug("%s", error)

    async def _put_back(self, store: RolloutStore) -> None:
        """The bus has lost its store: without the record another version might serve."""
        if self.stored.record is None:
            self.stored = Stored(None, 0)
            return
        logger.warning("the bus has lost the roll-out of %s; putting it back", self._plane.name)
        with contextlib.suppress(Conflict):  # another process was faster
            revision = await store.write(self._plane.name, self.stored.record, 0)
            self.stored = Stored(self.stored.record, revision)

    def _wanted(self) -> _Wanted | None:
        """None while it can't be known: what is goes on."""
        if self._found is None or not self._was_read:
            return None
        card, record = self._found.card, self.stored.record
        rollout = record.rollout if record is not None else card.rollout
        try:
            plan = plan_of(card, self._available.bounds, rollout, self._plane.stable.model.version)
        except ModelError as error:
            self._say("plan", str(error))
            return None
        self._mended("plan")
        return _Wanted(plan, self.stored.revision, tuple(self._found.key(version) for version in plan.versions))

    # How it comes to be.

    async def _try(self, wanted: _Wanted) -> None:
        try:
            await self._apply(wanted)
        except Exception:
            logger.exception("the roll-out of %s; what serves goes on", self._plane.name)
        self._followed.set()

    async def _apply(self, wanted: _Wanted) -> None:
        plan, problems, unreachable = wanted.plan, list(wanted.plan.faults), False
        self._again_s = float("inf")
        for fault in plan.faults:
            logger.error("the roll-out of %s: %s", self._plane.name, fault)
        self._assign(plan)  # what goes, goes at once
        for version, key in zip(plan.versions, wanted.keys, strict=True):
            background = version == plan.shadow
            if background:
                self._followed.set()
            tried = (key, wanted.revision)
            if self._tried.get((version, background)) == tried:
                problems.append(f"{version}: {self._plane.held.failures.get(version, 'failed')}")
                continue
            self._tried.pop((version, background), None)
            try:
                await self._plane.hold(await self._available.find(version), background)
                self._assign(plan)
            except LOADING_FAILED as error:
                problems.append(f"{version}: {error}")
                unreachable = unreachable or isinstance(error, RepositoryUnavailable)
                if not isinstance(error, RepositoryUnavailable):
                    self._tried[version, background] = tried
                if self._plane.held.failures.get(version) != str(error):  # it was not even there to be loaded
                    self._plane.held.note_failure(self._plane.name, version, error)
        self._unapplied = tuple(problems)
        self._again_s = monotonic() + self._poll_s if unreachable else float("inf")

    def _assign(self, plan: Plan) -> None:
        plane = self._plane
        before = (plane.stable.model.version, plane.candidate, plane.share, plane.shadow)
        plane.assign(plan)
        if (plane.stable.model.version, plane.candidate, plane.share, plane.shadow) != before:
            canary = f", {plan.candidate} {plane.share:.0%} of the cameras" if plane.candidate else ""
            shadow = f", {plan.shadow} is a shadow" if plane.shadow else ""
            logger.info("%s: %s serves%s%s", plane.name, plane.stable.model.version, canary, shadow)

    def _say(self, what: str, text: str) -> None:
        """Once, until it is mended or another."""
        if self._said.get(what) != text:
            logger.error("%s; what serves goes on", text)
        self._said[what] = text

    def _mended(self, what: str) -> None:
        self._said.pop(what, None)
