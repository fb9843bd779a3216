"""A repository that is not on this machine: what the cache has serves, and nothing of what a store says is believed."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from inference.errors import ModelError
from inference.repository import bucket_store as bucket_module
from inference.repository import cache as cache_module
from inference.repository.bucket_store import BucketStore
from inference.repository.cache import Cache
from inference.repository.card import MAX_CARD_BYTES
from inference.repository.folder_store import FolderStore
from inference.repository.repository import ModelRepository
from inference.repository.store import RepositoryUnavailable, Store, card_path, file_path
from inference.repository.url_store import UrlStore
from tests.inference.repository import places
from tests.inference.repository.places import card, fill, graph, release, sha256, write
from tests.nats_server import NatsServer
from tests.s3_server import S3Server
from vedette.bus.connection import Bus
from vedette.secrets.secret import SecretUrl

Gone = Callable[[], None]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 10 * 2**20)


def files_of(folder: Path) -> list[str]:
    """What the cache has, by the first letters of the digest."""
    return sorted(file.name[:8] for file in (folder / "cache/files").iterdir())


@pytest.fixture(params=["bucket", "s3"])
def distant(request: pytest.FixtureRequest) -> tuple[Callable[[], Store], Gone]:
    """Opens a place with a server, and ends the server."""
    if request.param == "bucket":
        nats: NatsServer = request.getfixturevalue("nats_server")
        return lambda: places.bucket(nats), nats.kill
    s3: S3Server = request.getfixturevalue("s3_server")
    return lambda: places.s3(s3), s3.close


async def test_what_was_fetched_serves_when_the_place_is_gone(
    distant: tuple[Callable[[], Store], Gone], tmp_path: Path, cache: Cache
) -> None:
    place, end = distant
    async with ModelRepository(place(), cache) as repository:
        await fill(repository.store, tmp_path / "draft")
        model = await repository.resolve("small@^1")
        assert (model.version, await asyncio.to_thread(model.read)) == ("1.2.0", graph("1.2.0"))
        assert (repository.offline, await repository.is_local(model.card, "1.0.0")) == (None, False)
    await asyncio.to_thread(end)
    async with ModelRepository(place(), cache) as repository:
        model = await repository.resolve("small@^1")
        assert (model.version, await asyncio.to_thread(model.read)) == ("1.2.0", graph("1.2.0"))
        assert repository.offline
        assert await repository.names() == ["small"]
        with pytest.raises(RepositoryUnavailable):
            await repository.resolve("small@1.0.0")
        with pytest.raises(ModelError, match="no model 'other'; there are: small"):
            await repository.resolve("other")
        with pytest.raises(RepositoryUnavailable):
            await repository.tokens()


async def test_a_newer_version_that_cannot_be_fetched_leaves_the_one_in_the_cache_serving(
    nats_server: NatsServer, tmp_path: Path, cache: Cache
) -> None:
    async with ModelRepository(places.bucket(nats_server), cache, patience_s=None) as repository:
        await fill(repository.store, tmp_path / "draft", versions=["1.0.0"])
        await repository.resolve("small")
        await fill(repository.store, tmp_path / "draft", versions=["1.0.0", "1.1.0"])
        assert "1.1.0" in (await repository.card("small")).versions  # and is remembered
        await asyncio.to_thread(nats_server.kill)
        assert (await repository.resolve("small")).version == "1.0.0"
        await asyncio.to_thread(nats_server.start)
        async with asyncio.timeout(45):
            while (await repository.resolve("small")).version != "1.1.0":
                await asyncio.sleep(0.1)
        assert repository.offline is None


async def test_what_is_nowhere_yet_is_waited_for(nats_server: NatsServer, tmp_path: Path, cache: Cache) -> None:
    async with ModelRepository(places.bucket(nats_server), cache, patience_s=None) as repository:
        await fill(repository.store, tmp_path / "draft")
        await asyncio.to_thread(nats_server.kill)
        waiting = asyncio.create_task(repository.resolve("small"))
        async with asyncio.timeout(90):
            while repository.offline is None:
                await asyncio.sleep(0.05)
        assert not waiting.done()
        await asyncio.to_thread(nats_server.start)
        async with asyncio.timeout(45):
            assert (await waiting).version == "1.2.0"


async def test_a_server_that_dies_while_a_file_is_read_is_noticed(
    distant: tuple[Callable[[], Store], Gone], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "_ANSWER_WITHIN_S", 1.0)
    open_place, end = distant
    store = open_place()
    await write(store, tmp_path / "draft", file_path("small", "1.0.0"), graph("1.0.0", 6 * 2**20))
    pieces = store.read(file_path("small", "1.0.0"))
    assert await anext(pieces)
    await asyncio.to_thread(end)
    with pytest.raises(RepositoryUnavailable, match=r"small/1\.0\.0/model\.onnx"):
        async for _ in pieces:
            pass
    await store.close()


class Breaking(FolderStore):
    """As if the folder were distant, over a connection that breaks so often within a model's file."""

    breaks = 1

    @property
    def folder(self) -> None:  # type: ignore[override]
        return None

    async def read(self, path: str) -> AsyncGenerator[bytes, None]:
        async for piece in super().read(path):
            yield piece[:1000]
            if path.endswith("onnx") and self.breaks:
                self.breaks -= 1
                raise RepositoryUnavailable(f"{path}: the connection broke")
            yield piece[1000:]


