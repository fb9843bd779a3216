"""What a campaign found, for people and for programs."""

import json
from typing import Any

from benchmarks.results import FOLDER, Result
from chaos.campaign import Campaign
from chaos.faults import FAULTS
from chaos.trial import Verdict


def table(outcome: Campaign) -> str:
    """Markdown: a row a fault."""
    rows = [
        "| fault | what was done | cameras back after | events back after | all ready after | longest dark |"
        " latest event | recording | wrong |",
        "|---|---|---|---|---|---|---|---|---|",
        *(_row(verdict) for verdict in outcome.verdicts),
        *(f"| {name} | *not tried: {reason}* | | | | | | | |" for name, reason in outcome.left_out.items()),
    ]
    return "\n".join([*rows, *(f"\nWrong: {text}" for text in outcome.wrong)])


def _row(verdict: Verdict) -> str:
    times = " | ".join(map(_seconds, (verdict.seen_s, verdict.told_s, verdict.recovered_s)))
    worst = f"{verdict.dark_s:.1f} s | {verdict.late_s:.1f} s"
    same = f"{verdict.frames} frames, {verdict.events} events"
    wrong = "; ".join(verdict.wrong) or "nothing"
    return f"| {verdict.fault} | {verdict.what} | {times} | {worst} | {same} | {wrong} |"


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def result(outcome: Campaign, minutes: float, seed: int) -> Result:
    """As `benchmarks/results/chaos.json` has it, with the machine and the versions: each fault as it was tried last."""
    latest = {verdict["fault"]: verdict for verdict in _kept()}
    latest |= {verdict.fault: vars(verdict) for verdict in outcome.verdicts}
    verdicts = [latest[fault.name] for fault in FAULTS if fault.name in latest]
    recovered = [verdict["recovered_s"] for verdict in verdicts if verdict["recovered_s"] is not None]
    figures: dict[str, Any] = {
        "seed": seed,
        "minutes": minutes,
        "tried_this_time": [verdict.fault for verdict in outcome.verdicts],
        "faults": len(verdicts),
        "faults_failed": sum(bool(verdict["wrong"]) for verdict in verdicts),
        "wrong_beside": outcome.wrong,
        "recovered_max_s": max(recovered, default=None),
        "never_tried": {name: reason for name, reason in outcome.left_out.items() if name not in latest},
        "verdicts": verdicts,
    }
    return Result(
        "chaos",
        "each fault strikes a system of two gateways, two inference processes and two events workers while a recording"
        " runs: what it gives must be what an undisturbed run gave, every stored event must be there once, nothing may"
        " have grown; each fault as it was tried last, with the load of the machine then",
        figures,
        at_most={"faults_failed": 0},
    )


def _kept() -> list[dict[str, Any]]:
    """The verdicts of earlier runs."""
    file = FOLDER / "chaos.json"
    kept: list[dict[str, Any]] = json.loads(file.read_text())["figures"]["verdicts"] if file.exists() else []
    return kept
