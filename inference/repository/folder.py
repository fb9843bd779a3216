"""The model repository: `<name>/model.yaml` and `<name>/<version>/model.onnx` in one folder, found by reference.

A reference is `name` (the newest version), `name@1.0.0` (that one), `name@1` or `name@1.0` (the newest that begins so)
or `name@^1.2` (the newest that is compatible with 1.2: at least that, and the same up to the first number that is not
zero, as https://semver.org and npm have it).
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from inference.errors import ModelError
from inference.repository.card import NAME, ModelCard

_NUMBER = r"(?:0|[1-9][0-9]{0,5})"
_REFERENCE = re.compile(rf"(?P<name>{NAME})(?:@(?P<caret>\^?)(?P<version>{_NUMBER}(?:\.{_NUMBER}){{0,2}}))?")


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a model, found but not yet read."""

    card: ModelCard
    version: str
    path: Path
    digest: str
    """`sha256:` and the hexadecimal digest that the card gives for the file."""

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
            raise ModelError(f"{self.path} has no model {name!r}; there are: {', '.join(self.names()) or 'none'}")
        path = self.path / name / "model.yaml"
        card = ModelCard.load(path)
        if card.name != name:
            raise ModelError(f"{path}: name: it is {card.name!r}, but the folder is {name!r}")
        return card

    def resolve(self, reference: str) -> Model:
        """The newest version that fits. Raises ModelError, which lists what there is."""
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise ModelError(f"{reference!r} is no model reference: write name, name@1.0.0, name@1 or name@^1.2")
        card = self.card(match["name"])
        numbers = _numbers(match["version"]) if match["version"] else ()
        fitting = [version for version in card.versions if _fits(_numbers(version), numbers, bool(match["caret"]))]
        if not fitting:
            there = ", ".join(sorted(card.versions, key=_numbers))
            raise ModelError(f"{self.path} has no version for {reference!r}; of {card.name} there are: {there}")
        newest = max(fitting, key=_numbers)
        path = self.path / card.name / newest / "model.onnx"
        return Model(card, newest, path, f"sha256:{card.versions[newest].sha256}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _fits(version: tuple[int, ...], asked: tuple[int, ...], caret: bool) -> bool:
    if not caret:
        return version[: len(asked)] == asked
    fixed = next((i + 1 for i, number in enumerate(asked) if number), len(asked))
    return version >= asked and version[:fixed] == asked[:fixed]
