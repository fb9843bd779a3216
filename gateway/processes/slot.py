"""A place for a decode process, in which one runs from the first camera on."""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from gateway import metrics
from gateway.processes.link import DecodeLink
from vedette.errors import StartFailed
from vedette.retry import Backoff, Retry

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.1, cap_s=10.0, healthy_after_s=10.0)
_SILENT_S = 10.0
_STARTS_WITHIN_S = 60.0
"""A busy or slow machine takes long to load what decodes; killed for it, the process would never run."""


class DecodeSlot:
    """Keeps one process running while `run` does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._link: DecodeLink | None = None
        self._wanted = asyncio.Event()
        self._changed = asyncio.Event()
        self._failure: str | None = None

    @property
    def used(self) -> float:
        """CPU seconds a second of its process."""
        return (self._link.load.rate if self._link else None) or 0.0

    @property
    def decided(self) -> bool:
        """Its process runs and has loaded what it needs, or it is known why not."""
        return self._failure is not None or (self._link is not None and self._link.speaks)

    def begin(self) -> None:
        """Start the process, if it isn't yet."""
        self._wanted.set()

    async def link(self, on_failure: Callable[[str], None]) -> DecodeLink:
        """The process, as soon as it runs; `on_failure` is told each time why it can't be started."""
        self.begin()
        while self._link is None:
            if self._failure is not None:
                on_failure(self._failure)
            await self._changed.wait()
        return self._link

    async def run(self) -> None:
        """Start a process when it is wanted, and another one whenever it ends; until cancelled."""
        await self._wanted.wait()
        retry = Retry(_BACKOFF)
        while True:
            began_s = monotonic()
            try:
                why = await self._run_once()
            except (StartFailed, OSError) as error:  # no descriptors left: the other processes have theirs
                why = self._failure = f"can't be started: {error}"
                self._tell()
            wait_s = retry.wait_s(monotonic() - began_s)
            metrics.DECODE_RESTARTS.inc()
            logger.warning("the process %s %s; another one starts in %.1f s", self.name, why, wait_s)
            await asyncio.sleep(wait_s)

    def check(self, now_s: float) -> None:
        """Kill the process if it has been silent for long."""
        if self._link is None:
            return
        if now_s - self._link.heard_s > (_SILENT_S if self._link.speaks else _STARTS_WITHIN_S):
            self._link.kill("hung and was killed")

    def excuse(self, now_s: float) -> None:
        """We didn't listen: its silence counts from now on."""
        if self._link is not None:
            self._link.heard_s = now_s

    async def _run_once(self) -> str:
        link = DecodeLink(self.name)
        try:
            await link.start()
            self._link, self._failure = link, None
            self._tell()
            return await link.ended()
        finally:
            self._link = None
            await link.end()

    def _tell(self) -> None:
        """Wake all who wait."""
        self._changed.set()
        self._changed.clear()
