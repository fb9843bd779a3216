"""A busy system for an hour: what each process holds, how late events are, and whether any of it grows."""

import asyncio
import os
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.results import FOLDER, Result
from chaos.busy import MODELS, Receiver, busy, settings
from chaos.campaign import Say
from chaos.growth import held
from chaos.ledger import Ledger
from chaos.plot import Line, svg
from chaos.system import Plan, System, running
from chaos.trend import Slope, slope_of
from vedette.errors import BusUnavailable

_EVERY_S = 5.0
_SETTLES_SHARE = 0.2
"""Of the time, at the beginning: caches fill, pools grow, models are warmed; slopes are of what comes after."""
_LEAST_POINTS = 8
_MOST_WRONG = 20
"""That are named."""
_MEMORY, _THREADS, _DESCRIPTORS, _TASKS, _LAG = "memory, MiB", "threads", "descriptors", "asyncio tasks", "lag, s"
GROWS_A_HOUR = {_MEMORY: 12.0, _THREADS: 1.0, _DESCRIPTORS: 2.0, _TASKS: 3.0, _LAG: 0.2}
"""A series grows where its slope's interval lies beyond this altogether."""
Panels = dict[str, dict[str, list[tuple[float, float]]]]


async def soak(minutes: float, seed: int, save: bool, say: Say) -> int:
    """Run it, print the slopes, keep them and the picture; the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="vedette-soak-"))
    loads = [os.getloadavg()[0]]
    try:
        async with Receiver().open() as receiver:
            plan = Plan(folder, seed, models=MODELS, faces=True, settings=lambda urls: settings(urls, receiver.url))
            async with running(plan) as system:
                say(f"{len(system.processes)} processes start …")
                if names := await system.until_started():
                    say(f"not ready in time: {', '.join(names)}; logs are in {folder}")
                    return 1
                async with busy(system) as done:
                    panels = await _watched(system, minutes, loads, say)
                wrong = done.recordings_wrong + await _stored(system)
                deaths = {process.name: process.deaths for process in system.processes if process.deaths}
                tracebacks = {one.name: one.tracebacks() for one in system.processes if one.tracebacks()}
                counted = {"webhooks": receiver.taken, "recordings": system.recordings, "deaths": deaths}
                counted |= {"tracebacks": tracebacks, "events": sum(map(len, system.witness.seen.values()))}
                counted |= {"requests": done.requests, "requests_failed": done.requests_failed, "flaps": done.flaps}
                counted |= {"wrong": wrong[:_MOST_WRONG], "wrong_count": len(wrong)}
    except BaseException:
        say(f"logs are in {folder}")
        raise
    outcome = _result(panels, minutes, counted, loads)
    print(_table(outcome))
    if save:
        outcome.save()
        title = f"Vedette, everything on, {minutes:g} minutes; machine's load {min(loads):.1f} to {max(loads):.1f}"
        (FOLDER / "soak.svg").write_text(svg(title, {name: dict(lines) for name, lines in panels.items()}))
    if outcome.missed:
        say(f"logs are in {folder}")
        return 1
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return 0


async def _stored(system: System) -> list[str]:
    """What is wrong with what the streams hold: each event once, and no revision of an object missing."""
    ledger = Ledger()
    try:
        async with await system.bus() as bus:
            return await ledger.read_on(bus) + ledger.gaps()
    except BusUnavailable as error:
        return [f"the server can't be read: {error}"]


async def _watched(system: System, minutes: float, loads: list[float], say: Say) -> Panels:
    panels: Panels = {name: defaultdict(list) for name in GROWS_A_HOUR}
    begun_s = monotonic()
    told_s = begun_s
    while (now_s := monotonic()) < begun_s + minutes * 60:
        for name, one in (await held(system)).items():
            values = {_MEMORY: one.memory_mib, _THREADS: one.threads, _DESCRIPTORS: one.descriptors, _TASKS: one.tasks}
            for quantity, value in values.items():
                if value is not None:
                    panels[quantity][name].append((now_s - begun_s, float(value)))
        for stream, lags in system.witness.lags.items():
            if recent := [lag_s for at_s, lag_s in lags if at_s > now_s - 2 * _EVERY_S]:
                panels[_LAG][stream.lower()].append((now_s - begun_s, sorted(recent)[len(recent) // 2]))
        loads.append(os.getloadavg()[0])
        if now_s > told_s + 60:
            told_s = now_s
            say(f"{(now_s - begun_s) / 60:.0f} of {minutes:g} minutes; {_briefly(panels)}")
        await asyncio.sleep(max(0.0, now_s + _EVERY_S - monotonic()))
    return panels


def _briefly(panels: Panels) -> str:
    memory = sum(line[-1][1] for line in panels[_MEMORY].values())
    lags = ", ".join(f"{name} {line[-1][1]:.2f} s late" for name, line in panels[_LAG].items())
    return f"{memory:.0f} MiB, {lags}"


def _result(panels: Panels, minutes: float, counted: dict[str, Any], loads: list[float]) -> Result:
    slopes: dict[str, dict[str, Any]] = {}
    growing = []
    for quantity, lines in panels.items():
        for name, line in lines.items():
            settled = [point for point in line if point[0] >= minutes * 60 * _SETTLES_SHARE]
            if len(settled) < _LEAST_POINTS:
                continue
            slope = _slope(settled)
            slopes[f"{name}: {quantity}"] = {
                "last": round(settled[-1][1], 3),
                "an_hour": round(slope.per_hour, 2),
                "interval": [round(slope.low, 2), round(slope.high, 2)],
            }
            if slope.low > GROWS_A_HOUR[quantity]:
                growing.append(f"{name}: {quantity}")
    return Result(
        "soak",
        f"{minutes:g} minutes of everything on: four cameras, a cascade of three models, recordings, REST requests, a"
        " webhook, a camera that flaps; slopes an hour (Theil and Sen) with the 95 % interval of a moving-block"
        f" bootstrap, of the last {1 - _SETTLES_SHARE:.0%} of the time; a series grows if its interval lies beyond"
        f" {GROWS_A_HOUR} an hour",
        {
            "growing": growing,
            "growing_count": len(growing),
            "tracebacks_count": sum(counted["tracebacks"].values()),
            "deaths_count": sum(map(len, counted["deaths"].values())),
            "load_of_the_machine": [round(min(loads), 1), round(sum(loads) / len(loads), 1), round(max(loads), 1)],
            **counted,
            "slopes": slopes,
        },
        at_most={"growing_count": 0, "tracebacks_count": 0, "deaths_count": 0, "wrong_count": 0},
    )


def _table(outcome: Result) -> str:
    """The slopes as lines, and then the rest."""
    lines = [f"{'':42}{'last':>9} {'an hour':>9}   95 % interval"]
    for name, slope in outcome.figures["slopes"].items():
        low, high = slope["interval"]
        grows = "  GROWS" if name in outcome.figures["growing"] else ""
        lines.append(f"{name:42}{slope['last']:9.2f} {slope['an_hour']:9.2f}   {low:.2f} to {high:.2f}{grows}")
    rest = {name: value for name, value in outcome.figures.items() if name not in ("slopes", "growing")}
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in rest.items())])


def _slope(line: Line) -> Slope:
    return slope_of([at_s for at_s, _ in line], [value for _, value in line])
