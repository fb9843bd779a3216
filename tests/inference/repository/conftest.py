"""Places of every kind, with real servers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from inference.repository.store import Store
from tests.inference.repository import places
from tests.nats_server import NatsServer
from tests.s3_server import S3Server


@pytest.fixture
def s3_server(tmp_path: Path) -> Iterator[S3Server]:
    folder = tmp_path / "s3"
    folder.mkdir()
    server = S3Server(folder)
    server.start()
    yield server
    server.close()


@pytest.fixture(params=places.PLACES)
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A place of each kind; its server was started before the event loop is."""
    if request.param == "bucket":
        nats_server: NatsServer = request.getfixturevalue("nats_server")
        return places.bucket(nats_server)
    if request.param == "s3":
        return places.s3(request.getfixturevalue("s3_server"))
    if request.param == "folder":
        return places.folder(tmp_path / "models")
    return places.url(f"file://{tmp_path}/models" if request.param == "file" else f"memory://{tmp_path.name}/models")


@pytest.fixture
async def store(empty_place: Store) -> AsyncIterator[Store]:
    """The same, left at the end."""
    yield empty_place
    await empty_place.close()
