"""A repository in an S3-compatible store, or wherever else fsspec has a file system for.

The library's file systems work in an event loop of its own, in a thread of its own that ends with the process: a
request can be cancelled, and one that hangs holds nothing up. Wants the extra `s3`.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from inference.errors import ModelError
from inference.repository.store import MAX_OBJECTS, Objects, RepositoryUnavailable, StoredObject, bounded
from vedette.secrets.redaction import redact
from vedette.secrets.secret import SecretUrl

_PIECE_BYTES = 2 * 2**20
_TIMEOUT_S = 60.0
"""For a piece: a link of 35 kB/s still does."""
_S3_DEFAULTS = {
    "connect_timeout": 5,
    "read_timeout": 15,
    "retries": {"max_attempts": 0},
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}
"""Of the library's client. Some S3-compatible servers say the whole object's checksum of a part of it (rclone 1.75),
and others know none; what is fetched is compared with the card's digest anyway."""
_TOKENS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")
"""What file systems say of an object that changes with it; the first that is there."""

T = TypeVar("T")


class UrlStore:
    """Objects under `url`. Connects at the first request."""

    def __init__(self, url: SecretUrl, options: Mapping[str, Any]) -> None:
        self._url = url
        self._options = dict(options)
        self._system: Any = None
        self._root = ""
        self._opening = asyncio.Lock()

    @property
    def where(self) -> str:
        return str(self._url).rstrip("/")

    @property
    def folder(self) -> None:
        return None

    async def objects(self) -> Objects:
        await self._open()
        try:
            found = await self._run(self._system._find(self._root, detail=True), "")
        except FileNotFoundError:
            return {}
        if len(found) > MAX_OBJECTS:
            raise ModelError(f"{self.where}: over {MAX_OBJECTS} objects: no model repository")
        root = f"{self._root}/"
        objects = {path.removeprefix(root): _described(said) for path, said in found.items() if path.startswith(root)}
        return bounded(objects, self.where)

    async def read(self, path: str) -> AsyncGenerator[bytes, None]:
        await self._open()
        start = 0
        size_bytes = await self._size(path)
        while start < size_bytes:
            end = min(start + _PIECE_BYTES, size_bytes)
            piece = await self._asked(self._system._cat_file(f"{self._root}/{path}", start=start, end=end), path)
            if not piece:
                raise RepositoryUnavailable(f"{self.where}/{path}: it ends after {start} of {size_bytes} bytes")
            start += len(piece)
            yield piece

    async def write(self, path: str, source: Path) -> None:
        await self._open()
        target = f"{self._root}/{path}"
        if hasattr(self._system, "sync_fs"):  # of these some want the folder first; buckets have none
            await self._asked(self._system._makedirs(target.rpartition("/")[0], exist_ok=True), path)
        await self._asked(self._system._put_file(str(source), target), path, timeout_s=None)

    async def remove(self, path: str) -> None:
        await self._open()
        await self._size(path)  # of what isn't there S3 says that it was removed
        await self._asked(self._system._rm_file(f"{self._root}/{path}"), path)

    async def close(self) -> None:
        async with self._opening:
            held, self._system = [self._system], None
        if held == [None]:
            return
        from fsspec.asyn import get_loop

        # s3fs closes its connections when it is forgotten, in the event loop that runs then: it must be its own.
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_forget(held), get_loop()))

    async def _open(self) -> None:
        async with self._opening:  # two would make two, and one of them would be forgotten in this event loop
            if self._system is None:
                self._system, self._root = await asyncio.to_thread(_connect, self._url, self._options)

    async def _size(self, path: str) -> int:
        said = await self._asked(self._system._info(f"{self._root}/{path}"), path)
        return int(said.get("size") or 0)

    async def _asked(self, request: Coroutine[Any, Any, T], path: str, timeout_s: float | None = _TIMEOUT_S) -> T:
        try:
            return await self._run(request, path, timeout_s)
        except FileNotFoundError:
            raise ModelError(f"{self.where}/{path}: no such file") from None

    async def _run(self, request: Coroutine[Any, Any, T], path: str, timeout_s: float | None = _TIMEOUT_S) -> T:
        from fsspec.asyn import get_loop

        place = f"{self.where}/{path}".rstrip("/")
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(request, get_loop()))
        except FileNotFoundError:
            raise
        except PermissionError as error:
            raise ModelError(f"{place}: refused: {_said(error)}") from None
        except (TypeError, ValueError, AttributeError, KeyError) as error:  # what wrong options come to
            raise ModelError(f"{place}: {_said(error)}; are models.options right?") from None
        except Exception as error:  # noqa: BLE001 -- each file system raises what its own libraries do
            raise RepositoryUnavailable(f"{place}: {_said(error)}") from None


def _connect(url: SecretUrl, options: Mapping[str, Any]) -> tuple[Any, str]:
    """The file system with the methods of an asynchronous one, and the path in it."""
    try:
        import fsspec
        from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

        protocol = url.reveal().partition("://")[0]
        if protocol in ("s3", "s3a"):
            options = {**options, "config_kwargs": {**_S3_DEFAULTS, **options.get("config_kwargs", {})}}
        system, root = fsspec.core.url_to_fs(
            url.reveal(), skip_instance_cache=True, use_listings_cache=False, **options
        )
    except ImportError as error:
        hint = "pip install 'vedette[s3]'" if getattr(error, "name", None) in ("fsspec", None) else "install it"
        raise ModelError(f"models.url: {url} needs a package that is not there ({error}); {hint}") from None
    except Exception as error:  # noqa: BLE001 -- an option that a file system does not know, or worse
        raise ModelError(f"models.url: {url}: {_said(error)}") from None
    if hasattr(system, "retries"):
        system.retries = 1  # s3fs: we try again ourselves, and what is in the cache does not wait for it
    return (system if system.async_impl else AsyncFileSystemWrapper(system)), root.rstrip("/")


async def _forget(held: list[Any]) -> None:
    held.clear()


def _described(said: Mapping[str, Any]) -> StoredObject:
    token = next((str(said[key]) for key in _TOKENS if said.get(key)), "")
    return StoredObject(int(said.get("size") or 0), hashlib.sha256(token.encode()).hexdigest()[:16])


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return redact(lines[0]) if lines else type(error).__name__
