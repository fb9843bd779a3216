"""Versions copied from one repository into another, and taken out."""

from pathlib import Path

import pytest

from inference.errors import ModelError
from inference.repository.cache import Cache
from inference.repository.changes import copy_version, remove_model, remove_version
from inference.repository.folder_store import FolderStore
from inference.repository.repository import ModelRepository
from inference.repository.store import Store, card_path, file_path
from tests.inference.repository.places import card, fill, graph, read, sha256, write

COMMENTED = (
    card("small", ["1.0.0"])
    .lstrip()
    .replace("task: detection", "task: detection # boxes")
    .replace("versions:", "# what there is\nversions:")
)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 10 * 2**20)


@pytest.fixture
async def source(tmp_path: Path) -> ModelRepository:
    store = FolderStore(tmp_path / "source")
    await fill(store, tmp_path / "draft", versions=["1.0.0", "1.2.0", "2.0.0"])
    return ModelRepository(store, None)


async def test_a_version_is_copied_into_every_kind_of_place_and_out_of_it_again(
    store: Store, source: ModelRepository, tmp_path: Path, cache: Cache
) -> None:
    target = ModelRepository(store, cache)
    assert not (await copy_version(source, target, "small@^1")).was_there
    assert list((await target.card("small")).versions) == ["1.2.0"]
    assert not (await copy_version(source, target, "small")).was_there
    assert (await copy_version(source, target, "small@2.0.0")).was_there
    assert list((await target.card("small")).versions) == ["1.2.0", "2.0.0"]
    back = ModelRepository(FolderStore(tmp_path / "back"), None)
    copied = await copy_version(target, back, "small@1")
    assert await read(back.store, file_path("small", "1.2.0")) == graph("1.2.0")
    assert copied.model.digest == f"sha256:{sha256('1.2.0')}"


async def test_a_card_keeps_its_comments_and_order_when_versions_come_and_go(
    source: ModelRepository, tmp_path: Path
) -> None:
    target = ModelRepository(FolderStore(tmp_path / "target"), None)
    await fill(target.store, tmp_path / "draft", versions=["1.0.0"])
    await write(target.store, tmp_path / "draft", card_path("small"), COMMENTED.encode())
    await copy_version(source, target, "small@1.2.0")
    text = (await target.card_text("small")).decode()
    assert [line for line in text.splitlines() if "1.2.0" not in line] == COMMENTED.splitlines()
    await remove_version(target, "small", "1.2.0")
    assert (await target.card_text("small")).decode() == COMMENTED
    assert list(await target.store.objects()) == ["small/1.0.0/model.onnx", "small/model.yaml"]


async def test_a_card_that_says_something_else_is_not_mixed_with(source: ModelRepository, tmp_path: Path) -> None:
    target = ModelRepository(FolderStore(tmp_path / "target"), None)
    other = card("small", ["1.0.0"]).replace("[person, car]", "[car, person]").replace("iou: 0.6", "iou: 0.5")
    await write(target.store, tmp_path / "draft", card_path("small"), other.encode())
    with pytest.raises(ModelError, match=r"small/model\.yaml: labels, thresholds: what holds for all"):
        await copy_version(source, target, "small")
    assert list(await target.store.objects()) == ["small/model.yaml"]


async def test_a_version_never_changes(source: ModelRepository, tmp_path: Path) -> None:
    target = ModelRepository(FolderStore(tmp_path / "target"), None)
    other = card("small", ["1.0.0"]).replace(sha256("1.0.0"), "ab" * 32)
    await write(target.store, tmp_path / "draft", card_path("small"), other.encode())
    with pytest.raises(ModelError, match="versions never change"):
        await copy_version(source, target, "small@1.0.0")


async def test_a_damaged_file_is_not_copied(source: ModelRepository, tmp_path: Path) -> None:
    target = ModelRepository(FolderStore(tmp_path / "target"), None)
    await write(source.store, tmp_path / "draft", file_path("small", "2.0.0"), b"damaged")
    with pytest.raises(ModelError, match="its digest is"):
        await copy_version(source, target, "small")
    assert await target.store.objects() == {}


async def test_the_last_version_goes_with_its_model_only(
    store: Store, source: ModelRepository, tmp_path: Path, cache: Cache
) -> None:
    target = ModelRepository(store, cache)
    await fill(store, tmp_path / "draft")
    await fill(store, tmp_path / "draft", "other", ["1.0.0"])
    with pytest.raises(ModelError, match=r"has no version for 'small@3\.0\.0'; of small there are: 1\.0\.0, 1\.2\.0"):
        await remove_version(target, "small", "3.0.0")
    await remove_version(target, "small", "1.2.0")
    assert "small/1.2.0/model.onnx" not in await store.objects()
    with pytest.raises(ModelError, match=r"1\.0\.0 is the last version of small"):
        await remove_version(target, "small", "1.0.0")
    await remove_model(target, "small")
    assert list(await store.objects()) == ["other/1.0.0/model.onnx", "other/model.yaml"]
    with pytest.raises(ModelError, match="no model 'small'; there are: other"):
        await remove_model(target, "small")


async def test_a_roll_out_stays_where_it_is_and_what_it_names_is_not_removed(
    source: ModelRepository, tmp_path: Path
) -> None:
    target = ModelRepository(FolderStore(tmp_path / "target"), None)
    rolling = card("small", ["1.0.0", "1.2.0", "2.0.0"]) + "rollout: {stable: 1.0.0, candidate: 1.2.0, share: 0.1}\n"
    await write(source.store, tmp_path / "draft", card_path("small"), rolling.encode())
    await copy_version(source, target, "small")
    assert b"rollout" not in await target.card_text("small")
    await copy_version(target, source, "small")  # whose card says the same but for the roll-out
    with pytest.raises(ModelError, match=r"rollout: there is no version 1\.2\.0"):
        await remove_version(source, "small", "1.2.0")
    assert await read(source.store, file_path("small", "1.2.0")) == graph("1.2.0")
    await remove_version(source, "small", "2.0.0")
