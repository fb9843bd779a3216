"""Whom cameras know: galleries of enrolled people, and how alike a face has to be."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from vedette.config.settings import Fraction, Settings
from vedette.ids import Id

_Reference = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}(@\S+)?$")]


class GallerySettings(Settings):
    """What one gallery has its own of."""

    threshold: Fraction | None = None
    """Least cosine similarity of a match. Default: `identities.threshold`."""


class Identities(Settings):
    """Galleries of people, which a pipeline's stage `identities: <gallery>` compares faces with."""

    threshold: Fraction = 0.363
    """Least cosine similarity of a match: higher names fewer people wrongly, and misses more. Default 0.363, which
    OpenCV publishes for SFace; see docs/identities.md."""
    galleries: dict[Id, GallerySettings] = Field(default_factory=dict)
    """Those with settings of their own; a gallery needs no entry here."""
    detector: _Reference = "face-detector@^1"
    """The model that finds the face in a picture of an enrolment, with five landmarks. Default face-detector@^1."""
    embedding: _Reference = "face-embedding@^1"
    """The one that makes its vector; another than the pipelines' makes people that they never find. Default
    face-embedding@^1."""
    key_file: Path | None = None
    """The key that seals people in the KV bucket; all processes that compare or enrol need the same one. Default:
    `.vedette/<site>/identities.key`, made when it is first needed."""

    def threshold_of(self, gallery: str) -> float:
        """The gallery's own, or that of all."""
        own = self.galleries[gallery].threshold if gallery in self.galleries else None
        return self.threshold if own is None else own
