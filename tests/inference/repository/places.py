"""Repositories for tests: cards, and one place of each kind."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from inference.repository.bucket_store import BucketStore
from inference.repository.folder_store import FolderStore
from inference.repository.store import Store, card_path, file_path
from inference.repository.url_store import UrlStore
from tests.inference.repository.test_card import CARD
from tests.nats_server import NatsServer
from tests.s3_server import S3Server
from vedette.secrets.secret import SecretUrl

PLACES = ("folder", "bucket", "s3", "file", "memory")


def graph(version: str, size_bytes: int = 300_000) -> bytes:
    """Not a graph, but bytes with a digest; larger than a chunk of a bucket."""
    return (f"a graph of {version} " * (size_bytes // 10))[:size_bytes].encode()


def card(name: str, versions: Iterable[str]) -> str:
    """A card of `graph(version)` for each version."""
    head = CARD.split("  1.0.0:")[0].replace("name: small", f"name: {name}")
    return head + "".join(f"  {version}: {release(version)}\n" for version in versions)


def release(version: str) -> str:
    """What a card says of `graph(version)`."""
    return f"{{sha256: {sha256(version)}, origin: here, licence: MIT}}"


def sha256(version: str) -> str:
    """Of `graph(version)`."""
    return hashlib.sha256(graph(version)).hexdigest()


async def fill(store: Store, folder: Path, name: str = "small", versions: Iterable[str] = ("1.0.0", "1.2.0")) -> None:
    """Write a model to `store`, by way of files in `folder`."""
    versions = tuple(versions)
    for version in versions:
        await write(store, folder, file_path(name, version), graph(version))
    await write(store, folder, card_path(name), card(name, versions).encode())


async def write(store: Store, folder: Path, path: str, data: bytes) -> None:
    """Write one object, by way of a file in `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "draft").write_bytes(data)
    await store.write(path, folder / "draft")


async def read(store: Store, path: str) -> bytes:
    """An object whole."""
    return b"".join([piece async for piece in store.read(path)])


def bucket(server: NatsServer, name: str = "vedette-models") -> BucketStore:
    """A bucket of a server."""
    return BucketStore(lambda: server.address, name)


def s3(server: S3Server, prefix: str = "plant/models") -> UrlStore:
    """A prefix of a bucket that is there."""
    (server.folder / prefix.partition("/")[0]).mkdir(parents=True, exist_ok=True)
    return UrlStore(SecretUrl(f"s3://{prefix}"), server.options)


def url(text: str) -> UrlStore:
    """A URL without options."""
    return UrlStore(SecretUrl(text), {})


def folder(path: Path) -> FolderStore:
    """A folder."""
    return FolderStore(path)
