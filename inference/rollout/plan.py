"""What a roll-out means for the versions that there are. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference.errors import ModelError
from inference.repository.card import ModelCard
from inference.repository.references import Reference, in_order, numbers_of
from inference.rollout.settings import Rollout


@dataclass(frozen=True, slots=True)
class Plan:
    """Which version is for what."""

    stable: str
    candidate: str | None = None
    share: float = 0.0
    shadow: str | None = None
    sample: float = 0.0
    faults: tuple[str, ...] = ()
    """What of the roll-out can't be, and is left out."""

    @property
    def versions(self) -> tuple[str, ...]:
        """In the order in which they matter."""
        return tuple(version for version in (self.stable, self.candidate, self.shadow) if version is not None)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the pipelines let a model's version be."""

    name: str
    references: Mapping[str, str]
    """By pipeline, what it asks for."""

    def refusal(self, version: str) -> str | None:
        """Why `version` may not serve; None: it may."""
        refusing = [f"{asked} in {name}" for name, asked in self.references.items() if not _fits(asked, version)]
        return f"{version} is not what the pipelines ask for: {', '.join(refusing)}" if refusing else None

    def allowed(self, card: ModelCard) -> list[str]:
        """The versions that may serve, oldest first."""
        return [version for version in in_order(card.versions) if self.refusal(version) is None]

    def older(self, card: ModelCard, version: str) -> str | None:
        """The next older one that may serve."""
        older = [one for one in self.allowed(card) if numbers_of(one) < numbers_of(version)]
        return older[-1] if older else None


def plan_of(card: ModelCard, bounds: Bounds, rollout: Rollout | None, serving: str | None = None) -> Plan:
    """What shall serve. Where the roll-out names a version that can't be, that part is left out and the fault said:
    in place of its stable version the one that is `serving` goes on, or the default is chosen.

    Raises ModelError if no version at all is what every pipeline asks for.
    """
    rollout = rollout or Rollout()
    allowed, faults = bounds.allowed(card), []
    if not allowed:
        raise _nothing_allowed(card, bounds)

    def possible(version: str | None) -> str | None:
        fault = None if version is None else fault_of(card, bounds, version)
        if fault is not None:
            faults.append(fault)
        return version if fault is None else None

    candidate, shadow = possible(rollout.candidate), possible(rollout.shadow)
    stable = possible(rollout.stable)
    if stable is None:
        stable = _default(allowed, rollout, serving if rollout.stable else None)
    return Plan(
        stable=stable,
        candidate=candidate if candidate != stable else None,
        share=rollout.share if candidate is not None else 0.0,
        shadow=shadow if shadow != stable else None,
        sample=rollout.sample if shadow is not None else 0.0,
        faults=tuple(faults),
    )


def fault_of(card: ModelCard, bounds: Bounds, version: str) -> str | None:
    """Why `version` can't have a part in a roll-out; None: it can."""
    if version not in card.versions:
        return f"{bounds.name} has no version {version}; there are: {', '.join(in_order(card.versions))}"
    return bounds.refusal(version)


def _nothing_allowed(card: ModelCard, bounds: Bounds) -> ModelError:
    there = f"there are: {', '.join(in_order(card.versions))}"
    for reference in bounds.references.values():
        if not any(_fits(reference, version) for version in card.versions):
            return ModelError(f"{bounds.name} has no version for '{reference}'; {there}")
    asked = ", ".join(f"{reference} in {pipeline}" for pipeline, reference in bounds.references.items())
    return ModelError(f"no version of {bounds.name} is what every pipeline asks for ({asked}); {there}")


def _default(allowed: Sequence[str], rollout: Rollout, serving: str | None) -> str:
    """`serving`, if it may go on; or the newest that is older than what is on its way."""
    if serving in allowed and serving is not None:
        return serving
    tried = [numbers_of(version) for version in (rollout.candidate, rollout.shadow) if version is not None]
    older = [version for version in allowed if all(numbers_of(version) < other for other in tried)]
    others = [version for version in allowed if version not in rollout.versions]
    return (older or others or list(allowed))[-1]


def _fits(reference: str, version: str) -> bool:
    return Reference.parse(reference).fits(version)
