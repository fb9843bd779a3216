"""A process of the system under test. One that dies is started again, as systemd or Kubernetes would."""

import asyncio
import contextlib
import http.client
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from vedette.background import end
from vedette.process.child import Child

_PAUSE_S = 1.0
"""Before a process is started again."""
_ENDS_WITHIN_S = 20.0
_ANSWERS_WITHIN_S = 5.0


class Service:
    """`start` it, hurt it, `stop` it; after `stop` it stays down until it is started again."""

    def __init__(
        self, kind: str, name: str, words: Sequence[str], folder: Path, http: str | None, environ: Mapping[str, str]
    ) -> None:
        """`http`: host:port of its health and metrics; None where it has none (a nats-server)."""
        self.kind = kind
        self.name = name
        self.http = http
        self.log = folder / f"{name}.log"
        self.deaths: list[int] = []
        """Exit statuses of all its ends that nobody had asked for; a signal's is negative."""
        self.environ = {"PYTHONUNBUFFERED": "1", **environ}
        self.words = list(words)
        """These two are of its next start."""
        self._child = Child(name, self.words, self.log, self.environ)
        self._keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """None while it doesn't run."""
        return self._child.pid

    async def start(self) -> None:
        """Raises StartFailed: the program can't be executed."""
        await self._child.start()
        self._keeping = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def _keep(self) -> None:
        while True:
            self.deaths.append(await self._child.wait())
            await asyncio.sleep(_PAUSE_S)
            await self._child.start()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that is not enough."""
        if self._keeping is not None:
            await end([self._keeping])
            self._keeping = None
        self.signal(signal.SIGCONT)
        self._child.terminate()
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await self._child.wait()
        except TimeoutError:
            self.destroy()
            await self._child.wait()

    async def restart(self) -> None:
        """As a roll-out does it: an orderly end, then a new process."""
        await self.stop()
        await self.start()

    def signal(self, number: signal.Signals) -> None:
        """To this process alone: what it has started has to see for itself."""
        if self.pid is not None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.signal(signal.SIGKILL)

    def destroy(self) -> None:
        """SIGKILL to it and what it has started, whatever state they are in; nothing is awaited."""
        if self._keeping is not None:
            self._keeping.cancel()
        self._child.kill()

    async def ready(self) -> bool:
        """Whether its `/readyz` says so."""
        if self.pid is None or self.http is None:
            return False
        status, _ = await self.get("/readyz")
        return status == 200

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages; 0 where it doesn't answer."""
        return await asyncio.to_thread(_get, f"http://{self.http}{path}")

    def family(self) -> list[psutil.Process]:
        """The process and those that it has started."""
        with contextlib.suppress(psutil.Error):
            if self.pid is not None:
                own = psutil.Process(self.pid)
                return [own, *own.children(recursive=True)]
        return []

    def tracebacks(self) -> int:
        """How many its log holds, of all its lives."""
        return len(re.findall(r"^Traceback ", self.log.read_text(errors="replace"), re.MULTILINE))


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=_ANSWERS_WITHIN_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):  # the latter where it ends in mid-sentence
        return 0, ""
