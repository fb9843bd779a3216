"""A flame graph of a process, by py-spy (https://github.com/benfred/py-spy): another program, run as a child.

py-spy reads the memory of the process from outside, without stopping it (`--nonblocking`): a thread that is stopped and
let go on runs for a moment, so that on a busy machine threads that wait looked busy. Only frames of C need it stopped.
"""

import asyncio
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vedette.debug.ptrace import open_to_children, scope, why_not
from vedette.errors import VedetteError

Format = Literal["flamegraph", "speedscope", "raw"]
ENDINGS: Mapping[Format, str] = {"flamegraph": "svg", "speedscope": "json", "raw": "txt"}
LONGEST_S, FASTEST_HZ = 300, 1000
_GRACE_S = 60.0
"""To begin, and to write the file at the end; both take seconds where the machine is busy."""
_MOST_BYTES = 64 * 2**20
_MOST_CHARACTERS = 400
_FILE = "profile"


class NoProfile(VedetteError):
    """Why there is none."""


class NoProfiler(NoProfile):
    """py-spy is not installed, or may not do its work: nothing that the caller does differently helps."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is recorded, and how it is written."""

    seconds: int = 10
    rate_hz: int = 100
    """Samples a second."""
    format: Format = "flamegraph"
    children: bool = True
    """Python processes that it has started too: a gateway's decode processes."""
    idle: bool = False
    """Threads that wait too: where time goes rather than CPU."""
    native: bool = False
    """Frames of C and C++ too, where their libraries have symbols; the process is stopped for each sample."""

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if not 1 <= self.seconds <= LONGEST_S:
            raise ValueError(f"seconds must be 1 to {LONGEST_S}")
        if not 1 <= self.rate_hz <= FASTEST_HZ:
            raise ValueError(f"rate must be 1 to {FASTEST_HZ}")
        if self.format not in ENDINGS:
            raise ValueError(f"format must be one of {', '.join(ENDINGS)}")


def profiler() -> str:
    """The program; beside the interpreter first. Raises NoProfiler."""
    found = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if found is None:
        raise NoProfiler('py-spy is not installed where the process runs: pip install "vedette[profile]", or py-spy')
    return found


async def record(process: int, wanted: Wanted) -> bytes:
    """What py-spy writes about `process`, which may be this one.

    Raises:
        NoProfiler: it isn't there, or the system does not let it.
        NoProfile: it failed.
    """
    program = await asyncio.to_thread(profiler)
    async with _folder() as folder:
        with open_to_children() if process == os.getpid() else nullcontext():
            words = await _run(_command(program, process, folder / _FILE, wanted), wanted.seconds + _GRACE_S)
        made = await asyncio.to_thread(_read, folder / _FILE)
    if not made:
        raise _failure(words)
    return made


async def _run(command: list[str], within_s: float) -> str:
    """What it says; it has ended then. Raises NoProfile."""
    # No preexec_fn: it would need a real fork, in which the libraries of gRPC wait for threads that are not there.
    # What outlives this process ends by itself, as its time is over.
    pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(*command, stdin=none, stdout=none, stderr=pipe)
    try:
        with suppress(ProcessLookupError):
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (_MOST_BYTES, _MOST_BYTES))
        async with asyncio.timeout(within_s):
            _, words = await child.communicate()
    except TimeoutError:
        raise NoProfile(f"py-spy did not end within {within_s:g} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == -signal.SIGXFSZ:
        raise NoProfile(f"the profile is over {_MOST_BYTES >> 20} MiB: fewer seconds, or a lower rate")
    if child.returncode != 0:
        raise _failure(words.decode(errors="replace"))
    return words.decode(errors="replace")


def _command(program: str, process: int, output: Path, wanted: Wanted) -> list[str]:
    flags = {
        "--subprocesses": wanted.children,
        "--idle": wanted.idle,
        "--native": wanted.native,
        "--nonblocking": not wanted.native,
    }
    return [
        *(program, "record", "--pid", str(process), "--output", str(output), "--format", wanted.format),
        *("--duration", str(wanted.seconds), "--rate", str(wanted.rate_hz), "--threads"),
        *(flag for flag, is_set in flags.items() if is_set),
    ]


@asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="vedette-profile-")
    try:
        yield Path(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _read(output: Path) -> bytes:
    try:
        return output.read_bytes()
    except FileNotFoundError:
        return b""


def _failure(words: str) -> NoProfile:
    """In py-spy's words, of which those at the end matter."""
    if "ermission" in words or "not permitted" in words:
        return NoProfiler(why_not(scope()))
    if "No python processes found" in words:  # so it says too where it may look into none of several
        return NoProfiler(f"there is no such Python process, or {why_not(scope())}")
    if "No stack counts" in words:
        return NoProfile("nothing ran in these seconds: more of them, or with idle threads")
    said = " ".join(words.partition("Stack backtrace")[0].removeprefix("Error: ").split())
    return NoProfile(f"py-spy failed: {said[-_MOST_CHARACTERS:] or 'it wrote nothing'}")
