"""Fault after fault, as long as there is time: each in a system that the faults before it have gone through."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from time import monotonic

from chaos.faults.disk import small_disk
from chaos.system import Plan, running
from chaos.trial import Fault, Trial, Verdict

_LEAST_S = 45.0
"""Of time left, for one more fault."""
Say = Callable[[str], None]


@dataclass
class Campaign:
    """What came out."""

    verdicts: list[Verdict] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Faults that were not tried, and why."""
    wrong: list[str] = field(default_factory=list)
    """What belongs to no fault: a system that did not start, streams that are not what they were."""

    @property
    def passed(self) -> bool:
        return not self.wrong and bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts)


@dataclass(frozen=True)
class Terms:
    """How faults are tried."""

    minutes: float = 10.0
    """What doesn't fit into this time is left out."""
    seed: int = 1
    keep: bool = False
    """The folders of systems stay, with logs and stores; those in which something was wrong do in any case."""
    patience: float = 1.0
    """As in `Plan`."""


async def campaign(faults: Sequence[Fault], terms: Terms, say: Say) -> Campaign:
    """Try the faults in order; those that need a system of another kind in one of their own, at the end."""
    outcome, end_s = Campaign(), monotonic() + terms.minutes * 60
    for fault in faults:
        if (reason := fault.missing()) is not None:
            outcome.left_out[fault.name] = reason
    possible = [fault for fault in faults if fault.name not in outcome.left_out]
    for (servers, small), group in groupby(possible, key=lambda fault: (fault.servers, fault.small_disk)):
        members = list(group)
        if monotonic() + _LEAST_S > end_s and outcome.verdicts:
            outcome.left_out |= {fault.name: "no time was left" for fault in members}
            continue
        await _in_one_system(members, servers, small, end_s, terms, outcome, say)
    return outcome


async def _in_one_system(
    faults: Sequence[Fault], servers: int, small: bool, end_s: float, terms: Terms, outcome: Campaign, say: Say
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="vedette-chaos-"))
    bad = True
    try:
        with ExitStack() as stack:
            store = stack.enter_context(small_disk(folder / "disk")) if small else None
            plan = Plan(folder, terms.seed, servers, store, patience=terms.patience)
            async with running(plan) as system:
                bad = await _try_all(Trial(system), faults, end_s, outcome, say)
    finally:
        if terms.keep or bad:
            say(f"logs and stores are in {folder}")
        else:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _try_all(trial: Trial, faults: Sequence[Fault], end_s: float, outcome: Campaign, say: Say) -> bool:
    """Returns whether anything was wrong."""
    servers = len(trial.system.brokers)
    say(
        f"a system of {len(trial.system.processes)} processes starts ({servers} nats-server); a recording undisturbed …"
    )
    if wrong := await trial.prepare():
        outcome.wrong += wrong
        return True
    bad = False
    for fault in faults:
        if monotonic() + _LEAST_S > end_s and outcome.verdicts:
            outcome.left_out[fault.name] = "no time was left"
            continue
        say(f"{fault.name}: {fault.what} …")
        verdict = await trial.of(fault)
        outcome.verdicts.append(verdict)
        bad |= not verdict.passed
        say(_line(verdict))
    wrong = await trial.finish()
    outcome.wrong += wrong
    return bad or bool(wrong)


def _line(verdict: Verdict) -> str:
    back = "did not recover" if verdict.recovered_s is None else f"back after {verdict.recovered_s:.1f} s"
    text = (
        f"  {'ok' if verdict.passed else 'WRONG'}: {back}, a camera dark for {verdict.dark_s:.1f} s, events up to"
        f" {verdict.late_s:.1f} s late"
    )
    return "\n".join([text, *(f"    {wrong}" for wrong in verdict.wrong)])
