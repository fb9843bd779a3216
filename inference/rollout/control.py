"""Roll-outs changed by request: what the API and the command line do. Every change compares revisions."""

from typing import Literal, NamedTuple

from inference.rollout.available import AvailableVersions, Found
from inference.rollout.plan import Plan, fault_of, plan_of
from inference.rollout.record import Record, RolloutRefused, promoted, rolled_back
from inference.rollout.settings import Rollout
from inference.rollout.store import RolloutStore, Stored
from vedette.errors import Conflict


class Shown(NamedTuple):
    """A model's roll-out as it is wanted."""

    model: str
    revision: int
    """In the bucket; 0: never written."""
    source: Literal["bucket", "card", "default"]
    """Who says so."""
    plan: Plan
    previous: str | None
    """The version that was stable before the last promotion."""

    def as_json(self) -> dict[str, object]:
        """As API and command line print it."""
        plan = self.plan
        return {
            "model": self.model,
            "revision": self.revision,
            "source": self.source,
            "rollout": {
                "stable": plan.stable,
                "candidate": plan.candidate,
                "share": plan.share,
                "shadow": plan.shadow,
                "sample": plan.sample,
            },
            "previous": self.previous,
            "faults": list(plan.faults),
        }


class RolloutControl:
    """One model's.

    Methods raise RolloutRefused for what can't be, Conflict if somebody else was faster or it is not at the `revision`
    that is given, BusUnavailable, and what `AvailableVersions` raises.
    """

    def __init__(self, available: AvailableVersions, store: RolloutStore) -> None:
        self._available = available
        self._store = store

    async def show(self) -> Shown:
        """What is wanted now."""
        stored, found = await self._now()
        rollout = stored.record.rollout if stored.record else found.card.rollout
        source: Literal["bucket", "card", "default"] = (
            "bucket" if stored.record else "card" if found.card.rollout else "default"
        )
        previous = stored.record.previous if stored.record else None
        return Shown(
            self._available.name,
            stored.revision,
            source,
            plan_of(found.card, self._available.bounds, rollout),
            previous,
        )

    async def set(self, rollout: Rollout, revision: int | None = None) -> Shown:
        """Have it so. Without a stable version, the one that is now stays; written again, what failed to load is tried
        again."""
        stored, found = await self._now(revision)
        bounds = self._available.bounds
        if faults := [fault for version in rollout.versions if (fault := fault_of(found.card, bounds, version))]:
            raise RolloutRefused("; ".join(faults))
        base = self._base(stored, found)
        stable = rollout.stable or base.stable
        if stable in (rollout.candidate, rollout.shadow):
            stable = plan_of(found.card, bounds, rollout).stable
        if stable in (rollout.candidate, rollout.shadow):
            raise RolloutRefused(f"{stable} is the only version that may be stable")
        previous = base.previous if stable == base.stable else base.stable
        return await self._write(Record(**{**rollout.model_dump(), "stable": stable}, previous=previous), stored)

    async def promote(self, revision: int | None = None) -> Shown:
        """The candidate becomes the stable version."""
        stored, found = await self._now(revision)
        return await self._write(promoted(self._base(stored, found)), stored)

    async def rollback(self, revision: int | None = None) -> Shown:
        """Without the candidate; or back to the version before."""
        stored, found = await self._now(revision)
        base = self._base(stored, found)
        older = self._available.bounds.older(found.card, base.stable)
        return await self._write(rolled_back(base, older), stored)

    async def end(self, revision: int | None = None) -> Shown:
        """No roll-out any more: the card decides, or the newest version serves."""
        stored, _ = await self._now(revision)
        if stored.record is not None:
            await self._store.write(self._available.name, None, stored.revision)
        return await self.show()

    async def _now(self, revision: int | None = None) -> tuple[Stored, Found]:
        stored = await self._store.read(self._available.name)
        if revision is not None and revision != stored.revision:
            raise Conflict(
                f"the roll-out of {self._available.name} is at revision {stored.revision}, not {revision}:"
                " somebody has changed it; look at it and try again"
            )
        return stored, await self._available.look()

    def _base(self, stored: Stored, found: Found) -> Record:
        """What is now, as a record: it holds the stable version, though newer ones may come."""
        if stored.record is not None:
            return stored.record
        plan = plan_of(found.card, self._available.bounds, found.card.rollout)
        sample = plan.sample if plan.shadow else 0.1
        return Record(stable=plan.stable, candidate=plan.candidate, share=plan.share, shadow=plan.shadow, sample=sample)

    async def _write(self, record: Record, stored: Stored) -> Shown:
        await self._store.write(self._available.name, record, stored.revision)
        return await self.show()
