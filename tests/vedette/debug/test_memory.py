"""What memory is made of: what is made here is found there."""

import ctypes
import gc
import mmap
import tracemalloc

import numpy as np

from vedette.debug.memory import allocations, malloc, memory, objects, system


class Held:
    """A kind of object that there is nowhere else."""


def test_what_is_held_is_counted_by_type() -> None:
    kept = [Held() for _ in range(1234)]
    pictures = [np.zeros((1000, 1000, 3), np.uint8) for _ in range(7)]
    texts = [{"one": b"x" * 5_000_000}]
    found = objects()
    rows = {row["type"]: row for row in found["by_type"]}
    assert rows["numpy.ndarray"]["bytes"] >= 21_000_000
    assert rows["bytes"]["bytes"] >= 5_000_000
    assert sum(row["count"] for row in found["by_type"]) + found["others"]["count"] == found["count"]
    counted = {row["type"]: row["count"] for row in found["by_type"]}
    assert counted.get(f"{__name__}.Held", 1234) == 1234
    del kept, pictures, texts


def test_the_system_knows_what_was_touched() -> None:
    gc.collect()  # what other tests left must not be given back meanwhile
    before = system()["VmRSS"]
    with mmap.mmap(-1, 40_000_000) as touched:  # the allocator may have such a piece from earlier
        touched.write(b"\1" * len(touched))
        after = system()
    assert after["VmRSS"] - before > 35_000_000
    assert after["VmHWM"] >= after["VmRSS"] > after["RssAnon"] > 0


def test_the_allocator_says_what_it_keeps() -> None:
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.free.argtypes = (ctypes.c_void_p,)
    before = malloc()
    assert before is not None
    asked = [library.malloc(50_000) for _ in range(400)]  # too small to be mapped each
    during = malloc()
    for one in asked:
        library.free(one)
    assert during is not None
    held = [found["arenas_bytes"] - found["free_bytes"] for found in (before, during)]
    assert held[1] - held[0] > 15_000_000
    assert during["arenas"] >= 1


def test_lines_are_given_only_where_they_are_traced() -> None:
    assert memory()["tracemalloc"] is None
    tracemalloc.start()
    try:
        traced = [bytes(100_000) for _ in range(50)]
        found = allocations()
        del traced
    finally:
        tracemalloc.stop()
    assert found["bytes"] >= 5_000_000
    assert found["by_line"][0]["where"].startswith(__file__)
