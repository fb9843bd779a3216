"""A repository that is a folder of this machine, read in place and without an event loop: `vedette check` does so."""

import re
from pathlib import Path

from inference.errors import ModelError, ModelMissing
from inference.repository.card import NAME, ModelCard
from inference.repository.model import Model, check_name, digest_of
from inference.repository.references import Reference, in_order
from inference.repository.store import card_path, file_path

__all__ = ["Model", "Repository", "no_model", "no_version"]


class Repository:
    """A folder of models. Reads cards when asked; holds nothing open."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """The models there are, sorted. Raises ModelError if the folder cannot be read."""
        try:
            cards = sorted(self.path.glob("*/model.yaml"))
            return [card.parent.name for card in cards if re.fullmatch(NAME, card.parent.name)]
        except OSError as error:
            raise ModelError(f"{self.path}: {error.strerror}") from error

    def card(self, name: str) -> ModelCard:
        """A model's card. Raises ModelError; a name that is no identifier never reaches the file system."""
        if not re.fullmatch(NAME, name) or name not in self.names():
            raise no_model(str(self.path), name, self.names())
        path = self.path / card_path(name)
        return check_name(ModelCard.load(path), name, str(path))

    def resolve(self, reference: str) -> Model:
        """The newest version that fits. Raises ModelError, which lists what there is."""
        wanted = Reference.parse(reference)
        card = self.card(wanted.name)
        newest = wanted.newest(card.versions)
        if newest is None:
            raise no_version(str(self.path), wanted, card)
        return Model(card, newest, self.path / file_path(card.name, newest), digest_of(card, newest))


def no_model(where: str, name: str, names: list[str]) -> ModelMissing:
    """There is no such model; these are there."""
    return ModelMissing(f"{where} has no model {name!r}; there are: {', '.join(names) or 'none'}")


def no_version(where: str, wanted: Reference, card: ModelCard) -> ModelError:
    """No version fits; these are there."""
    there = ", ".join(in_order(card.versions))
    return ModelError(f"{where} has no version for '{wanted}'; of {card.name} there are: {there}")