async def test_a_connection_that_breaks_leaves_nothing_behind_and_the_file_is_fetched_again(
    tmp_path: Path, cache: Cache
) -> None:
    store = Breaking(tmp_path / "models")
    await fill(store, tmp_path / "draft")
    with pytest.raises(RepositoryUnavailable, match="the connection broke"):
        await ModelRepository(store, cache).resolve("small")
    assert files_of(tmp_path) == []
    store.breaks = 2
    model = await ModelRepository(store, cache, patience_s=None).resolve("small")
    assert await asyncio.to_thread(model.read) == graph("1.2.0")
    assert files_of(tmp_path) == [sha256("1.2.0")[:8]]


async def test_many_who_want_the_same_file_at_once_all_get_it_whole(store: Store, tmp_path: Path, cache: Cache) -> None:
    await fill(store, tmp_path / "draft")
    repositories = [ModelRepository(store, Cache(tmp_path / "cache", 0)) for _ in range(6)]
    models = await asyncio.gather(*(repository.resolve("small@1.0.0") for repository in repositories))
    assert {await asyncio.to_thread(model.read) for model in models} == {graph("1.0.0")}
    if store.folder is None:
        assert files_of(tmp_path) == [sha256("1.0.0")[:8]]


async def test_a_file_that_is_not_the_one_of_the_card_is_refused_and_not_kept(
    store: Store, tmp_path: Path, cache: Cache
) -> None:
    await fill(store, tmp_path / "draft")
    await write(store, tmp_path / "draft", file_path("small", "1.0.0"), b"another file")
    with pytest.raises(ModelError) as caught:
        await asyncio.to_thread((await ModelRepository(store, cache).resolve("small@1.0.0")).read)
    assert "small/1.0.0/model.onnx: its digest is sha256:" in str(caught.value)
    assert sha256("1.0.0") in str(caught.value)
    assert store.folder or files_of(tmp_path) == []


async def test_a_file_over_the_limit_is_refused_before_it_is_whole(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Breaking(tmp_path / "models")
    store.breaks = 0
    await fill(store, tmp_path / "draft")
    monkeypatch.setattr(cache_module, "MAX_MODEL_BYTES", 250_000)
    with pytest.raises(ModelError, match="over 250000 bytes"):
        await ModelRepository(store, cache).resolve("small")
    assert files_of(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#" * (MAX_CARD_BYTES + 1), "longer than"),
        (card("other", ["1.0.0"]), "name: it is 'other', but the folder is 'small'"),
        (card("small", ["../../etc"]), "versions"),
        (card("small", ["1.0.0"]).replace(sha256("1.0.0"), "../../x"), r"versions\.1\.0\.0\.sha256"),
        ("!!python/object/apply:os.system [true]", "small/model.yaml"),
    ],
)
async def test_a_hostile_card_is_refused_with_its_place(
    tmp_path: Path, cache: Cache, text: str, reason: str, nats_server: NatsServer
) -> None:
    async with ModelRepository(places.bucket(nats_server), cache) as repository:
        await write(repository.store, tmp_path / "draft", card_path("small"), text.encode())
        with pytest.raises(ModelError, match=f"(?s)nats:vedette-models/small/model.yaml.*{reason}|{reason}"):
            await repository.resolve("small")


