"""What a process' memory is made of, as far as the system, the allocator and the interpreter know.

Objects of C and C++ libraries (frames of FFmpeg, the arenas of ONNX Runtime) are no Python objects: they are in the
system's figures and the allocator's alone.
"""

import ctypes
import gc
import sys
import tracemalloc
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")
_ROLLUP = Path("/proc/self/smaps_rollup")
_SYSTEM = {"VmRSS", "VmHWM", "VmSize", "VmSwap", "RssAnon", "RssFile", "RssShmem", "Pss", "Private_Dirty"}
_MOST_TYPES, _MOST_LINES = 40, 25
_KIB = 1024
_UNTRACKED = (dict, tuple)
"""Containers that the collector leaves alone while they hold nothing but plain values."""


def memory() -> dict[str, Any]:
    """All of it; sizes in bytes. Takes 3 s of the interpreter a million objects: not for the event loop."""
    return {
        "system": system(),
        "malloc": malloc(),
        "objects": objects(),
        "tracemalloc": allocations() if tracemalloc.is_tracing() else None,
    }


def system() -> dict[str, int]:
    """The kernel's figures; VmHWM is the most that VmRSS ever was. Pss counts what processes share by shares."""
    found = {}
    for file in (_STATUS, _ROLLUP):
        try:
            lines = file.read_text().splitlines()
        except OSError:  # another system, or a kernel without this file
            continue
        for line in lines:
            name, _, value = line.partition(":")
            if name in _SYSTEM and value.endswith("kB"):
                found[name] = int(value.split()[0]) * _KIB
    return found


def malloc() -> dict[str, int] | None:
    """glibc's allocator (malloc_info(3)): what it has of the system, and how much of that is free but kept.

    None where there is another one.
    """
    text = _malloc_info()
    if text is None:
        return None
    root = ET.fromstring(text)  # noqa: S314 -- the C library's own
    totals = {total.get("type"): int(total.get("size", 0)) for total in root.findall("total")}
    current = next((int(one.get("size", 0)) for one in root.findall("system") if one.get("type") == "current"), 0)
    free = totals.get("fast", 0) + totals.get("rest", 0)
    mapped = totals.get("mmap", 0)
    heaps = len(root.findall("heap"))
    return {"arenas": heaps, "arenas_bytes": current, "free_bytes": free, "mapped_bytes": mapped}


def objects() -> dict[str, Any]:
    """Python's objects by type, those with the most bytes first: containers, and plain values in them.

    Of an array its own buffer counts, of a view none.
    """
    counts: defaultdict[type, list[int]] = defaultdict(lambda: [0, 0])
    seen: set[int] = set()
    tracked = gc.get_objects()
    own = id(tracked)
    total = len(tracked)
    while tracked:  # let go of one after the other: what ends meanwhile does so soon
        container = tracked.pop()
        _count(container, counts)
        parts = gc.get_referents(container)
        while parts:
            part = parts.pop()
            if not gc.is_tracked(part) and id(part) not in seen and id(part) != own:
                seen.add(id(part))
                _count(part, counts)
                if type(part) in _UNTRACKED:
                    parts += gc.get_referents(part)
    by_size = sorted(counts.items(), key=lambda item: -item[1][1])
    return {
        "tracked": total,
        "count": sum(count for count, _ in counts.values()),
        "bytes": sum(size for _, size in counts.values()),
        "by_type": [_row(kind, *both) for kind, both in by_size[:_MOST_TYPES]],
        "others": _summed(both for _, both in by_size[_MOST_TYPES:]),
    }


def allocations() -> dict[str, Any]:
    """Where Python's memory was asked for, by line; `tracemalloc` must run (PYTHONTRACEMALLOC=1)."""
    lines = tracemalloc.take_snapshot().statistics("lineno")
    shown = [
        {"where": f"{one.traceback[0].filename}:{one.traceback[0].lineno}", "bytes": one.size, "count": one.count}
        for one in lines[:_MOST_LINES]
    ]
    held, most = tracemalloc.get_traced_memory()
    return {"bytes": held, "most_bytes": most, "by_line": shown}


def _count(thing: object, counts: defaultdict[type, list[int]]) -> None:
    try:
        size = sys.getsizeof(thing, 0)
    except Exception:  # noqa: BLE001 -- a library's own __sizeof__
        size = 0
    both = counts[type(thing)]
    both[0] += 1
    both[1] += size


def _row(kind: type, count: int, size: int) -> dict[str, Any]:
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return {"type": name, "count": count, "bytes": size}


def _summed(rows: Iterable[list[int]]) -> dict[str, int]:
    count = size = 0
    for row in rows:
        count, size = count + row[0], size + row[1]
    return {"count": count, "bytes": size}


def _malloc_info() -> bytes | None:
    """The allocator's own XML. The C library writes it to a stream in memory."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_info") or not hasattr(library, "open_memstream"):
        return None
    library.open_memstream.restype = ctypes.c_void_p
    library.malloc_info.argtypes = (ctypes.c_int, ctypes.c_void_p)
    library.fclose.argtypes = library.free.argtypes = (ctypes.c_void_p,)
    text, size = ctypes.c_void_p(), ctypes.c_size_t()
    stream = library.open_memstream(ctypes.byref(text), ctypes.byref(size))
    if not stream:
        return None
    failed = library.malloc_info(0, stream)
    library.fclose(stream)
    try:
        return None if failed else ctypes.string_at(text, size.value)
    finally:
        library.free(text)
