"""One fault: struck while a recording runs and cameras send, and then the question what became of all that."""

import asyncio
import datetime as dt
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any

from chaos.cameras import NAMES, STREET
from chaos.growth import Usual
from chaos.ledger import Ledger
from chaos.recording import Recording
from chaos.story import Story
from chaos.system import System
from vedette.errors import BusUnavailable

RECOVERS_WITHIN_S = 90.0
_STRIKE_AFTER_FRAMES = 10
_BEGINS_WITHIN_S = 60.0
_SEEN_WITHIN_S = 30.0
_SETTLE_S = 1.5
"""Frames of before the end of a fault that are still under way then."""

Strike = Callable[[System], Awaitable[None]]


class NoEffect(Exception):
    """A fault did not happen: nothing is shown by it."""


@dataclass(frozen=True)
class Fault:
    """Something that fails."""

    name: str
    what: str
    """What is done, in a line."""
    strike: Strike
    """Does it, and returns when it is over: from then on the system should recover by itself."""
    missing: Callable[[], str | None] = lambda: None
    """What this machine lacks for it; None: nothing."""
    servers: int = 1
    small_disk: bool = False
    damages: bool = False
    """What is sent is changed on its way: a frame may come out as an error, and the NATS library write a traceback. All
    else must hold."""


@dataclass
class Verdict:
    """What became of it."""

    fault: str
    what: str
    when: str = ""
    load: float = 0.0
    """Of the machine, when it was over: of the last minute."""
    recovered_s: float | None = None
    """From the end of the fault until every camera had new detections, there were events of them, and all processes
    were ready; None: it never was so."""
    seen_s: float | None = None
    """From there until every camera had detections of a frame from after the fault."""
    told_s: float | None = None
    """From there until there was an event of an object in such a frame; before one camera people pass all the time."""
    late_s: float = 0.0
    """How long after its frame the latest event came to the subscriber, from the fault's begin on."""
    dark_s: float = 0.0
    """The longest time for which a camera had no detections, from the fault's begin on."""
    lasted_s: float = 0.0
    """The fault itself."""
    frames: int = 0
    events: int = 0
    """Of the recording that ran meanwhile."""
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.wrong


