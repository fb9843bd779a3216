"""References to models, resolved like those to packages. Pure.

A reference is `name` (the newest version), `name@1.0.0` (that one), `name@1` or `name@1.0` (the newest that begins so)
or `name@^1.2` (the newest that is compatible with 1.2: at least that, and the same up to the first number that is not
zero, as https://semver.org and npm have it).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from inference.errors import ModelError
from inference.repository.card import NAME

_NUMBER = r"(?:0|[1-9][0-9]{0,5})"
_REFERENCE = re.compile(rf"(?P<name>{NAME})(?:@(?P<caret>\^?)(?P<version>{_NUMBER}(?:\.{_NUMBER}){{0,2}}))?")


@dataclass(frozen=True, slots=True)
class Reference:
    """A model's name, and which of its versions."""

    name: str
    numbers: tuple[int, ...] = ()
    """The version's, as far as it is given; none is any version."""
    compatible: bool = False
    """Whether a later compatible version will do, too."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ModelError if `text` is no reference."""
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise ModelError(f"{text!r} is no model reference: write name, name@1.0.0, name@1 or name@^1.2")
        return cls(match["name"], numbers_of(match["version"]) if match["version"] else (), bool(match["caret"]))

    @property
    def exact(self) -> bool:
        """Whether only one version can fit."""
        return len(self.numbers) == 3 and not self.compatible

    def fits(self, version: str) -> bool:
        """Whether `version` (major.minor.patch) is one of those that are meant."""
        numbers = numbers_of(version)
        if not self.compatible:
            return numbers[: len(self.numbers)] == self.numbers
        fixed = next((i + 1 for i, number in enumerate(self.numbers) if number), len(self.numbers))
        return numbers >= self.numbers and numbers[:fixed] == self.numbers[:fixed]

    def newest(self, versions: Iterable[str]) -> str | None:
        """The newest of `versions` that fits."""
        return max(filter(self.fits, versions), key=numbers_of, default=None)

    def __str__(self) -> str:
        version = ("^" if self.compatible else "") + ".".join(map(str, self.numbers))
        return f"{self.name}@{version}" if version else self.name


def numbers_of(version: str) -> tuple[int, ...]:
    """`1.10.0` as (1, 10, 0), which sorts as versions do."""
    return tuple(int(part) for part in version.split("."))


def in_order(versions: Iterable[str]) -> list[str]:
    """Oldest first."""
    return sorted(versions, key=numbers_of)
