"""The benchmark `gate`: recall, delay and false openings by kind of stream and size of object; the cost of a look."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.gate.encoding import need_ffmpeg
from benchmarks.gate.evaluation import Outcome, QuietOutcome, outcomes, quiet_outcome, recall, wilson
from benchmarks.gate.stream_spec import KINDS, PROMISED, quiet_stream, stream
from benchmarks.gate.trace import Trace, trace
from benchmarks.results import Result
from gateway.gate import ActivityGate, GatePolicy

TUNING_SEEDS: tuple[int, ...] = (900, 901, 902, 903)
"""What the thresholds were chosen on; never evaluated but by --quick."""
EVALUATION_SEEDS: tuple[int, ...] = (2, 3, 6, 7, 11, 15)
QUIET_SEEDS: tuple[int, ...] = (3, 7)
_QUICK_KINDS = ("vbr", "cbr", "foliage")

Which = Callable[[Outcome], bool]


def run(quick: bool) -> Result:
    """Make the streams that are not in the cache yet (slow), play each to the gate, compare."""
    need_ffmpeg()
    kinds, seeds, quiet_seeds = KINDS, EVALUATION_SEEDS, QUIET_SEEDS
    if quick:
        kinds, seeds, quiet_seeds = {kind: KINDS[kind] for kind in _QUICK_KINDS}, TUNING_SEEDS[:1], TUNING_SEEDS[:1]
    found = [outcome for kind in kinds for seed in seeds for outcome in outcomes(trace(stream(kind, seed)))]
    quiet = [quiet_outcome(trace(quiet_stream(kind, seed))) for kind in kinds for seed in quiet_seeds]
    promised = [outcome for outcome in found if outcome.kind in PROMISED]
    figures = {
        "streams": len(kinds) * len(seeds),
        **_sizes(promised),
        **_quiet([outcome for outcome in quiet if outcome.kind in PROMISED]),
        "look_ms": _look_ms(trace(stream(next(iter(kinds)), seeds[0]))),
        "by_kind": {kind: _kind(kind, found, quiet) for kind in kinds},
        "evaluation_seeds": list(seeds),
        "tuning_seeds": list(TUNING_SEEDS),
    }
    what = (
        "of the events that the same differencing finds on every frame, how many the gate finds that is shown only "
        "what an idle gateway decodes, on seeds that nothing was tuned on; by object height at 1080p; `stays`: in view "
        "for a keyframe gap + 0.6 s at least; `a_gap`: for a keyframe gap; "
        "a kind's figures: found / found by the reference / all"
    )
    return Result(
        "gate", what, figures, at_most={"look_ms": 1.5}, at_least={"recall_80px_stays": 0.95, "recall_80px": 0.95}
    )


def _sizes(found: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of each class of objects."""
    classes: dict[str, Which] = {
        "80px_stays": lambda o: o.event.size_class == "80+" and not o.event.brief,
        "80px_brief": lambda o: o.event.size_class == "80+" and o.event.brief,
        "80px_a_gap": lambda o: o.event.size_class == "80+" and o.in_view_s >= o.gap_s,
        "80px": lambda o: o.event.size_class == "80+",
        "40px_stays": lambda o: o.event.size_class == "40" and not o.event.brief,
        "20px_stays": lambda o: o.event.size_class == "20" and not o.event.brief,
        "all": lambda o: True,
    }
    figures: dict[str, Any] = {}
    for name, which in classes.items():
        chosen = [outcome for outcome in found if which(outcome)]
        hits, of = recall(chosen)
        low, high = wilson(hits, of)
        figures[f"recall_{name}"] = round(hits / of, 3) if of else None
        figures[f"recall_{name}_95_percent"] = [round(low, 3), round(high, 3)]
        figures[f"events_{name}"] = {
            "found": hits,
            "of_those_the_reference_found": of,
            "of_all": len(chosen),
            "found_by_the_gate_only": sum(o.found and not o.reference for o in chosen),
        }
        figures[f"delay_s_{name}"] = _spread(o.delay_s for o in chosen)
        figures[f"footage_lost_s_{name}"] = _spread(o.lost_s for o in chosen)
    return figures


def _spread(values: Iterable[float | None]) -> dict[str, float]:
    known = [value for value in values if value is not None]
    if not known:
        return {}
    p50, p95 = np.quantile(known, (0.5, 0.95))
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "most": round(max(known), 2)}


def _quiet(quiet: Sequence[QuietOutcome]) -> dict[str, Any]:
    hours = sum(outcome.seconds for outcome in quiet) / 3600
    return {
        "quiet_minutes": round(60 * hours, 1),
        "false_openings_an_hour": round(sum(outcome.openings for outcome in quiet) / hours, 1),
        "reference_false_openings_an_hour": round(sum(outcome.reference_openings for outcome in quiet) / hours, 1),
        "quiet_pictures_decoded": round(statistics.mean(outcome.decoded for outcome in quiet), 3),
    }


def _kind(kind: str, found: Sequence[Outcome], quiet: Sequence[QuietOutcome]) -> dict[str, Any]:
    """One row of the table: found / found by the reference / all."""
    mine = [outcome for outcome in found if outcome.kind == kind]
    row: dict[str, Any] = {}
    for size in ("80+", "40", "20"):
        for brief in (False, True):
            chosen = [o for o in mine if o.event.size_class == size and o.event.brief == brief]
            hits, of = recall(chosen)
            row[f"{size}{' brief' if brief else ''}"] = f"{hits}/{of}/{len(chosen)}"
    row["delay_s"] = _spread(o.delay_s for o in mine if o.event.size_class == "80+" and not o.event.brief)
    still = [outcome for outcome in quiet if outcome.kind == kind]
    if still:
        row["quiet"] = _quiet(still)
    return row


def _look_ms(made: Trace) -> float:
    """Median CPU time of a look at a picture of 320x180, while every look is a check of movement: the dearest kind."""
    gate = ActivityGate(GatePolicy(blind_gap_s=1e-3))
    costs = []
    for index, picture in made.looks.items():
        gate.packet(1000, made.time_s(index), keyframe=True)
        started_s = time.thread_time()
        gate.look(picture, made.time_s(index))
        costs.append(time.thread_time() - started_s)
    return round(1000 * statistics.median(costs), 2)
