"""What each version that is held is for. Roles change between two pictures; nothing here waits."""

from inference import metrics
from inference.rollout.held import HeldVersions, VersionState
from inference.rollout.plan import Plan
from inference.rollout.shadow import Shadow
from inference.rollout.share import in_share
from inference.served_version import ServedVersion

Source = tuple[str, str]
"""Whose picture: site and camera."""


class Roles:
    """Of one model's versions. A version without a role is let go, with all that it has in hand."""

    def __init__(self, stable: ServedVersion, held: HeldVersions, shadow_confidence: float) -> None:
        """Objects of at least `shadow_confidence` are compared."""
        self.stable = stable
        self.candidate: ServedVersion | None = None
        self.share = 0.0
        self.shadow: Shadow | None = None
        self.requested: set[str] = set()
        """Versions that were loaded for nobody but by request."""
        self._held = held
        self._shadow_confidence = shadow_confidence
        self._name = stable.model.card.name

    def choose(self, source: Source | None) -> ServedVersion:
        """Who serves a camera (None: a request). While the candidate has no session in service, the stable one does."""
        candidate = self.candidate
        if candidate is not None and source is not None and candidate.ready and in_share(*source, self.share):
            return candidate
        return self.stable

    def assign(self, plan: Plan) -> None:
        """Give each version that is loaded its role, and let go of those without one."""
        self.stable = self._held.get(plan.stable) or self.stable
        candidate = None if plan.candidate is None else self._held.get(plan.candidate)
        self.candidate = candidate if candidate is not self.stable else None
        self.share = plan.share if self.candidate is not None else 0.0
        self._set_shadow(None if plan.shadow is None else self._held.get(plan.shadow, background=True), plan.sample)
        self.let_go()

    def replace(self, before: ServedVersion, served: ServedVersion) -> None:
        """The same number with another file or card: `served` has the roles of `before`, which is let go."""
        self.stable = served if self.stable is before else self.stable
        self.candidate = served if self.candidate is before else self.candidate
        if self.shadow is not None and self.shadow.version is before:
            self._set_shadow(served, self.shadow.sample)
        self._held.retire(before)

    def _set_shadow(self, served: ServedVersion | None, sample: float) -> None:
        if self.shadow is not None:
            if self.shadow.version is served:
                self.shadow.sample = sample
                return
            self.shadow.stop()
        self.shadow = None if served is None else Shadow(served, sample, self._shadow_confidence)

    def let_go(self) -> None:
        """End what has no role any more."""
        requested = [self._held.get(version) for version in self.requested]
        with_role = [self.stable, self.candidate, self.shadow.version if self.shadow else None]
        self._held.retire_all_but(served for served in (*with_role, *requested) if served is not None)

    def of(self, version: str) -> tuple[str, ...]:
        """`stable`, `candidate`, `shadow`, `requested`: those that a version has."""
        shadow = self.shadow.version if self.shadow else None
        of = {"stable": self.stable, "candidate": self.candidate, "shadow": shadow}
        roles = [role for role, served in of.items() if served is not None and served.model.version == version]
        return (*roles, "requested") if version in self.requested else tuple(roles)

    def show(self, states: list[VersionState]) -> None:
        """In the metrics."""
        for state in states:
            for role in ("stable", "candidate", "shadow"):
                metrics.ROLE.labels(self._name, state.version, role).set(role in state.roles)
        metrics.ROLLOUT_SHARE.labels(self._name).set(self.share)
