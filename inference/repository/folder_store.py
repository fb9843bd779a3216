"""A repository in a folder of this machine."""

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

from inference.errors import ModelError
from inference.repository.store import Objects, StoredObject, bounded

_PIECE_BYTES = 2**20


class FolderStore:
    """Objects are files; each call looks anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def where(self) -> str:
        return str(self._folder)

    @property
    def folder(self) -> Path:
        return self._folder

    async def objects(self) -> Objects:
        return bounded(await asyncio.to_thread(self._look), self.where)

    def _look(self) -> Objects:
        try:
            files = [*self._folder.glob("*/model.yaml"), *self._folder.glob("*/*/model.onnx")]
            found = {file.relative_to(self._folder).as_posix(): file.stat() for file in files}
        except FileNotFoundError:  # a file that has gone between the two
            return self._look() if self._folder.exists() else {}
        except OSError as error:
            raise self._refused(error) from error
        return {
            path: StoredObject(one.st_size, f"{one.st_mtime_ns} {one.st_ino}")
            for path, one in found.items()
            if stat.S_ISREG(one.st_mode)
        }

    async def read(self, path: str) -> AsyncGenerator[bytes, None]:
        try:
            offset = 0
            while piece := await asyncio.to_thread(_piece, self._folder / path, offset):
                offset += len(piece)
                yield piece
        except OSError as error:
            raise ModelError(f"{self._folder / path}: {error.strerror}") from error

    async def write(self, path: str, source: Path) -> None:
        try:
            await asyncio.to_thread(_copy, source, self._folder / path)
        except OSError as error:
            raise self._refused(error, path) from error

    async def remove(self, path: str) -> None:
        try:
            await asyncio.to_thread(_remove, self._folder / path, self._folder)
        except OSError as error:
            raise self._refused(error, path) from error

    async def close(self) -> None:
        return

    def _refused(self, error: OSError, path: str = "") -> ModelError:
        return ModelError(f"{self._folder / path}: {error.strerror}")


def _piece(path: Path, offset: int) -> bytes:
    """Opened for each: a file that is held over an `await` is left open by whoever is cancelled there."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(_PIECE_BYTES)


def _copy(source: Path, target: Path) -> None:
    """In the folder of its own first, then under its name at once, so that nobody ever reads half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".incoming-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file, source.open("rb") as data:
            shutil.copyfileobj(data, file, _PIECE_BYTES)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _remove(file: Path, folder: Path) -> None:
    """The file, and the folders that held nothing else."""
    file.unlink()
    for parent in file.parents:
        if parent == folder:
            return
        with suppress(OSError):  # something else is in it
            parent.rmdir()
