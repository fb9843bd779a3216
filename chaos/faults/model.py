"""A model that takes its process with it, and one that never answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

from chaos.service import Service
from chaos.system import System
from chaos.trial import Fault, NoEffect

_CRASHES = 2
_TAKEN_WITHIN_S = 60.0


@asynccontextmanager
async def _breakable(system: System, service: Service) -> AsyncIterator[Path]:
    """The service runs with a model that can be told to break, by the file that is yielded; then with the true one."""
    file = system.folder / "model-breaks"
    file.write_text("")
    service.environ["CHAOS_MODEL"] = str(file)
    place = service.words.index("vedette")
    service.words[place] = "chaos.broken_model"
    await service.restart()
    await system.until_ready()
    try:
        yield file
    finally:
        service.words[place] = "vedette"


async def _taken(file: Path, patience: float) -> None:
    """Until the model has broken."""
    end_s = monotonic() + _TAKEN_WITHIN_S * patience
    while file.read_text():
        if monotonic() > end_s:
            raise NoEffect("the model was not run")
        await asyncio.sleep(0.05)


async def _crash(system: System) -> None:
    service = system.any_of("inference")
    async with _breakable(system, service) as file:
        for _ in range(_CRASHES):
            file.write_text("crash")
            await _taken(file, system.plan.patience)
            await system.until_ready()
    await service.restart()


async def _hang(system: System) -> None:
    async with _breakable(system, system.any_of("inference")) as file:
        file.write_text("hang")
        await _taken(file, system.plan.patience)


FAULTS = (
    Fault("model-crashes", f"a model ends its process by a segmentation fault, {_CRASHES} times", _crash),
    Fault("model-hangs", "a run of a model never returns; nobody restarts its process", _hang),
)
