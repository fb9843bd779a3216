"""This machine's clock leaps, for one process of each kind: a library before its own (LD_PRELOAD) adds to what it asks.

Needs a C compiler. Durations are of the monotonic clock, which doesn't leap; the nats-server, a Go program, asks the
kernel and does not notice.
"""

import asyncio
import shutil
import struct
import subprocess
from pathlib import Path

from chaos.system import KINDS, System
from chaos.trial import Fault

_SOURCE = Path(__file__).parent / "clock_shim.c"
_LASTS_S = 5.0


def _no_compiler() -> str | None:
    return None if shutil.which("cc") else "the clock of a process is moved by a library that wants a C compiler (cc)"


def _built(folder: Path) -> Path:
    library = folder / "clock_shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"], check=True)
    return library


async def _leap(system: System) -> None:
    library = await asyncio.to_thread(_built, system.folder)
    offset = system.folder / "clock-offset"
    offset.write_bytes(struct.pack("q", 0))
    chosen = [system.of(kind)[-1] for kind in KINDS]
    for service in chosen:
        service.environ |= {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(offset)}
        await service.restart()
    await system.until_ready()
    for off_s in (3600, -3600, 0):
        with offset.open("r+b") as file:
            file.write(struct.pack("q", off_s))
        await asyncio.sleep(_LASTS_S)
    for service in chosen:
        del service.environ["LD_PRELOAD"], service.environ["CHAOS_CLOCK"]
        await service.restart()


FAULTS = (
    Fault(
        "clock-leaps",
        "the clock of a gateway, an inference process and an events worker leaps an hour ahead, two back, one ahead",
        _leap,
        _no_compiler,
    ),
)
