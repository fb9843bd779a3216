"""A recording on its way through the system, by `vedette analyze`, while something fails."""

import asyncio
import sys
from pathlib import Path

from chaos import story
from chaos.cameras import VIDEO
from chaos.story import Story
from vedette.process.child import Child

FPS = 3.0
FRAMES = 120
"""Of a video of 40 s."""
_WITHIN_S = 200.0


class Recording:
    """One run."""

    def __init__(self, folder: Path, config: Path, number: int, patience: float = 1.0) -> None:
        self._within_s = _WITHIN_S * patience
        self._out = folder / f"recording-{number}.jsonl"
        self._log = folder / f"recording-{number}.log"
        words = ["analyze", str(VIDEO), "--config", str(config), "--fps", f"{FPS:g}", "--json", str(self._out)]
        words += ["--pipeline", "people", "--start", "2026-01-01T00:00:00Z"]
        self._child = Child("analyze", [sys.executable, "-m", "vedette", *words], self._log)

    async def start(self) -> None:
        await self._child.start()

    @property
    def running(self) -> bool:
        return self._child.pid is not None

    async def result(self) -> tuple[Story | None, list[str]]:
        """What it told, and what is wrong with it."""
        try:
            async with asyncio.timeout(self._within_s):
                status = await self._child.wait()
        except TimeoutError:
            self.kill()
            return None, [f"the recording was not done after {self._within_s:.0f} s: {self._child.last_words()}"]
        if status != 0:
            return None, [f"vedette analyze ended with status {status}: {self._child.last_words()}"]
        told = await asyncio.to_thread(story.read, self._out)
        return told, [] if len(told.frames) == FRAMES else [f"{len(told.frames)} frames for {FRAMES}"]

    def kill(self) -> None:
        self._child.kill()
