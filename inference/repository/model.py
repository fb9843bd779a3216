"""One version of a model on this machine, found but not yet read."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from inference.errors import ModelError
from inference.repository.card import ModelCard


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a model, whose file lies in a folder or in the cache."""

    card: ModelCard
    version: str
    path: Path
    digest: str
    """`sha256:` and the hexadecimal digest that the card gives for the file."""
    hold: object = field(default=None, compare=False, repr=False)
    """What keeps the file in the cache; it may go when nobody has this object any more."""

    def read(self) -> bytes:
        """The file's bytes. Raises ModelError if it cannot be read or is not the one that the card describes."""
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise ModelError(f"{self.path}: {error.strerror}") from error
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if found != self.digest:
            raise ModelError(f"{self.path}: its digest is {found}, but the card of {self.card.name} says {self.digest}")
        return data


def digest_of(card: ModelCard, version: str) -> str:
    """What the card gives for a version that it has, with `sha256:` before it."""
    return f"sha256:{card.versions[version].sha256}"


def check_name(card: ModelCard, name: str, where: str) -> ModelCard:
    """The card, if it is the one of `name`. Raises ModelError."""
    if card.name != name:
        raise ModelError(f"{where}: name: it is {card.name!r}, but the folder is {name!r}")
    return card