class Trial:
    """Judges faults in one running system, by what an undisturbed recording in it told."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.ledger = Ledger()
        self._usual = Usual()
        self._undisturbed: Story | None = None
        self._damaged = 0
        """Stored events that a fault has damaged: a subscriber leaves them out."""

    async def prepare(self) -> list[str]:
        """Wait for the system, let a recording run undisturbed, learn what is usual; returns what is wrong already."""
        if names := await self.system.until_started():
            return [f"{name} did not become ready" for name in names]
        if names := await self.system.until_seen(dt.datetime.now(dt.UTC), RECOVERS_WITHIN_S):
            return [f"no detections of {name}" for name in names]
        if not await self.system.until_told(STREET, dt.datetime.now(dt.UTC), RECOVERS_WITHIN_S):
            return [f"no events of {STREET}"]
        recording = await self.system.record()
        self._undisturbed, wrong = await recording.result()
        await self._usual.learn(self.system)
        return wrong + await self._stored()

    async def of(self, fault: Fault) -> Verdict:
        """Strike, wait, judge."""
        verdict = Verdict(fault.name, fault.what)
        recording = await self._begun(verdict)
        deaths = {process.name: len(process.deaths) for process in self.system.processes}
        tracebacks = {process.name: process.tracebacks() for process in self.system.processes}
        begun_s, doubled = monotonic(), self.system.witness.doubled
        try:
            await fault.strike(self.system)
        except NoEffect as error:
            verdict.wrong.append(f"the fault had no effect: {error}")
        except Exception as error:  # noqa: BLE001 -- the others are tried all the same
            verdict.wrong.append(f"the fault could not be made: {error!r}")
        verdict.when, verdict.load = dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), round(os.getloadavg()[0], 1)
        verdict.lasted_s = round(monotonic() - begun_s, 1)
        await self._recovered(verdict)
        verdict.dark_s = round(max(self.system.witness.longest_gap_s(name, begun_s, monotonic()) for name in NAMES), 1)
        verdict.late_s = round(self.system.witness.latest_s(begun_s), 1)
        if fault.damages:
            await recording.result()
        else:
            await self._judge_recording(recording, verdict)
        verdict.wrong += await self._stored(fault.damages)
        if twice := self.system.witness.doubled - doubled:
            verdict.wrong.append(f"the subscriber was given {twice} events twice without having lost its connection")
        held, grown = await self._usual.grown(self.system)
        verdict.held = {name: asdict(one) for name, one in held.items()}
        verdict.wrong += grown
        for process in self.system.processes:
            if process.tracebacks() > tracebacks[process.name] and not fault.damages:
                verdict.wrong.append(f"{process.name} wrote a traceback: see {process.log}")
            if (ends := process.deaths[deaths[process.name] :]) and fault.name.startswith("camera"):
                verdict.wrong.append(f"{process.name} ended with {ends}: a camera's failure is its own")
        return verdict

    async def _begun(self, verdict: Verdict) -> Recording:
        """A recording of which some frames are through, and others not."""
        before = self.system.witness.frames_of("pedestrians-")
        recording = await self.system.record()
        end_s = monotonic() + _BEGINS_WITHIN_S * self.system.plan.patience
        while self.system.witness.frames_of("pedestrians-") < before + _STRIKE_AFTER_FRAMES and recording.running:
            if monotonic() > end_s:
                verdict.wrong.append("the recording had not begun when the fault struck")
                break
            await asyncio.sleep(0.02)
        if not recording.running:
            verdict.wrong.append("the recording was over before the fault struck")
        return recording

    async def _recovered(self, verdict: Verdict) -> None:
        over_s, over = monotonic(), dt.datetime.now(dt.UTC)
        unseen = await self.system.until_seen(over, RECOVERS_WITHIN_S)
        verdict.seen_s = None if unseen else round(monotonic() - over_s, 1)
        told = await self.system.until_told(STREET, over, RECOVERS_WITHIN_S)
        verdict.told_s = round(monotonic() - over_s, 1) if told else None
        unready = await self.system.until_ready(RECOVERS_WITHIN_S)
        missing = [f"no detections of {name}" for name in unseen] + [f"{name} is not ready" for name in unready]
        missing += [] if told else [f"no events of {STREET}"]
        within_s = RECOVERS_WITHIN_S * self.system.plan.patience
        verdict.wrong += [f"{text} {within_s:.0f} s after it" for text in missing]
        if not missing:
            verdict.recovered_s = round(monotonic() - over_s, 1)

    async def _judge_recording(self, recording: Recording, verdict: Verdict) -> None:
        told, wrong = await recording.result()
        verdict.wrong += wrong
        if told is not None and self._undisturbed is not None:
            verdict.frames, verdict.events = len(told.frames), len(told.events)
            verdict.wrong += self._undisturbed.differences(told)

    async def _stored(self, damages: bool = False) -> list[str]:
        """What is wrong with what the streams hold, and with what the subscriber got of it."""
        await asyncio.sleep(_SETTLE_S)
        try:
            async with await self.system.bus() as bus:
                wrong = await self.ledger.read_on(bus)
        except BusUnavailable as error:
            return [f"the server can't be read: {error}"]
        return wrong + self.ledger.gaps() + await self._unseen(damages)

    async def _unseen(self, damages: bool) -> list[str]:
        """Stored and not given out. What a fault has damaged is left out by the subscriber, which counts it."""
        witness, end_s = self.system.witness, monotonic() + _SEEN_WITHIN_S * self.system.plan.patience
        while True:
            if damages:
                self._damaged = witness.malformed
            missing = {stream: set(ids) - witness.seen[stream] for stream, ids in self.ledger.ids.items()}
            late = sum(map(len, missing.values())) - witness.superseded - self._damaged
            if late <= 0 or monotonic() > end_s:
                break
            await asyncio.sleep(0.1)
        return [f"{late} stored events did not reach the subscriber"] if late > 0 else []

    async def finish(self) -> list[str]:
        """At the end of all: the streams once more from the beginning, and the subscriber's ids among what is kept."""
        try:
            async with await self.system.bus() as bus:
                wrong = await self.ledger.read_on(bus) + await self.ledger.read_again(bus)
        except BusUnavailable as error:
            return [f"the server can't be read: {error}"]
        for stream, ids in self.ledger.ids.items():
            if lost := self.system.witness.seen[stream] - set(ids):
                fresh = await self._fresh(stream)
                if lost := lost - fresh:
                    wrong.append(f"{stream}: {len(lost)} events that the subscriber got are not kept")
        return wrong

    async def _fresh(self, stream: str) -> set[str]:
        """What was stored since the ledger was read."""
        async with await self.system.bus() as bus:
            await self.ledger.read_on(bus)
        return set(self.ledger.ids[stream])
