"""What every place must do, whatever it is."""

from pathlib import Path

import pytest

from inference.errors import ModelError
from inference.repository.store import Store, card_path, file_path, names_in, tokens_in
from tests.inference.repository.places import card, fill, graph, read, write


async def test_an_empty_place_has_no_objects_and_says_so_of_each(store: Store) -> None:
    assert await store.objects() == {}
    with pytest.raises(ModelError, match=r"small/model\.yaml"):
        await read(store, card_path("small"))


async def test_what_is_written_is_there_with_its_size_and_is_read_back(store: Store, tmp_path: Path) -> None:
    await fill(store, tmp_path / "draft")
    objects = await store.objects()
    assert list(objects) == ["small/1.0.0/model.onnx", "small/1.2.0/model.onnx", "small/model.yaml"]
    assert objects["small/1.0.0/model.onnx"].size_bytes == len(graph("1.0.0"))
    assert names_in(objects) == ["small"]
    assert await read(store, file_path("small", "1.0.0")) == graph("1.0.0")
    assert await read(store, card_path("small")) == card("small", ("1.0.0", "1.2.0")).encode()


async def test_a_token_stays_while_nothing_changes_and_is_another_one_after_each_change(
    store: Store, tmp_path: Path
) -> None:
    await fill(store, tmp_path / "draft")
    await fill(store, tmp_path / "draft", "other", ["1.0.0"])
    first = tokens_in(await store.objects())
    assert tokens_in(await store.objects()) == first
    await write(store, tmp_path / "draft", card_path("small"), card("small", ("1.0.0", "1.3.0")).encode())
    second = tokens_in(await store.objects())
    assert second["small"] != first["small"]
    assert second["other"] == first["other"]
    await write(store, tmp_path / "draft", file_path("small", "1.3.0"), graph("1.3.0"))  # the file comes after the card
    third = tokens_in(await store.objects())
    assert third["small"] not in (first["small"], second["small"])


async def test_what_is_removed_is_gone_and_the_rest_stays(store: Store, tmp_path: Path) -> None:
    await fill(store, tmp_path / "draft")
    await store.remove(file_path("small", "1.0.0"))
    assert list(await store.objects()) == ["small/1.2.0/model.onnx", "small/model.yaml"]
    with pytest.raises(ModelError, match=r"small/1\.0\.0/model\.onnx"):
        await read(store, file_path("small", "1.0.0"))
    with pytest.raises(ModelError, match=r"small/1\.0\.0/model\.onnx"):
        await store.remove(file_path("small", "1.0.0"))


async def test_what_is_not_of_the_layout_is_not_there(store: Store, tmp_path: Path) -> None:
    for path in ("UPPER/model.yaml", "small/latest/model.onnx", "README.md", "small/1.0.0/deeper/model.onnx"):
        await write(store, tmp_path / "draft", path, b"x")
    assert await store.objects() == {}
