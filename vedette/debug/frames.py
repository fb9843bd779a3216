"""Stacks of threads and asyncio tasks, as places in the code: files, lines and functions, never values.

They are taken in the event loop, which alone may look at its tasks; the text, for which sources are read, is made in
another thread.
"""

import asyncio
import linecache
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType
from typing import Any

_DEEPEST = 100
_MOST_NAMES = 3
_THREADS_OF_ALL_KINDS = Path("/proc/self/task")


@dataclass(frozen=True, slots=True)
class Place:
    """A line that is executed, or waited at."""

    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Running:
    """A thread or a task."""

    name: str
    stack: tuple[Place, ...]
    """Outermost first; what is deeper than 100 is left out."""


def threads() -> list[Running]:
    """All threads that Python knows of, but the one that asks."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    own = threading.get_ident()
    frames = [(ident, frame) for ident, frame in sys._current_frames().items() if ident != own]
    return [Running(names.get(ident, f"thread {ident}"), _of_thread(frame)) for ident, frame in frames]


def tasks() -> list[Running]:
    """All tasks of the running loop, but the one that asks."""
    own = asyncio.current_task()
    return [Running(task.get_name(), _of_task(task)) for task in asyncio.all_tasks() if task is not own]


def native_threads() -> Counter[str]:
    """How many threads of the process, those of libraries too, have each name that the system knows them by."""
    names: Counter[str] = Counter()
    for folder in _THREADS_OF_ALL_KINDS.iterdir() if _THREADS_OF_ALL_KINDS.is_dir() else ():
        try:
            names[(folder / "comm").read_text().strip()] += 1
        except OSError:  # it has just ended
            continue
    return names


def report(threads: Sequence[Running], tasks: Sequence[Running]) -> str:
    """All of it as text; what is at the same place is shown once, with how many there are. Reads files."""
    native = native_threads()
    of_all_kinds = ", ".join(f"{count} {name}" for name, count in native.most_common())
    lines = [
        f"{len(threads)} other threads that Python knows of",
        *_grouped(threads),
        f"{len(tasks)} other asyncio tasks",
        *_grouped(tasks),
        f"{native.total()} threads of all kinds, by the system's names: {of_all_kinds}",
    ]
    return "\n".join(lines) + "\n"


def _grouped(running: Iterable[Running]) -> Iterator[str]:
    groups: dict[tuple[Place, ...], list[str]] = {}
    for one in running:
        groups.setdefault(one.stack, []).append(one.name)
    for stack, names in sorted(groups.items(), key=lambda group: -len(group[1])):
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        yield f"\n{len(names)} at: {', '.join(names[:_MOST_NAMES])}{more}"
        yield from map(_line, stack)
    yield ""


def _line(place: Place) -> str:
    source = linecache.getline(place.file, place.line).strip()
    return f'  File "{place.file}", line {place.line}, in {place.function}' + (f"\n    {source}" if source else "")


def _of_thread(frame: FrameType | None) -> tuple[Place, ...]:
    places: list[Place] = []
    while frame is not None and len(places) < _DEEPEST:
        places.append(_place(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(reversed(places))


def _of_task(task: asyncio.Task[Any]) -> tuple[Place, ...]:
    """The whole chain of what waits for what; `Task.get_stack` gives the outermost frame alone."""
    places: list[Place] = []
    awaited: object = task.get_coro()
    while len(places) < _DEEPEST:
        if isinstance(awaited, CoroutineType):
            frame, awaited = awaited.cr_frame, awaited.cr_await
        elif isinstance(awaited, GeneratorType):
            frame, awaited = awaited.gi_frame, awaited.gi_yieldfrom
        elif isinstance(awaited, AsyncGeneratorType):
            frame, awaited = awaited.ag_frame, awaited.ag_await
        else:
            break
        if frame is not None:
            places.append(_place(frame.f_code, frame.f_lineno))
    return tuple(places)


def _place(code: CodeType, line: int | None) -> Place:
    return Place(code.co_filename, line or code.co_firstlineno, code.co_qualname)
