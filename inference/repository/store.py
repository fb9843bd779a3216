"""The objects of a repository, wherever they lie: one layout everywhere, and the interface that a place has.

    <name>/model.yaml
    <name>/<major.minor.patch>/model.onnx

A version's file never changes: its digest is in the card, so a changed file is a wrong one. What is new is always in a
card, or in a file that was missing.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inference.errors import InferenceError, ModelError
from inference.repository.card import NAME, VERSION

MAX_OBJECTS = 10_000
"""In one repository."""
MAX_MODEL_BYTES = 2**31
"""The format itself holds no more (Protocol Buffers)."""
_LAYOUT = re.compile(rf"(?P<name>{NAME})/(?:model\.yaml|(?P<version>{VERSION})/model\.onnx)")


class RepositoryUnavailable(InferenceError):
    """The place can't be reached, or breaks off: what is in the cache still serves, and the rest is tried again."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a place says of an object."""

    size_bytes: int
    token: str
    """Another one whenever the object is another one: an ETag, a revision, or size and time."""


Objects = Mapping[str, StoredObject]
"""By path, as in the layout."""


class Store(Protocol):
    """A place. Nothing of what it says is believed: who reads bounds it and checks it against the card's digest.

    Each method raises RepositoryUnavailable if the place can't be reached or does not answer now (to be tried again),
    and ModelError if it never will.
    """

    @property
    def where(self) -> str:
        """How users know it, secrets masked."""

    @property
    def folder(self) -> Path | None:
        """Where its files lie, if it is a folder of this machine: they are used in place, not through the cache."""

    async def objects(self) -> Objects:
        """What there is now. Cheap enough to be asked every few seconds by those who wait for a new version: one
        request, or a look at each file's size and time."""

    def read(self, path: str) -> AsyncGenerator[bytes, None]:
        """An object's bytes, in pieces of a few MiB at most; the reader stops when it has had enough."""

    async def write(self, path: str, source: Path) -> None:
        """Put a file there, whole or not at all; what was there is replaced."""

    async def remove(self, path: str) -> None:
        """Take an object away."""

    async def close(self) -> None:
        """Leave the place."""


def card_path(name: str) -> str:
    """Where a model's card lies."""
    return f"{name}/model.yaml"


def file_path(name: str, version: str) -> str:
    """Where a version's file lies."""
    return f"{name}/{version}/model.onnx"


def in_layout(path: str) -> bool:
    """Whether a path is one of the layout: others are no business of ours, and never reach a file system."""
    return _LAYOUT.fullmatch(path) is not None


def bounded(objects: Objects, where: str) -> Objects:
    """Those of the layout, sorted. Raises ModelError if there are too many."""
    if len(objects) > MAX_OBJECTS:
        raise ModelError(f"{where}: over {MAX_OBJECTS} objects: no model repository")
    return {path: found for path, found in sorted(objects.items()) if in_layout(path)}


def names_in(objects: Objects) -> list[str]:
    """The models that have a card."""
    return [name for name, rest in (path.split("/", 1) for path in objects) if rest == "model.yaml"]


def tokens_in(objects: Objects) -> dict[str, str]:
    """For each model that has a card a token of all its objects: another one whenever one came, went or changed."""
    return {
        name: "\n".join(f"{path} {one.size_bytes} {one.token}" for path, one in objects.items() if _is_of(path, name))
        for name in names_in(objects)
    }


def _is_of(path: str, name: str) -> bool:
    return path.startswith(f"{name}/")
