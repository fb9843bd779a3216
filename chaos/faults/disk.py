"""The disk of the nats-server is full: a file system in memory of its own size, which only root can mount."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.system import System
from chaos.trial import Fault

SIZE_MIB = 192
_FULL_S = 8.0
_CHUNK = b"\0" * 2**20


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs of `SIZE_MIB`, mounted on `folder` while the body runs."""
    folder.mkdir()
    options = f"size={SIZE_MIB}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "vedette-chaos", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def cannot_mount() -> str | None:
    """Why there is no small disk here."""
    return None if os.geteuid() == 0 and shutil.which("mount") else "mounting a small disk needs root"


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(_CHUNK)
        except OSError:  # it is full
            return


async def _full(system: System) -> None:
    """What an operator does then: make room, and restart the server, which has shut its streams."""
    filler = system.brokers[0].store.parent / "filler"
    await asyncio.to_thread(_fill, filler)
    await asyncio.sleep(_FULL_S)
    filler.unlink()
    await system.brokers[0].restart()


FAULTS = (
    Fault(
        "full-disk",
        f"the server's disk ({SIZE_MIB} MiB) is full for {_FULL_S:.0f} s; then there is room, and it is restarted",
        _full,
        cannot_mount,
        small_disk=True,
    ),
)
