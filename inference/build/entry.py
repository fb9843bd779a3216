"""A version that was built, put into a repository: the file first, then the card that names it."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from inference.build.recipe import Made
from inference.repository.changes import Copied, copy_version
from inference.repository.folder_store import FolderStore
from inference.repository.repository import ModelRepository
from inference.repository.store import card_path, file_path


async def enter(made: Made, repository: ModelRepository) -> Copied:
    """Whole or not at all.

    Raises ModelError if the version is there with another digest, or the card there says otherwise of what all versions
    share; RepositoryUnavailable.
    """
    (version,) = made.card.versions
    folder = await asyncio.to_thread(_repository_of, made, version)
    try:
        draft = ModelRepository(FolderStore(folder), None)
        return await copy_version(draft, repository, f"{made.card.name}@{version}")
    finally:
        await asyncio.to_thread(shutil.rmtree, folder)


async def replace_file(repository: ModelRepository, name: str, version: str, graph: bytes) -> None:
    """Put a version's file, which has the digest of its card, where it is missing or damaged.

    Raises RepositoryUnavailable.
    """
    path = file_path(name, version)
    folder = await asyncio.to_thread(_draft, {path: graph})
    try:
        await repository.store.write(path, folder / path)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder)


def _repository_of(made: Made, version: str) -> Path:
    return _draft({file_path(made.card.name, version): made.graph, card_path(made.card.name): card_text(made)})


def _draft(files: Mapping[str, bytes]) -> Path:
    """A folder of these files."""
    folder = Path(tempfile.mkdtemp())
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def card_text(made: Made) -> bytes:
    """The card as YAML, what is empty or as usual left out."""
    data = made.card.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    buffer = BytesIO()
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(_readable(data), buffer)
    return buffer.getvalue()


def _readable(data: Any) -> Any:
    """Without what is empty; numbers in one line, and whole ones without a point."""
    if isinstance(data, dict):
        return {key: _readable(value) for key, value in data.items() if value not in ([], {})}
    if isinstance(data, list):
        values = CommentedSeq(_readable(value) for value in data)
        if all(isinstance(value, int | float) for value in values):
            values.fa.set_flow_style()
        return values
    return int(data) if isinstance(data, float) and data.is_integer() else data
