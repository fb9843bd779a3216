import fcntl
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from inference.repository.cache import Cache, Held
from tests.inference.repository.places import graph, sha256

SIZE = len(graph("1.0.0"))


async def pieces(version: str) -> AsyncGenerator[bytes, None]:
    yield graph(version)


async def fill(cache: Cache, version: str) -> Held:
    return await cache.fill(sha256(version), pieces(version), "here")


async def test_over_its_bound_what_was_not_taken_for_longest_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 2 * SIZE)
    for version in ("1.0.0", "1.1.0"):
        (await fill(cache, version)).release()
        os.utime(tmp_path / f"files/{sha256(version)}.onnx", (1000, 1000 + int(version[2])))
    taken = await cache.take(sha256("1.0.0"))
    assert taken
    taken.release()
    (await fill(cache, "1.2.0")).release()
    assert [await cache.has(sha256(version)) for version in ("1.0.0", "1.1.0", "1.2.0")] == [True, False, True]


async def test_what_is_in_use_stays_though_it_is_the_oldest_and_over_the_bound(tmp_path: Path) -> None:
    cache, other_process = Cache(tmp_path, 0), Cache(tmp_path, 0)
    held = await fill(cache, "1.0.0")
    (await fill(other_process, "1.1.0")).release()
    assert held.path.read_bytes() == graph("1.0.0")
    held.release()
    (await fill(other_process, "1.2.0")).release()
    assert not await cache.has(sha256("1.0.0"))


async def test_a_file_is_held_as_long_as_its_model_is_there(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 0)
    held: Held | None = await fill(cache, "1.0.0")
    (await fill(cache, "1.1.0")).release()
    assert await cache.has(sha256("1.0.0"))
    del held
    (await fill(cache, "1.2.0")).release()
    assert not await cache.has(sha256("1.0.0"))


async def test_a_file_that_was_damaged_is_taken_out_when_it_is_asked_for(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10 * SIZE)
    (await fill(cache, "1.0.0")).release()
    path = tmp_path / f"files/{sha256('1.0.0')}.onnx"
    path.write_bytes(graph("1.0.0")[:-1])
    assert await cache.take(sha256("1.0.0")) is None
    assert not path.exists()
    assert (await fill(cache, "1.0.0")).path.read_bytes() == graph("1.0.0")


async def test_a_damaged_file_in_the_place_of_a_new_one_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / f"files/{sha256('1.0.0')}.onnx").write_bytes(b"half of")
    held = await fill(Cache(tmp_path, 10 * SIZE), "1.0.0")
    assert held.path.read_bytes() == graph("1.0.0")


async def test_what_a_killed_process_left_is_swept_and_what_is_under_way_stays(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / ".incoming-left").write_bytes(b"half of")
    under_way = files / ".incoming-now"
    handle = os.open(under_way, os.O_CREAT | os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    (await fill(Cache(tmp_path, 10 * SIZE), "1.0.0")).release()
    assert sorted(file.name for file in files.iterdir()) == [".incoming-now", f"{sha256('1.0.0')}.onnx"]
    os.close(handle)


def test_cards_are_remembered_by_place(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 0)
    cache.keep_card("nats:a", "small", b"of a")
    cache.keep_card("nats:a", "old", b"of a")
    cache.keep_card("nats:b", "small", b"of b")
    assert (cache.card_text("nats:a", "small"), cache.card_text("nats:b", "small")) == (b"of a", b"of b")
    cache.forget_cards_but("nats:a", ["small", "new"])
    assert (cache.card_names("nats:a"), cache.card_names("nats:b")) == (["small"], ["small"])
    assert cache.card_text("nats:c", "small") is None


async def test_what_it_makes_is_for_its_user_alone(tmp_path: Path) -> None:
    await fill(Cache(tmp_path / "state/site/models", SIZE), "1.0.0")
    for path in (tmp_path / "state", *(tmp_path / "state").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0


async def test_drafts_of_cards_that_a_killed_process_left_are_swept_and_cards_stay(tmp_path: Path) -> None:
    cache, folder = Cache(tmp_path, 10 * SIZE), tmp_path / "cards" / "there"
    left, written, card = folder / ".incoming-left", folder / ".incoming-written", folder / "small.yaml"
    folder.mkdir(parents=True)
    for path in (left, written, card):
        path.write_bytes(b"a card")
    handle = os.open(written, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    (await fill(cache, "1.0.0")).release()
    assert sorted(folder.iterdir()) == [written, card]
    os.close(handle)
