"""A roll-out as somebody wants it: `rollout:` of a card, and the body of a request."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from vedette.documented import Documented

Version = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Rollout(Documented):
    """Versions of one model, and what each is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stable: Version | None = None
    """Serves all that no other version serves. Default: the newest that is older than candidate and shadow, and that
    the pipelines' references allow."""
    candidate: Version | None = None
    """Serves a share of the cameras. Default: none."""
    share: Share = 0.0
    """Of the cameras; each stays with its version, and a larger share only adds cameras. Default 0."""
    shadow: Version | None = None
    """Sees frames that the stable version served, and is compared with it; nobody gets its results. Default: none."""
    sample: Share = 0.1
    """Share of the frames that the shadow sees, as far as there is time. Default 0.1."""

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        named = [version for version in (self.stable, self.candidate, self.shadow) if version is not None]
        if twice := sorted({version for version in named if named.count(version) > 1}):
            raise ValueError(f"{twice[0]} can't be two of stable, candidate and shadow at a time")
        if self.share and self.candidate is None:
            raise ValueError("a share needs a candidate")
        return self

    @property
    def versions(self) -> tuple[str, ...]:
        """All that are named."""
        return tuple(version for version in (self.stable, self.candidate, self.shadow) if version is not None)
