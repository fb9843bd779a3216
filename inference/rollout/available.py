"""The versions of one model in its repository, as far as the pipelines' references let them serve."""

from collections.abc import Iterator
from typing import NamedTuple

from inference.errors import ModelError
from inference.repository.card import ModelCard
from inference.repository.folder import no_version
from inference.repository.model import Model
from inference.repository.references import Reference
from inference.repository.repository import ModelRepository
from inference.repository.store import Objects, file_path
from inference.rollout.plan import Bounds, Plan


class Found(NamedTuple):
    """One look at the repository."""

    card: ModelCard
    objects: Objects

    def key(self, version: str) -> str:
        """Another one whenever this version's file is another one, or the card says other things of it."""
        release, object_ = self.card.versions.get(version), self.objects.get(file_path(self.card.name, version))
        shared = self.card.model_dump_json(exclude={"versions", "rollout"})
        return f"{release and release.sha256} {object_} {hash(shared)}"


class AvailableVersions:
    """Methods raise ModelError for what is wrong or missing, RepositoryUnavailable if the place can't be reached."""

    def __init__(self, repository: ModelRepository, bounds: Bounds) -> None:
        self.repository = repository
        self.bounds = bounds

    @property
    def name(self) -> str:
        """The model's."""
        return self.bounds.name

    async def look(self) -> Found:
        """What there is now; while the place can't be reached, what is known."""
        return Found(await self.repository.card(self.name), await self.repository.objects())

    async def token(self) -> str | None:
        """Another one whenever anything of the model has changed; cheap."""
        return (await self.repository.tokens()).get(self.name)

    async def find(self, version: str) -> Model:
        """A version, whether the pipelines would let it serve or not, on this machine."""
        card = await self.repository.card(self.name)
        if version not in card.versions:
            raise no_version(self.repository.where, Reference(self.name, _numbers(self.name, version)), card)
        return await self.repository.fetch(card, version)

    def stable_first(self, found: Found, plan: Plan) -> Iterator[str]:
        """The version that should serve, and then, in case it can't, the older ones that may, newest first."""
        yield plan.stable
        version: str | None = plan.stable
        while version is not None and (version := self.bounds.older(found.card, version)) is not None:
            yield version


def _numbers(name: str, version: str) -> tuple[int, ...]:
    reference = Reference.parse(f"{name}@{version}")
    if not reference.exact:
        raise ModelError(f"{version!r} is no version: write it as 1.0.0")
    return reference.numbers
