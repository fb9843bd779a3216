"""Models of a distant repository, kept on this machine by digest, and the cards that named them.

    <folder>/files/<sha256>.onnx        each with a shared lock (flock) while somebody has it
    <folder>/files/.incoming-*          under way, locked by who writes it
    <folder>/cards/<place>/<name>.yaml  as they were read last; drafts beside them as above

Several processes use it at once. A file comes into being whole, under its name, and its bytes are compared with its
digest whenever it is taken. Over the bound the files that were not taken for longest go, never one that is held.
"""

import asyncio
import fcntl
import hashlib
import logging
import os
import re
import tempfile
import weakref
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path

from inference.errors import ModelError
from inference.repository.card import NAME
from inference.repository.store import MAX_MODEL_BYTES

logger = logging.getLogger(__name__)

_INCOMING = ".incoming-"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Held:
    """A file of the cache that stays there as long as this object is there."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._close = weakref.finalize(self, os.close, handle)

    def release(self) -> None:
        """It may go."""
        self._close()


class Cache:
    """Of one site on this machine, at most `max_bytes` of files that nobody holds."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._files = folder / "files"
        self._cards = folder / "cards"
        self._max_bytes = max_bytes

    async def has(self, sha256: str) -> bool:
        """Whether there is a file of that name; whether it is whole is seen when it is taken."""
        return await asyncio.to_thread(self._path(sha256).is_file)

    async def take(self, sha256: str) -> Held | None:
        """The file, if it is there; one whose bytes have changed is taken out, and isn't."""
        return await asyncio.to_thread(self._take, sha256)

    async def fill(self, sha256: str, pieces: AsyncGenerator[bytes, None], where: str) -> Held:
        """Store what `pieces` are, which come from `where`.

        Raises:
            ModelError: they are not what the digest is of, or over the size that any model may have, or this machine
                has no room; nothing is kept.
        """
        incoming = await asyncio.to_thread(lambda: _Incoming(_made(self._files)))
        try:
            size_bytes = 0
            async with aclosing(pieces):
                async for piece in pieces:
                    size_bytes += len(piece)
                    if size_bytes > MAX_MODEL_BYTES:
                        raise ModelError(f"{where}: over {MAX_MODEL_BYTES} bytes, the most a model may have")
                    await asyncio.to_thread(incoming.write, piece)
            if incoming.sha256 != sha256:
                raise ModelError(f"{where}: its digest is sha256:{incoming.sha256}, but the card says sha256:{sha256}")
            held = await asyncio.to_thread(self._keep, incoming, sha256)
        except OSError as error:
            raise ModelError(f"{self._files}: {error.strerror}") from error
        finally:
            await asyncio.to_thread(incoming.close)
        await asyncio.to_thread(self._make_room)
        return held

    def keep_card(self, place: str, name: str, text: bytes) -> None:
        """Remember a model's card. A cache that can't be written is a warning, not a failure."""
        try:
            folder = _made(self._cards / _slug(place))
            handle, draft = tempfile.mkstemp(prefix=_INCOMING, dir=folder)
            with os.fdopen(handle, "wb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # others don't sweep it away meanwhile
                file.write(text)
                file.flush()
                Path(draft).replace(folder / f"{name}.yaml")
        except (OSError, ModelError) as error:
            logger.warning("the card of %s is not remembered: %s", name, error)

    def forget_cards_but(self, place: str, names: list[str]) -> None:
        """The place has these models now, no others."""
        for name in set(self.card_names(place)) - set(names):
            (self._cards / _slug(place) / f"{name}.yaml").unlink(missing_ok=True)

    def card_names(self, place: str) -> list[str]:
        """Whose cards are remembered, sorted."""
        files = (self._cards / _slug(place)).glob("*.yaml")
        return sorted(file.stem for file in files if re.fullmatch(NAME, file.stem))

    def card_text(self, place: str, name: str) -> bytes | None:
        """A card as it was read last."""
        try:
            return (self._cards / _slug(place) / f"{name}.yaml").read_bytes()
        except OSError:
            return None

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is no SHA-256 digest")
        return self._files / f"{sha256}.onnx"

    def _take(self, sha256: str) -> Held | None:
        path = self._path(sha256)
        held = _hold(path)
        if held is None:
            return None
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == sha256:
            os.utime(path)
            return held
        logger.warning("%s is damaged; it is fetched again", path)
        path.unlink(missing_ok=True)
        held.release()
        return None

    def _keep(self, incoming: "_Incoming", sha256: str) -> Held:
        path = self._path(sha256)
        for _ in range(10):
            with suppress(FileExistsError):  # another process was faster, with the same bytes
                incoming.name_it(path)
            held = self._take(sha256)
            if held is not None:
                return held
        raise ModelError(f"{path}: goes again and again as soon as it is there")

    def _make_room(self) -> None:
        """Take out what is left behind by processes that were killed, and the oldest files over the bound."""
        for left in (*self._files.glob(f"{_INCOMING}*"), *self._cards.glob(f"*/{_INCOMING}*")):
            _remove_unless_held(left)
        files = sorted(_ages(self._files.glob("*.onnx")))
        over_bytes = sum(size_bytes for _, size_bytes, _ in files) - self._max_bytes
        for _, size_bytes, file in files:
            if over_bytes > 0 and _remove_unless_held(file):
                logger.info("%s leaves the cache, to make room", file.name)
                over_bytes -= size_bytes


class _Incoming:
    """A file that is being written, without its name yet."""

    def __init__(self, folder: Path) -> None:
        self._hash = hashlib.sha256()
        while True:
            self._handle, name = tempfile.mkstemp(prefix=_INCOMING, dir=folder)
            self._path = Path(name)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            if self._path.exists():  # else another process has swept it away before it was locked
                return
            os.close(self._handle)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, piece: bytes) -> None:
        self._hash.update(piece)
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(self._handle, rest) :]

    def name_it(self, path: Path) -> None:
        os.fsync(self._handle)
        fcntl.flock(self._handle, fcntl.LOCK_SH)
        os.link(self._path, path)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._handle)


def _made(folder: Path) -> Path:
    """The folder, for this user alone, and so are those above that it makes: credentials come to lie beside it."""
    try:
        for part in (*reversed(folder.parents), folder):
            part.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{folder}: {error.strerror}") from error
    return folder


def _hold(path: Path) -> Held | None:
    """The file under a shared lock; None if it isn't there, or goes at this moment."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    held = Held(path, handle)
    fcntl.flock(handle, fcntl.LOCK_SH)
    with suppress(FileNotFoundError):
        if path.stat().st_ino == os.fstat(handle).st_ino:
            return held
    held.release()
    return None


def _remove_unless_held(path: Path) -> bool:
    with _exclusively(path) as alone:
        if alone:
            path.unlink(missing_ok=True)
        return alone


@contextmanager
def _exclusively(path: Path) -> Iterator[bool]:
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)


def _ages(files: Iterator[Path]) -> Iterator[tuple[float, int, Path]]:
    for file in files:
        with suppress(FileNotFoundError):
            said = file.stat()
            yield said.st_mtime, said.st_size, file


def _slug(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()[:16]
