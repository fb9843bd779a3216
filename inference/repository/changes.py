"""Versions copied into a repository, and taken out of one.

A file is written before the card that names it, and removed after: who reads meanwhile never finds a version without
its file. Two who change the same card at the same moment may undo one another's change: one does it at a time.
"""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from inference.errors import ModelError
from inference.repository.card import MAX_CARD_BYTES, ModelCard
from inference.repository.card_text import differences, of_version, with_version, without_version
from inference.repository.folder import no_model, no_version
from inference.repository.model import Model
from inference.repository.references import Reference
from inference.repository.repository import ModelRepository
from inference.repository.store import card_path, file_path


@dataclass(frozen=True, slots=True)
class Copied:
    """What came of a copy."""

    model: Model
    """As it lies on this machine."""
    was_there: bool
    """The version was there already, with the same digest."""


async def copy_version(source: ModelRepository, target: ModelRepository, reference: str) -> Copied:
    """Copy the newest version that fits from `source` to `target`.

    Raises:
        ModelError: it is damaged; or `target` has this version with another digest, or a card that says something else
            of what holds for all its versions.
        RepositoryUnavailable: one of them can't be reached.
    """
    model = await source.resolve(reference)
    await asyncio.to_thread(model.read)  # compares the digest
    name, version = model.card.name, model.version
    text = await source.card_text(name)
    now = await asyncio.to_thread(ModelCard.parse, text, f"{source.where}/{card_path(name)}")
    if version not in now.versions:  # taken out between the two
        raise no_version(source.where, Reference.parse(f"{name}@{version}"), now)
    if name not in await target.names():
        await _write(target, model, await asyncio.to_thread(of_version, text, version))
        return Copied(model, was_there=False)
    there = await target.card(name)
    _check_fits(model, there, target.where)
    if version in there.versions:
        return Copied(model, was_there=True)
    card = await asyncio.to_thread(with_version, await target.card_text(name), version, text)
    await _write(target, model, card)
    return Copied(model, was_there=False)


async def remove_version(repository: ModelRepository, name: str, version: str) -> None:
    """Take out one version, which isn't the last.

    Raises:
        ModelError: it isn't there, or is the last one.
        RepositoryUnavailable: the place can't be reached.
    """
    card = await repository.card(name)
    if version not in card.versions:
        raise no_version(repository.where, Reference.parse(f"{name}@{version}"), card)
    if len(card.versions) == 1:
        raise ModelError(f"{version} is the last version of {name}; --all removes the model")
    text = await asyncio.to_thread(without_version, await repository.card_text(name), version)
    await _write_card(repository, name, text)
    path = file_path(name, version)
    if path in await repository.store.objects():
        await repository.store.remove(path)


async def remove_model(repository: ModelRepository, name: str) -> None:
    """Take out a model with all its versions, those too that its card doesn't name.

    Raises:
        ModelError: it isn't there.
        RepositoryUnavailable: the place can't be reached.
    """
    objects = await repository.store.objects()
    if card_path(name) not in objects:
        raise no_model(repository.where, name, await repository.names())
    await repository.store.remove(card_path(name))
    for path in objects:
        if path.startswith(f"{name}/") and path != card_path(name):
            await repository.store.remove(path)


def _check_fits(model: Model, there: ModelCard, where: str) -> None:
    if differ := differences(model.card, there):
        raise ModelError(
            f"{where}/{card_path(there.name)}: {', '.join(differ)}: what holds for all versions is not the same as in"
            f" the card that {model.version} comes with; give one of the models another name"
        )
    release = there.versions.get(model.version)
    if release is not None and f"sha256:{release.sha256}" != model.digest:
        raise ModelError(
            f"{where} has {there.name} {model.version} with the digest sha256:{release.sha256}, not {model.digest};"
            " versions never change: give this one another number"
        )


async def _write(target: ModelRepository, model: Model, card: bytes) -> None:
    await target.store.write(file_path(model.card.name, model.version), model.path)
    await _write_card(target, model.card.name, card)


async def _write_card(target: ModelRepository, name: str, text: bytes) -> None:
    place = f"{target.where}/{card_path(name)}"
    if len(text) > MAX_CARD_BYTES:
        raise ModelError(f"{place}: would be longer than {MAX_CARD_BYTES} bytes")
    await asyncio.to_thread(ModelCard.parse, text, place)  # what we write can be read
    draft = await asyncio.to_thread(_draft, text)
    try:
        await target.store.write(card_path(name), draft)
    finally:
        await asyncio.to_thread(draft.unlink)


def _draft(text: bytes) -> Path:
    with tempfile.NamedTemporaryFile(suffix=".yaml", delete=False) as file:
        file.write(text)
    return Path(file.name)
