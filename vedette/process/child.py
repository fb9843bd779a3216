"""A child process: in a session of its own, so that Ctrl-C reaches only the supervisor, and dead when that is dead."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import IO

from vedette.errors import StartFailed

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
"""Found before any fork: in the child the loader's lock may be held by a thread that is not there."""
_TAIL_BYTES = 2000


class Child:
    """One child; `start` may be called again after it has ended."""

    def __init__(self, name: str, command: Sequence[str], log: Path | None, environ: Mapping[str, str] = {}) -> None:
        """`log` takes what the child writes; without one it writes where the supervisor does.

        The log begins with the first start; the one of before becomes `<log>.1`.
        """
        self.name = name
        self._command = command
        self._log = log
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self._log_from_bytes: int | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self, pass_fds: Sequence[int] = ()) -> None:
        """Start it; `pass_fds` are descriptors that it shares.

        Raises StartFailed: the program or its log can't be opened.
        """
        try:
            with await asyncio.to_thread(self._output) as output:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=pass_fds,
                    preexec_fn=die_with_parent,  # nothing but a system call
                    env={**os.environ, **self._environ},
                )
        except OSError as error:
            raise StartFailed(f"{self.name}: {error}") from error

    async def wait(self) -> int:
        """Its exit status, negative where a signal ended it."""
        assert self._process is not None, "start comes first"  # noqa: S101 -- a programming error
        return await self._process.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and its own children at once."""
        self._signal(signal.SIGKILL)

    def last_words(self) -> str:
        """The last line that it wrote to its log since its latest start, for the error that names it."""
        if self._log is None or self._log_from_bytes is None:
            return ""
        with contextlib.suppress(OSError), self._log.open("rb") as log:
            log.seek(max(self._log_from_bytes, self._log.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").strip().splitlines()
            return lines[-1] if lines else ""
        return ""

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _output(self) -> "contextlib.AbstractContextManager[IO[bytes] | None]":
        if self._log is None:
            return contextlib.nullcontext()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        if self._log_from_bytes is None and self._log.exists():
            self._log.replace(f"{self._log}.1")
        output = self._log.open("ab")
        self._log_from_bytes = output.tell()
        return output


async def end_all(groups: Sequence[tuple[Sequence[Child], float]]) -> None:
    """End the children, group after group.

    With each group goes its share of the time, seconds; what it leaves goes to the next ones. What hangs is killed
    when the share is over, so that those after it still end in order, and all within the sum of the shares.
    """
    deadline_s = monotonic()
    for group, share_s in groups:
        deadline_s += share_s
        await _end_group([child for child in group if child.pid is not None], deadline_s - monotonic())


async def _end_group(group: Sequence[Child], within_s: float) -> None:
    for child in group:
        child.terminate()
    try:
        async with asyncio.timeout(within_s):
            await asyncio.gather(*(child.wait() for child in group))
    except TimeoutError:
        for child in [child for child in group if child.pid is not None]:
            sys.stderr.write(f"vedette: {child.name} did not end in {within_s:.1f} s and was killed\n")
            child.kill()
            await child.wait()


def die_with_parent() -> None:
    """In the child, before its program: SIGTERM when the parent dies, however it dies (Linux, prctl(2))."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