async def put(bus: Bus, path: str, **meta: object) -> None:
    """An object's description as nobody's library writes it."""
    subject = f"$O.vedette-models.M.{base64.urlsafe_b64encode(path.encode()).decode()}"
    described = {"name": path, "bucket": "vedette-models", "nuid": "N", "size": 5, "chunks": 1, **meta}
    await bus.jetstream.publish(subject, json.dumps(described).encode())


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({"nuid": ">"}, "description is damaged"),
        ({"nuid": "*.x"}, "description is damaged"),
        ({"size": -1}, "description is damaged"),
        ({"size": 2**40}, "over the limit"),
        ({"size": 4}, "larger than the 4 bytes that it says"),
        ({"options": {"link": {"bucket": "vedette-models", "name": "small/model.yaml"}}}, "links are not followed"),
    ],
)
async def test_an_object_that_lies_about_itself_is_refused(
    bus: Bus, nats_server: NatsServer, tmp_path: Path, cache: Cache, meta: dict[str, object], reason: str
) -> None:
    store = BucketStore(lambda: nats_server.address, "vedette-models", bus)
    await fill(store, tmp_path / "draft")
    await bus.jetstream.publish("$O.vedette-models.C.N", b"12345")
    await put(bus, file_path("small", "1.0.0"), **meta)
    with pytest.raises(ModelError, match=reason):
        await ModelRepository(store, cache).resolve("small@1.0.0")


async def test_objects_with_strange_names_are_not_there(bus: Bus, nats_server: NatsServer, tmp_path: Path) -> None:
    store = BucketStore(lambda: nats_server.address, "vedette-models", bus)
    await fill(store, tmp_path / "draft", versions=["1.0.0"])
    for path in ("../x/model.yaml", "/etc/model.yaml", "x/../y/model.yaml", "x\n/model.yaml", "é/model.yaml"):
        await put(bus, path)
    await bus.jetstream.publish("$O.vedette-models.M.%%%", b"{}")
    await bus.jetstream.publish("$O.vedette-models.M.eA==", b"no JSON")
    assert list(await store.objects()) == ["small/1.0.0/model.onnx", "small/model.yaml"]


async def test_a_bucket_that_was_made_anew_is_seen(bus: Bus, nats_server: NatsServer, tmp_path: Path) -> None:
    store = BucketStore(lambda: nats_server.address, "vedette-models", bus)
    await fill(store, tmp_path / "draft")
    assert len(await store.objects()) == 3
    await bus.jetstream.delete_object_store("vedette-models")
    assert await store.objects() == {}
    await fill(store, tmp_path / "draft", "other", ["1.0.0", "1.2.0"])
    assert "other/model.yaml" in await store.objects()


async def test_the_wrong_key_is_an_error_that_shows_no_secret(s3_server: S3Server, tmp_path: Path) -> None:
    wrong = UrlStore(SecretUrl("s3://plant/models"), {**s3_server.options, "secret": "wr0ng"})
    with pytest.raises((ModelError, RepositoryUnavailable)) as caught:
        await write(wrong, tmp_path / "draft", card_path("small"), release("1.0.0").encode())
    assert "s3://plant/models" in str(caught.value)
    assert "wr0ng" not in str(caught.value)
    await wrong.close()


@pytest.mark.parametrize("url", ["nothing://x", "s3://bucket/models"])
async def test_a_url_that_no_library_serves_is_an_error_in_words(url: str) -> None:
    with pytest.raises(ModelError, match=r"models\.url: |models\.options"):
        await UrlStore(SecretUrl(url), {"config_kwargs": 5}).objects()
