"""What came out, as a table to read and as figures to keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.results import Result
from benchmarks.serving.measurement import medians
from benchmarks.serving.run import BARE, Run
from benchmarks.serving.workloads import CALLERS, WORKLOADS

_AT_MOST = {
    "vedette_tiny_raw_cpu_ms": 0.27,
    "vedette_tiny_jpeg_cpu_ms": 1.6,
    "vedette_one_caller_p50_ms": 1.0,
    "vedette_mates_of_a_bad_picture_failed": 0,
    "vedette_others_of_dropped_connections_unanswered": 0,
    "vedette_others_of_cancelled_calls_unanswered": 0,
}
_AT_LEAST = {"vedette_nanodet_of_bare_loops": 0.97}


@dataclass(frozen=True)
class ServingResult(Result):
    """Prints its table instead of its figures."""

    @classmethod
    def of(cls, run: Run, about: Mapping[str, Any], packages: Mapping[str, Any]) -> "ServingResult":
        size_kb = len(run.items["jpeg"]) / 1000
        table: dict[str, dict[str, Any]] = {}
        for (server, workload, callers), rounds in run.measured.items():
            table.setdefault(workload, {}).setdefault(str(callers), {})[server] = medians(rounds)
        bars = _bars(run, table)
        return cls(
            "serving",
            f"Inference servers with two 1-thread sessions: a tiny model (64x64) with a raw tensor and with a JPEG of"
            f" {size_kb:.0f} kB, NanoDet with the JPEG; medians of interleaved rounds",
            {
                **bars,
                "table": table,
                "faults": run.faulted,
                "servers": dict(about),
                "packages": dict(packages),
                "unavailable": run.unavailable,
            },
            at_most={name: bound for name, bound in _AT_MOST.items() if name in bars},
            at_least={name: bound for name, bound in _AT_LEAST.items() if name in bars},
        )

    def text(self) -> str:
        lines = [f"{self.name}: {self.what}"]
        for workload in WORKLOADS:
            lines += _workload(workload.name, self.figures["table"].get(workload.name, {}))
        lines += _faults(self.figures["faults"])
        for name in (*self.at_most, *self.at_least):
            lines.append(f"  {name}: {self.figures[name]}{self._bar(name)}")
        lines += [f"  not measured: {name}: {why}" for name, why in self.figures["unavailable"].items()]
        return "\n".join(lines)


def _bars(run: Run, table: Mapping[str, Any]) -> dict[str, float]:
    """The figures that are held against a bound, as far as they were measured."""
    bars: dict[str, float] = {}
    for workload in ("tiny_raw", "tiny_jpeg"):
        if found := table.get(workload, {}).get("8", {}).get("vedette"):
            bars[f"vedette_{workload}_cpu_ms"] = found["cpu_ms"]
    if found := table.get("tiny_raw", {}).get("1", {}).get("vedette"):
        bars["vedette_one_caller_p50_ms"] = found["p50_ms"]
    ours, bare = run.measured.get(("vedette", "nanodet_jpeg", 8)), run.measured[BARE, "nanodet_jpeg", 0]
    if ours:
        ratios = [mine.rate / floor.rate for mine, floor in zip(ours, bare, strict=False)]
        bars["vedette_nanodet_of_bare_loops"] = round(median(ratios), 3)
    for fault, key, name in (
        ("one_bad_picture", "mates_failed", "vedette_mates_of_a_bad_picture_failed"),
        ("dropped_connections", "others_unanswered", "vedette_others_of_dropped_connections_unanswered"),
        ("cancelled_grpc_calls", "others_unanswered", "vedette_others_of_cancelled_calls_unanswered"),
    ):
        if found := run.faulted.get("vedette", {}).get(fault):
            bars[name] = int(str(found[key]))
    return bars


def _workload(name: str, by_callers: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    floor = by_callers.get("0", {}).get(BARE)
    lines = ["", f"{name}: CPU ms a request; requests/s; p50, p99 ms", f"  {'':24}" + _heads()]
    if floor:
        lines.append(f"  {BARE:24}{floor['cpu_ms']:>10g}{floor['rate']:>9g}/s")
    for server in dict.fromkeys(server for cells in by_callers.values() for server in cells if server != BARE):
        cells = "".join(_cell(by_callers.get(str(callers), {}).get(server)) for callers in CALLERS)
        lines.append(f"  {server:24}{cells}")
    return lines


def _heads() -> str:
    return "".join(f"{f'{callers} callers' if callers > 1 else '1 caller':^40}" for callers in CALLERS)


def _cell(found: Mapping[str, float] | None) -> str:
    if found is None:
        return f"{'-':^40}"
    failed = f" {found['failed']:g} failed" if found["failed"] else ""
    return f"{found['cpu_ms']:>10g}{found['rate']:>9g}/s{found['p50_ms']:>9g}{found['p99_ms']:>8g}{failed:3}"


def _faults(faulted: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    lines = ["", "faults"]
    for server, found in faulted.items():
        lines += [f"  {server:12} {name}: {_told(figures)}" for name, figures in found.items()]
    return lines


def _told(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
